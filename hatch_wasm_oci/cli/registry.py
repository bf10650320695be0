"""The command `registry`: a local registry for development, until somebody ends it."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.cli.commands import Outcome
from hatch_wasm_oci.errors import SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from hatch_wasm_oci.testing import EmbeddedRegistry, TlsFiles

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_PAUSE = 0.5


def registry(options: argparse.Namespace) -> Outcome:
    """Serve a registry until Ctrl-C or SIGTERM; what it serves is printed when it answers.

    Args:
        options: `address`, `port`, `data`, `htpasswd`, `tls_cert`, `tls_key` and `read_only`.
    """
    from hatch_wasm_oci.testing import BasicAuthentication, EmbeddedRegistry, read_htpasswd

    users = read_htpasswd(Path(options.htpasswd)) if options.htpasswd else None
    server = EmbeddedRegistry(
        address=options.address,
        port=options.port,
        directory=options.data,
        authentication=None if users is None else BasicAuthentication(users),
        tls=_tls(options),
        read_only=options.read_only,
    )
    with _until_signalled() as ended, server:
        if options.json:
            _say(json.dumps(_description(options, server)))
        elif not options.quiet:
            _say("\n".join(_lines(options, server)))
        # On some systems a wait without end is deaf to signals.
        while not ended.wait(_PAUSE):
            pass
    return Outcome(None, ["the registry has ended"])


def _tls(options: argparse.Namespace) -> TlsFiles | None:
    from hatch_wasm_oci.testing import TlsFiles

    if bool(options.tls_cert) != bool(options.tls_key):
        raise SettingsError(["--tls-cert and --tls-key: one needs the other. Give both, or neither."])
    return TlsFiles(Path(options.tls_cert), Path(options.tls_key)) if options.tls_cert else None


def _description(options: argparse.Namespace, server: EmbeddedRegistry) -> dict[str, Any]:
    return {
        "url": server.url,
        "host": server.host,
        "data": str(Path(options.data).absolute()) if options.data else None,
        "authentication": "basic" if options.htpasswd else None,
        "read_only": options.read_only,
    }


def _lines(options: argparse.Namespace, server: EmbeddedRegistry) -> Iterator[str]:
    from hatch_wasm_oci.registry.connection import is_loopback

    place = str(Path(options.data).absolute()) if options.data else "memory, gone when it ends"
    mode = "to read" if options.read_only else "to read and write"
    users = f"for the users in {options.htpasswd}" if options.htpasswd else "for everybody who reaches it"
    yield f"serving the registry {server.url} {mode}, {users}; kept in {place}"
    if not (is_loopback(server.host) or options.htpasswd or options.read_only):
        yield f"  beware: whoever reaches {server.host} can write to it; --htpasswd asks for a password"
    if not options.read_only:
        yield f"  hatch-wasm-oci push ARCHIVE {server.host}/NAME:TAG"
    yield "  Ctrl-C ends it"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    ended = threading.Event()
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in numbers}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
