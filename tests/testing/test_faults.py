from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing import Faults

if TYPE_CHECKING:
    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Client

DATA = bytes(range(256)) * 40


@pytest.fixture
def blob(client: Client) -> str:
    return f"/v2/a/blobs/{client.push_blob('a', DATA)}"


def read_all(registry: EmbeddedRegistry, path: str, method: str = "GET", body: bytes = b"") -> tuple[bytes, bool]:
    """Return what came over the wire, and whether it ended in a reset."""
    host, _, port = registry.host.rpartition(":")
    received = bytearray()
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        try:
            connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            connection.sendall(body)
            while piece := connection.recv(65536):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            return bytes(received), True
    return bytes(received), False


def test_a_status_comes_as_often_as_asked(registry: EmbeddedRegistry, client: Client, blob: str) -> None:
    fault = registry.faults.add(method="get", path="/v2/*/blobs/*", times=2, status=503, headers={"Retry-After": "1"})
    first = client("GET", blob)
    assert (first.status, first.headers["Retry-After"], first.code) == (503, "1", "UNKNOWN")
    assert client("HEAD", blob).status == 200
    assert [client("GET", blob).status for _ in range(2)] == [503, 200]
    assert fault.played == 2
    assert [record.fault for record in registry.log[2:]] == [str(fault), "", str(fault), ""]
    assert str(fault) == "status=503 headers=Retry-After"


def test_faults_are_played_in_order_and_alone(registry: EmbeddedRegistry, client: Client) -> None:
    registry.faults.add(status=500, skip=1)
    registry.faults.add(status=429, code="TOOMANYREQUESTS", path=re.compile(r"^/v2/$"))
    registry.faults.add(status=418, body="tea", times=None, path="/v2/")
    found = []
    for _ in range(4):
        client.connection.request("GET", "/v2/")
        response = client.connection.getresponse()
        found.append((response.status, response.read()[:20]))
    assert found[0] == (429, b'{"errors":[{"code":"')
    assert found[1][0] == 500
    assert found[2:] == [(418, b"tea")] * 2
    assert len(registry.faults) == 3
    registry.faults.clear()
    assert (len(registry.faults), list(registry.faults)) == (0, [])
    assert client("GET", "/v2/").status == 200


def test_a_status_keeps_the_request_from_happening(registry: EmbeddedRegistry, client: Client) -> None:
    registry.faults.add(method="POST", status=502)
    client.connection.request("POST", "/v2/a/blobs/uploads/", b"x" * 100_000)
    response = client.connection.getresponse()
    assert (response.status, registry.log[-1].body_size) == (502, 100_000)
    response.read()
    assert client("GET", "/v2/a/tags/list").status == 404


def test_redirects(registry: EmbeddedRegistry, client: Client) -> None:
    registry.faults.add(redirect="http://127.0.0.1:1/elsewhere")
    registry.faults.add(redirect="/v2/", status=301)
    assert (client("GET", "/v2/").status, client("GET", "/v2/").status) == (307, 301)


def test_headers_are_added_replaced_and_taken_away(registry: EmbeddedRegistry, client: Client, blob: str) -> None:
    registry.faults.add(headers={"X-Added": "1", "content-type": "text/html", "ETag": None}, digest="sha256:wrong")
    answer = client("GET", blob)
    assert answer.body == DATA
    assert (answer.headers["X-Added"], answer.headers["Content-Type"]) == ("1", "text/html")
    assert answer.headers["ETag"] is None
    assert answer.headers["Docker-Content-Digest"] == "sha256:wrong"


def test_corruption(registry: EmbeddedRegistry, client: Client, blob: str) -> None:
    registry.faults.add(corrupt=3)
    registry.faults.add(corrupt=True)
    registry.faults.add(corrupt=10**9)
    for index in (3, len(DATA) // 2, len(DATA) - 1):
        got = client("GET", blob).body
        assert [place for place, (one, other) in enumerate(zip(got, DATA, strict=True)) if one != other] == [index]


def test_truncation_keeps_the_announced_length(registry: EmbeddedRegistry, client: Client, blob: str) -> None:
    registry.faults.add(truncate=100)
    with pytest.raises(http.client.IncompleteRead) as raised:
        client("GET", blob)
    assert (raised.value.partial, raised.value.expected) == (DATA[:100], len(DATA) - 100)


@pytest.mark.parametrize("length", [0, 5, 10**6])
def test_a_wrong_content_length(registry: EmbeddedRegistry, blob: str, length: int) -> None:
    registry.faults.add(content_length=length)
    head, _, body = read_all(registry, blob)[0].partition(b"\r\n\r\n")
    assert f"Content-Length: {length}".encode() in head
    assert body == DATA


def test_drip(registry: EmbeddedRegistry, client: Client, blob: str) -> None:
    registry.faults.add(drip=10_000_000)
    assert client("GET", blob).body == DATA


def test_an_endless_body_ends_with_the_registry(registry: EmbeddedRegistry, blob: str) -> None:
    registry.faults.add(endless=True)
    host, _, port = registry.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"GET {blob} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = bytearray()
        while len(received) < 1_000_000:
            received += connection.recv(65536)
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        assert b"Content-Length" not in head
        assert body.startswith(DATA)
        assert body[len(DATA) :].strip() == b""
        registry.stop()
        connection.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(1 << 20):
                pass


def test_reset_before_the_body_is_read(registry: EmbeddedRegistry, client: Client) -> None:
    registry.faults.add(method="POST", reset="before")
    assert read_all(registry, "/v2/a/blobs/uploads/", "POST", b"x" * 1000) == (b"", True)
    assert (registry.log[-1].status, registry.log[-1].body_size) == (0, 0)
    assert client("GET", "/v2/a/tags/list").status == 404


def test_reset_during_an_upload(registry: EmbeddedRegistry) -> None:
    registry.faults.add(method="POST", reset="during")
    assert read_all(registry, "/v2/a/blobs/uploads/", "POST", b"x" * 8_000_000) == (b"", True)
    assert 4_000_000 <= registry.log[-1].body_size < 8_000_000


def test_reset_during_a_download(registry: EmbeddedRegistry, blob: str) -> None:
    registry.faults.add(reset="during")
    received, was_reset = read_all(registry, blob)
    assert was_reset
    assert len(received.partition(b"\r\n\r\n")[2]) <= len(DATA) // 2


@pytest.mark.parametrize("method", ["HEAD", "DELETE"])
def test_reset_during_an_answer_without_a_body(registry: EmbeddedRegistry, blob: str, method: str) -> None:
    registry.faults.add(reset="during")
    received, was_reset = read_all(registry, blob, method)
    assert was_reset
    assert b"\r\n\r\n" not in received


def test_reset_after_the_work_is_done(registry: EmbeddedRegistry, client: Client) -> None:
    digest = client.push_blob("a", b"x")
    registry.faults.add(method="DELETE", reset="after")
    assert read_all(registry, f"/v2/a/blobs/{digest}", "DELETE") == (b"", True)
    assert registry.log[-1].fault == "reset=after"
    assert client("HEAD", f"/v2/a/blobs/{digest}").status == 404


@pytest.mark.parametrize("fault", [{"hang": True}, {"delay": 3600.0}, {"drip": 0.001, "path": "/v2/"}])
@pytest.mark.parametrize("end", ["stop", "clear"])
def test_waits_end_at_once(registry: EmbeddedRegistry, fault: dict[str, Any], end: str) -> None:
    before = set(threading.enumerate())
    played = registry.faults.add(**fault)
    host, _, port = registry.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert played.wait(20)
        getattr(registry, end)()
        with contextlib.suppress(ConnectionResetError):
            assert b"{}" not in connection.recv(10000)
    registry.stop()
    assert set(threading.enumerate()) <= before


def test_a_short_delay_delays_only(registry: EmbeddedRegistry, client: Client) -> None:
    registry.faults.add(delay=0.001)
    assert client("GET", "/v2/").status == 200
    assert registry.log[-1].fault == "delay=0.001"


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"times": -1}, "times: -1 is negative"),
        ({"delay": -0.5}, "delay: -0.5 is negative"),
        ({"drip": 0}, "drip: 0 bytes per second is no speed"),
        ({"status": 100}, "status: 100 is no final HTTP status"),
        ({"reset": "never"}, "reset: 'never' is not known"),
        ({"headers": {"X": "a\r\nY: b"}}, "headers: a name or value holds a line end"),
        ({"redirect": "/ä"}, "headers: "),
    ],
)
def test_impossible_faults_are_refused(fault: dict[str, Any], problem: str) -> None:
    faults = Faults()
    with pytest.raises(SettingsError, match=re.escape(problem)):
        faults.add(**fault)
    assert len(faults) == 0


def test_several_mistakes_are_told_together() -> None:
    with pytest.raises(SettingsError) as raised:
        Faults().add(times=-1, skip=-1)
    assert len(raised.value.errors) == 2
