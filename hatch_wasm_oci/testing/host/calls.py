"""HTTP calls that a plugin makes: recorded, and answered by the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import MapType, Status
from hatch_wasm_oci.testing.host.context import ROOT
from hatch_wasm_oci.testing.host.failure import HostUsageError
from hatch_wasm_oci.testing.host.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing.host.headers import Headers, HeaderSource
    from hatch_wasm_oci.testing.host.message import Body
    from hatch_wasm_oci.testing.host.state import Host

_TIMED_OUT = "upstream request timeout"


class HttpCall:
    """A call that waits for its answer.

    Args:
        host: The host.
        cluster: The cluster that it goes to.
        number: The call's number, as the plugin knows it.
        headers: The request's headers.
        body: The request's body.
        trailers: The request's trailers.
        timeout: How long it may take, in milliseconds; 0 for ever.
    """

    def __init__(
        self, host: Host, cluster: str, *, number: int, headers: Headers, body: bytes, trailers: Headers, timeout: int
    ) -> None:
        self._host = host
        self.number = number
        self.cluster = cluster
        self.headers = headers
        self.body = body
        self.trailers = trailers
        self.timeout = timeout
        self.due = host.clock.now + timeout * 1_000_000 if timeout else None
        self.answered = False
        """Whether it was answered, or has failed."""

    def __repr__(self) -> str:
        return f"HttpCall({self.cluster!r}, {self.method!r}, {self.path!r}, answered={self.answered})"

    @property
    def method(self) -> str:
        """The request's method."""
        return self.headers[":method"]

    @property
    def path(self) -> str:
        """The request's path."""
        return self.headers[":path"]

    def respond(
        self, status: int = 200, headers: HeaderSource = None, body: Body = b"", trailers: HeaderSource = None
    ) -> None:
        """Answer the call: the plugin is told at once.

        Raises:
            HostUsageError: It was answered before.
            PluginFailedError: The plugin trapped over it.
        """
        self.answer(Response(status, headers, body, trailers))

    def fail(self) -> None:
        """Let the connection be reset before the answer is whole: the plugin gets no headers, and status 11."""
        self.answer(None)

    def time_out(self) -> None:
        """Let the time run out: the plugin gets the 504 that Envoy makes."""
        headers = {"content-length": str(len(_TIMED_OUT)), "content-type": "text/plain"}
        self.answer(Response(504, headers, _TIMED_OUT))

    def answer_by(self, answer: Callable[[HttpCall], Response | None]) -> None:
        """Answer with what a function makes of the call."""
        self.answer(answer(self))

    def answer(self, response: Response | None) -> None:
        """Answer with a response; None lets it fail."""
        if self.answered:
            raise HostUsageError(f"{self!r} was answered before.")
        self.answered = True
        host = self._host
        with host.turn():
            if host.failed:
                return
            counts = (0, 0, 0)
            if response is None:
                host.status = (Status.BROKEN_CONNECTION, b"reset")
            else:
                trailers = response.trailers.count if response.trailers is not None else 0
                counts = (response.headers.count, len(response.body), trailers)
                host.call_maps = {MapType.CALL_RESPONSE_HEADERS: response.headers}
                if response.trailers is not None:
                    host.call_maps[MapType.CALL_RESPONSE_TRAILERS] = response.trailers
                host.call_body = response.body
            try:
                host.callback(ROOT, "proxy_on_http_call_response", self.number, *counts, finish=host.forget_call)
            finally:
                host.forget_call()
