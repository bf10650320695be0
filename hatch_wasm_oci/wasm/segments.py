"""Element and data segments: how many there are, and how far they write into tables and memories.

Follows the WebAssembly core specification 3.0, sections 5.5.12 and 5.5.14. A module made by Go has nearly a hundred
thousand data segments, so their common form is read without a call for each number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.constant import constant
from hatch_wasm_oci.wasm.reader import MalformedError
from hatch_wasm_oci.wasm.value_types import reference_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_wasm_oci.wasm.constant import Scope
    from hatch_wasm_oci.wasm.reader import Reader
    from hatch_wasm_oci.wasm.value_types import Limits, TableType

_PASSIVE, _EXPLICIT, _EXPRESSIONS = 1, 2, 4
_MAX_ELEMENT_FLAGS, _MAX_DATA_FLAGS = 7, 2
_I32_CONST, _END = 0x41, 0x0B
_CONTINUES, _NEGATIVE = 0x80, 0x40
_LONGEST_COMMON = 16
_MAX_SHIFT = 21


@dataclass(frozen=True)
class Segments:
    """All segments of one kind.

    Args:
        count: How many there are.
        reach: Where the furthest active one ends in each memory (bytes) or table (elements); those whose place only
            the host knows do not count.
    """

    count: int = 0
    reach: tuple[int, ...] = ()


NO_SEGMENTS = Segments()


def _common_data(reader: Reader, count: int) -> tuple[int, int]:
    """Read segments of the form `(data (i32.const N) "…")` until another form comes.

    Returns:
        How many were read, and where the furthest ends.
    """
    data, position, end = reader.data, reader.position, reader.end
    reach = done = 0
    while done < count:
        if position + _LONGEST_COMMON > end or data[position] or data[position + 1] != _I32_CONST:
            break
        at = position + 2
        value = byte = data[at]
        shift = 7
        while byte >= _CONTINUES and shift <= _MAX_SHIFT:
            at += 1
            byte = data[at]
            value += (byte - 1) << shift
            shift += 7
        if byte >= _NEGATIVE or data[at + 1] != _END:
            break
        size = data[at + 2]
        at += 3
        if size >= _CONTINUES:
            byte = data[at]
            if byte >= _CONTINUES:
                break
            size += (byte - 1) << 7
            at += 1
        if at + size > end:
            break
        position = at + size
        done += 1
        reach = max(reach, value + size)
    reader.position = position
    return done, reach


def _data_segment(reader: Reader, scope: Scope, memories: Sequence[Limits], reach: list[int]) -> None:
    start = reader.position
    flags = reader.unsigned()
    if flags > _MAX_DATA_FLAGS:
        raise MalformedError(start, f"a data segment has unknown flags ({flags})")
    memory, offset = 0, None
    if not flags & _PASSIVE:
        memory = reader.unsigned() if flags & _EXPLICIT else 0
        if memory >= len(memories):
            raise MalformedError(start, f"a segment fills memory {memory}, but there are {len(memories)}")
        offset = constant(reader, scope, "i64" if memories[memory].wide else "i32")
    size = reader.unsigned()
    reader.skip(size, "a data segment")
    if offset is not None:
        reach[memory] = max(reach[memory], offset + size)


def read_data_segments(reader: Reader, scope: Scope, memories: Sequence[Limits]) -> Segments:
    """Read the content of a data section.

    Args:
        reader: Stands at its start.
        scope: What constant expressions may name.
        memories: All memories, the imported ones first.

    Raises:
        MalformedError: If the section is malformed.
    """
    count = reader.count("data segments", 2)
    reach = [0] * len(memories)
    simple = bool(memories) and not memories[0].wide
    left = count
    while left:
        if simple:
            done, furthest = _common_data(reader, left)
            reach[0] = max(reach[0], furthest)
            left -= done
            if not left:
                break
        _data_segment(reader, scope, memories, reach)
        left -= 1
    return Segments(count, tuple(reach))


def _element_content(reader: Reader, scope: Scope, flags: int) -> int:
    if flags & _EXPRESSIONS:
        element = reference_type(reader, len(scope.types)) if flags & (_PASSIVE | _EXPLICIT) else "funcref"
        count = reader.count("elements", 2)
        for _ in range(count):
            constant(reader, scope, element)
        return count
    if flags & (_PASSIVE | _EXPLICIT):
        start = reader.position
        if reader.byte():
            raise MalformedError(start, "an element segment's kind must be 0")
    return len(reader.indices("functions", scope.functions))


def read_element_segments(reader: Reader, scope: Scope, tables: Sequence[TableType]) -> Segments:
    """Read the content of an element section.

    Args:
        reader: Stands at its start.
        scope: What constant expressions may name.
        tables: All tables, the imported ones first.

    Raises:
        MalformedError: If the section is malformed.
    """
    count = reader.count("element segments", 2)
    reach = [0] * len(tables)
    for _ in range(count):
        start = reader.position
        flags = reader.unsigned()
        if flags > _MAX_ELEMENT_FLAGS:
            raise MalformedError(start, f"an element segment has unknown flags ({flags})")
        table, offset = 0, None
        if not flags & _PASSIVE:
            table = reader.unsigned() if flags & _EXPLICIT else 0
            if table >= len(tables):
                raise MalformedError(start, f"a segment fills table {table}, but there are {len(tables)}")
            offset = constant(reader, scope, "i64" if tables[table].limits.wide else "i32")
        size = _element_content(reader, scope, flags)
        if offset is not None:
            reach[table] = max(reach[table], offset + size)
    return Segments(count, tuple(reach))
