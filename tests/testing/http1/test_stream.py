from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.http1.head import CHUNKED, MalformedRequestError
from hatch_wasm_oci.testing.http1.stream import MAXIMUM_HEAD, ConnectionEndedError, RequestBody, SocketReader

if TYPE_CHECKING:
    from collections.abc import Iterator


class Wire:
    """Two ends of a connection: what is sent on one is read on the other."""

    def __init__(self, timeout: float = 5.0) -> None:
        self.far, near = socket.socketpair()
        near.settimeout(timeout)
        self.near = near
        self.reader = SocketReader(near, timeout)

    def send(self, data: bytes, *, last: bool = True) -> SocketReader:
        self.far.sendall(data)
        if last:
            self.far.shutdown(socket.SHUT_WR)
        return self.reader

    def close(self) -> None:
        self.far.close()
        self.near.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def chunked(pieces: list[bytes], extension: bytes = b"", trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces if piece)
    return body + b"0%s\r\n%s\r\n" % (extension, trailers)


def refusal(reader: SocketReader, length: int) -> MalformedRequestError:
    with pytest.raises(MalformedRequestError) as raised:
        RequestBody(reader, length).read(10**6)
    return raised.value


def test_heads_follow_each_other(wire: Wire) -> None:
    reader = wire.send(b"\r\nA\r\n\r\nB\r\nC\r\n\r\n")
    assert reader.head() == b"A\r\n\r\n"
    assert reader.head() == b"B\r\nC\r\n\r\n"
    assert reader.head() is None


def test_an_idle_connection_is_no_error() -> None:
    wire = Wire(timeout=0.01)
    assert wire.reader.head() is None
    wire.close()


def test_a_head_that_stops_halfway_times_out() -> None:
    wire = Wire(timeout=0.01)
    wire.send(b"GET /", last=False)
    with pytest.raises(MalformedRequestError) as raised:
        wire.reader.head()
    assert raised.value.status == 408
    wire.close()


def test_a_head_that_ends_halfway_has_nobody_to_answer(wire: Wire) -> None:
    with pytest.raises(ConnectionEndedError):
        wire.send(b"GET /").head()


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\nHost: a\n\n", b"A\r\nB\nC"])
def test_a_bare_line_feed_is_refused_without_waiting_for_more(wire: Wire, data: bytes) -> None:
    with pytest.raises(MalformedRequestError) as raised:
        wire.send(data, last=False).head()
    assert raised.value.status == 400


def test_a_head_without_end_is_cut_off(wire: Wire) -> None:
    thread = threading.Thread(target=wire.far.sendall, args=(b"A" * (MAXIMUM_HEAD + 1),))
    thread.start()
    with pytest.raises(MalformedRequestError) as raised:
        wire.reader.head()
    thread.join()
    assert raised.value.status == 431


def test_the_beginning_of_tls_is_told_apart(wire: Wire) -> None:
    with pytest.raises(MalformedRequestError, match="TLS"):
        wire.send(b"\x16\x03\x01\x02\x00", last=False).head()


def test_a_body_of_known_length_leaves_what_follows(wire: Wire) -> None:
    reader = wire.send(b"12345NEXT\r\n\r\n")
    body = RequestBody(reader, 5)
    assert body.read(5) == b"12345"
    assert body.finished
    assert list(body.pieces()) == []
    assert reader.head() == b"NEXT\r\n\r\n"


def test_a_short_body_is_never_taken_for_a_whole_one(wire: Wire) -> None:
    assert "ended after 4 bytes" in refusal(wire.send(b"1234"), 5).reason


def test_a_slow_body_times_out() -> None:
    wire = Wire(timeout=0.01)
    wire.send(b"1", last=False)
    assert refusal(wire.reader, 5).status == 408
    wire.close()


def test_a_body_that_drips_for_ever_is_cut_off() -> None:
    wire = Wire(timeout=0.1)
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.005):
            wire.far.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        error = refusal(wire.reader, 10**6)
    finally:
        ended.set()
        thread.join()
        wire.close()
    assert (error.status, error.reason) == (408, "a body that came too slowly")


@pytest.mark.parametrize("length", [6, CHUNKED])
def test_a_body_over_the_limit_is_none(wire: Wire, length: int) -> None:
    reader = wire.send(b"123456" if length > 0 else chunked([b"123456"]))
    assert RequestBody(reader, length).read(5) is None


@pytest.mark.parametrize(("limit", "drained"), [(6, True), (5, False)])
@pytest.mark.parametrize("length", [6, CHUNKED])
def test_draining_stops_at_its_limit(wire: Wire, length: int, limit: int, drained: bool) -> None:  # noqa: FBT001 - a case
    reader = wire.send(b"123456" if length > 0 else chunked([b"123456"]))
    assert RequestBody(reader, length).drain(limit) is drained


def test_extensions_and_trailers_are_read_over(wire: Wire) -> None:
    data = chunked([b"ab", b"cde"], b';name="value" ; x', b"X-Checksum: 1\r\nY: 2\r\n")
    reader = wire.send(data + b"NEXT\r\n\r\n")
    body = RequestBody(reader, CHUNKED)
    assert body.length is None
    assert body.read(100) == b"abcde"
    assert body.finished
    assert body.received == 5
    assert reader.head() == b"NEXT\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"5\r\nabc",
        b"5\r\nabcde",
        b"5\r\nabcde\r\n",
        b"5\r\nabcdefg\r\n0\r\n\r\n",
        b"-1\r\na\r\n0\r\n\r\n",
        b"0x1\r\na\r\n0\r\n\r\n",
        b" 1\r\na\r\n0\r\n\r\n",
        b"1 \r\na\r\n0\r\n\r\n",
        b"\r\n0\r\n\r\n",
        b"g\r\n",
        b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
        b"fffffffffffffffffff\r\n",
        b"1;" + b"x" * 5000 + b"\r\na\r\n0\r\n\r\n",
        b"1;\nx\r\na\r\n0\r\n\r\n",
        b"1;\0\r\na\r\n0\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nX: 1\r\n",
        b"0\r\n" + b"X: 1\r\n" * 4000 + b"\r\n",
        b"1\na\n0\n\n",
    ],
)
def test_malformed_chunks_are_never_a_whole_body(wire: Wire, data: bytes) -> None:
    reader = wire.send(data)
    with pytest.raises((MalformedRequestError, ConnectionEndedError)):
        RequestBody(reader, CHUNKED).read(10**6)


@given(st.lists(st.binary(max_size=200), max_size=10), st.sampled_from([b"", b";a", b';a="b"', b" ;c=d"]))
def test_any_cutting_into_chunks_gives_the_same_body(pieces: list[bytes], extension: bytes) -> None:
    wire = Wire()
    try:
        body = RequestBody(wire.send(chunked(pieces, extension)), CHUNKED)
        assert body.read(10**6) == b"".join(pieces)
        assert body.finished
    finally:
        wire.close()


@given(st.binary(max_size=400))
def test_any_bytes_give_a_chunked_body_or_a_refusal(data: bytes) -> None:
    wire = Wire()
    try:
        body = RequestBody(wire.send(data), CHUNKED)
        try:
            body.read(10**6)
        except (MalformedRequestError, ConnectionEndedError):
            assert not body.finished
        else:
            assert body.finished
    finally:
        wire.close()


def test_the_client_is_told_to_go_on_once_and_only_when_read(wire: Wire) -> None:
    told: list[float] = []
    body = RequestBody(wire.send(b"12"), 2, lambda: told.append(time.monotonic()))
    assert (body.waited_for, told) == (True, [])
    assert body.read(10) == b"12"
    assert len(told) == 1
