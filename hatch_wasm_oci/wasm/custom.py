"""Custom sections that say where a module comes from: producers and names.

Follows the tool conventions' `Producers.md` and the core specification's appendix on the name section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.declarations import Producer
from hatch_wasm_oci.wasm.reader import MalformedError, Reader

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.declarations import Section

_FUNCTION_NAMES = 1
_MAX_NAMES = 1_000_000


def read_producers(data: memoryview, section: Section) -> tuple[Producer, ...]:
    """Read the `producers` section; what is malformed in it is left out, since no engine minds."""
    reader = Reader(data, section.offset, section.offset + section.size)
    found: list[Producer] = []
    try:
        for _ in range(reader.count("fields", 2)):
            field = reader.name()
            count = reader.count("values", 2)
            found += [Producer(field, reader.name(), reader.name()) for _ in range(count)]
    except MalformedError:
        pass
    return tuple(found)


def read_function_names(data: memoryview, section: Section, wanted: frozenset[int]) -> dict[int, str]:
    """Find the names of some functions in the `name` section.

    Args:
        data: The whole file.
        section: The `name` section.
        wanted: The functions' indices.

    Returns:
        The names by index; those that the section does not have are missing, as is what is malformed.
    """
    reader = Reader(data, section.offset, section.offset + section.size)
    names: dict[int, str] = {}
    try:
        while reader.remaining:
            kind, size = reader.byte(), reader.unsigned()
            start = reader.skip(size, "a subsection")
            if kind != _FUNCTION_NAMES:
                continue
            entries = Reader(data, start, start + size)
            for _ in range(min(entries.count("names", 2), _MAX_NAMES)):
                index, length = entries.unsigned(), entries.unsigned()
                begin = entries.skip(length, "a name")
                if index in wanted:
                    names[index] = str(data[begin : begin + length], "utf-8", "replace")
                    if len(names) == len(wanted):
                        return names
    except MalformedError:
        pass
    return names
