"""What the rules look at: a module with everything that several of them ask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.course import course_of
from hatch_wasm_oci.wasm.declarations import FUNCTION, MEMORY
from hatch_wasm_oci.wasm.envoy_tables import callback_signature, host_functions
from hatch_wasm_oci.wasm.remedies import remedy
from hatch_wasm_oci.wasm.value_types import FunctionType

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.course import Course
    from hatch_wasm_oci.wasm.declarations import Binary, Import
    from hatch_wasm_oci.wasm.envoy_tables import HostFunction, Version

MAX_PAGES = 16_384
"""The most pages of a memory that Envoy's engine makes: 1 GiB."""
_LONGEST_SHOWN = 200
NO_BYTECODE = "Failed to load Wasm bytecode"
NO_INSTANCE = "Failed to create new Wasm instance"
NO_START = "Failed to start base Wasm"
NO_CONFIGURATION = "Failed to configure base Wasm plugin"
SEGMENTATION_FAULT = "Caught Segmentation fault"
V8_FATAL = "# unreachable code"
_STARTING = {
    "_initialize": FunctionType(),
    "_start": FunctionType(),
    "main": FunctionType(("i32", "i32"), ("i32",)),
    "__main_void": FunctionType((), ("i32",)),
    "malloc": FunctionType(("i32",), ("i32",)),
    "proxy_on_memory_allocate": FunctionType(("i32",), ("i32",)),
}
_PRINTED = {
    "i32": "i32",
    "i64": "i64",
    "f32": "f32",
    "f64": "f64",
    "funcref": "funcref",
    "(ref func)": "funcref",
    "externref": "externref",
    "(ref extern)": "externref",
}


def known_to_envoy(value_type: str) -> bool:
    """Say whether Envoy's engine interface has this value type; asked for another, it ends the process."""
    return value_type in _PRINTED


def shown(name: str) -> str:
    """Write a name of the module's own so that no terminal takes harm: short, and without control characters."""
    name = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"
    return "".join([each if each.isprintable() else each.encode("unicode_escape").decode() for each in name])


def printed(signature: FunctionType) -> str:
    """Write a signature as Envoy logs it: `i32 i32 -> void`."""
    params = " ".join([_PRINTED.get(each, "unknown") for each in signature.params]) or "void"
    results = " ".join([_PRINTED.get(each, "unknown") for each in signature.results]) or "void"
    return f"{params} -> {results}"


@dataclass(frozen=True)
class Subject:
    """A module under inspection.

    Args:
        data: The whole file.
        binary: What it holds; has no fault.
        abi: The ABI version that Envoy finds, or the newest one if the module names none.
        envoy: The lowest Envoy version that it must load in.
        toolchain: What made it; empty if unknown.
    """

    data: memoryview
    binary: Binary
    abi: str
    envoy: Version
    toolchain: str

    @cached_property
    def imported_functions(self) -> tuple[Import, ...]:
        """The imported functions in the order of their indices."""
        return self.binary.imported(FUNCTION)

    @cached_property
    def _functions(self) -> dict[str, int]:
        return {each.name: each.index for each in self.binary.exports if each.kind == FUNCTION}

    @cached_property
    def host_sees_memory(self) -> bool:
        """Whether Envoy gets hold of any memory of the module."""
        return bool(self.binary.imported(MEMORY)) or any(each.kind == MEMORY for each in self.binary.exports)

    def remedy(self, topic: str) -> str:
        """Give the advice on a topic of `remedies.txt` for the toolchain that made the module."""
        return remedy(topic, self.toolchain)

    def host_function(self, imported: Import) -> HostFunction | None:
        """Give Envoy's function for an import; None if this Envoy, or this ABI version, has none."""
        found = host_functions().get((imported.module, imported.name))
        if found is None or found.since > self.envoy or (found.abis and self.abi not in found.abis):
            return None
        return found

    def course(self, function: int, *, thorough: bool = False) -> Course:
        """Follow a function for as long as what it does is certain; thoroughly, find possible calls too."""
        return course_of(self.binary, self.data, function, thorough=thorough)

    def wanted(self, name: str) -> FunctionType | None:
        """Give the signature that Envoy wants of an export; None if it does not look for it."""
        return _STARTING.get(name) or callback_signature(name, self.abi)

    def exported(self, name: str) -> int | None:
        """Give the index of the function that is exported by this name; None if there is none."""
        return self._functions.get(name)

    def usable(self, name: str) -> int | None:
        """Give the index of an exported function that Envoy can call by this name; None if there is none."""
        index = self.exported(name)
        return None if index is None or self.binary.signature(index) != self.wanted(name) else index
