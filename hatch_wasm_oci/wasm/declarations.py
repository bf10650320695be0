"""What a WebAssembly binary declares, needs and offers, and where it is broken: the values that `parse` gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.segments import NO_SEGMENTS, Segments

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.value_types import DefinedType, FunctionType, GlobalType, Limits, TableType

FUNCTION, TABLE, MEMORY, GLOBAL, TAG = "func", "table", "memory", "global", "tag"


@dataclass(frozen=True)
class Fault:
    """Where a module is malformed, and how.

    Args:
        offset: In bytes from the file's start.
        section: The section's name, such as `import`; empty outside of any.
        problem: One phrase.
    """

    offset: int
    section: str
    problem: str

    def __str__(self) -> str:
        place = f"{self.section} section, byte {self.offset}" if self.section else f"byte {self.offset}"
        return f"{place}: {self.problem}"


@dataclass(frozen=True)
class Section:
    """One section of the file.

    Args:
        id: Its number.
        name: Its name in the specification; a custom section's own name.
        offset: Where its content starts, after a custom section's name, in bytes.
        size: How many bytes of content it has.
    """

    id: int
    name: str
    offset: int
    size: int


@dataclass(frozen=True)
class Import:
    """Something that the host must give.

    Args:
        module: The first name, such as `env`.
        name: The second name, such as `proxy_log`.
        kind: `func`, `table`, `memory`, `global` or `tag`.
        type_index: The type of a `func` or `tag`; None for the others.
        table: The type of a `table`.
        memory: The limits of a `memory`.
        variable: The type of a `global`.
    """

    module: str
    name: str
    kind: str
    type_index: int | None = None
    table: TableType | None = None
    memory: Limits | None = None
    variable: GlobalType | None = None


@dataclass(frozen=True)
class Export:
    """Something that the module offers: its name, its kind (as in `Import`) and its index among those of its kind."""

    name: str
    kind: str
    index: int


@dataclass(frozen=True)
class Producer:
    """One tool that made the module, by the module's own word.

    Args:
        field: `language`, `processed-by` or `sdk`.
        name: Such as `Rust` or `clang`.
        version: May be empty.
    """

    field: str
    name: str
    version: str


@dataclass(frozen=True)
class Binary:
    """What a file of WebAssembly holds. Of a malformed one it has what was read before the fault.

    Args:
        size: Of the file, in bytes.
        format: What the file is: `module`, `component`, or why it is neither (see `filetype`).
        version: The version field of a module or component; 0 where there is none.
        sections: All sections in the file's order.
        types: The type section.
        imports: The import section.
        functions: The type index of each function; as in all index spaces, the imported ones come first.
        tables: Each table's type.
        memories: Each memory's limits.
        globals: Each global's type.
        tags: The type index of each exception tag.
        exports: The export section.
        start: The index of the start function, if there is one.
        elements: The element segments.
        data: The data segments.
        bodies: Where each body begins and ends, in bytes from the file's start; one for each function that is not
            imported.
        producers: The tools that made it, by its own word.
        fault: The first place where it is malformed, if any.
    """

    size: int
    format: str
    version: int = 0
    sections: tuple[Section, ...] = ()
    types: tuple[DefinedType, ...] = ()
    imports: tuple[Import, ...] = ()
    functions: tuple[int, ...] = ()
    tables: tuple[TableType, ...] = ()
    memories: tuple[Limits, ...] = ()
    globals: tuple[GlobalType, ...] = ()
    tags: tuple[int, ...] = ()
    exports: tuple[Export, ...] = ()
    start: int | None = None
    elements: Segments = NO_SEGMENTS
    data: Segments = NO_SEGMENTS
    bodies: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    producers: tuple[Producer, ...] = ()
    fault: Fault | None = None

    def imported(self, kind: str) -> tuple[Import, ...]:
        """Give the imports of one kind, in the order of their indices."""
        return tuple([each for each in self.imports if each.kind == kind])

    def exported(self, name: str, kind: str = FUNCTION) -> Export | None:
        """Find the export of this name and kind."""
        return next((each for each in self.exports if each.name == name and each.kind == kind), None)

    def signature(self, function: int) -> FunctionType:
        """Give the signature of a function by its index."""
        return self.types[self.functions[function]].function

    def custom(self, name: str) -> Section | None:
        """Find the first custom section of this name."""
        return next((each for each in self.sections if each.id == 0 and each.name == name), None)
