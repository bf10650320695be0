"""One direction of a stream: how a request or response passes the filter, as Envoy's filter manager lets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hatch_wasm_oci.testing.host.constants import Action, MapType
from hatch_wasm_oci.testing.host.failure import HostUsageError, PluginFailedError
from hatch_wasm_oci.testing.host.headers import Headers
from hatch_wasm_oci.testing.host.message import Message

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.headers import Kind
    from hatch_wasm_oci.testing.host.stream import Stream

_OLDEST_ABI = "0.1.0"
_CONTINUE, _BUFFER, _WATERMARK = 0, 1, 2
_STOP = 1 << 16
_PASSING_HEADERS = (0, 2)
"""What lets headers pass: 2 means nothing to Envoy, which goes on then."""


class Side(NamedTuple):
    """What is called how in one direction, and what its trailers are."""

    name: Literal["request", "response"]
    headers: MapType
    trailers: MapType
    body: int
    kind: Kind


REQUEST = Side("request", MapType.REQUEST_HEADERS, MapType.REQUEST_TRAILERS, 0, "")
RESPONSE = Side("response", MapType.RESPONSE_HEADERS, MapType.RESPONSE_TRAILERS, 1, "response-trailers")


class Direction:
    """A request or response on its way through the filter.

    Args:
        stream: The stream.
        side: Which of the two.
    """

    def __init__(self, stream: Stream, side: Side) -> None:
        self.stream = stream
        self.side = side
        self.out = Message()
        self.started = self.ended = self.stopped = False
        self.size = 0
        """The bytes of body that have come."""
        self.paused: Literal["", "all", "body", "trailers"] = ""
        self._headers: Headers | None = None
        self._added: Headers | None = None
        self._trailers: Headers | None = None
        self._held = bytearray()
        self._buffering = False
        self._waiting: list[bytes] = []

    @property
    def action(self) -> Action:
        """What became of the last part."""
        return Action.PAUSE if self.paused or self.stopped else Action.CONTINUE

    def stop(self) -> None:
        """Let nothing more pass."""
        self.stopped = True

    def feed_headers(self, headers: Headers, *, end: bool) -> None:
        """Let the headers come."""
        if self.started:
            raise HostUsageError(f"The {self.side.name}'s headers have come before.")
        self.started, self.ended = True, end
        self._headers = self.stream.context.maps[self.side.headers] = headers
        arguments = (headers.count,) if self.stream.host.abi == _OLDEST_ABI else (headers.count, int(end))
        if self._ask("headers", *arguments) not in _PASSING_HEADERS:
            self.paused = "all"
            return
        self._forget(self.side.headers)
        self._pass_headers()

    def feed_body(self, data: bytes, *, end: bool) -> None:
        """Let a part of the body come."""
        self._check("body")
        self.size += len(data)
        self.ended = end
        if self.paused == "all":
            self._waiting.append(data)
        else:
            self._deliver_body(data, end=end)

    def feed_trailers(self, trailers: Headers) -> None:
        """Let the trailers come."""
        self._check("trailers")
        self.ended = True
        self._trailers = trailers
        if self.paused != "all":
            self._deliver_trailers(trailers)

    def add_trailers(self) -> Headers | None:
        """Give an empty map for trailers, while the last part of a body without any is at hand; else nothing."""
        if not self.ended or self._trailers is not None or self.side.body not in self.stream.context.bodies:
            return None
        self._added = self.stream.context.maps[self.side.trailers] = Headers(kind=self.side.kind)
        return self._added

    def settle(self) -> None:
        """Take away what the filter saw of the body and did not let pass; what it still writes there is lost."""
        bodies = self.stream.context.bodies
        if not self._buffering and self.side.body in bodies:
            bodies[self.side.body] = bytearray()

    def resume(self) -> None:
        """Go on after a pause; without one, do nothing."""
        paused, self.paused = self.paused, ""
        if not paused:
            return
        if paused != "all":
            self._release()
            self._end()
            return
        # A response's headers can be looked at from now on; but what is changed in them comes too late.
        self._headers = None if self._headers is None else self._headers.copy()
        self._pass_headers(at_once=False)
        waiting, self._waiting = b"".join(self._waiting), []
        if waiting:
            self._deliver_body(waiting, end=self.ended and self._trailers is None)
        elif self.ended and self._trailers is None:
            self._end()
        if self._trailers is not None:
            self._deliver_trailers(self._trailers)

    def _check(self, part: str) -> None:
        if not self.started:
            raise HostUsageError(f"The {self.side.name}'s headers come before its {part}.")
        if self.ended:
            raise HostUsageError(f"The {self.side.name} has come to its end before this part of it ({part}).")

    def _deliver_body(self, data: bytes, *, end: bool) -> None:
        bodies = self.stream.context.bodies
        if self._buffering:
            self._held += data
            seen = self._held
        else:
            seen = bytearray(data)
        bodies[self.side.body] = seen
        result = self._ask("body", len(seen), int(end))
        whole_before, self._buffering = self._buffering, False
        if result in (_CONTINUE, _BUFFER, _WATERMARK) and not whole_before:
            self._held += seen
        if result == _BUFFER:
            self._buffering = True
            bodies[self.side.body] = self._held
        elif result == _CONTINUE:
            bodies.pop(self.side.body, None)
        elif result == _WATERMARK:
            self.settle()
        if result != _CONTINUE:
            self.paused = "body"
            return
        self.paused = ""
        self._release()
        self._end()

    def _deliver_trailers(self, trailers: Headers) -> None:
        self.stream.context.maps[self.side.trailers] = trailers
        if self._ask("trailers", trailers.count) != _CONTINUE:
            self.paused = "trailers"
            return
        self.paused = ""
        self._forget(self.side.trailers)
        self._release()
        self._end()

    def _pass_headers(self, *, at_once: bool = True) -> None:
        if self.stopped:
            return
        self.out.headers = self._headers
        if at_once:
            self._end()

    def _release(self) -> None:
        if not self.stopped:
            self.out.body += self._held
        self._held.clear()

    def _end(self) -> None:
        if self.ended and not self.stopped and not self.out.complete:
            self.out.trailers = self._trailers if self._trailers is not None else self._added or None
            self.out.complete = True
            self.stream.completed(self)

    def _forget(self, kind: MapType) -> None:
        self.stream.context.maps.pop(kind, None)

    def _ask(self, part: str, *arguments: int) -> int:
        stream = self.stream
        host = stream.host
        if host.failed:
            if host.settings.fail_open:
                return _CONTINUE
            stream.fail()
            return _STOP
        try:
            result, stopped = host.callback(stream.context.number, f"proxy_on_{self.side.name}_{part}", *arguments)
        except PluginFailedError:
            if not host.settings.fail_open:
                stream.fail()
            raise
        return _STOP if stopped else (result or 0) & 0xFFFF_FFFF
