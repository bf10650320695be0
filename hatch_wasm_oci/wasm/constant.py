"""Constant expressions: what globals, tables and segments start from.

Follows the WebAssembly core specification 3.0, sections 3.4.13 (constant expressions) and 5.4.9 (expressions).
Numbers are checked exactly; references only by their class, since no rule of ours needs more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hatch_wasm_oci.wasm.reader import MalformedError
from hatch_wasm_oci.wasm.value_types import heap_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_wasm_oci.wasm.reader import Reader
    from hatch_wasm_oci.wasm.value_types import DefinedType, GlobalType

_REFERENCE = "a reference"
_NUMBERS = frozenset({"i32", "i64", "f32", "f64", "v128"})
_ARITHMETIC = {
    0x6A: ("i32", 32, int.__add__),
    0x6B: ("i32", 32, int.__sub__),
    0x6C: ("i32", 32, int.__mul__),
    0x7C: ("i64", 64, int.__add__),
    0x7D: ("i64", 64, int.__sub__),
    0x7E: ("i64", 64, int.__mul__),
}
_FIXED = {0x43: (4, "f32"), 0x44: (8, "f64")}
_END, _GLOBAL_GET, _I32_CONST, _I64_CONST, _REF_NULL, _REF_FUNC = 0x0B, 0x23, 0x41, 0x42, 0xD0, 0xD2
_GC_PREFIX, _SIMD_PREFIX, _V128_CONST = 0xFB, 0xFD, 12
_STRUCT_NEW, _STRUCT_NEW_DEFAULT, _ARRAY_NEW, _ARRAY_NEW_DEFAULT, _ARRAY_NEW_FIXED = 0, 1, 6, 7, 8
_CONVERSIONS = frozenset({0x1A, 0x1B})
_REF_I31 = 0x1C


class Scope(NamedTuple):
    """What a constant expression may name.

    Args:
        types: The declared types.
        functions: How many functions there are.
        globals: The globals that are known up to here.
    """

    types: Sequence[DefinedType]
    functions: int
    globals: Sequence[GlobalType]


class _Value(NamedTuple):
    type: str
    number: int | None = None


def value_class(name: str) -> str:
    """Give a number type's name, or `a reference` for all others."""
    return name if name in _NUMBERS else _REFERENCE


def _global_get(reader: Reader, scope: Scope) -> _Value:
    start = reader.position
    index = reader.unsigned()
    if index >= len(scope.globals):
        raise MalformedError(start, f"a constant expression reads global {index}, which is not declared before it")
    found = scope.globals[index]
    if found.mutable:
        raise MalformedError(start, f"a constant expression reads global {index}, which is mutable")
    return _Value(value_class(found.value))


def _aggregate(reader: Reader, scope: Scope, operation: int, pop: list[_Value]) -> _Value:
    start = reader.position
    index = reader.unsigned()
    kind = "struct" if operation in {_STRUCT_NEW, _STRUCT_NEW_DEFAULT} else "array"
    if index >= len(scope.types) or scope.types[index].kind != kind:
        raise MalformedError(start, f"a constant expression makes a {kind} of type {index}, which is none")
    operands = {
        _STRUCT_NEW: len(scope.types[index].fields),
        _STRUCT_NEW_DEFAULT: 0,
        _ARRAY_NEW: 2,
        _ARRAY_NEW_DEFAULT: 1,
    }.get(operation)
    if operands is None:
        operands = reader.unsigned()
    if operands > len(pop):
        raise MalformedError(start, "a constant expression takes more values than it has made")
    del pop[len(pop) - operands :]
    return _Value(_REFERENCE)


def _gc_operation(reader: Reader, scope: Scope, stack: list[_Value]) -> _Value:
    start = reader.position
    operation = reader.unsigned()
    if operation in {_STRUCT_NEW, _STRUCT_NEW_DEFAULT, _ARRAY_NEW, _ARRAY_NEW_DEFAULT, _ARRAY_NEW_FIXED}:
        return _aggregate(reader, scope, operation, stack)
    wanted = {_REF_I31: "i32"}.get(operation, _REFERENCE)
    if operation not in _CONVERSIONS and operation != _REF_I31:
        raise MalformedError(start, f"instruction 0xfb {operation} is not constant")
    if not stack or stack.pop().type != wanted:
        raise MalformedError(start, "a constant expression takes a value of another type than it has made")
    return _Value(_REFERENCE)


def _arithmetic(start: int, code: int, stack: list[_Value]) -> _Value:
    name, bits, operate = _ARITHMETIC[code]
    if len(stack) < 2 or stack[-1].type != name or stack[-2].type != name:  # noqa: PLR2004 - two operands
        raise MalformedError(start, f"a constant expression calculates with {name} values that it has not made")
    right, left = stack.pop().number, stack.pop().number
    if left is None or right is None:
        return _Value(name)
    return _Value(name, operate(left, right) & ((1 << bits) - 1))


def _vector(reader: Reader, start: int) -> _Value:
    if reader.unsigned() != _V128_CONST:
        raise MalformedError(start, "a vector instruction is not constant")
    reader.skip(16, "a constant")
    return _Value("v128")


def _literal(reader: Reader, code: int) -> _Value | None:
    """Read a number that stands in the code itself; None if the instruction is another one."""
    if code == _I32_CONST:
        return _Value("i32", reader.signed(32) & 0xFFFFFFFF)
    if code == _I64_CONST:
        return _Value("i64", reader.signed(64) & 0xFFFFFFFFFFFFFFFF)
    if code in _FIXED:
        length, name = _FIXED[code]
        reader.skip(length, "a constant")
        return _Value(name)
    return None


def _reference(reader: Reader, scope: Scope, code: int) -> _Value:
    start = reader.position
    if code == _REF_NULL:
        heap_type(reader, len(scope.types))
    elif reader.unsigned() >= scope.functions:
        raise MalformedError(start, f"a reference to a function that does not exist; there are {scope.functions}")
    return _Value(_REFERENCE)


def _instruction(reader: Reader, scope: Scope, code: int, stack: list[_Value]) -> _Value:
    start = reader.position - 1
    if literal := _literal(reader, code):
        return literal
    if code == _GLOBAL_GET:
        return _global_get(reader, scope)
    if code in {_REF_FUNC, _REF_NULL}:
        return _reference(reader, scope, code)
    if code in _ARITHMETIC:
        return _arithmetic(start, code, stack)
    if code == _GC_PREFIX:
        return _gc_operation(reader, scope, stack)
    if code == _SIMD_PREFIX:
        return _vector(reader, start)
    raise MalformedError(start, f"instruction 0x{code:02x} is not constant")


def constant(reader: Reader, scope: Scope, wanted: str) -> int | None:
    """Read a constant expression and give its number where it is one that needs no other module.

    Args:
        reader: Stands before it.
        scope: What it may name.
        wanted: The value type that it must give.

    Returns:
        The value of an `i32` or `i64` expression, unsigned; None for all others, and where an import decides.

    Raises:
        MalformedError: If it is not constant, or gives another type.
    """
    start = reader.position
    stack: list[_Value] = []
    while (code := reader.byte()) != _END:
        stack.append(_instruction(reader, scope, code, stack))
    if len(stack) != 1:
        raise MalformedError(start, f"a constant expression gives {len(stack)} values instead of one")
    if stack[0].type != value_class(wanted):
        raise MalformedError(start, f"a constant expression gives {stack[0].type} where {wanted} is wanted")
    return stack[0].number
