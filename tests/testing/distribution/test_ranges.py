from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.distribution.ranges import (
    UnsatisfiableRangeError,
    parse_content_range,
    parse_range,
    upload_range,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bytes=0-4", (0, 5)),
        ("bytes=5-", (5, 5)),
        ("bytes=-3", (7, 3)),
        ("bytes=-30", (0, 10)),
        ("bytes=9-9", (9, 1)),
        ("bytes=5-999", (5, 5)),
        ("BYTES = 1-2", (1, 2)),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0--1", None),
        ("", None),
    ],
)
def test_ranges_of_ten_bytes(text: str, found: tuple[int, int] | None) -> None:
    assert parse_range(text, 10) == found


@pytest.mark.parametrize(
    ("text", "size"), [("bytes=10-", 10), ("bytes=11-12", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=4-2", 10)]
)
def test_ranges_outside(text: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(text, size)


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60), st.sampled_from(["{0}-{1}", "{0}-", "-{1}"]))
def test_a_range_gives_the_bytes_that_it_names(size: int, first: int, last: int, form: str) -> None:
    data = bytes(range(size))
    named = {"{0}-{1}": data[first : last + 1], "{0}-": data[first:], "-{1}": data[-last:] if last else b""}[form]
    try:
        found = parse_range("bytes=" + form.format(first, last), size)
    except UnsatisfiableRangeError:
        assert named == b""
    else:
        assert found is not None
        assert data[found[0] : sum(found)] == named


@given(st.text(max_size=30), st.integers(0, 100))
def test_any_text_is_a_range_or_none(text: str, size: int) -> None:
    with contextlib.suppress(UnsatisfiableRangeError):
        for candidate in (text, f"bytes={text}"):
            found = parse_range(candidate, size)
            assert found is None or (found[0] >= 0 and found[1] > 0 and sum(found) <= size)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0-9", (0, 10)),
        ("5-5", (5, 1)),
        ("bytes 0-9/*", (0, 10)),
        ("bytes=0-9", (0, 10)),
        ("bytes 0-9/10", (0, 10)),
        ("9-0", None),
        ("-9", None),
        ("0-", None),
        ("0-9,10-11", None),
        ("\u0660-\u0669", None),
        ("x", None),
    ],
)
def test_content_ranges(text: str, found: tuple[int, int] | None) -> None:
    assert parse_content_range(text) == found


@given(st.integers(1, 10**15))
def test_what_has_arrived_reads_back(size: int) -> None:
    assert parse_content_range(upload_range(size)) == (0, size)


def test_nothing_has_arrived() -> None:
    assert upload_range(0) == "0-0"
