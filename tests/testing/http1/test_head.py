from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.http1.head import CHUNKED, Headers, MalformedRequestError, parse_head, parse_target

TOKEN = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=20
)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40).filter(
    lambda text: all(character.isprintable() or character == "\xa0" or ord(character) > 0xA0 for character in text)
)
OURS = {"host", "content-length", "transfer-encoding", "expect", "connection"}


def head(*lines: str, request: str = "GET /v2/ HTTP/1.1") -> bytes:
    return "\r\n".join([request, "Host: localhost:5000", *lines, "", ""]).encode("latin-1")


def status_of(data: bytes) -> int:
    with pytest.raises(MalformedRequestError) as raised:
        parse_head(data)
    return raised.value.status


def test_reads_what_a_client_sends() -> None:
    found = parse_head(head("Accept: a/b", "ACCEPT: c/d", "Content-Length: 12", request="PUT /v2/a%2Db/x?d=1 HTTP/1.1"))
    assert (found.method, found.path, found.query) == ("PUT", "/v2/a-b/x", "d=1")
    assert found.headers["accept"] == "a/b, c/d"
    assert found.headers.every("Accept") == ["a/b", "c/d"]
    assert (found.body_length, found.keep_alive, found.expects_continue) == (12, True, False)


def test_takes_an_absolute_target() -> None:
    assert parse_head(head(request="GET http://elsewhere/v2/?n=1 HTTP/1.1")).path == "/v2/"
    assert parse_target("http://elsewhere") == ("/", "")


def test_http_1_0_needs_no_host_and_is_closed() -> None:
    found = parse_head(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert not found.keep_alive


@pytest.mark.parametrize("value", ["close", "Close", "TE, close"])
def test_closes_when_asked(value: str) -> None:
    assert not parse_head(head(f"Connection: {value}")).keep_alive


def test_knows_the_body_that_waits() -> None:
    found = parse_head(head("Transfer-Encoding: Chunked", "Expect: 100-Continue"))
    assert found.body_length == CHUNKED
    assert found.expects_continue


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5, 5"],
        ["Content-Length: -1"],
        ["Content-Length: +5"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5_0"],
        ["Content-Length: ²"],
        ["Content-Length: "],
        ["Content-Length: 99999999999999999999"],
        ["Content-Length : 5"],
        [" Content-Length: 5"],
        ["X: a", " folded"],
        ["X: a", "\tfolded"],
        ["No colon"],
        [": no name"],
        ["X: a\rContent-Length: 5"],
        ["X: a\0b"],
        ["X\0: a"],
        ["X: a\x7f"],
        ["Host: twice"],
    ],
)
def test_refuses_what_could_be_read_in_two_ways(lines: list[str]) -> None:
    assert status_of(head(*lines)) == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /\r\nHost: a\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        (b"G\xc3\x84T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
    ],
)
def test_refuses_with_the_status_that_says_why(data: bytes, status: int) -> None:
    assert status_of(data) == status


@pytest.mark.parametrize(
    "target",
    [
        "/v2/../etc/passwd",
        "/v2/%2e%2e/etc",
        "/v2/%2E%2E/etc",
        "/v2/a%2fb",
        "/v2/a%5cb",
        "/v2/a\\b",
        "/v2/./a",
        "/v2/a%00",
        "/v2/a%0d%0aX:1",
        "/v2/%ff",
        "/v2/%",
        "/v2/%4",
        "/v2/%zz",
        "/v2/%c0%ae%c0%ae/",
        "v2",
        "*",
        "/a#b",
    ],
)
def test_refuses_paths_that_lead_elsewhere(target: str) -> None:
    with pytest.raises(MalformedRequestError) as raised:
        parse_target(target)
    assert raised.value.status == 400


@given(st.binary(max_size=300))
def test_any_bytes_give_a_head_or_a_refusal(data: bytes) -> None:
    for candidate in (data, data + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n" + data + b"\r\n\r\n"):
        with contextlib.suppress(MalformedRequestError):
            found = parse_head(candidate)
            assert found.path.startswith("/")
            assert found.body_length >= CHUNKED


@given(TOKEN, st.lists(st.tuples(TOKEN, VALUE), max_size=10).filter(lambda f: not {n.lower() for n, _ in f} & OURS))
def test_fields_come_back_as_they_were_sent(method: str, fields: list[tuple[str, str]]) -> None:
    data = head(*(f"{name}: {value}" for name, value in fields), request=f"{method} / HTTP/1.1")
    found = parse_head(data)
    assert found.method == method
    assert found.headers.fields[1:] == tuple((name, value.strip(" \t")) for name, value in fields)


@given(st.integers(min_value=0, max_value=10**17))
def test_any_length_is_read(length: int) -> None:
    assert parse_head(head(f"Content-Length: {length}")).body_length == length


@given(st.text(max_size=60))
def test_no_decoded_path_leads_out(text: str) -> None:
    try:
        path, _ = parse_target("/" + text)
    except MalformedRequestError:
        return
    assert not {".", ".."} & set(path.split("/"))
    assert "\0" not in path
    assert "\\" not in path


def test_headers_hide_credentials_when_shown() -> None:
    headers = Headers((("Authorization", "Basic c2VjcmV0"), ("Cookie", "s=1"), ("Accept", "*/*")))
    assert "c2VjcmV0" not in repr(headers)
    assert "s=1" not in repr(headers)
    assert "*/*" in repr(headers)
    assert headers["authorization"] == "Basic c2VjcmV0"
    assert "AUTHORIZATION" in headers
    assert list(headers) == ["authorization", "cookie", "accept"]
    assert len(headers) == 3
