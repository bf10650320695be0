"""A stream: one request and its response, part by part through the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host import local
from hatch_wasm_oci.testing.host.constants import Action, MapType
from hatch_wasm_oci.testing.host.direction import REQUEST, RESPONSE, Direction
from hatch_wasm_oci.testing.host.failure import HostUsageError, PluginFailedError
from hatch_wasm_oci.testing.host.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from hatch_wasm_oci.testing.host.context import Context
    from hatch_wasm_oci.testing.host.headers import HeaderSource
    from hatch_wasm_oci.testing.host.message import LocalResponse, Message
    from hatch_wasm_oci.testing.host.state import Host

_REQUEST = {":authority": "example.com", ":path": "/", ":method": "GET", ":scheme": "http"}
_RESPONSE = {":status": "200"}


class Stream:
    """A stream; ends with its `with` block, or by `finish()`.

    Each part of request and response is given in turn. The method returns what the plugin let become of it, and
    `upstream` and `client` hold what has passed: what the upstream and the client would have got.

    Args:
        host: The plugin's surroundings.
        completed: What to do when a direction has come to its end.
    """

    def __init__(self, host: Host, completed: Callable[[Stream, Direction], None] | None = None) -> None:
        self.host = host
        self.request = Direction(self, REQUEST)
        self.response = Direction(self, RESPONSE)
        self.local_response: LocalResponse | None = None
        """The response that the plugin gave itself, or Envoy for it when the plugin has failed."""
        self.was_reset = False
        """Whether the stream was cut off, so that the client got no whole response."""
        self.finished = False
        self.state: dict[str, bytes] = {}
        self.started = host.clock.now
        self.code_details: str | None = None
        self._completed = completed
        self._context: Context | None = None
        self._request_headers: Headers | None = None
        self._grpc = self._answered = False
        self._feeding = 0
        self._answers: list[LocalResponse] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()

    @property
    def upstream(self) -> Message:
        """The request as far as it has passed."""
        return self.request.out

    @property
    def client(self) -> Message:
        """The response as far as it has passed."""
        return self.response.out

    @property
    def context(self) -> Context:
        """The stream's context in the plugin."""
        if self._context is None:
            raise HostUsageError("The stream has no request yet.", "Give it headers: stream.request_headers({…}).")
        return self._context

    @property
    def connection_id(self) -> int:
        """The number of the connection."""
        return self.context.number - 1

    @property
    def status_code(self) -> int | None:
        """The response's status, once there is a response."""
        headers = self.response.out.headers or self.context.readable(MapType.RESPONSE_HEADERS)
        status = headers.get(":status", "") if headers else ""
        return int(status) if status.isascii() and status.isdigit() else None

    @property
    def duration(self) -> int | None:
        """How long the stream took in nanoseconds, once it is over."""
        return self.host.clock.now - self.started if self.finished else None

    def request_headers(self, headers: HeaderSource = None, *, end_of_stream: bool = False) -> Action:
        """Send the request's headers.

        Args:
            headers: The headers; what is missing of `:method`, `:path`, `:scheme` and `:authority` is filled in.
            end_of_stream: Whether the request ends with them.

        Returns:
            Whether the plugin let them pass.

        Raises:
            PluginFailedError: The plugin trapped, or did not return in time.
            HostUsageError: They were sent before.
        """
        given = Headers(headers, "request")
        sent = Headers({name: value for name, value in _REQUEST.items() if name not in given}, "request")
        for name, value in given.pairs:
            sent.add(name, value)
        with self.host.turn():
            self._begin(sent)
            return self._feed(self.request, lambda: self.request.feed_headers(sent, end=end_of_stream))

    def request_body(self, data: bytes, *, end_of_stream: bool = False) -> Action:
        """Send a part of the request's body; see `request_headers`."""
        return self._feed(self.request, lambda: self.request.feed_body(data, end=end_of_stream))

    def request_trailers(self, trailers: HeaderSource) -> Action:
        """Send the request's trailers, which end it; see `request_headers`."""
        return self._feed(self.request, lambda: self.request.feed_trailers(Headers(trailers)))

    def response_headers(self, headers: HeaderSource = None, *, end_of_stream: bool = False) -> Action:
        """Send the response's headers; `:status` is 200 where it is missing. See `request_headers`."""
        given = Headers(headers)
        sent = Headers(None if ":status" in given else _RESPONSE, "response")
        for name, value in given.pairs:
            sent.add(name, value)
        self._check_response()
        self._answered = True
        self.code_details = "via_upstream"
        return self._feed(self.response, lambda: self.response.feed_headers(sent, end=end_of_stream))

    def response_body(self, data: bytes, *, end_of_stream: bool = False) -> Action:
        """Send a part of the response's body; see `request_headers`."""
        self._check_response()
        return self._feed(self.response, lambda: self.response.feed_body(data, end=end_of_stream))

    def response_trailers(self, trailers: HeaderSource) -> Action:
        """Send the response's trailers, which end it; see `request_headers`."""
        self._check_response()
        return self._feed(self.response, lambda: self.response.feed_trailers(Headers(trailers, "response-trailers")))

    def finish(self) -> None:
        """End the stream: the plugin may log it, and forgets it."""
        if self.finished or self._context is None:
            return
        self.finished = True
        context, host = self._context, self.host
        self.request.stop()
        self.response.stop()
        with host.turn():
            try:
                context.logged = self._logged()
                self._last_call("proxy_on_log")
                context.logged = None
                self._last_call("proxy_on_done")
                self._last_call("proxy_on_delete")
            finally:
                host.contexts.pop(context.number, None)

    def answer(self, wanted: LocalResponse) -> None:
        """Give a response that no upstream gave; after what is being done now."""
        self._answers.append(wanted)
        if not self._feeding:
            self._give_answers()

    def fail(self) -> None:
        """End the stream as Envoy does when the plugin has failed."""
        if self.response.out.headers is not None:
            self.reset()
        elif self.local_response is None or self.response.started:
            self._give_directly(local.FAILED)

    def reset(self) -> None:
        """Cut the stream off."""
        self.was_reset = True
        self.request.stop()
        self.response.stop()

    def completed(self, direction: Direction) -> None:
        """Hear that a direction has come to its end."""
        if self._completed is not None:
            self._completed(self, direction)

    def _begin(self, headers: Headers) -> None:
        if self._context is not None:
            raise HostUsageError("The request's headers have come before.")
        self._context = context = self.host.new_context()
        context.stream = self
        self._request_headers = headers
        self._grpc = local.is_grpc(headers)
        if not self.host.failed:
            self._feeding += 1
            try:
                self.host.callback(context.number, "proxy_on_context_create", context.parent)
            except PluginFailedError:
                if not self.host.settings.fail_open:
                    self.fail()
                raise
            finally:
                self._feeding -= 1

    def _check_response(self) -> None:
        if self._context is None or not self.request.started:
            raise HostUsageError("A response comes after a request's headers.", "Call stream.request_headers first.")
        if self.local_response is not None and not self._answered:
            raise HostUsageError(
                f"The plugin has answered with {self.local_response.status} itself: no upstream's response comes.",
                "See stream.local_response and stream.client.",
            )

    def _feed(self, direction: Direction, part: Callable[[], None]) -> Action:
        self.context  # noqa: B018 - says so where there is none
        if self.finished:
            raise HostUsageError("The stream has been finished.")
        if direction.stopped:
            return Action.PAUSE
        with self.host.turn():
            self._feeding += 1
            try:
                part()
            finally:
                self._feeding -= 1
                if not self._feeding:
                    self._give_answers()
                direction.settle()
        return direction.action

    def _give_answers(self) -> None:
        while self._answers:
            # Of several at a time, the first counts.
            wanted = self._answers[0]
            self._answers.clear()
            if self.finished or self.was_reset or self.response.out.complete:
                return
            if self.response.out.headers is not None:
                self.reset()
            elif self.response.started:
                self._give_directly(wanted)
            elif self.local_response is None:
                self._give_through_filter(wanted)

    def _give_directly(self, wanted: LocalResponse) -> None:
        self._note(wanted)
        self.response.stop()
        message = local.message_of(wanted, grpc=self._grpc)
        out = self.response.out
        out.headers, out.body, out.trailers, out.complete = message.headers, message.body, None, True
        self.completed(self.response)

    def _give_through_filter(self, wanted: LocalResponse) -> None:
        self._note(wanted)
        message = local.message_of(wanted, grpc=self._grpc)
        headers, body = message.headers or Headers(), message.body
        self._feed(self.response, lambda: self.response.feed_headers(headers, end=not body))
        if body:
            self._feed(self.response, lambda: self.response.feed_body(body, end=True))

    def _note(self, wanted: LocalResponse) -> None:
        self.local_response = wanted
        self.code_details = wanted.details
        self.request.stop()

    def _logged(self) -> dict[MapType, Headers]:
        seen: dict[MapType, Headers | None] = {
            MapType.REQUEST_HEADERS: self._request_headers,
            MapType.RESPONSE_HEADERS: self.response.out.headers,
            MapType.RESPONSE_TRAILERS: self.response.out.trailers,
        }
        return {kind: headers for kind, headers in seen.items() if headers is not None}

    def _last_call(self, name: str) -> None:
        if not self.host.failed:
            self.host.callback(self.context.number, name)
