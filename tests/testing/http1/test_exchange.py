from __future__ import annotations

import contextlib
import hashlib
import re
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_wasm_oci.testing import EmbeddedRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.testing.conftest import Client

BLOB = b"\0asm\1\0\0\0"
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
POST = f"POST /v2/a/blobs/uploads/?digest={DIGEST} HTTP/1.1\r\nHost: x\r\n".encode()


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def test_pipelined_requests_are_answered_in_order(exchange: Callable[[bytes], bytes]) -> None:
    one = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
    other = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    upload = POST + b"Content-Length: 8\r\n\r\n" + BLOB
    assert statuses(exchange(one + other + upload + one)) == [200, 404, 201, 200]


def test_chunked_uploads_with_extensions_and_trailers_arrive(
    exchange: Callable[[bytes], bytes], registry: EmbeddedRegistry
) -> None:
    data = POST + b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\n\0as\r\n5\r\nm\1\0\0\0\r\n0\r\nX-T: 1\r\n\r\n"
    assert statuses(exchange(data + b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")) == [201, 200]
    assert [record.body_size for record in registry.log] == [8, 0]


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n" + BLOB + b"\r\n0\r\n\r\n",
        b"Content-Length: 8\r\nContent-Length: 8\r\n\r\n" + BLOB,
        b"Content-Length: -8\r\n\r\n" + BLOB,
        b"Content-Length: 9\r\n\r\n" + BLOB,
        b"Content-Length: eight\r\n\r\n" + BLOB,
        b"Transfer-Encoding: chunked\r\n\r\n8\r\n" + BLOB[:4],
        b"Transfer-Encoding: chunked\r\n\r\n8\r\n" + BLOB + b"\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n8\r\n" + BLOB + b"XX0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nfoo\r\n",
    ],
)
def test_bodies_that_can_be_doubted_are_refused_and_nothing_is_stored(
    exchange: Callable[[bytes], bytes], client: Client, fields: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    smuggled = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
    found = statuses(exchange(POST + fields + smuggled if b"9" not in fields else POST + fields))
    assert set(found) <= {400}, found
    assert client("HEAD", f"/v2/a/blobs/{DIGEST}").status == 404
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"a" * 70000,
        b"GET /v2/ HTTP/1.1\r\n" + b"X: " + b"a" * 70000 + b"\r\n\r\n",
        b"GET /v2/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v2/a/blobs/%2e%2e%2f HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v2/a/tags/list%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /v2/a/manifests/../x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
    ],
)
def test_what_is_no_request_is_refused_once_and_closed(
    exchange: Callable[[bytes], bytes], registry: EmbeddedRegistry, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = exchange(data)
    (status,) = statuses(answer)
    assert 400 <= status <= 505
    assert b"Connection: close" in answer
    (record,) = registry.log
    assert record.status == status
    assert record.problem
    assert capfd.readouterr().err == ""


def test_the_client_is_told_to_go_on_before_it_sends(
    registry: EmbeddedRegistry, connect: Callable[[EmbeddedRegistry], socket.socket]
) -> None:
    connection = connect(registry)
    connection.sendall(POST + b"Content-Length: 8\r\nExpect: 100-continue\r\n\r\n")
    assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(BLOB)
    assert statuses(connection.recv(10000)) == [201]


def test_a_client_that_waits_is_refused_without_its_body(
    registry: EmbeddedRegistry, connect: Callable[[EmbeddedRegistry], socket.socket]
) -> None:
    connection = connect(registry)
    connection.sendall(b"PUT /v2/a/blobs/uploads/none?digest=x HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n")
    connection.sendall(b"Expect: 100-continue\r\n\r\n")
    answer = connection.recv(10000)
    assert statuses(answer) == [404]
    assert b"Connection: close" in answer


def test_a_refused_upload_is_read_so_that_its_answer_arrives(client: Client) -> None:
    answer = client("PUT", "/v2/a/blobs/uploads/none?digest=x", b"x" * 3_000_000)
    assert answer.code == "BLOB_UPLOAD_UNKNOWN"
    assert client("GET", "/v2/").status == 200


@pytest.mark.parametrize("path", ["/v2/", "/v2/nothing/tags/list"])
def test_head_has_the_length_and_no_body(exchange: Callable[[bytes], bytes], path: str) -> None:
    rest = f" {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    got, _, body = exchange(b"GET" + rest).partition(b"\r\n\r\n")
    head, _, nothing = exchange(b"HEAD" + rest).partition(b"\r\n\r\n")
    assert nothing == b""
    assert f"Content-Length: {len(body)}".encode() in got.split(b"\r\n")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")


def test_http_1_0_is_answered_and_closed(exchange: Callable[[bytes], bytes]) -> None:
    answer = exchange(b"GET /v2/ HTTP/1.0\r\n\r\nGET /v2/ HTTP/1.0\r\n\r\n")
    assert statuses(answer) == [200]
    assert b"Connection: close" in answer


def test_a_slow_client_is_sent_away(
    make_registry: Callable[..., EmbeddedRegistry], connect: Callable[[EmbeddedRegistry], socket.socket]
) -> None:
    registry = make_registry(timeout=0.05)
    waiting = connect(registry)
    waiting.sendall(b"GET /v2/ HT")
    idle = connect(registry)
    assert statuses(waiting.recv(10000)) == [408]
    assert idle.recv(10) == b""


@pytest.mark.parametrize("folder", [None, "disk"])
def test_a_client_that_leaves_while_it_reads_disturbs_nobody(
    make_registry: Callable[..., EmbeddedRegistry],
    make_client: Callable[..., Client],
    connect: Callable[[EmbeddedRegistry], socket.socket],
    folder: str | None,
    tmp_path: Path,
) -> None:
    registry = make_registry(directory=folder and tmp_path)
    client = make_client(registry)
    digest = client.push_blob("a", bytes(20_000_000))
    for _ in range(3):
        connection = connect(registry)
        connection.sendall(f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()
    assert len(client("GET", f"/v2/a/blobs/{digest}").body) == 20_000_000
    assert not [record.problem for record in registry.log if record.problem]


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry(timeout=5) as registry:
        yield registry


METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"BREW"])
TARGETS = st.sampled_from(
    [
        b"/v2/",
        b"/v2/_catalog?n=1&last=",
        b"/v2/a/tags/list?n=0",
        b"/v2/a/blobs/uploads/",
        b"/v2/a/blobs/uploads/?digest=" + DIGEST.encode(),
        b"/v2/a/blobs/uploads/?mount=" + DIGEST.encode(),
        b"/v2/a/blobs/" + DIGEST.encode(),
        b"/v2/a/manifests/1",
        b"/v2/a/referrers/" + DIGEST.encode(),
        b"/token?scope=x",
    ]
)
FIELDS = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 8",
            b"Content-Length: 0",
            b"Transfer-Encoding: chunked",
            b"Expect: 100-continue",
            b"Connection: close",
            b"Range: bytes=1-",
            b"Content-Range: 0-7",
            b"If-None-Match: *",
            b"Content-Type: application/vnd.oci.image.manifest.v1+json",
            b"Authorization: Basic x",
        ]
    )
    | st.binary(max_size=10),
    max_size=5,
)
BODIES = st.sampled_from([b"", BLOB, b"8\r\n" + BLOB + b"\r\n0\r\n\r\n", b"{}", b"[" * 50]) | st.binary(max_size=20)


@settings(max_examples=150)
@given(st.lists(st.tuples(METHODS, TARGETS, FIELDS, BODIES), min_size=1, max_size=3))
def test_no_request_breaks_the_server(
    fuzzed: EmbeddedRegistry, requests: list[tuple[bytes, bytes, list[bytes], bytes]]
) -> None:
    data = b"".join(
        b"%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s" % (method, target, b"".join(field + b"\r\n" for field in fields), body)
        for method, target, fields, body in requests
    )
    host, _, port = fuzzed.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    assert not [record for record in fuzzed.log[-5:] if record.status == 500]


def test_our_own_mistakes_reach_the_log_and_not_the_terminal(
    registry: EmbeddedRegistry, client: Client, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr("hatch_wasm_oci.testing.storage.memory.MemoryStorage.tags")
    client.connection.request("GET", "/v2/a/tags/list")
    response = client.connection.getresponse()
    assert response.status == 500
    response.read()
    assert "AttributeError" in registry.log[-1].problem
    assert client("GET", "/v2/").status == 200
    assert capfd.readouterr().err == ""
