from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm.constant import Scope, constant
from hatch_wasm_oci.wasm.reader import MalformedError, Reader
from hatch_wasm_oci.wasm.value_types import DefinedType, GlobalType

TYPES = (DefinedType("struct", fields=("i32", "i8")), DefinedType("array", fields=("i32",)), DefinedType("func"))
GLOBALS = (GlobalType("i32", mutable=False), GlobalType("i64", mutable=True))
SCOPE = Scope(TYPES, 2, GLOBALS)


def _constant(code: bytes, wanted: str) -> int | None:
    reader = Reader(memoryview(code), 0, len(code))
    found = constant(reader, SCOPE, wanted)
    assert reader.remaining == 0
    return found


@pytest.mark.parametrize(
    ("code", "wanted", "value"),
    [
        (b"\x41\x2a\x0b", "i32", 42),
        (b"\x41\x7f\x0b", "i32", 2**32 - 1),
        (b"\x42\x7f\x0b", "i64", 2**64 - 1),
        (b"\x41\5\x41\6\x6b\x41\3\x6c\x0b", "i32", 2**32 - 3),
        (b"\x42\5\x42\6\x7c\x0b", "i64", 11),
        (b"\x23\0\x0b", "i32", None),
        (b"\x23\0\x41\1\x6a\x0b", "i32", None),
        (b"\x43\0\0\0\0\x0b", "f32", None),
        (b"\x44\0\0\0\0\0\0\0\0\x0b", "f64", None),
        (b"\xfd\x0c" + bytes(16) + b"\x0b", "v128", None),
        (b"\xd0\x70\x0b", "funcref", None),
        (b"\xd0\2\x0b", "(ref null 2)", None),
        (b"\xd2\1\x0b", "funcref", None),
        (b"\x41\0\x41\0\xfb\0\0\x0b", "(ref 0)", None),
        (b"\xfb\1\0\x0b", "(ref 0)", None),
        (b"\x41\0\x41\3\xfb\6\1\x0b", "(ref 1)", None),
        (b"\x41\0\x41\3\x41\3\xfb\x08\1\3\x0b", "(ref 1)", None),
        (b"\x41\0\xfb\x1c\xfb\x1b\x0b", "externref", None),
    ],
)
def test_a_constant_is_read(code: bytes, wanted: str, value: int | None) -> None:
    assert _constant(code, wanted) == value


@pytest.mark.parametrize(
    ("code", "wanted", "problem"),
    [
        (b"\x0b", "i32", "gives 0 values"),
        (b"\x41\0\x41\0\x0b", "i32", "gives 2 values"),
        (b"\x41\0\x0b", "i64", "gives i32 where i64"),
        (b"\x41\0\x0b", "funcref", "gives i32 where funcref"),
        (b"\x41\0", "i32", "end in the middle"),
        (b"\x10\0\x0b", "i32", "0x10 is not constant"),
        (b"\x23\1\x0b", "i64", "mutable"),
        (b"\x23\2\x0b", "i64", "not declared"),
        (b"\xd2\2\x0b", "funcref", "does not exist"),
        (b"\xd0\3\x0b", "funcref", "type 3 is used"),
        (b"\x6a\x0b", "i32", "has not made"),
        (b"\xfb\0\1\x0b", "(ref 1)", "a struct of type 1"),
        (b"\xfb\x08\1\5\x0b", "(ref 1)", "takes more values"),
        (b"\xfb\x0f\x0b", "i32", "not constant"),
        (b"\xfd\1\x0b", "v128", "not constant"),
        (b"\xfb\x1c\x0b", "i31ref", "another type"),
    ],
)
def test_what_is_no_constant_is_refused(code: bytes, wanted: str, problem: str) -> None:
    with pytest.raises(MalformedError) as caught:
        _constant(code, wanted)
    assert problem in caught.value.problem


@given(st.binary(max_size=40))
def test_any_code_is_a_constant_or_refused(code: bytes) -> None:
    reader = Reader(memoryview(code), 0, len(code))
    try:
        constant(reader, SCOPE, "i32")
    except MalformedError as error:
        assert 0 <= error.offset <= len(code)  # noqa: PT017 - both ways are right
