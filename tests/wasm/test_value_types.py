from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm.reader import MalformedError, Reader
from hatch_wasm_oci.wasm.value_types import Limits, defined_types, memory_type, value_type


def _reader(data: bytes) -> Reader:
    return Reader(memoryview(data), 0, len(data))


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (b"\x7f", "i32"),
        (b"\x7b", "v128"),
        (b"\x70", "funcref"),
        (b"\x63\x70", "funcref"),
        (b"\x64\x70", "(ref func)"),
        (b"\x6f", "externref"),
        (b"\x71", "nullref"),
        (b"\x63\x71", "nullref"),
        (b"\x74", "nullexnref"),
        (b"\x63\3", "(ref null 3)"),
        (b"\x64\x80\x01", "(ref 128)"),
    ],
)
def test_a_value_type_is_named_as_in_the_text_format(code: bytes, name: str) -> None:
    assert value_type(_reader(code), 200) == name


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (b"\x40", "0x40 is no value type"),
        (b"\x67", "string references"),
        (b"\x68", "stack switching"),
        (b"\x64\x62\0", "custom descriptors"),
        (b"\x63\x7f", "0x7f is no heap type"),
        (b"\x63\xc8\1", "type 200 is used"),
        (b"\x63\x80\x7f", "no heap type"),
    ],
)
def test_another_code_is_refused_with_its_proposal(code: bytes, problem: str) -> None:
    with pytest.raises(MalformedError) as caught:
        value_type(_reader(code), 200)
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        (b"\0\1", Limits(1)),
        (b"\1\1\2", Limits(1, 2)),
        (b"\3\1\2", Limits(1, 2, shared=True)),
        (b"\4\x80\x80\x80\x80\x10", Limits(1 << 32, wide=True)),
        (b"\x09\1\2\0", Limits(1, 2, page_size_log2=0)),
    ],
)
def test_a_memorys_limits_are_read(code: bytes, limits: Limits) -> None:
    assert memory_type(_reader(code)) == limits


@pytest.mark.parametrize("code", [b"\0\x81\x80\4", b"\1\1\x81\x80\4", b"\x08\1\x40", b"\x10\1"])
def test_a_memory_that_can_not_be_is_refused(code: bytes) -> None:
    with pytest.raises(MalformedError):
        memory_type(_reader(code))


@given(st.binary(max_size=60))
def test_any_types_are_read_or_refused(code: bytes) -> None:
    try:
        found = defined_types(_reader(code))
    except MalformedError as error:
        assert 0 <= error.offset <= len(code)  # noqa: PT017 - both ways are right
    else:
        assert len(found) <= len(code) // 2
