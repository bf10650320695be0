"""The content of each section of a module, gathered into a `Binary`.

Follows the WebAssembly core specification 3.0, section 5.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm import filetype
from hatch_wasm_oci.wasm.constant import Scope, constant
from hatch_wasm_oci.wasm.custom import read_producers
from hatch_wasm_oci.wasm.declarations import Binary, Export, Fault, Import, Section
from hatch_wasm_oci.wasm.reader import MalformedError, Reader
from hatch_wasm_oci.wasm.segments import NO_SEGMENTS, read_data_segments, read_element_segments
from hatch_wasm_oci.wasm.value_types import defined_types, global_type, memory_type, table_type

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.value_types import DefinedType, GlobalType, Limits, TableType

_KINDS = ("func", "table", "memory", "global", "tag")
_END = 0x0B
_MOST_TABLES = _MOST_MEMORIES = 100_000
_TABLE_WITH_VALUE = 0x40


class ModuleBuilder:
    """What has been read so far; becomes a `Binary` once all is."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.sections: list[Section] = []
        self.types: tuple[DefinedType, ...] = ()
        self.imports: list[Import] = []
        # In each index space the imported ones come first.
        self.functions: list[int] = []
        self.tables: list[TableType] = []
        self.memories: list[Limits] = []
        self.globals: list[GlobalType] = []
        self.tags: list[int] = []
        self.defined = 0
        self.exports: list[Export] = []
        self.start: int | None = None
        self.elements = NO_SEGMENTS
        self.segments = NO_SEGMENTS
        self.bodies: list[tuple[int, int]] = []
        self.data_count: int | None = None

    @property
    def scope(self) -> Scope:
        """What constant expressions may name so far."""
        return Scope(self.types, len(self.functions), self.globals)

    def function_type(self, reader: Reader) -> int:
        """Read the index of a type that must be a function's."""
        start = reader.position
        index = reader.unsigned()
        if index >= len(self.types):
            raise MalformedError(start, f"type {index} is used, but there are only {len(self.types)}")
        if self.types[index].kind != "func":
            raise MalformedError(start, f"type {index} is used as a function's, but is a {self.types[index].kind}")
        return index

    def tag_type(self, reader: Reader) -> int:
        """Read what a tag is."""
        start = reader.position
        if attribute := reader.byte():
            raise MalformedError(start, f"a tag's attribute must be 0, not {attribute}")
        index = self.function_type(reader)
        if self.types[index].function.results:
            raise MalformedError(start, "a tag's type has results")
        return index

    def read_types(self, reader: Reader) -> None:
        """Read the type section."""
        self.types = defined_types(reader)

    def read_import(self, reader: Reader) -> None:
        """Read one import."""
        module, name = reader.name(), reader.name()
        start = reader.position
        kind = reader.byte()
        if kind == 0:
            index = self.function_type(reader)
            self.functions.append(index)
            found = Import(module, name, "func", type_index=index)
        elif kind == 1:
            table = table_type(reader, len(self.types))
            self.tables.append(table)
            found = Import(module, name, "table", table=table)
        elif kind == 2:  # noqa: PLR2004 - the kinds' numbers stand in the specification
            memory = memory_type(reader)
            self.memories.append(memory)
            found = Import(module, name, "memory", memory=memory)
        elif kind == 3:  # noqa: PLR2004 - as above
            variable = global_type(reader, len(self.types))
            self.globals.append(variable)
            found = Import(module, name, "global", variable=variable)
        elif kind == 4:  # noqa: PLR2004 - as above
            index = self.tag_type(reader)
            self.tags.append(index)
            found = Import(module, name, "tag", type_index=index)
        else:
            raise MalformedError(start, f"0x{kind:02x} is no kind of import")
        self.imports.append(found)

    def read_imports(self, reader: Reader) -> None:
        """Read the import section."""
        for _ in range(reader.count("imports", 4)):
            self.read_import(reader)

    def read_functions(self, reader: Reader) -> None:
        """Read the function section: the type of each function that is defined here."""
        start = reader.position
        defined = reader.indices("types", len(self.types))
        self.defined = len(defined)
        self.functions.extend(defined)
        for index in set(defined):
            if self.types[index].kind != "func":
                raise MalformedError(start, f"type {index} is used as a function's, but is a {self.types[index].kind}")

    def read_tables(self, reader: Reader) -> None:
        """Read the table section."""
        for _ in range(reader.count("tables", 3, _MOST_TABLES)):
            start = reader.position
            with_value = reader.remaining and reader.data[start] == _TABLE_WITH_VALUE
            if with_value:
                reader.position += 1
                if reader.byte():
                    raise MalformedError(start + 1, "a reserved byte is not 0")
            table = table_type(reader, len(self.types))
            if with_value:
                constant(reader, self.scope, table.element)
            elif table.element.startswith("(ref ") and not table.element.startswith("(ref null "):
                raise MalformedError(start, f"a table of {table.element} needs a first value")
            self.tables.append(table)

    def read_memories(self, reader: Reader) -> None:
        """Read the memory section."""
        for _ in range(reader.count("memories", 2, _MOST_MEMORIES)):
            self.memories.append(memory_type(reader))

    def read_tags(self, reader: Reader) -> None:
        """Read the tag section."""
        for _ in range(reader.count("tags", 2)):
            self.tags.append(self.tag_type(reader))

    def read_globals(self, reader: Reader) -> None:
        """Read the global section."""
        for _ in range(reader.count("globals", 4)):
            found = global_type(reader, len(self.types))
            constant(reader, self.scope, found.value)
            self.globals.append(found)

    def read_exports(self, reader: Reader) -> None:
        """Read the export section."""
        sizes = [len(each) for each in (self.functions, self.tables, self.memories, self.globals, self.tags)]
        names: set[str] = set()
        for _ in range(reader.count("exports", 3)):
            start = reader.position
            name, kind, index = reader.name(), reader.byte(), reader.unsigned()
            if kind >= len(_KINDS):
                raise MalformedError(start, f"export {name!r} has the unknown kind 0x{kind:02x}")
            if index >= sizes[kind]:
                raise MalformedError(start, f"export {name!r} is {_KINDS[kind]} {index}, but there are {sizes[kind]}")
            if name in names:
                raise MalformedError(start, f"two exports have the name {name!r}")
            names.add(name)
            self.exports.append(Export(name, _KINDS[kind], index))

    def read_start(self, reader: Reader) -> None:
        """Read the start section."""
        start = reader.position
        index = reader.unsigned()
        if index >= len(self.functions):
            raise MalformedError(start, f"function {index} is to start, but there are {len(self.functions)}")
        function = self.types[self.functions[index]].function
        if function.params or function.results:
            raise MalformedError(start, f"the start function {index} must take and give nothing")
        self.start = index

    def read_elements(self, reader: Reader) -> None:
        """Read the element section."""
        self.elements = read_element_segments(reader, self.scope, self.tables)

    def read_data_count(self, reader: Reader) -> None:
        """Read the data count section."""
        self.data_count = reader.unsigned()

    def read_code(self, reader: Reader) -> None:
        """Read where each body of the code section begins and ends."""
        start = reader.position
        count = reader.count("function bodies", 3)
        if count != self.defined:
            raise MalformedError(start, f"{self.defined} functions are declared, but {count} bodies follow")
        data, bodies = self.data, self.bodies
        for _ in range(count):
            size = reader.unsigned()
            begin = reader.skip(size, "a function body")
            end = begin + size
            if not size or data[end - 1] != _END:
                raise MalformedError(begin, "a function body does not end with the end instruction")
            bodies.append((begin, end))

    def read_data(self, reader: Reader) -> None:
        """Read the data section."""
        start = reader.position
        self.segments = read_data_segments(reader, self.scope, self.memories)
        if self.data_count not in {None, self.segments.count}:
            raise MalformedError(
                start, f"{self.data_count} data segments are announced, but {self.segments.count} follow"
            )
        self.data_count = None

    def missing(self) -> str:
        """Say what was announced and did not come by the file's end; empty if nothing."""
        if self.defined and not any(each.name == "code" and each.id for each in self.sections):
            return f"{self.defined} functions are declared, but no body follows"
        if self.data_count:
            return f"{self.data_count} data segments are announced, but none follows"
        return ""

    def binary(self, fault: Fault | None) -> Binary:
        """Give what was read."""
        producers = next((each for each in self.sections if not each.id and each.name == "producers"), None)
        return Binary(
            size=len(self.data),
            format=filetype.MODULE,
            version=1,
            sections=tuple(self.sections),
            types=self.types,
            imports=tuple(self.imports),
            functions=tuple(self.functions),
            tables=tuple(self.tables),
            memories=tuple(self.memories),
            globals=tuple(self.globals),
            tags=tuple(self.tags),
            exports=tuple(self.exports),
            start=self.start,
            elements=self.elements,
            data=self.segments,
            bodies=tuple(self.bodies),
            producers=read_producers(self.data, producers) if producers else (),
            fault=fault,
        )
