from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.testing import Action, HostUsageError, Response

from .probe import Ask, pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing.host.message import Message

ADD = "proxy_add_header_map_value"
SET = "proxy_set_buffer_bytes"


def test_what_the_plugin_changes_reaches_upstream_and_client(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    plugin = wasm_plugin(
        module(
            request_headers=[Ask("add", ADD, (0, "x-new", "1"))],
            request_body=[Ask("add", SET, (0, 99, 0, "!"))],
            request_trailers=[Ask("add", ADD, (1, "x-tail", "2"))],
            response_headers=[Ask("add", ADD, (2, "x-new", "3"))],
            response_body=[Ask("set", SET, (1, 0, 99, "other"))],
        )
    )
    seen: list[Message] = []

    def upstream(request: Message) -> Response:
        seen.append(request)
        return Response(201, {"transfer-encoding": "chunked"}, "body")

    exchange = plugin.exchange({":method": "PUT", "x-old": ["a", "b"]}, [b"one", b"two"], {"t": "u"}, upstream=upstream)
    (request,) = seen
    assert request is exchange.upstream_request
    assert (request.method, request.path, request.body) == ("PUT", "/", b"one!two!")
    assert request.headers is not None
    assert request.headers.every("x-old") == ["a", "b"]
    assert request.headers["x-new"] == "1"
    assert request.trailers == {"t": "u", "x-tail": "2"}
    assert (exchange.status, exchange.headers["x-new"], exchange.body) == (201, "3", b"other")
    assert (exchange.trailers, exchange.local_response, exchange.was_reset, exchange.paused) == ({}, None, False, False)


def test_a_local_response_keeps_the_request_from_the_upstream(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    answer = Ask("answer", "proxy_send_local_response", (401, "no token", "who?", pairs([("x", "y")]), -1))
    plugin = wasm_plugin(module(request_headers=[answer], response_headers=[Ask("add", ADD, (2, "x-added", "1"))]))
    exchange = plugin.exchange(upstream=lambda _: pytest.fail("it was called"))
    assert (exchange.status, exchange.body, exchange.upstream_request) == (401, b"who?", None)
    assert exchange.headers == {
        ":status": "401",
        "x": "y",
        "content-length": "4",
        "content-type": "text/plain",
        "x-added": "1",
    }
    assert exchange.local_response is not None
    assert exchange.local_response.details == "no_token"


@pytest.mark.parametrize("side", ["request", "response"])
def test_a_content_length_that_is_wrong_now_is_told(module: Callable[..., bytes], wasm_plugin: Any, side: str) -> None:
    kind = 0 if side == "request" else 1
    plugin = wasm_plugin(module(**{f"{side}_body": [Ask("set", SET, (kind, 0, 99, "longer"))]}))
    with pytest.raises(HostUsageError, match=f"The {side} that left the plugin has 6 bytes.* says 4"):
        plugin.exchange(body="four", upstream=Response(body="four"))


def test_an_exchange_that_is_cut_off_has_no_status(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    exchange = wasm_plugin(module(request_headers=[Ask("close", "proxy_close_stream", (0,))])).exchange()
    assert (exchange.status, exchange.was_reset, exchange.paused) == (None, True, False)


def test_a_stream_is_given_part_by_part(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    plugin = wasm_plugin(module({"request_body": (1, 0), "response_headers": (0,)}, log=[], delete=[]))
    with plugin.stream() as stream:
        assert stream.request_headers({":path": "/a"}) is Action.CONTINUE
        assert stream.upstream.path == "/a"
        assert stream.request_body(b"one") is Action.PAUSE
        assert stream.upstream.body == b""
        assert stream.request_body(b"two", end_of_stream=True) is Action.CONTINUE
        assert (stream.upstream.body, stream.upstream.complete) == (b"onetwo", True)
        assert stream.response_headers({":status": "404"}) is Action.CONTINUE
        assert stream.response_body(b"x") is Action.CONTINUE
        assert stream.response_trailers({"t": "1"}) is Action.CONTINUE
        assert (stream.client.status, stream.client.body, stream.client.trailers) == (404, b"x", {"t": "1"})
        assert plugin.logs[-1].message != "proxy_on_delete()"
    assert [line.message for line in plugin.logs][-2:] == ["proxy_on_log()", "proxy_on_delete()"]


def test_a_stream_that_can_not_be_is_refused(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    plugin = wasm_plugin(module())
    stream = plugin.stream()
    for wrong in (lambda: stream.request_body(b""), stream.response_headers, lambda: stream.context):
        with pytest.raises(HostUsageError, match="request"):
            wrong()
    stream.request_headers(end_of_stream=True)
    for wrong in (
        stream.request_headers,
        lambda: stream.request_body(b""),
        lambda: stream.request_trailers({}),
        lambda: stream.response_body(b""),
    ):
        with pytest.raises(HostUsageError):
            wrong()
    stream.finish()
    with pytest.raises(HostUsageError, match="finished"):
        stream.response_headers()
