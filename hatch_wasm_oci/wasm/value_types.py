"""The types that a module declares: of values, functions, structures, arrays, tables, memories and globals.

Follows the WebAssembly core specification 3.0, section 5.3 (binary format of types): garbage collection, recursive
groups, typed references, 64-bit memories and tables, and the threads and custom-page-sizes proposals' limits.

A value type is its text as the text format writes it: `i32`, `v128`, `funcref`, `(ref null 3)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.reader import MalformedError

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.reader import Reader

_NUMBERS = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_HEAP = {
    0x70: "func",
    0x6F: "extern",
    0x6E: "any",
    0x6D: "eq",
    0x6C: "i31",
    0x6B: "struct",
    0x6A: "array",
    0x69: "exn",
    0x71: "none",
    0x72: "noextern",
    0x73: "nofunc",
    0x74: "noexn",
}
_SHORTHANDS = {"none": "nullref", "noextern": "nullexternref", "nofunc": "nullfuncref", "noexn": "nullexnref"}
_PACKED = {0x78: "i8", 0x77: "i16"}
_PROPOSALS = {
    0x5D: "stack switching",
    0x62: "custom descriptors",
    0x65: "shared-everything threads",
    0x66: "string references",
    0x67: "string references",
    0x68: "stack switching",
    0x75: "stack switching",
    0x4C: "custom descriptors",
    0x4D: "custom descriptors",
}
_REFERENCE_NULL, _REFERENCE = 0x63, 0x64
_FUNCTION, _STRUCTURE, _ARRAY = 0x60, 0x5F, 0x5E
_SUB, _SUB_FINAL, _RECURSIVE = 0x50, 0x4F, 0x4E
_HAS_MAXIMUM, _SHARED, _WIDE, _PAGE_SIZE = 1, 2, 4, 8
_MAX_PAGE_SIZE_LOG2 = 63
_MOST_FIELDS = 10_000
_LOWEST_CODE = -0x40  # heap types are negative numbers of one byte
DEFAULT_PAGE_SIZE_LOG2 = 16
WASM_MAX_PAGES = 1 << 16
WASM_MAX_PAGES_64 = 1 << 48


@dataclass(frozen=True)
class FunctionType:
    """What a function takes and gives.

    Args:
        params: Its parameters' value types.
        results: Its results' value types.
    """

    params: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


@dataclass(frozen=True)
class DefinedType:
    """One entry of the type section.

    Args:
        kind: `func`, `struct` or `array`.
        function: The signature of a `func`.
        fields: The storage types of a `struct`; the one element's of an `array`.
        final: Whether no other type may extend it.
    """

    kind: str
    function: FunctionType = FunctionType()
    fields: tuple[str, ...] = ()
    final: bool = True


@dataclass(frozen=True)
class Limits:
    """How large a memory (in pages) or a table (in entries) starts, and may become.

    Args:
        minimum: The size at the start.
        maximum: The size that it never exceeds; None for none.
        shared: Whether threads may share it.
        wide: Whether its addresses have 64 bits.
        page_size_log2: The page size of a memory, as a power of two: 16 for 65,536 bytes.
    """

    minimum: int
    maximum: int | None = None
    shared: bool = False
    wide: bool = False
    page_size_log2: int = DEFAULT_PAGE_SIZE_LOG2


@dataclass(frozen=True)
class TableType:
    """A table: the type of its references, and its limits in entries."""

    element: str
    limits: Limits


@dataclass(frozen=True)
class GlobalType:
    """A global: the type of its value, and whether it changes."""

    value: str
    mutable: bool


def _unknown(offset: int, code: int, what: str) -> MalformedError:
    proposal = _PROPOSALS.get(code)
    belongs = f", which belongs to the proposal “{proposal}”" if proposal else ""
    return MalformedError(offset, f"0x{code:02x} is no {what} of WebAssembly 3.0{belongs}")


def _heap_type(reader: Reader, known: int) -> str:
    start = reader.position
    value = reader.signed(33)
    if value < 0:
        code = value & 0x7F
        if value < _LOWEST_CODE or code not in _HEAP:
            raise _unknown(start, code, "heap type")
        return _HEAP[code]
    if value >= known:
        raise MalformedError(start, f"type {value} is used, but only {known} are declared up to here")
    return str(value)


def heap_type(reader: Reader, known: int) -> str:
    """Read a heap type, such as `func` or `3`; `known` is the number of types that it may name."""
    return _heap_type(reader, known)


def value_type(reader: Reader, known: int) -> str:
    """Read a value type.

    Args:
        reader: Stands before it.
        known: How many types it may name by index.

    Raises:
        MalformedError: If it is none.
    """
    start = reader.position
    code = reader.byte()
    if name := _NUMBERS.get(code):
        return name
    if heap := _HEAP.get(code):
        return _SHORTHANDS.get(heap, f"{heap}ref")
    if code == _REFERENCE_NULL:
        heap = _heap_type(reader, known)
        return f"(ref null {heap})" if heap.isdigit() else _SHORTHANDS.get(heap, f"{heap}ref")
    if code == _REFERENCE:
        return f"(ref {_heap_type(reader, known)})"
    raise _unknown(start, code, "value type")


def reference_type(reader: Reader, known: int) -> str:
    """Read a value type that must be a reference, as tables and element segments hold."""
    start = reader.position
    name = value_type(reader, known)
    if "ref" not in name:
        raise MalformedError(start, f"{name} stands where a reference type must")
    return name


def _value_types(reader: Reader, known: int) -> tuple[str, ...]:
    return tuple([value_type(reader, known) for _ in range(reader.count("value types"))])


def _field(reader: Reader, known: int) -> str:
    code = reader.data[reader.position] if reader.remaining else 0
    if code in _PACKED:
        reader.position += 1
        name = _PACKED[code]
    else:
        name = value_type(reader, known)
    start = reader.position
    if reader.byte() > 1:
        raise MalformedError(start, "a field is neither constant (0) nor mutable (1)")
    return name


def _composite(reader: Reader, code: int, start: int, known: int, *, final: bool) -> DefinedType:
    if code == _FUNCTION:
        function = FunctionType(_value_types(reader, known), _value_types(reader, known))
        return DefinedType("func", function, final=final)
    if code == _STRUCTURE:
        fields = tuple([_field(reader, known) for _ in range(reader.count("fields", 2, _MOST_FIELDS))])
        return DefinedType("struct", fields=fields, final=final)
    if code == _ARRAY:
        return DefinedType("array", fields=(_field(reader, known),), final=final)
    raise _unknown(start, code, "kind of type")


def _subtype(reader: Reader, declared: list[DefinedType], known: int) -> DefinedType:
    start = reader.position
    code = reader.byte()
    if code not in {_SUB, _SUB_FINAL}:
        return _composite(reader, code, start, known, final=True)
    supertypes = reader.indices("types", len(declared))
    if len(supertypes) > 1:
        raise MalformedError(start, f"a type extends {len(supertypes)} types; one at most is allowed")
    form = reader.position
    found = _composite(reader, reader.byte(), form, known, final=code == _SUB_FINAL)
    for index in supertypes:
        if declared[index].final:
            raise MalformedError(start, f"a type extends type {index}, which is final")
        if declared[index].kind != found.kind:
            raise MalformedError(start, f"a {found.kind} type extends type {index}, a {declared[index].kind}")
    return found


def defined_types(reader: Reader) -> tuple[DefinedType, ...]:
    """Read the content of a type section: types one by one, or in groups that refer to each other."""
    declared: list[DefinedType] = []
    for _ in range(reader.count("types", 2)):
        if reader.remaining and reader.data[reader.position] == _RECURSIVE:
            reader.position += 1
            count = reader.count("types", 2)
            known = len(declared) + count
            for _ in range(count):
                declared.append(_subtype(reader, declared, known))
        else:
            declared.append(_subtype(reader, declared, len(declared) + 1))
    return tuple(declared)


def _limits(reader: Reader, allowed: int) -> Limits:
    start = reader.position
    flags = reader.byte()
    if flags & ~allowed:
        raise MalformedError(start, f"the limits have unknown flags (0x{flags:02x})")
    wide = bool(flags & _WIDE)
    bits = 64 if wide else 32
    minimum = reader.unsigned(bits)
    maximum = reader.unsigned(bits) if flags & _HAS_MAXIMUM else None
    shared = bool(flags & _SHARED)
    page_size = reader.unsigned() if flags & _PAGE_SIZE else DEFAULT_PAGE_SIZE_LOG2
    if page_size > _MAX_PAGE_SIZE_LOG2:
        raise MalformedError(start, f"a page size of 2^{page_size} bytes is not possible")
    if shared and maximum is None:
        raise MalformedError(start, "shared limits need a maximum")
    if maximum is not None and maximum < minimum:
        raise MalformedError(start, f"the maximum ({maximum}) is less than the minimum ({minimum})")
    return Limits(minimum, maximum, shared, wide, page_size)


def memory_type(reader: Reader) -> Limits:
    """Read a memory's limits, in pages."""
    start = reader.position
    found = _limits(reader, _HAS_MAXIMUM | _SHARED | _WIDE | _PAGE_SIZE)
    most = WASM_MAX_PAGES_64 if found.wide else WASM_MAX_PAGES
    if found.page_size_log2 == DEFAULT_PAGE_SIZE_LOG2 and max(found.minimum, found.maximum or 0) > most:
        raise MalformedError(
            start, f"a memory may have {most} pages at most, not {max(found.minimum, found.maximum or 0)}"
        )
    return found


def table_type(reader: Reader, known: int) -> TableType:
    """Read a table's type; `known` is the number of types that it may name."""
    return TableType(reference_type(reader, known), _limits(reader, _HAS_MAXIMUM | _SHARED | _WIDE))


def global_type(reader: Reader, known: int) -> GlobalType:
    """Read a global's type; `known` is the number of types that it may name."""
    name = value_type(reader, known)
    start = reader.position
    mutability = reader.byte()
    if mutability > 1:
        raise MalformedError(start, f"a global is constant (0) or mutable (1), not {mutability}")
    return GlobalType(name, bool(mutability))
