"""Reading from a connection: whole heads and body pieces, bounded in size and in time."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.http1.head import CHUNKED, MalformedRequestError, parse_fields

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

MAXIMUM_HEAD = 64 * 1024
PIECE = 1024 * 1024
_MAXIMUM_CHUNK_LINE = 4 * 1024
_MAXIMUM_TRAILERS = 16 * 1024
_TLS_HANDSHAKE = 0x16  # the type of the first record that a TLS client sends
_SLOWEST = 1024  # bytes per second, on average and after a first grace: slower bodies are cut off
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t -~\x80-\xff]*)?")


class ConnectionEndedError(Exception):
    """The other side is gone, or too slow to wait for; there is nobody to answer."""


class SocketReader:
    """A connection's incoming bytes, with what was read too far kept for the next message.

    Args:
        connection: A connected socket, plain or TLS.
        timeout: Seconds to wait for the next bytes, and for a whole head.
    """

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._connection = connection
        self._pending = bytearray()
        self.timeout = timeout

    def head(self) -> bytes | None:
        """Read up to and including an empty line.

        Returns:
            The bytes, or None where the connection ended or fell idle before a new message began.

        Raises:
            MalformedRequestError: A head that is too large, too slow, or has a bare line feed.
            ConnectionEndedError: The connection ended within the head.
        """
        deadline = time.monotonic() + self.timeout
        while self._pending[:2] == b"\r\n" or (not self._pending and self._receive(deadline, idle=True)):
            if self._pending[:2] != b"\r\n":
                break
            del self._pending[:2]  # RFC 9112 section 2.2: an empty line before the request line is ignored
        if not self._pending:
            return None
        if self._pending[0] == _TLS_HANDSHAKE:
            raise MalformedRequestError(400, "the beginning of TLS, where this port speaks plain HTTP")
        return self.until(b"\r\n\r\n", MAXIMUM_HEAD, deadline, strict=True)

    def until(self, marker: bytes, limit: int, deadline: float, *, strict: bool = False) -> bytes:
        """Read up to and including a marker, within a limit of bytes and a deadline of the monotonic clock."""
        searched = 0
        while True:
            end = self._pending.find(marker, max(0, searched - len(marker)))
            size = len(self._pending) if end < 0 else end + len(marker)
            if size > limit:
                raise MalformedRequestError(431 if strict else 400, f"more than {limit} bytes where a line should end")
            if strict and _BARE_LINE_FEED.search(self._pending, max(0, searched - 1), size):
                raise MalformedRequestError(400, "a line that does not end in CR LF")
            if end >= 0:
                found = bytes(self._pending[:size])
                del self._pending[:size]
                return found
            searched = size
            if not self._receive(deadline):
                raise ConnectionEndedError

    def _receive(self, deadline: float, *, idle: bool = False) -> bool:
        self._connection.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            data = self._connection.recv(16 * 1024)
        except TimeoutError:
            if idle:
                return False
            raise MalformedRequestError(408, "a request that did not arrive in time") from None
        except OSError:
            return False
        finally:
            self._connection.settimeout(self.timeout)
        self._pending += data
        return bool(data)

    def read_into(self, target: memoryview) -> int:
        """Read at least one and at most `len(target)` bytes; 0 at the end of the connection."""
        if self._pending:
            size = min(len(target), len(self._pending))
            target[:size] = self._pending[:size]
            del self._pending[:size]
            return size
        try:
            return self._connection.recv_into(target)
        except TimeoutError:
            raise MalformedRequestError(408, "a body that did not arrive in time") from None
        except OSError:
            return 0


class RequestBody:
    """The body of one request: read once, in pieces; it knows how much is left.

    Args:
        reader: The connection.
        length: Bytes to come, or `CHUNKED`.
        before: Called once before the first read, to send `100 Continue`; None where nobody waits for it.
    """

    def __init__(self, reader: SocketReader, length: int, before: Callable[[], None] | None = None) -> None:
        self._reader = reader
        self._before = before
        self._left = 0 if length == CHUNKED else length
        self._chunked = length == CHUNKED
        self._last_chunk_seen = False
        self._started = time.monotonic()
        self.length = None if length == CHUNKED else length
        self.received = 0

    @property
    def finished(self) -> bool:
        """Whether every byte of the message has been read."""
        return self._last_chunk_seen if self._chunked else not self._left

    @property
    def waited_for(self) -> bool:
        """Whether the client still waits for `100 Continue`."""
        return self._before is not None and not self.finished

    def pieces(self) -> Iterator[memoryview]:
        """Yield what remains of the body; a piece is only valid until the next one.

        Raises:
            MalformedRequestError: A body that ended early, came too slowly, or whose chunks are malformed.
        """
        if self.finished:
            return
        if self._before is not None:
            before, self._before = self._before, None
            before()
        buffer = memoryview(bytearray(min(PIECE, self._left) if not self._chunked else PIECE))
        while True:
            if self._chunked and not self._left and not self._next_chunk():
                return
            size = self._reader.read_into(buffer[: min(len(buffer), self._left)])
            if not size:
                raise MalformedRequestError(400, f"a body that ended after {self.received} bytes")
            self._left -= size
            self.received += size
            if self._chunked and not self._left:
                self._line_end()
            if time.monotonic() - self._started > self._reader.timeout + self.received / _SLOWEST:
                raise MalformedRequestError(408, "a body that came too slowly")
            yield buffer[:size]
            if not self._chunked and not self._left:
                return

    def read(self, limit: int) -> bytes | None:
        """Return the whole body, or None where it has more than `limit` bytes."""
        if self.length is not None and self.length > limit:
            return None
        data = bytearray()
        for piece in self.pieces():
            data += piece
            if len(data) > limit:
                return None
        return bytes(data)

    def drain(self, limit: int) -> bool:
        """Read and forget what remains; False where that is more than `limit` bytes."""
        if self.length is not None and self._left > limit:
            return False
        start = self.received
        return all(self.received - start <= limit for _ in self.pieces())

    def _next_chunk(self) -> bool:
        deadline = time.monotonic() + self._reader.timeout
        line = self._reader.until(b"\r\n", _MAXIMUM_CHUNK_LINE, deadline)[:-2]
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise MalformedRequestError(400, "a malformed chunk size")
        self._left = int(match[1], 16)
        if self._left:
            return True
        trailers: list[bytes] = []
        size = 0
        while line := self._reader.until(b"\r\n", _MAXIMUM_TRAILERS - size, deadline)[:-2]:
            trailers.append(line)
            size += len(line) + 2
        parse_fields(trailers)
        self._last_chunk_seen = True
        return False

    def _line_end(self) -> None:
        deadline = time.monotonic() + self._reader.timeout
        if self._reader.until(b"\r\n", 2, deadline) != b"\r\n":
            raise MalformedRequestError(400, "a chunk that is longer than its size says")
