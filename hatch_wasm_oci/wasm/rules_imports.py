"""WO2xx, and the imports among WO4xx: what the module wants and Envoy does not have, in the order of Envoy's checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.declarations import FUNCTION, GLOBAL, MEMORY, TABLE, TAG
from hatch_wasm_oci.wasm.envoy_tables import host_functions
from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.subject import MAX_PAGES, NO_INSTANCE, V8_FATAL, known_to_envoy, printed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci.wasm.declarations import Import
    from hatch_wasm_oci.wasm.subject import Subject

_MISSING = "Failed to load Wasm module due to a missing import: "
_MISMATCH = "Failed to load Wasm module due to an import type mismatch: "
_NOT_INITIALIZED = "Failed to initialize Wasm code"
_LONGEST_COMPARED = 64
_FROM_THE_LINKER = frozenset({"__stack_pointer", "__memory_base", "__table_base", "__linear_memory", "__tls_base"})
_WASI = ("wasi_unstable", "wasi_snapshot_preview1")
_MODULES_OF_OTHERS = {
    "wbg": "wasm-bindgen, which needs a JavaScript host",
    "__wbindgen_placeholder__": "wasm-bindgen, which needs a JavaScript host",
    "__wbindgen_externref_xform__": "wasm-bindgen, which needs a JavaScript host",
    "gojs": "Go for a browser (GOOS=js), which needs a JavaScript host",
    "go": "Go for a browser (GOOS=js), which needs a JavaScript host",
    "a": "Emscripten's JavaScript glue (its names are shortened)",
    "wasix_32v1": "WASIX",
    "wasi": "threads of WASI",
}


def _place(imported: Import) -> str:
    return f"{shown(imported.module)}.{shown(imported.name)}"


def _strange_types(subject: Subject, imported: Import) -> tuple[str, ...]:
    if imported.kind == FUNCTION:
        signature = subject.binary.types[imported.type_index or 0].function
        found = signature.params + signature.results
    elif imported.variable:
        found = (imported.variable.value,)
    elif imported.table:
        found = (imported.table.element,)
    else:
        found = ()
    return tuple([each for each in found if not known_to_envoy(each)])


def crashing_imports(subject: Subject) -> Iterator[Finding]:
    """Find imports whose types Envoy's engine interface can't name; asked for them, it ends the process (SIGTRAP)."""
    for each in subject.binary.imports:
        strange = _strange_types(subject, each)
        if each.kind == TAG:
            yield Finding(
                "WO405",
                "error",
                f"The module imports the exception tag {_place(each)}, which crashes Envoy.",
                V8_FATAL,
                "Envoy asks its engine for the kind of every import; the interface has no tags, and ends the process "
                "(SIGTRAP).",
                "Keep exceptions within the module: link everything statically, or build without exceptions.",
            )
        elif strange:
            yield Finding(
                "WO406",
                "error",
                f"The imported {each.kind} {_place(each)} has the type {strange[0]}, which crashes Envoy.",
                V8_FATAL,
                "Envoy asks its engine for the type of every import; for vectors and types of garbage collection that "
                "ends the process (SIGTRAP).",
                "No host function of Envoy takes such a type: drop the import. " + subject.remedy("target"),
            )


def _nearest(name: str, module: str) -> str:
    from difflib import get_close_matches

    if len(name) > _LONGEST_COMPARED:
        return ""
    names = [known for of, known in host_functions() if of == module]
    return next(iter(get_close_matches(name, names, 1, 0.8)), "")


def _missing(subject: Subject, imported: Import) -> tuple[str, str, str]:  # noqa: PLR0911 - one for each reason
    """Give code, reason and remedy for a function that Envoy does not have."""
    module, name = imported.module, imported.name
    known = host_functions().get((module, name))
    remedy = subject.remedy("target")
    if known and known.since > subject.envoy:
        first = ".".join([str(each) for each in known.since])
        return (
            "WO208",
            f"Envoy has this WASI function only from {first} on.",
            f'Require Envoy {first} (envoy = "{first}"), or drop what uses files, sockets or the clock\'s resolution.',
        )
    if known:
        versions = ", ".join(sorted(known.abis))
        return (
            "WO201",
            f"Envoy has this function for the ABI version {versions}, but the module says that it uses {subject.abi}.",
            "Use an SDK and an ABI version that belong together.",
        )
    if owner := _MODULES_OF_OTHERS.get(module):
        return "WO201", f"The import belongs to {owner}.", remedy
    if ":" in module or "/" in module:
        return "WO201", "The import belongs to the Component Model's interfaces (WASI 0.2).", remedy
    if near := _nearest(name, module):
        return (
            "WO201",
            f"Envoy has no function of this name; the nearest one is {module}.{near}.",
            f"Did you mean {near}?",
        )
    for other in (*_WASI, "env"):
        if (other, name) in host_functions():
            return "WO201", f"Envoy has this function in the module {other}.", f"Import it from {other}."
    if module in _WASI:
        return "WO201", "No Envoy has this WASI function.", f"Drop what uses it. {remedy}"
    return "WO201", "Envoy offers the proxy-wasm and WASI functions only.", remedy


def _function(subject: Subject, imported: Import) -> Iterator[Finding]:
    place = _place(imported)
    host = subject.host_function(imported)
    if host is None:
        code, why, remedy = _missing(subject, imported)
        yield Finding(
            code, "error", f"The module imports {place}, which Envoy does not have.", f"{_MISSING}{place}", why, remedy
        )
        return
    wanted = subject.binary.types[imported.type_index or 0].function
    if wanted != host.signature:
        types = f"want: {printed(wanted)}, but host exports: {printed(host.signature)}"
        yield Finding(
            "WO202",
            "error",
            f"The module imports {place} as {printed(wanted)}, but Envoy's function is {printed(host.signature)}.",
            f"{_MISMATCH}{place}, {types}",
            "An import must have exactly the type of the host's function.",
            f"Declare it as {printed(host.signature)}, or use an SDK that fits the ABI version {subject.abi}.",
        )


def _global(subject: Subject, imported: Import) -> Finding:
    place = _place(imported)
    unlinked = imported.name in _FROM_THE_LINKER or subject.binary.custom("linking") is not None
    position_independent = subject.binary.custom("dylink.0") is not None
    why, remedy = (
        "Envoy gives a module functions, a memory and a table, but no globals.",
        "Define the global in the module.",
    )
    if position_independent:
        why = "The module is a shared library (dylink.0), which needs a main module beside it."
        remedy = "Link a whole program: without -shared and -fPIC (with Emscripten: without -sSIDE_MODULE)."
    elif unlinked:
        why = "The file is an object file: the linker, which defines this global, has not run."
        remedy = "Link it: leave out -c (C, Zig), or take the file of the linker's output directory, not an .o file."
    code = "WO207" if unlinked or position_independent else "WO203"
    return Finding(code, "error", f"The module imports the global {place}.", f"{_MISSING}{place}", why, remedy)


def missing_imports(subject: Subject) -> Iterator[Finding]:
    """Find what Envoy looks for in vain, import by import; it logs the first one only."""
    for each in subject.binary.imports:
        if each.kind == FUNCTION:
            yield from _function(subject, each)
        elif each.kind == GLOBAL:
            yield _global(subject, each)
        elif each.memory and each.memory.minimum > MAX_PAGES:
            yield Finding(
                "WO204",
                "error",
                f"The imported memory {_place(each)} starts with {each.memory.minimum} pages.",
                _NOT_INITIALIZED,
                f"Envoy's engine makes a memory of {MAX_PAGES} pages (1 GiB) at most.",
                "Start with less (-Wl,--initial-memory), and let the memory grow.",
            )


def _several(kind: str, count: int) -> Finding:
    return Finding(
        "WO409",
        "error",
        f"The module imports {count} {'memories' if kind == MEMORY else 'tables'}: Envoy crashes, or refuses it.",
        "",
        f"Envoy makes a {kind} for each, keeps only the last, and then uses the others after they are gone.",
        f"Import one {kind} at most; define the others in the module.",
    )


def unlinkable_imports(subject: Subject) -> Iterator[Finding]:
    """Find memories and tables that Envoy can make, but not of the kind that the module wants."""
    for kind in (MEMORY, TABLE):
        imported = subject.binary.imported(kind)
        problem = ""
        if len(imported) > 1:
            yield _several(kind, len(imported))
        elif imported:
            limits = imported[0].memory or (imported[0].table.limits if imported[0].table else None)
            place = _place(imported[0])
            if limits and limits.shared:
                problem = f"The imported {kind} {place} is shared."
            elif limits and limits.wide:
                problem = f"The imported {kind} {place} has 64-bit addresses."
        if problem:
            yield Finding(
                "WO205",
                "error",
                problem,
                NO_INSTANCE,
                f"Envoy makes one {kind} for a module that imports one: not shared, with 32-bit addresses.",
                f"Define the {kind} in the module and export it: link without --import-{kind}.",
            )
