"""Client certificates and proxies: registries behind a door that terminates TLS, and behind one that only passes on."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
import trustme

from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.registry.connection import Connection, Retry
from hatch_wasm_oci.registry.transport import Transport
from hatch_wasm_oci.testing import EmbeddedRegistry, TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "registry.test"
CONNECT_HEAD = f"CONNECT {NAME}:443 HTTP/1.".encode()  # 1.0 or 1.1, as Python has it


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def door(registry: EmbeddedRegistry, greet: Callable[[socket.socket], socket.socket]) -> Iterator[str]:
    """Listen, and pass on to the registry what comes after the greeting."""
    host, _, port = registry.host.partition(":")
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            inside = greet(connection)
            with inside, socket.create_connection((host, int(port))) as target:
                back = threading.Thread(target=pump, args=(target, inside))
                back.start()
                pump(inside, target)
                back.join()
        connection.close()

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listener.accept()[0],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, args=(listener,))
        accepting.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join()
    registry.stop()
    for thread in threads:
        thread.join()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


def ask(registry: str, connection: Connection) -> int:
    with Transport(registry, "a", connection) as transport:
        return transport.send("GET", f"{transport.base}/v2/", accepted=(200,)).status_code


@pytest.mark.parametrize("apart", [True, False])
def test_a_client_certificate_is_shown(
    authority: trustme.CA,
    ca_file: str,
    tmp_path: Path,
    apart: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    client = authority.issue_cert("somebody@example.com")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    client.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    given = (
        {"client_certificate": str(tmp_path / "client.pem"), "client_key": str(tmp_path / "key.pem")}
        if apart
        else {"client_certificate": str(tmp_path / "both.pem")}
    )
    with door(EmbeddedRegistry().start(), lambda end: context.wrap_socket(end, server_side=True)) as host:
        assert ask(host, Connection(ca_file=ca_file, **given)) == 200  # type: ignore[arg-type]
        with pytest.raises(RegistryError):
            ask(host, Connection(ca_file=ca_file, retry=Retry(attempts=1)))


def test_a_proxy_passes_on_what_is_encrypted(
    authority: trustme.CA, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = authority.issue_cert(NAME)
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    registry = EmbeddedRegistry(tls=TlsFiles(tmp_path / "server.pem", tmp_path / "server.key")).start()
    heads: list[bytes] = []

    def greet(end: socket.socket) -> socket.socket:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += end.recv(1)
        heads.append(head)
        end.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return end

    with door(registry, greet) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://{proxy}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert ask(NAME, Connection(ca_file=ca_file)) == 200
    assert heads[0].startswith(CONNECT_HEAD)
    assert registry.log[0].path == "/v2/"
