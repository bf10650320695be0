from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.host.pairs import read_pairs, write_pairs


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_pairs_come_back(pairs: list[tuple[bytes, bytes]]) -> None:
    assert read_pairs(write_pairs(pairs)) == pairs


@given(st.lists(st.tuples(st.binary(), st.binary()), min_size=1), st.data())
def test_what_is_cut_off_is_none(pairs: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    written = write_pairs(pairs)
    assert read_pairs(written[: data.draw(st.integers(0, len(written) - 1))]) == []


@given(st.binary())
def test_hostile_bytes_do_no_harm(data: bytes) -> None:
    found = read_pairs(data)
    assert not found or write_pairs(found) == data


def test_a_count_without_entries_is_none() -> None:
    assert read_pairs(b"\xff\xff\xff\xff") == []
