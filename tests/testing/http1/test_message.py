from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.http1.head import Headers, RequestHead
from hatch_wasm_oci.testing.http1.message import BytesContent, Request, error_response, json_response
from hatch_wasm_oci.testing.http1.stream import RequestBody, SocketReader


def request(query: str = "", host: str = "localhost:5000", *, secure: bool = False) -> Request:
    head = RequestHead("GET", "/v2/", query, keep_alive=True, headers=Headers((("Host", host),)))
    return Request(head, RequestBody(SocketReader.__new__(SocketReader), 0), secure=secure)


def test_parameters_are_decoded() -> None:
    found = request("digest=sha256%3Aab&from=a%2Fb&from=c&empty=")
    assert found.parameter("digest") == "sha256:ab"
    assert found.parameters("from") == ["a/b", "c"]
    assert found.parameter("empty") == ""
    assert found.parameter("absent") is None


@pytest.mark.parametrize("query", ["&".join(["n=1"] * 5000), "n=%ff%fe", "%", "=&=;"])
def test_hostile_queries_are_harmless(query: str) -> None:
    assert request(query).parameter("x") is None


def test_the_base_is_what_the_client_asked_for() -> None:
    assert request().base == "http://localhost:5000"
    assert request(secure=True).base == "https://localhost:5000"
    assert request(host="").base == ""


@given(st.binary(max_size=100), st.integers(0, 120), st.integers(0, 120), st.integers(1, 40))
def test_parts_and_pieces_are_what_slices_are(data: bytes, start: int, size: int, step: int) -> None:
    part = BytesContent(data).part(start, size)
    assert b"".join(part.pieces(step)) == data[start : start + size]
    assert part.size == len(data[start : start + size])
    assert all(len(piece) <= step for piece in part.pieces(step))


def test_errors_have_the_form_of_the_specification() -> None:
    response = error_response(404, "BLOB_UNKNOWN", "Gone.", detail={"digest": "x"}, headers={"Allow": "GET"})
    assert b"".join(response.content.pieces(100)) == (
        b'{"errors":[{"code":"BLOB_UNKNOWN","message":"Gone.","detail":{"digest":"x"}}]}'
    )
    assert response.headers == {"Content-Type": "application/json", "Allow": "GET"}


def test_json_survives_what_is_no_unicode() -> None:
    assert b"".join(json_response(200, ["\ud800"]).content.pieces(100)) == b'["?"]'
