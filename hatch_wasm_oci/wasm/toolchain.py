"""Which toolchain made a module, so that advice can be given in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.declarations import Binary

RUST, GO, TINYGO, ASSEMBLYSCRIPT, EMSCRIPTEN, ZIG, C, UNKNOWN = (
    "Rust",
    "Go",
    "TinyGo",
    "AssemblyScript",
    "Emscripten",
    "Zig",
    "C/C++",
    "",
)
# The first match wins: TinyGo and Zig also call themselves C, since clang made their libraries.
_PRODUCERS = (
    ("tinygo", TINYGO),
    ("assemblyscript", ASSEMBLYSCRIPT),
    ("emscripten", EMSCRIPTEN),
    ("zig", ZIG),
    ("rust", RUST),
    ("go", GO),
)
_IMPORTED_MODULES = {"gojs": GO, "go": GO, "wbg": RUST, "__wbindgen_placeholder__": RUST}
_IMPORTED_NAMES = {"emscripten": EMSCRIPTEN, "_emscripten": EMSCRIPTEN, "runtime.": TINYGO}
_EXPORTED = {
    "asyncify_start_unwind": TINYGO,
    "__rtti_base": ASSEMBLYSCRIPT,
    "__pin": ASSEMBLYSCRIPT,
    "emscripten_stack_init": EMSCRIPTEN,
    "emscripten_stack_get_current": EMSCRIPTEN,
    "_emscripten_stack_restore": EMSCRIPTEN,
    "stackAlloc": EMSCRIPTEN,
    "__getTypeName": EMSCRIPTEN,
}
_ABORT_OF_ASSEMBLYSCRIPT = ("i32", "i32", "i32", "i32")


def _by_producers(binary: Binary) -> str:
    names = [each.name.lower() for each in binary.producers]
    for part, toolchain in _PRODUCERS:
        if any(name == part or (name.startswith(part) and part != "go") for name in names):
            return toolchain
    if "go cmd/compile" in names:
        return GO
    return ""


def _by_telltales(binary: Binary) -> str:
    for each in binary.imports:
        if toolchain := _IMPORTED_MODULES.get(each.module):
            return toolchain
        for start, toolchain in _IMPORTED_NAMES.items():
            if each.name.startswith(start):
                return toolchain
        is_abort = (each.module, each.name, each.kind) == ("env", "abort", "func")
        if is_abort and binary.types[each.type_index or 0].function.params == _ABORT_OF_ASSEMBLYSCRIPT:
            return ASSEMBLYSCRIPT
    for export in binary.exports:
        if toolchain := _EXPORTED.get(export.name):
            return toolchain
    return ""


def toolchain_of(binary: Binary) -> str:
    """Name the toolchain that made a module.

    Args:
        binary: The module; may have a fault.

    Returns:
        `Rust`, `Go`, `TinyGo`, `AssemblyScript`, `Emscripten`, `Zig`, `C/C++`; empty if nothing tells.
    """
    found = _by_producers(binary) or _by_telltales(binary)
    if found:
        return found
    if any(each.name.lower() == "clang" or each.field == "language" for each in binary.producers):
        return C
    if any(each.id == 0 and each.name in {"linking", "dylink.0"} for each in binary.sections):
        return C
    return UNKNOWN
