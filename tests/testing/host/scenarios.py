"""What is asked of real Envoy and of the host alike: modules that ask, and the requests that make them ask."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.host.message import Response
from hatch_wasm_oci.wasm.envoy_tables import callback_signature

from . import asks
from .probe import Ask, Callback, Loaded
from .real_envoy import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

YES = ("proxy_on_vm_start", "proxy_on_configure", "proxy_on_done")
PHASES = (
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    "proxy_on_log",
    "proxy_on_done",
    "proxy_on_delete",
)


@dataclass(frozen=True)
class Request:
    """A request, in a form for both."""

    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = (("x-a", "one"),)
    body: bytes = b""
    trailers: tuple[tuple[str, str], ...] = ()

    @property
    def raw(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: example.com", "connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.trailers:
            lines += ["transfer-encoding: chunked", "te: trailers"]
            end = "".join([f"{name}: {value}\r\n" for name, value in self.trailers]).encode()
            body = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(self.body), self.body, end)
        else:
            lines += [f"content-length: {len(self.body)}"] * bool(self.body)
            body = self.body
        return "\r\n".join([*lines, "", ""]).encode() + body

    @property
    def seen(self) -> list[tuple[str, str]]:
        """The headers as Envoy hands them to its filters."""
        pseudo = [(":authority", "example.com"), (":path", self.path), (":method", self.method), (":scheme", "http")]
        framing = [("te", "trailers")] if self.trailers else [("content-length", str(len(self.body)))] * bool(self.body)
        return [*pseudo, *self.headers, *framing, ("x-forwarded-proto", "http")]

    @property
    def pieces(self) -> list[bytes]:
        """The body as it comes from a peer that talks HTTP/1."""
        return [] if not self.body else [self.body] if self.trailers else [self.body, b""]


PLAIN = Request()
POST = Request("POST", "/t?q=1", (("x-a", "one"), ("x-a", "two"), ("user-agent", "probe")), b"abc", (("x-q", "end"),))
WITH_BODY = Request("POST", "/t", body=b"abcdef")
ANSWERS = {
    "/": b"HTTP/1.1 200 OK\r\nX-A: up\r\ncontent-length: 5\r\n\r\nhello",
    "/t": b"HTTP/1.1 200 OK\r\nx-a: up\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n"
    b"b\r\nhello world\r\n0\r\nx-t: tail\r\n\r\n",
    "/half": b"",
}


def upstream(path: str) -> Response | None:
    """Give what the upstream answers, as the host gets it; None for a connection that breaks."""
    if path.startswith("/t"):
        headers = {"x-a": "up", "transfer-encoding": "chunked", "trailer": "x-t"}
        return Response(200, headers, [b"hello world"], {"x-t": "tail"})
    return Response(200, {"x-a": "up", "content-length": "5"}, [b"hello", b""])


@dataclass(frozen=True)
class Scenario:
    """One module and what it is sent."""

    callbacks: Mapping[str, Callback]
    requests: Sequence[Request] = (POST,)
    abi: str = "0.2.1"
    extra: str = ""
    configuration: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)


def _phases(
    asked: Callable[[str], Sequence[Ask]], answers: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Callback]:
    usual = {name: (1,) if name in YES else (0,) for name in PHASES}
    given = {f"proxy_on_{name}": each for name, each in (answers or {}).items()}
    return {name: Callback(asked(name.removeprefix("proxy_on_")), {**usual, **given}[name]) for name in PHASES}


def _only(
    phases: Mapping[str, Sequence[Ask]], answers: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Callback]:
    found = _phases(lambda phase: phases.get(phase, ()), answers)
    others = {name for name in phases if f"proxy_on_{name}" not in found}
    return found | {f"proxy_on_{name}": Callback(phases[name]) for name in others}


def _body_scenario(answers: Mapping[str, Sequence[int]]) -> Scenario:
    def asked(phase: str) -> list[Ask]:
        if phase.endswith(("body", "trailers")):
            return asks.bodies(0) if phase.startswith("request") else asks.bodies(1)
        return []

    return Scenario(_phases(asked, answers))


def _looking(phase: str, *own: Ask, answers: Mapping[str, Sequence[int]] | None = None, **more: Any) -> Scenario:
    """Ask something in one phase, and look around in all that can see a stream."""

    def each(name: str) -> list[Ask]:
        return (list(own) if name == phase else []) + (asks.LOOK if name.startswith(("request", "response")) else [])

    return Scenario(_phases(each, answers), **more)


def _calling(*own: Ask, then: Sequence[Ask] = asks.GO_ON, **more: Any) -> Scenario:
    phases = {"request_headers": own, "http_call_response": [*asks.ANSWERED, *then], "request_body": asks.LOOK}
    return Scenario(_only(phases, {"request_headers": (1,)}), **more)


def _trapping(name: str) -> Scenario:
    signature = callback_signature(f"proxy_on_{name}", "0.2.1")
    assert signature is not None
    params = "(param i32)" * len(signature.params)
    result = "(result i32)" * len(signature.results)
    # In the plugin's own context too, it would never be there to trap.
    trap = "(if (local.get 1) (then unreachable))" if name == "context_create" else "unreachable"
    callbacks = _phases(lambda _: ())
    del callbacks[f"proxy_on_{name}"]
    extra = f'(func (export "proxy_on_{name}") {params} {result} {trap})'
    return Scenario(callbacks, (PLAIN, PLAIN), extra=extra)


def _ticking(*own: Ask) -> Scenario:
    period = "proxy_set_tick_period_milliseconds"
    stop = Ask("stop", period, (0,))
    phases = {"request_headers": [Ask("start", period, (30,))], "request_body": asks.LOOK, "tick": [stop, *own]}
    return Scenario(_only(phases, {"request_headers": (1,)}))


SCENARIOS = {
    "reading": Scenario(_phases(asks.reading), configuration="conf"),
    "readingabi010": Scenario(_phases(asks.reading), abi="0.1.0", configuration="conf"),
    "readingabi020": Scenario(_phases(asks.reading), abi="0.2.0", configuration="conf"),
    "readingplain": Scenario(_phases(asks.reading), (PLAIN, WITH_BODY)),
    "writing": Scenario(_phases(asks.writing)),
    "writingplain": Scenario(
        _phases(lambda phase: [each for each in asks.writing(phase) if each.function != asks.SET_BYTES]),
        (PLAIN, WITH_BODY),
    ),
    "headers": Scenario(_only({"request_headers": asks.HEADERS})),
    "joined": Scenario(
        _only(
            {
                "request_headers": [*asks.joined(0), asks.HEADERS[-1]],
                "request_trailers": asks.joined(1),
                "response_headers": asks.joined(2),
                "response_trailers": asks.joined(3),
            }
        ),
    ),
    "bodies": _body_scenario({}),
    "bodiesheld": _body_scenario({"request_body": (1,), "response_body": (1,)}),
    "bodieswatermark": _body_scenario({"request_body": (2,), "response_body": (2,)}),
    "bodiesdropped": _body_scenario({"request_body": (3,), "response_body": (3,)}),
    "bodiesodd": _body_scenario({"request_body": (77,), "response_body": (77,)}),
    "piecesheld": _looking("", answers={"request_body": (1, 0), "response_body": (1, 0)}, requests=(WITH_BODY, PLAIN)),
    "pieceswatermark": _looking(
        "", answers={"request_body": (2, 0), "response_body": (2, 0)}, requests=(WITH_BODY, PLAIN)
    ),
    "headersodd": _looking("", answers={"request_headers": (2,), "response_headers": (2,)}),
    "properties": Scenario(_phases(asks.properties)),
    "metrics": Scenario(_only({"request_headers": asks.metrics()})),
    "sharing": Scenario(
        _only(
            {
                "request_headers": asks.shared(),
                "queue_ready": [Ask("dequeue", "proxy_dequeue_shared_queue", (Loaded(0), *asks.VALUE), "bytes")],
            }
        )
    ),
    "general": Scenario(_only({"request_headers": asks.general()})),
    "wasi": Scenario(_only({"request_headers": asks.wasi()}), environment={"A": "b", "LONG": "value"}),
    "localheaders": _looking("request_headers", asks.local()),
    "localpaused": _looking("request_headers", asks.local(), answers={"request_headers": (1,)}),
    "localtwice": _looking("request_headers", asks.local(), asks.local("second", 404)),
    "localempty": _looking("request_headers", asks.local("", 204, ())),
    "localtype": _looking("request_headers", asks.local(headers=(("content-type", "a/b"), ("x-l", "1"), ("x-l", "2")))),
    "localcreate": _looking("context_create", asks.local()),
    "localbody": _looking("request_body", asks.local()),
    "localtrailers": _looking("request_trailers", asks.local()),
    "localresponse": _looking("response_headers", asks.local()),
    "localresponsebody": _looking("response_body", asks.local()),
    "localgrpc": _looking(
        "request_headers", asks.local(), requests=(Request("POST", "/t", (("content-type", "application/grpc"),)),)
    ),
    "close": _looking("request_headers", Ask("close", asks.CLOSE, (0,))),
    "closeresponse": _looking("response_headers", Ask("close", asks.CLOSE, (1,))),
    "continued": _looking("request_headers", *asks.GO_ON),
    "call": _calling(
        asks.called(*asks.WHOLE, cluster="nowhere"),
        asks.called(*asks.WHOLE[1:]),
        asks.called(asks.WHOLE[0], *asks.WHOLE[2:]),
        asks.called(*asks.WHOLE[:2]),
        asks.called(*asks.WHOLE, timeout=-5),
        asks.called(*asks.WHOLE, body="body"),
    ),
    "callplain": _calling(asks.called((":path", "/"), *asks.WHOLE[1:]), requests=(PLAIN,)),
    "callbody": _calling(asks.called((":path", "/"), *asks.WHOLE[1:]), requests=(WITH_BODY,)),
    "callanswers": _calling(asks.called(*asks.WHOLE), then=[asks.local()]),
    "callforgotten": _calling(asks.called(*asks.WHOLE), then=[asks.local(), *asks.GO_ON]),
    "calltimeout": _calling(asks.called((":path", NEVER), *asks.WHOLE[1:], cluster="slow", timeout=50)),
    "oldest": Scenario(
        _only(
            {
                "configure": [Ask("get", "proxy_get_configuration", asks.VALUE, "bytes")],
                "request_headers": [
                    Ask("get", "proxy_get_configuration", asks.VALUE, "bytes"),
                    Ask("clear", "proxy_clear_route_cache"),
                    asks.called(*asks.WHOLE),
                ],
                "http_call_response": [
                    Ask("stream", asks.EFFECTIVE, (asks.FIRST_STREAM,)),
                    Ask("go on", "proxy_continue_request"),
                    *asks.LOOK,
                ],
                "request_body": asks.LOOK,
                "response_headers": asks.LOOK,
            },
            {"request_headers": (1,)},
        ),
        abi="0.1.0",
        configuration="conf",
    ),
    "pausedresponse": Scenario(
        _only(
            {
                "response_headers": [asks.called(*asks.WHOLE), *asks.LOOK],
                "http_call_response": [
                    Ask("stream", asks.EFFECTIVE, (asks.FIRST_STREAM,)),
                    Ask("add", asks.ADD, (2, "x-late", "1")),
                    Ask("go on", asks.CONTINUE, (1,)),
                    *asks.LOOK,
                ],
                "response_body": [asks.LATE, Ask("too late", asks.REPLACE, (2, "x-late", "2")), asks.LATE],
                "response_trailers": [asks.LATE],
            },
            {"response_headers": (1,)},
        )
    ),
    "pausedbody": Scenario(
        _only(
            {
                "request_body": [asks.called(*asks.WHOLE), *asks.LOOK],
                "request_trailers": asks.LOOK,
                "http_call_response": [
                    Ask("stream", asks.EFFECTIVE, (asks.FIRST_STREAM,)),
                    Ask("set", asks.SET_BYTES, (0, 0, 99, "late")),
                    *asks.LOOK,
                    Ask("go on", asks.CONTINUE, (0,)),
                    *asks.LOOK,
                ],
            },
            {"request_body": (1,), "request_trailers": (1,)},
        )
    ),
    "tick": _ticking(Ask("stream", asks.EFFECTIVE, (asks.FIRST_STREAM,)), *asks.LOOK, *asks.GO_ON),
    "tickanswers": _ticking(Ask("stream", asks.EFFECTIVE, (asks.FIRST_STREAM,)), asks.local()),
    "ticknothing": _ticking(*asks.LOOK, asks.local(), Ask("stream", asks.EFFECTIVE, (asks.FIRST_STREAM,)), *asks.GO_ON),
    **{
        f"trap{name.replace('_', '')}": _trapping(name)
        for name in (
            "context_create",
            "request_headers",
            "response_headers",
            "response_body",
            "log",
            "done",
            "delete",
        )
    },
    "failopen": replace(_trapping("request_headers"), more={"failure_policy": "FAIL_OPEN"}, host={"fail_open": True}),
}
"""By the plugin's name."""
