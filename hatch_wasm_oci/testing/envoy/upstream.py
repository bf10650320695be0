"""What stands behind Envoy in a test: a small HTTP server in this process, which remembers what came."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.envoy.exchange import HttpRequest, HttpResponse
from hatch_wasm_oci.testing.faults import Faults
from hatch_wasm_oci.testing.http1.message import BytesContent, Response
from hatch_wasm_oci.testing.http1.server import Server, Service

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from hatch_wasm_oci.testing.http1.message import Request

Answer = HttpResponse | Callable[[HttpRequest], HttpResponse]
"""What an upstream answers: always the same, or what a function makes of the request."""

BODY_LIMIT = 64 << 20
_REMEMBERED = 10_000
_TIMEOUT = 60.0
_OF_THE_CONNECTION = ("content-length", "transfer-encoding", "connection", "date")


def echo(request: HttpRequest) -> HttpResponse:
    """Answer 200 with the request's own body and content type.

    Args:
        request: The request.
    """
    kind = request.headers.get("content-type")
    return HttpResponse(200, {"Content-Type": kind} if kind else {}, request.body)


class Upstream:
    """An HTTP/1.1 server on a free port of this machine's loopback, for Envoy to send requests to.

    `answer` may be set at any time; `faults.add(…)` lets it hang, reset a connection, or fail, as the embedded
    registry's faults do.

    Args:
        answer: What it answers: an `HttpResponse`, or a function that makes one of each `HttpRequest`. Where not given,
            200 with the request's own body.
    """

    def __init__(self, answer: Answer = echo) -> None:
        self.answer = answer
        self.faults = Faults()
        self._requests: deque[HttpRequest] = deque(maxlen=_REMEMBERED)
        service = Service(self._respond, lambda _: None, self.faults, _TIMEOUT, split_target=_split)
        self._server = Server("127.0.0.1", 0, service)

    @property
    def address(self) -> str:
        """Host and port: `127.0.0.1:45123`."""
        return f"127.0.0.1:{self._server.port}"

    @property
    def requests(self) -> tuple[HttpRequest, ...]:
        """The requests that were answered, oldest first; of very many, the newest 10,000."""
        return tuple(self._requests)

    def clear(self) -> None:
        """Forget requests and faults."""
        self.faults.clear()
        self._requests.clear()

    def __repr__(self) -> str:
        return f"<upstream {self.address}, {len(self._requests)} requests>"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        self._server.stop()

    def _respond(self, request: Request) -> Response:
        body = request.body.read(BODY_LIMIT)
        if body is None:
            return Response(413)
        seen = HttpRequest(request.method, request.path, request.head.query, request.headers, body)
        self._requests.append(seen)
        try:
            answer = self.answer(seen) if callable(self.answer) else self.answer
            return _response(answer)
        except Exception:  # noqa: BLE001 - the test's own function, whose fault the test has to see
            return _response(HttpResponse(500, {}, f"The test's upstream failed:\n{traceback.format_exc()}"))


def _response(answer: HttpResponse) -> Response:
    headers: dict[str, str] = {}
    repeated = []
    for name, text in answer.headers.fields:
        if name.lower() in _OF_THE_CONNECTION:
            continue
        if any(name.lower() == other.lower() for other in headers):
            repeated.append((name, text))
        else:
            headers[name] = text
    return Response(answer.status, headers, BytesContent(answer.body), tuple(repeated))


def _split(target: str) -> tuple[str, str]:
    # As it came: what a plugin makes of a path is the test's to see, not this server's to judge.
    path, _, query = target.partition("?")
    return path, query
