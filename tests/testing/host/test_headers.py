from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.host.headers import Headers, decode, encode


def test_names_are_in_lower_case_and_pseudo_headers_first() -> None:
    headers = Headers([("X-B", "1"), (":path", "/"), ("x-b", "2"), (":method", "GET")])
    assert headers.pairs == [(":path", "/"), (":method", "GET"), ("x-b", "1"), ("x-b", "2")]
    assert (headers["X-b"], headers.every("x-B"), headers.count, len(headers)) == ("1", ["1", "2"], 4, 3)
    assert headers.byte_size == len(":path/:methodGETx-b1x-b2")


def test_it_is_made_of_mappings_pairs_and_itself() -> None:
    headers = Headers({"a": ["1", "2"], "b": 3})
    assert headers == {"b": "3", "a": ["1", "2"]}
    assert Headers(headers) == headers
    assert headers != {"a": "1", "b": "3"}
    assert headers != 3
    assert Headers() == {}


def test_some_headers_have_one_value_alone() -> None:
    assert Headers([("accept", "a"), ("Accept", "b")], "request").pairs == [("accept", "a,b")]
    assert Headers([("accept", "a"), ("accept", "b")], "response").count == 2
    assert Headers([("Host", "a")], "request").pairs == [(":authority", "a")]


def test_a_replaced_header_comes_last() -> None:
    headers = Headers([("a", "1"), ("b", "2"), ("a", "3")])
    headers.replace("A", "4")
    assert headers.pairs == [("b", "2"), ("a", "4")]


def test_a_copy_changes_on_its_own() -> None:
    headers = Headers({"a": "1"})
    headers.copy().remove("a")
    assert "a" in headers
    with pytest.raises(KeyError):
        headers["b"]


@given(st.binary())
def test_any_bytes_come_back(raw: bytes) -> None:
    assert encode(decode(raw)) == raw
