"""A whole exchange in one go: request, upstream, response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.failure import HostUsageError
from hatch_wasm_oci.testing.host.headers import Headers
from hatch_wasm_oci.testing.host.message import Response, pieces_of
from hatch_wasm_oci.testing.host.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing.host.direction import Direction
    from hatch_wasm_oci.testing.host.headers import HeaderSource
    from hatch_wasm_oci.testing.host.message import Body, LocalResponse, Message
    from hatch_wasm_oci.testing.host.state import Host

    Upstream = Callable[[Message], Response] | Response

_FRAMING = ("content-length", "transfer-encoding")
_WITHOUT_BODY = (204, 304)


class Exchange:
    """What came of a request.

    While the plugin holds the request back, `paused` is true and there is no response yet; it goes on by itself when
    the plugin lets it, such as after `plugin.calls[0].respond(…)`.

    Args:
        host: The plugin's surroundings.
        headers: The request's headers.
        body: The request's body.
        trailers: The request's trailers.
        upstream: What answers the request.
    """

    def __init__(
        self, host: Host, headers: HeaderSource, body: Body, trailers: HeaderSource, upstream: Upstream
    ) -> None:
        self._upstream = upstream
        self._host = host
        self.stream = Stream(host, self._completed)
        """The stream, for what else there is to look at."""
        sent, pieces = Headers(headers), pieces_of(body)
        _frame(sent, pieces, trailers)
        stream = self.stream
        with host.turn():
            stream.request_headers(sent, end_of_stream=not pieces and trailers is None)
            for index, piece in enumerate(pieces):
                stream.request_body(piece, end_of_stream=index == len(pieces) - 1 and trailers is None)
            if trailers is not None:
                stream.request_trailers(trailers)
        self._finish_cut_off()

    def __repr__(self) -> str:
        return f"Exchange(status={self.status}, paused={self.paused})"

    @property
    def status(self) -> int | None:
        """The status that the client got; None if it got none."""
        return self.stream.client.status

    @property
    def headers(self) -> Headers:
        """The headers that the client got."""
        return self.stream.client.headers or Headers()

    @property
    def body(self) -> bytes:
        """The body that the client got."""
        return self.stream.client.body

    @property
    def trailers(self) -> Headers:
        """The trailers that the client got."""
        return self.stream.client.trailers or Headers()

    @property
    def upstream_request(self) -> Message | None:
        """The request that the upstream got; None if none reached it."""
        return self.stream.upstream if self.stream.upstream.complete else None

    @property
    def local_response(self) -> LocalResponse | None:
        """The response that the plugin gave itself; None if the upstream's came."""
        return self.stream.local_response

    @property
    def was_reset(self) -> bool:
        """Whether the exchange was cut off."""
        return self.stream.was_reset

    @property
    def paused(self) -> bool:
        """Whether the plugin still holds request or response back."""
        return not self.stream.finished

    def _completed(self, stream: Stream, direction: Direction) -> None:
        if direction is stream.request:
            self._host.later(self._forward)
        else:
            self._host.later(self._finish)

    def _forward(self) -> None:
        stream = self.stream
        if stream.local_response is not None or stream.was_reset:
            return
        _check_length("request", stream.upstream)
        response = self._upstream if isinstance(self._upstream, Response) else self._upstream(stream.upstream)
        headers, pieces, trailers = response.headers.copy(), response.pieces, response.trailers
        _frame(headers, pieces, trailers)
        with self._host.turn():
            stream.response_headers(headers, end_of_stream=not pieces and trailers is None)
            for index, piece in enumerate(pieces):
                stream.response_body(piece, end_of_stream=index == len(pieces) - 1 and trailers is None)
            if trailers is not None:
                stream.response_trailers(trailers)
        self._finish_cut_off()

    def _finish_cut_off(self) -> None:
        if self.stream.was_reset:
            self.stream.finish()

    def _finish(self) -> None:
        self.stream.finish()
        if self.stream.upstream.method != "HEAD" and self.status not in _WITHOUT_BODY:
            _check_length("response", self.stream.client)


def _frame(headers: Headers, pieces: list[bytes], trailers: HeaderSource) -> None:
    """Say how long a body is, as a peer does that knows."""
    if pieces and trailers is None and not any(name in headers for name in _FRAMING):
        headers.add("content-length", str(sum(map(len, pieces))))


def _check_length(what: str, message: Message) -> None:
    said = message.headers.get("content-length") if message.headers is not None else None
    if said is not None and said != str(len(message.body)):
        raise HostUsageError(
            f"The {what} that left the plugin has {len(message.body)} bytes, but its content-length says {said}.",
            f"The peer would wait for the rest or cut it off: remove content-length in proxy_on_{what}_headers.",
        )
