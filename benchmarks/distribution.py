"""Debian's docker-registry (distribution 2.8) for benchmarks, on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {directory}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: x}}
"""
_TIMEOUT = 10.0


def is_installed() -> bool:
    """Say whether there is one."""
    return shutil.which("docker-registry") is not None


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """Run one while the block runs, and give its host and port.

    Args:
        directory: An empty directory.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    configuration = directory / "registry.yml"
    configuration.write_text(_CONFIGURATION.format(directory=directory / "storage", port=port))
    process = subprocess.Popen(
        [shutil.which("docker-registry") or "", "serve", str(configuration)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_TIMEOUT)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), _TIMEOUT).close()
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            return
    raise SystemExit("docker-registry does not start")
