"""What Envoy itself reads of a file before its engine sees it: sections' sizes, the ABI version, function names.

Envoy's host library walks over the sections with rules of its own, laxer and stricter than the specification's.
What it cannot read this way it calls corrupted. Read off proxy-wasm-cpp-host, `src/bytecode_util.cc`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hatch_wasm_oci.wasm.filetype import HEADER_SIZE, MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator

ABI_PREFIX = "proxy_abi_version_"
ABI_VERSIONS = ("0.1.0", "0.2.0", "0.2.1")
_EXPORTS_OF_VERSIONS = {f"{ABI_PREFIX}{each.replace('.', '_')}".encode(): each for each in ABI_VERSIONS}
_CUSTOM, _EXPORT = 0, 7
_NAME_SECTION = b"name"
_FUNCTION_NAMES = 1
_LAST_SHIFT, _LAST_BITS = 28, 3
# A file with more is made to be slow to read. Envoy would take its time; `parse` calls it malformed.
MOST_SECTIONS = 100_000
_MOST_EXPORTS = 1_000_000


class Scan(NamedTuple):
    """What Envoy makes of the file.

    Args:
        corrupted: Why Envoy calls the file corrupted; empty if it does not.
        offset: Where that is, in bytes.
        abi: The first ABI version that it finds among the exported functions; empty if there is none.
    """

    corrupted: str = ""
    offset: int = 0
    abi: str = ""


class _CorruptedError(Exception):
    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(problem)
        self.offset = offset
        self.problem = problem


def _number(data: memoryview, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    start = position
    while position < end:
        byte = data[position]
        position += 1
        if shift == _LAST_SHIFT and byte & 0x7F > _LAST_BITS:
            break
        value += (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value, position
        shift += 7
        if shift > _LAST_SHIFT:
            break
    raise _CorruptedError(start, "a number is cut off or too large")


def _stretch(data: memoryview, position: int, end: int, what: str) -> tuple[int, int]:
    """Read a length and give where the stretch after it begins and ends."""
    length, begin = _number(data, position, end)
    if begin + length > end:
        raise _CorruptedError(position, f"{what} has {length} bytes by its own count, but only {end - begin} are left")
    return begin, begin + length


def _sections(data: memoryview) -> Iterator[tuple[int, int, int]]:
    position = HEADER_SIZE
    for _ in range(MOST_SECTIONS):
        if position >= len(data):
            return
        begin, end = _stretch(data, position + 1, len(data), "a section")
        yield data[position], begin, end
        position = end


def _abi(data: memoryview) -> str:
    for number, begin, end in _sections(data):
        if number != _EXPORT:
            continue
        count, position = _number(data, begin, end)
        if position + count > end:
            raise _CorruptedError(begin, f"{count} exports are announced, more than the section can hold")
        for _ in range(min(count, _MOST_EXPORTS)):
            name, after = _stretch(data, position, end, "an export's name")
            if after >= len(data):
                raise _CorruptedError(after, "an export is cut off")
            if not data[after] and (found := _EXPORTS_OF_VERSIONS.get(bytes(data[name:after]))):
                return found
            _, position = _number(data, after + 1, len(data))
        return ""
    return ""


def _check_names(data: memoryview, position: int, end: int) -> None:
    while position < end:
        kind = data[position]
        begin, after = _stretch(data, position + 1, end, "a subsection of the name section")
        position = after
        if kind != _FUNCTION_NAMES:
            continue
        count, position = _number(data, begin, end)
        if position + count > end:
            raise _CorruptedError(begin, f"{count} function names are announced, more than the section can hold")
        for _ in range(count):
            _, position = _number(data, position, end)
            _, position = _stretch(data, position, end, "a function's name")
        if position != after:
            raise _CorruptedError(begin, "the function names do not fill their part of the name section")


def _check_custom(data: memoryview) -> None:
    names_checked = False
    for number, begin, end in _sections(data):
        if number == _CUSTOM:
            name, after = _stretch(data, begin, end, "a custom section's name")
            if not names_checked and bytes(data[name:after]) == _NAME_SECTION:
                names_checked = True
                _check_names(data, after, end)


def scan(data: memoryview) -> Scan:
    """Read a file as Envoy does before it gives it to its engine.

    Args:
        data: The whole file.

    Returns:
        What Envoy finds; never raises.
    """
    if len(data) < HEADER_SIZE:
        return Scan()
    if bytes(data[: len(MAGIC)]) != MAGIC:
        return Scan("the file does not start as a WebAssembly binary does")
    abi = ""
    try:
        abi = _abi(data)
        if abi:
            _check_custom(data)
    except _CorruptedError as error:
        return Scan(error.problem, error.offset, abi)
    return Scan(abi=abi)
