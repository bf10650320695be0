"""How long each instruction is: enough of the code format to walk through a body without understanding it all.

Follows the WebAssembly core specification 3.0, section 5.4 (instructions), the threads proposal, and the legacy
exception handling that compilers still write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.reader import MalformedError, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

UNREACHABLE, BLOCK, LOOP, IF, ELSE, TRY, CATCH, THROW, RETHROW = 0x00, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09
THROW_REF, END, BRANCH, BRANCH_IF, BRANCH_TABLE, RETURN, CALL = 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10
CALL_INDIRECT, RETURN_CALL, RETURN_CALL_INDIRECT, CALL_REF, RETURN_CALL_REF = 0x11, 0x12, 0x13, 0x14, 0x15
DELEGATE, CATCH_ALL, TRY_TABLE, I32_CONST = 0x18, 0x19, 0x1F, 0x41
BRANCH_ON_NULL, BRANCH_ON_NON_NULL, GC_PREFIX = 0xD5, 0xD6, 0xFB
BRANCH_ON_CAST, BRANCH_ON_CAST_FAIL = 24, 25
_CONTINUES = 0x80
_MEMORY_INDEX_FOLLOWS = 0x40
_BULK = {8: 2, 9: 1, 10: 2, 11: 1, 12: 2, 13: 1, 14: 2, 15: 1, 16: 1, 17: 1}
_FIRST_BULK = 8  # those before it convert numbers
_FENCE = 3
_GC_INDICES = {0: 1, 1: 1, 6: 1, 7: 1, 11: 1, 12: 1, 13: 1, 14: 1, 15: 0, 16: 1}
_GC_INDICES |= {2: 2, 3: 2, 4: 2, 5: 2, 8: 2, 9: 2, 10: 2, 17: 2, 18: 2, 19: 2, 26: 0, 27: 0, 28: 0, 29: 0, 30: 0}
_GC_HEAP_TYPES = frozenset({20, 21, 22, 23})
_SIMD_ACCESS = frozenset({*range(12), 92, 93})
_SIMD_LANE_ACCESS = frozenset(range(84, 92))
_SIMD_WHOLE = frozenset({12, 13})
_SIMD_LANE = frozenset(range(21, 35))


def _memory_access(reader: Reader) -> None:
    if reader.unsigned() & _MEMORY_INDEX_FOLLOWS:
        reader.unsigned()
    reader.unsigned(64)


def block_type(reader: Reader) -> None:
    """Move over a block's type: nothing, a value type, or a type index."""
    code = reader.byte()
    if code in {0x63, 0x64}:
        reader.signed(33)
    elif code >= _CONTINUES:
        reader.position -= 1
        reader.signed(33)


def _catches(reader: Reader) -> list[int]:
    labels = []
    for _ in range(reader.count("catch clauses", 2)):
        if reader.byte() in {0, 1}:
            reader.unsigned()
        labels.append(reader.unsigned())
    return labels


def _bulk(reader: Reader) -> None:
    operation = reader.unsigned()
    if operation >= _FIRST_BULK:
        _indices(reader, _BULK.get(operation), operation)


def _vector(reader: Reader) -> None:
    operation = reader.unsigned()
    if operation in _SIMD_ACCESS or operation in _SIMD_LANE_ACCESS:
        _memory_access(reader)
    if operation in _SIMD_WHOLE:
        reader.skip(16, "a vector")
    if operation in _SIMD_LANE or operation in _SIMD_LANE_ACCESS:
        reader.byte()


def _atomic(reader: Reader) -> None:
    if reader.unsigned() == _FENCE:
        reader.byte()
    else:
        _memory_access(reader)


def _indices(reader: Reader, count: int | None, operation: int) -> None:
    if count is None:
        raise MalformedError(reader.position, f"unknown instruction {operation}")
    for _ in range(count):
        reader.unsigned()


def gc_labels(reader: Reader) -> list[int]:
    """Move over an instruction of the garbage collection proposal and give the labels that it may branch to."""
    operation = reader.unsigned()
    if operation in {BRANCH_ON_CAST, BRANCH_ON_CAST_FAIL}:
        reader.byte()
        label = reader.unsigned()
        reader.signed(33)
        reader.signed(33)
        return [label]
    if operation in _GC_HEAP_TYPES:
        reader.signed(33)
    else:
        _indices(reader, _GC_INDICES.get(operation), operation)
    return []


def labels(reader: Reader, code: int) -> list[int]:
    """Move over a branch's operands and give the labels that it may go to; the code itself has been read.

    Args:
        reader: Stands after the code.
        code: One of the branches, `try_table`, or the prefix of garbage collection.
    """
    if code == BRANCH_TABLE:
        return [reader.unsigned() for _ in range(reader.count("labels") + 1)]
    if code == TRY_TABLE:
        block_type(reader)
        return _catches(reader)
    if code == GC_PREFIX:
        return gc_labels(reader)
    return [reader.unsigned()]


def _select(reader: Reader) -> None:
    for _ in range(reader.count("types")):
        block_type(reader)


def _two_indices(reader: Reader) -> None:
    reader.unsigned()
    reader.unsigned()


_OPERANDS: dict[int, Callable[[Reader], object]] = {
    **dict.fromkeys((0x00, 0x01, 0x05, 0x0A, 0x0B, 0x0F, 0x19, 0x1A, 0x1B, 0xD1, 0xD3, 0xD4), lambda _: None),
    **dict.fromkeys(range(0x45, 0xC5), lambda _: None),
    **dict.fromkeys((CALL, RETURN_CALL, CALL_REF, RETURN_CALL_REF, 0x3F, 0x40, 0xD2), Reader.unsigned),
    **dict.fromkeys((*range(0x20, 0x27), BRANCH, BRANCH_IF, RETHROW, DELEGATE, CATCH, THROW), Reader.unsigned),
    **dict.fromkeys(range(0x28, 0x3F), _memory_access),
    CALL_INDIRECT: _two_indices,
    RETURN_CALL_INDIRECT: _two_indices,
    0x1C: _select,
    I32_CONST: lambda reader: reader.signed(32),
    0x42: lambda reader: reader.signed(64),
    0x43: lambda reader: reader.skip(4, "a constant"),
    0x44: lambda reader: reader.skip(8, "a constant"),
    0xD0: lambda reader: reader.signed(33),
    0xFC: _bulk,
    0xFD: _vector,
    0xFE: _atomic,
}


def _table(*codes: int) -> bytes:
    return bytes([code in codes for code in range(256)])


_NUMBER_FOLLOWS = _table(*range(0x20, 0x27), I32_CONST, 0x42)
_NOTHING_FOLLOWS = _table(0x01, 0x1A, 0x1B, *range(0x45, 0xC5))
_ACCESS_FOLLOWS = _table(*range(0x28, 0x3F))


def skip_simple(reader: Reader) -> int:
    """Move over as many instructions as neither branch, call nor are long; these are most of all code.

    Returns:
        Where the last of them begins, in bytes from the file's start; -1 if there was none.

    Raises:
        MalformedError: If one of them is cut off.
    """
    data, position, end = reader.data, reader.position, reader.end
    last = -1
    while position < end:
        code = data[position]
        if _NUMBER_FOLLOWS[code]:
            numbers = 1
        elif _NOTHING_FOLLOWS[code]:
            numbers = 0
        elif _ACCESS_FOLLOWS[code] and position + 1 < end and data[position + 1] < _MEMORY_INDEX_FOLLOWS:
            numbers = 2
        else:
            break
        last = position
        position += 1
        for _ in range(numbers):
            while position < end and data[position] >= _CONTINUES:
                position += 1
            position += 1
    if position > end:
        raise MalformedError(last, "an instruction is cut off")
    reader.position = position
    return last


def skip_operands(reader: Reader, code: int) -> None:
    """Move over the operands of an instruction that neither branches nor opens a block.

    Raises:
        MalformedError: If the code is none that this package knows.
    """
    skip = _OPERANDS.get(code)
    if skip is None:
        raise MalformedError(reader.position - 1, f"unknown instruction 0x{code:02x}")
    skip(reader)
