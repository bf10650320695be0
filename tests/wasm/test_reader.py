from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm.reader import MalformedError, Reader

if TYPE_CHECKING:
    from collections.abc import Callable


def _reader(data: bytes) -> Reader:
    return Reader(memoryview(data), 0, len(data))


def _unsigned(value: int, width: int = 0) -> bytes:
    encoded: list[int] = []
    while value > 0x7F or len(encoded) + 1 < width:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _signed(value: int) -> bytes:
    encoded: list[int] = []
    while not -0x40 <= value < 0x40:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value & 0x7F])


@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_unsigned_numbers_are_read_padded_or_not(value: int, width: int) -> None:
    reader = _reader(_unsigned(value, width))
    assert reader.unsigned() == value
    assert reader.remaining == 0


@given(
    st.sampled_from([32, 33, 64]).flatmap(
        lambda bits: st.tuples(st.just(bits), st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    )
)
def test_signed_numbers_are_read(case: tuple[int, int]) -> None:
    bits, value = case
    reader = _reader(_signed(value))
    assert reader.signed(bits) == value
    assert reader.remaining == 0


@pytest.mark.parametrize(
    ("data", "read", "problem"),
    [
        (b"", Reader.unsigned, "end in the middle"),
        (b"\x80", Reader.unsigned, "end in the middle"),
        (b"\x80\x80\x80\x80\x80\0", Reader.unsigned, "more bytes than 32 bits need"),
        (b"\xff\xff\xff\xff\x1f", Reader.unsigned, "does not fit in 32 bits"),
        (b"\xff\xff\xff\xff\x4f", lambda reader: reader.signed(32), "does not fit in 32 bits"),
        (b"\x80\x80\x80\x80\x80\0", lambda reader: reader.signed(32), "more bytes than 32 bits need"),
        (b"\3ab", Reader.name, "has 3 bytes by its own count, but only 2 are left"),
        (b"\2\xc0\x80", Reader.name, "not valid UTF-8"),
        (b"\3\xed\xa0\x80", Reader.name, "not valid UTF-8"),
        (b"\xff\xff\xff\xff\x0f", lambda reader: reader.count("types"), "more than the 1000000 that engines take"),
        (b"\3\0\0\0", lambda reader: reader.count("types", 2), "3 types are announced, more than 3 bytes can hold"),
        (b"\2\0\5", lambda reader: reader.indices("types", 5), "index 5 is used, but there are only 5 types"),
        (b"\2\x85\1\0", lambda reader: reader.indices("types", 5), "index 133 is used"),
    ],
)
def test_what_breaks_the_rules_is_refused(data: bytes, read: Callable[[Reader], object], problem: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read(_reader(data))
    assert problem in caught.value.problem
    assert 0 <= caught.value.offset <= len(data)


def test_indices_of_one_and_of_several_bytes_mix() -> None:
    assert _reader(b"\3\0\x85\1\x7f").indices("types", 200) == (0, 133, 127)


def test_a_stretch_ends_before_the_file_does() -> None:
    reader = Reader(memoryview(b"\1\2\3"), 0, 2)
    assert (reader.byte(), reader.byte()) == (1, 2)
    with pytest.raises(MalformedError):
        reader.byte()
