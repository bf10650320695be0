from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.testing import EmbeddedRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.testing.conftest import Client


def test_many_clients_at_once(registry: EmbeddedRegistry, make_client: Callable[..., Client]) -> None:
    def work(number: int) -> int:
        client = make_client(registry)
        done = 0
        for turn in range(5):
            data = os.urandom(5000)
            digest = client.push_blob(f"r{number % 7}", data)
            assert client("GET", f"/v2/r{number % 7}/blobs/{digest}").body == data
            client.push_image("shared", f"t{turn}", data)
            done += 4
        client.connection.close()
        return done

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(work, range(50))) == 1000
    assert not [record for record in registry.log if record.status >= 400 or record.problem]


def test_a_client_that_says_nothing_holds_up_nobody(
    registry: EmbeddedRegistry, client: Client, connect: Callable[[EmbeddedRegistry], socket.socket]
) -> None:
    for _ in range(20):
        connect(registry).sendall(b"PUT /v2/a")
    assert client("GET", "/v2/").status == 200


@pytest.mark.parametrize("tls", [False, True])
def test_stopping_ends_connections_and_threads(tls: bool) -> None:  # noqa: FBT001 - a case
    before = set(threading.enumerate())
    registry = EmbeddedRegistry(tls=tls).start()
    host, _, port = registry.host.rpartition(":")
    raw = socket.create_connection((host, int(port)), timeout=20)
    if tls:
        raw = ssl.create_default_context(cafile=registry.certificate_authority).wrap_socket(raw, server_hostname=host)
    with raw:
        raw.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.recv(10000).startswith(b"HTTP/1.1 200")
        registry.stop()
        assert raw.recv(10) == b""
    assert set(threading.enumerate()) <= before


def test_stopping_does_not_wait_for_a_handshake() -> None:
    before = set(threading.enumerate())
    registry = EmbeddedRegistry(tls=True).start()
    host, _, port = registry.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as raw:
        raw.sendall(b"\x16")
        with socket.create_connection((host, int(port)), timeout=20) as other:
            context = ssl.create_default_context(cafile=registry.certificate_authority)
            with context.wrap_socket(other, server_hostname=host) as secure:
                secure.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
                assert secure.recv(10000).startswith(b"HTTP/1.1 200")
        registry.stop()
        assert raw.recv(10) == b""
    assert set(threading.enumerate()) <= before


def test_an_upload_that_is_cut_by_a_stop_is_not_stored(
    connect: Callable[[EmbeddedRegistry], socket.socket], tmp_path: Path
) -> None:
    registry = EmbeddedRegistry(directory=tmp_path).start()
    connection = connect(registry)
    digest = f"sha256:{hashlib.sha256(b'x' * 50).hexdigest()}"
    head = f"POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    connection.sendall(head.encode() + b"x" * 50)
    registry.stop()
    with contextlib.suppress(ConnectionResetError):
        assert b"201" not in connection.recv(10000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_ipv6(make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    registry = make_registry(address="::1")
    assert registry.host.startswith("[::1]:")
    assert make_client(registry)("GET", "/v2/").status == 200


def test_the_wildcard_address_can_be_stopped(make_registry: Callable[..., EmbeddedRegistry]) -> None:
    registry = make_registry(address="0.0.0.0")
    port = int(registry.host.rpartition(":")[2])
    registry.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=20)
