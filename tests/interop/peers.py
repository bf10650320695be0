"""Other people's tools, run where nothing of this machine's user shows."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED = "HATCH_WASM_OCI_REQUIRE_INTEROP"
TIME_LIMIT = 60
_CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {directory}}}
  delete: {{enabled: {deletes}}}
  maintenance: {{readonly: {{enabled: {read_only}}}}}
http: {{addr: "127.0.0.1:{port}", secret: of-this-test-run{tls}}}
{auth}
"""


@dataclass(frozen=True)
class Peer:
    """A tool that is installed, the directory that it takes for the user's home, and what it is always told."""

    program: str
    home: Path
    options: tuple[str, ...] = ()

    def run(self, *arguments: str | Path) -> bytes:
        """Run the tool, which must succeed, and return its standard output."""
        process = self.attempt(*arguments)
        assert process.returncode == 0, process.stderr.decode()
        return process.stdout

    def attempt(self, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        """Run the tool."""
        return subprocess.run(
            (self.program, *self.options, *arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        home = str(self.home)
        return {**kept, "HOME": home, "TMPDIR": home, "XDG_RUNTIME_DIR": home, "XDG_CONFIG_HOME": home}


def find(name: str, home: Path, *, install: str = "") -> Peer:
    """Find a tool; without it the test is skipped, or fails where the environment says that it must be there."""
    program = shutil.which(name)
    if program is None:
        _missing(f"{name} is not installed: {install or f'apt-get install {name}'}")
    return Peer(str(program), home)


@contextmanager
def storage(name: str) -> Iterator[Peer]:
    """Find buildah or podman, with a place of its own for images; without the right to have one as without the tool."""
    with tempfile.TemporaryDirectory(prefix="oci-") as directory:  # podman takes no path of more than 50 characters
        found = find(name, Path(directory))
        options = ["--root", f"{directory}/root", "--runroot", f"{directory}/run", "--storage-driver", "vfs"]
        if name == "podman":
            options += ["--cgroup-manager", "cgroupfs", "--events-backend", "none"]
        peer = Peer(found.program, found.home, tuple(options))
        tried = peer.attempt("images")
        if tried.returncode:
            words = tried.stderr.decode(errors="replace").strip()
            _missing(f"{name} can't keep images here, which takes root or user namespaces: {words}")
        yield peer


def _missing(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED}=1, but {reason}")
    pytest.skip(reason)


@contextmanager
def docker_registry(
    peer: Peer, directory: Path, *, deletes: bool = True, read_only: bool = False, tls: str = "", auth: str = ""
) -> Iterator[str]:
    """Run Debian's docker-registry while the block runs, and give its host and port.

    `tls` is what to add to its `http` table, `auth` its `auth` table.
    """
    for attempt in range(5):
        port = _free_port()
        configuration = directory / f"{attempt}.yml"
        flags = {"deletes": str(deletes).lower(), "read_only": str(read_only).lower(), "tls": tls, "auth": auth}
        configuration.write_text(_CONFIGURATION.format(directory=directory / "storage", port=port, **flags))
        command = (peer.program, "serve", str(configuration))
        with (directory / "log").open("ab") as log:
            process = subprocess.Popen(command, env=peer.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            if _answers(process, port):
                yield f"127.0.0.1:{port}"
                return
        finally:
            process.terminate()
            process.wait(TIME_LIMIT)
    pytest.fail(f"docker-registry does not start: {(directory / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address: tuple[str, int] = listener.getsockname()
        return address[1]


def _answers(process: subprocess.Popen[Any], port: int) -> bool:
    """Wait until the process listens; say no where it ended, such as when somebody else took the port."""
    end = time.monotonic() + TIME_LIMIT
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=TIME_LIMIT).close()
        except ConnectionRefusedError:
            try:
                process.wait(0.005)
            except subprocess.TimeoutExpired:
                continue
            return False
        return process.poll() is None
    return False
