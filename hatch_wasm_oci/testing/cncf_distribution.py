"""The CNCF's registry, `distribution`, as a process of its own: found, set up, started, ended."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.testing.backends import RegistryMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("docker-registry", "registry")
"""The program's names: Debian's, and upstream's."""

_HEADER = "X-Started-By"
_ATTEMPTS = 5
_TIMEOUT = 30.0
_PAUSE = 0.005
_LOG_LIMIT = 2000


def find(path: str | None = None) -> str:
    """Find the program.

    Args:
        path: Directories to look in, as in PATH; the environment's where not given.

    Returns:
        Its path.

    Raises:
        RegistryMissingError: It is not installed.
    """
    for name in NAMES:
        if program := shutil.which(name, path=path):
            return program
    raise RegistryMissingError(
        f"No CNCF registry is on PATH, neither as {' nor as '.join(NAMES)}.",
        "Install it (on Debian: apt-get install docker-registry), or use the embedded one.",
    )


@contextmanager
def serve(directory: Path, program: str | None = None) -> Iterator[str]:
    """Run the registry on a free port of this machine while the block runs.

    Args:
        directory: Where configuration, log and blobs go.
        program: The program; found on PATH where not given.

    Yields:
        Its URL.

    Raises:
        RegistryMissingError: It is not installed.
        RegistryError: It does not start.
    """
    program = program or find()
    log = directory / "log"
    for _ in range(_ATTEMPTS):
        port, mark = _free_port(), secrets.token_hex(16)
        # The registry's configuration is YAML, of which JSON is a part (distribution, "Configuring a registry").
        configuration = directory / "configuration.yml"
        configuration.write_text(json.dumps(_configuration(directory, port, mark)), encoding="utf-8")
        with log.open("wb") as output:
            process = _start([program, "serve", str(configuration)], output)
        try:
            if _answers(process, port, mark):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            _end(process)
    tail = log.read_bytes()[-_LOG_LIMIT:].decode(errors="replace").strip()
    raise RegistryError(f"{program} does not start:\n{tail or '(it says nothing)'}", "\nRun it by hand to see why.")


def _configuration(directory: Path, port: int, mark: str) -> dict[str, Any]:
    return {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "storage")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": secrets.token_hex(16), "headers": {_HEADER: [mark]}},
    }


def _start(command: list[str], output: Any) -> subprocess.Popen[bytes]:
    # Variables named REGISTRY_… would win over the configuration.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("REGISTRY_", "OTEL_"))}
    environment["OTEL_TRACES_EXPORTER"] = "none"
    try:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    except OSError as error:
        raise RegistryError(f"{command[0]} can't be run: {error.strerror}.", "Check the file.") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], port: int, mark: str) -> bool:
    """Wait until this very process answers; say no where it ended, such as when somebody else took the port."""
    end = time.monotonic() + _TIMEOUT
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        try:
            connection.request("GET", "/v2/")
            if connection.getresponse().headers.get(_HEADER) == mark:
                return True
        except (OSError, http.client.HTTPException):
            pass  # not yet, or somebody else
        finally:
            connection.close()
        try:
            process.wait(_PAUSE)
        except subprocess.TimeoutExpired:
            continue
        return False
    return False
