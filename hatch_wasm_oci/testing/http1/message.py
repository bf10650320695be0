"""Requests and responses as the protocol sees them, and as the log keeps them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from hatch_wasm_oci.testing.http1.head import Headers, RequestHead
    from hatch_wasm_oci.testing.http1.stream import RequestBody

MAXIMUM_PARAMETERS = 100


class Content(Protocol):
    """Bytes that can be sent in pieces, wherever they are kept."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def part(self, start: int, size: int) -> Content:
        """Return a part of this content."""

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the bytes in pieces of at most `size` bytes."""

    def file(self) -> tuple[BinaryIO, int] | None:
        """Return an open file that is the caller's to close, and the offset in it; None where there is no file."""


@dataclass(frozen=True)
class BytesContent:
    """Content in memory.

    Args:
        data: The bytes; nobody changes them any more.
    """

    data: bytes | memoryview

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def part(self, start: int, size: int) -> BytesContent:
        """Return a part, without a copy."""
        return BytesContent(memoryview(self.data)[start : start + size])

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the bytes in pieces, without a copy."""
        view = memoryview(self.data)
        for start in range(0, len(view), size):
            yield view[start : start + size]

    def file(self) -> None:
        """There is no file."""
        return


@dataclass
class Request:
    """One request, as far as it is known when its head has been read.

    Args:
        head: The parsed head.
        body: The body, still on the wire.
        secure: Whether it came over TLS.
    """

    head: RequestHead
    body: RequestBody
    secure: bool = False
    _parameters: dict[str, list[str]] | None = field(default=None, init=False)

    @property
    def method(self) -> str:
        """The method."""
        return self.head.method

    @property
    def path(self) -> str:
        """The decoded path."""
        return self.head.path

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return self.head.headers

    @property
    def base(self) -> str:
        """Scheme and authority under which the client reached this server; empty where it did not say."""
        host = self.headers.get("host", "")
        return f"{'https' if self.secure else 'http'}://{host}" if host else ""

    def parameters(self, name: str) -> list[str]:
        """Return every value of a query parameter; too many parameters count as none."""
        if self._parameters is None:
            try:
                self._parameters = parse_qs(
                    self.head.query, keep_blank_values=True, max_num_fields=MAXIMUM_PARAMETERS, errors="replace"
                )
            except ValueError:
                self._parameters = {}
        return self._parameters.get(name, [])

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None where it is absent."""
        values = self.parameters(name)
        return values[0] if values else None


@dataclass
class Response:
    """One answer.

    Args:
        status: The HTTP status.
        headers: Fields beside those that the server sets (Content-Length, Connection, Date).
        content: The body; for the answer to HEAD, what GET would have sent.
        repeated: Further fields, whose names may be those of others, as with Set-Cookie.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: Content = field(default_factory=lambda: BytesContent(b""))
    repeated: tuple[tuple[str, str], ...] = ()


def json_response(status: int, value: Any, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, BytesContent(data))


def error_response(
    status: int, code: str, message: str, *, detail: Any = None, headers: dict[str, str] | None = None
) -> Response:
    """Return an error in the form of the distribution specification, section "Error Codes"."""
    error = {"code": code, "message": message}
    return json_response(status, {"errors": [error if detail is None else {**error, "detail": detail}]}, headers)


@dataclass(frozen=True)
class RequestRecord:
    """One request in the log; it is there before the client has the answer.

    Args:
        method: The method; empty where the request was not HTTP.
        path: The decoded path.
        query: The query, still encoded.
        headers: The request's fields; their representation hides credentials.
        body_size: Bytes of body received.
        status: The status answered; 0 where the connection was closed without an answer.
        fault: The fault that was played, in words; empty for none.
        problem: What was wrong with the request or in the server; empty for nothing.
        response_headers: The answer's fields.
        storage: Whether it went to the second host, which serves redirected blobs.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body_size: int
    status: int
    fault: str = ""
    problem: str = ""
    response_headers: Headers | None = None
    storage: bool = False
