"""Requests and responses as tests write them, and as they come out of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hatch_wasm_oci.testing.host.headers import Headers, HeaderSource

Body = bytes | str | Sequence[bytes]
"""A body: bytes, a text, or the pieces in which it arrives."""


def pieces_of(body: Body) -> list[bytes]:
    """Give the pieces in which a body arrives; none for an empty one."""
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, bytes):
        return [body] if body else []
    return [bytes(piece) for piece in body]


class Response:
    """A response: of an upstream to a request, or of a cluster to a plugin's call.

    Args:
        status: The status.
        headers: The headers.
        body: The body; a sequence of bytes arrives piece by piece.
        trailers: The trailers.
    """

    def __init__(
        self, status: int = 200, headers: HeaderSource = None, body: Body = b"", trailers: HeaderSource = None
    ) -> None:
        self.headers = Headers({":status": str(status)}, "response")
        for name, value in Headers(headers).pairs:
            self.headers.add(name, value)
        self.pieces = pieces_of(body)
        self.trailers = Headers(trailers) if trailers is not None else None

    @property
    def status(self) -> int:
        """The status."""
        return int(self.headers[":status"])

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)


@dataclass
class Message:
    """A request or response as it left the filter.

    Args:
        headers: The headers; None while none have come.
        body: The body so far.
        trailers: The trailers; None if there are none.
        complete: Whether it has come to its end.
    """

    headers: Headers | None = None
    body: bytes = b""
    trailers: Headers | None = None
    complete: bool = False

    @property
    def method(self) -> str:
        """A request's method; empty while no headers have come."""
        return self.headers.get(":method", "") if self.headers else ""

    @property
    def path(self) -> str:
        """A request's path with its query; empty while no headers have come."""
        return self.headers.get(":path", "") if self.headers else ""

    @property
    def status(self) -> int | None:
        """A response's status; None while no headers have come."""
        return int(self.headers[":status"]) if self.headers and ":status" in self.headers else None


@dataclass(frozen=True)
class LocalResponse:
    """A response that the plugin gave by itself, or that Envoy gave for it.

    Args:
        status: The status.
        headers: Further headers, as the plugin gave them.
        body: The body.
        details: Why, for access logs.
        grpc_status: The status of gRPC; -1 if the plugin gave none.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    details: str = ""
    grpc_status: int = -1
