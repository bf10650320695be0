"""A WebAssembly binary, read in one pass: `parse` gives a `Binary`, of malformed files too.

Follows the WebAssembly core specification 3.0, section 5.5 (modules). Reading is bounded: no count is believed before
the bytes that are left could hold it, and nothing is read twice. Function bodies are measured, not decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm import filetype
from hatch_wasm_oci.wasm.declarations import Binary, Fault, Section
from hatch_wasm_oci.wasm.envoy_scan import MOST_SECTIONS
from hatch_wasm_oci.wasm.reader import MalformedError, Reader
from hatch_wasm_oci.wasm.sections import ModuleBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

_CUSTOM = 0
# By number, in the order that the specification demands.
_SECTIONS: dict[int, tuple[str, Callable[[ModuleBuilder, Reader], None]]] = {
    1: ("type", ModuleBuilder.read_types),
    2: ("import", ModuleBuilder.read_imports),
    3: ("function", ModuleBuilder.read_functions),
    4: ("table", ModuleBuilder.read_tables),
    5: ("memory", ModuleBuilder.read_memories),
    13: ("tag", ModuleBuilder.read_tags),
    6: ("global", ModuleBuilder.read_globals),
    7: ("export", ModuleBuilder.read_exports),
    8: ("start", ModuleBuilder.read_start),
    9: ("element", ModuleBuilder.read_elements),
    12: ("data count", ModuleBuilder.read_data_count),
    10: ("code", ModuleBuilder.read_code),
    11: ("data", ModuleBuilder.read_data),
}
_ORDER = {number: place for place, number in enumerate(_SECTIONS)}


def _read_section(module: ModuleBuilder, reader: Reader, last: int) -> int:
    """Read one section and give its place in the order, or the last one's for a custom section."""
    start = reader.position
    number = reader.byte()
    size = reader.unsigned()
    begin = reader.skip(size, "a section")
    content = Reader(module.data, begin, begin + size)
    if number == _CUSTOM:
        name = content.name()
        module.sections.append(Section(_CUSTOM, name, content.position, content.remaining))
        return last
    if number not in _SECTIONS:
        raise MalformedError(start, f"a section has the unknown number {number}")
    name, read = _SECTIONS[number]
    if _ORDER[number] <= last:
        raise MalformedError(start, f"the {name} section comes twice or too late")
    module.sections.append(Section(number, name, begin, size))
    read(module, content)
    if content.remaining:
        raise MalformedError(content.position, f"{content.remaining} bytes are left at the end of the section")
    return _ORDER[number]


def _section_at(module: ModuleBuilder, offset: int) -> str:
    for each in reversed(module.sections):
        if each.offset <= offset <= each.offset + each.size:
            return each.name
    return ""


def parse(data: bytes | bytearray | memoryview) -> Binary:
    """Read a WebAssembly binary, or say what the file is instead.

    Args:
        data: The whole file.

    Returns:
        What it holds. A malformed module is no exception but a value: its `fault` says where and what.
        Of a file that is no module only `size`, `format` and `version` are set.
    """
    view = memoryview(data).cast("B")
    found = filetype.file_format(view)
    if found != filetype.MODULE:
        return Binary(len(view), found, version=filetype.version(view))
    module = ModuleBuilder(view)
    reader = Reader(view, filetype.HEADER_SIZE, len(view))
    last = -1
    read = 0
    try:
        while reader.remaining:
            read = len(module.sections)
            if read == MOST_SECTIONS:
                raise MalformedError(reader.position, f"the file has more than {MOST_SECTIONS} sections")
            last = _read_section(module, reader, last)
    except MalformedError as error:
        # Before a section's content is come to, the fault is in none, and not in the last one either.
        section = _section_at(module, error.offset) if len(module.sections) > read else ""
        return module.binary(Fault(error.offset, section, error.problem))
    missing = module.missing()
    return module.binary(Fault(len(view), "", missing) if missing else None)


__all__ = ["Binary", "parse"]
