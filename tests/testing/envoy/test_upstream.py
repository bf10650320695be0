from __future__ import annotations

import http.client
from typing import Any

from hatch_wasm_oci.testing.envoy import upstream
from hatch_wasm_oci.testing.envoy.exchange import HttpRequest, HttpResponse
from hatch_wasm_oci.testing.envoy.upstream import Upstream


def ask(server: Upstream, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(server.address, timeout=20)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def test_it_sends_back_what_came() -> None:
    with Upstream() as server:
        answer = ask(server, "POST", "/a%2Fb/../c?d=%20&e", b'{"x": 1}', **{"Content-Type": "application/json"})
        (request,) = server.requests
        assert repr(server) == f"<upstream {server.address}, 1 requests>"
        server.clear()
        assert server.requests == ()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert (request.method, request.path, request.query) == ("POST", "/a%2Fb/../c", "d=%20&e")
    assert (request.text, request.json()) == ('{"x": 1}', {"x": 1})


def test_the_answer_can_be_changed_while_it_runs() -> None:
    with Upstream(HttpResponse(404)) as server:
        assert ask(server, "GET", "/").status == 404
        server.answer = lambda request: HttpResponse(200, {"X-Path": request.path, "Connection": "x"}, "ok")
        answer = ask(server, "HEAD", "/here")
        assert (answer.headers["x-path"], answer.headers["content-length"]) == ("/here", "2")
        assert answer.headers["connection"] is None


def test_a_handler_that_fails_is_told_with_its_reason() -> None:
    def fails(_: HttpRequest) -> HttpResponse:
        raise ValueError("my own mistake")

    with Upstream(fails) as server:
        answer = ask(server, "GET", "/")
        assert answer.status == 500
        assert b"ValueError: my own mistake" in answer.body  # type: ignore[attr-defined]
        server.answer = lambda _: None  # type: ignore[assignment, return-value]
        assert ask(server, "GET", "/").status == 500


def test_a_body_without_an_end_is_not_kept(monkeypatch: Any) -> None:
    monkeypatch.setattr(upstream, "BODY_LIMIT", 1000)
    with Upstream() as server:
        assert ask(server, "POST", "/", b"x" * 1001).status == 413
        assert server.requests == ()


def test_a_response_is_a_value() -> None:
    response = HttpResponse(201, [("a", "1"), ("A", "2")], "ä")
    assert (response.body, response.text, response.headers["a"]) == ("ä".encode(), "ä", "1, 2")
    assert HttpResponse(200, response.headers, b"1").json() == 1
    assert HttpResponse(200, {"a": "1"}) == HttpResponse(200, [("a", "1")])
