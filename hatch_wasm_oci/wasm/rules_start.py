"""WO31x, and the starting ones among WO4xx: what goes wrong when Envoy makes the instance and starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.custom import read_function_names
from hatch_wasm_oci.wasm.declarations import MEMORY
from hatch_wasm_oci.wasm.envoy_tables import callbacks
from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.subject import MAX_PAGES, NO_CONFIGURATION, NO_INSTANCE, NO_START, SEGMENTATION_FAULT, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci.wasm.course import Course
    from hatch_wasm_oci.wasm.declarations import Import
    from hatch_wasm_oci.wasm.subject import Subject

# What Envoy calls before the first request, in its order, and the line that it logs if the answer is no.
_FIRST_CALLED = {
    "proxy_on_context_create": "",
    "proxy_on_vm_start": NO_START,
    "proxy_on_configure": NO_CONFIGURATION,
}
# By its full name: TinyGo's programs do not end themselves.
_GO_COMPILER = "Go cmd/compile"
_TRAPPED = "Uncaught RuntimeError: unreachable"
_RESTRICTED = "Uncaught Error: restricted_callback"


def _memories(subject: Subject) -> Iterator[Finding]:
    for each in subject.binary.memories[len(subject.binary.imported(MEMORY)) :]:
        if each.minimum > MAX_PAGES:
            yield Finding(
                "WO310",
                "error",
                f"A memory starts with {each.minimum} pages.",
                NO_INSTANCE,
                f"Envoy's engine gives a memory {MAX_PAGES} pages (1 GiB) at most.",
                "Start with less (-Wl,--initial-memory in bytes), and let the memory grow.",
            )


def _segments(subject: Subject) -> Iterator[Finding]:
    binary = subject.binary
    tables = tuple([each.limits for each in binary.tables])
    for what, reach, limits, unit in (
        ("data", binary.data.reach, binary.memories, "bytes"),
        ("element", binary.elements.reach, tables, "entries"),
    ):
        for index, (end, each) in enumerate(zip(reach, limits, strict=False)):
            size = each.minimum << each.page_size_log2 if unit == "bytes" else each.minimum
            if end > size:
                owner = "memory" if unit == "bytes" else "table"
                yield Finding(
                    "WO312",
                    "error",
                    f"A {what} segment reaches to {end} {unit}, but {owner} {index} starts with {size}.",
                    NO_INSTANCE,
                    "Segments are put in place before anything runs; one that does not fit ends the start.",
                    f"Let the {owner} start larger; a tool that shrank it after linking did too much.",
                )


def _name(subject: Subject, function: int) -> str:
    section = subject.binary.custom("name")
    names = read_function_names(subject.data, section, frozenset({function})) if section else {}
    return f"{function} ({shown(names[function])})" if function in names else str(function)


def _place(imported: Import) -> str:
    return f"{shown(imported.module)}.{shown(imported.name)}"


def _crashing_call(subject: Subject, course: Course) -> Import | None:
    """Give the first call that certainly crashes for want of a memory."""
    if subject.host_sees_memory:
        return None
    for index in course.calls:
        imported = subject.imported_functions[index]
        host = subject.host_function(imported)
        if host and host.memory == "always":
            return imported
    return None


def _without_memory(name: str, imported: Import) -> Finding:
    return Finding(
        "WO401",
        "error",
        f"{name} calls {_place(imported)}, but the module exports no memory: that crashes Envoy.",
        SEGMENTATION_FAULT,
        "The function reads or writes the module's memory, and Envoy does not check that it has one (SIGSEGV).",
        'Export the memory, by the usual name "memory": in the text format (memory (export "memory") 1); '
        "linkers do so by themselves unless told otherwise.",
    )


def starting_section(subject: Subject) -> Iterator[Finding]:
    """Find what keeps Envoy from making the instance: sizes, segments, and the start section."""
    yield from _memories(subject)
    yield from _segments(subject)
    start = subject.binary.start
    if start is None:
        return
    course = subject.course(start, thorough=True)
    hosts = [(each, subject.host_function(each)) for each in [subject.imported_functions[n] for n in course.calls]]
    crash = next((each for each, host in hosts if host and host.start == "always"), None)
    why = (
        "A start section runs before Envoy is ready for the module's calls: it has no context yet, and uses it anyway."
    )
    remedy = subject.remedy("start")
    if crash:
        yield Finding(
            "WO402",
            "error",
            f"The start function {_name(subject, start)} calls {_place(crash)}, which crashes Envoy.",
            SEGMENTATION_FAULT,
            why,
            remedy,
        )
    elif course.ending == "trap":
        yield Finding(
            "WO311",
            "error",
            f"The start function {_name(subject, start)} always traps.",
            NO_INSTANCE,
            "It comes to an `unreachable` instruction whatever happens.",
            remedy,
        )
    else:
        possible = [subject.imported_functions[index] for index in sorted(course.possible)]
        risky = [each for each in possible if (host := subject.host_function(each)) and host.start != "never"]
        if risky:
            yield Finding(
                "WO503",
                "warning",
                f"The start function {_name(subject, start)} may call {_place(risky[0])}, which can crash Envoy.",
                "",
                why,
                remedy,
            )


def _failing(subject: Subject, name: str, course: Course) -> Finding | None:
    for index in course.calls:
        imported = subject.imported_functions[index]
        host = subject.host_function(imported)
        if host and host.initialize > subject.envoy:
            return Finding(
                "WO313",
                "error",
                f"{name} calls {_place(imported)}, which Envoy does not allow there.",
                f"Function: {name} failed: {_RESTRICTED}",
                "While a module starts, Envoy allows logging, arguments, environment, clock and random numbers only.",
                f"Do it in proxy_on_vm_start or proxy_on_configure. {subject.remedy('reactor')}"
                if imported.name == "proc_exit"
                else "Do it in proxy_on_vm_start or proxy_on_configure.",
            )
    if course.ending == "trap":
        return Finding(
            "WO313",
            "error",
            f"{name} always traps.",
            f"Function: {name} failed: {_TRAPPED}",
            "It comes to an `unreachable` instruction whatever happens.",
            "Look at what the module does when it starts, such as a panic in a constructor.",
        )
    return None


def initializing(subject: Subject) -> Iterator[Finding]:
    """Find what fails in `_initialize` or `_start`."""
    name = "_initialize" if subject.usable("_initialize") is not None else "_start"
    function = subject.usable(name)
    if function is None:
        return
    course = subject.course(function)
    crash = _crashing_call(subject, course)
    if crash:
        yield _without_memory(name, crash)
    elif failing := _failing(subject, name, course):
        yield failing
    elif name == "_start" and any(each.name == _GO_COMPILER for each in subject.binary.producers):
        yield Finding(
            "WO313",
            "error",
            "The module is a Go program (it exports _start), which ends itself after main: Envoy refuses that.",
            f"Function: _start failed: {_RESTRICTED}",
            "A Go program calls proc_exit when main returns; Envoy does not allow that while a module starts.",
            subject.remedy("reactor"),
        )


def _refusing(name: str, line: str, course: Course) -> Finding | None:
    if not line or (course.ending != "trap" and course.result != 0):
        return None
    does = "always traps" if course.ending == "trap" else "always returns 0"
    return Finding(
        "WO314",
        "error",
        f"{name} {does}, so Envoy refuses the plugin.",
        line,
        "The function says with any other number than 0 that the plugin may run.",
        f"Return 1 (true) from {name}.",
    )


def starting_callbacks(subject: Subject) -> Iterator[Finding]:
    """Find callbacks that always refuse or trap when the plugin starts, and calls without a memory in all of them."""
    crashes = False
    for name in (*_FIRST_CALLED, *(each for each in callbacks() if each not in _FIRST_CALLED)):
        line = _FIRST_CALLED.get(name, "")
        function = subject.usable(name)
        if function is None or (subject.host_sees_memory and not line):
            continue
        course = subject.course(function)
        if crash := _crashing_call(subject, course):
            crashes = True
            yield _without_memory(name, crash)
        elif refusing := _refusing(name, line, course):
            yield refusing
    if not crashes and not subject.host_sees_memory:
        yield from _risky_imports(subject)


def _risky_imports(subject: Subject) -> Iterator[Finding]:
    for each in subject.imported_functions:
        host = subject.host_function(each)
        if host and host.memory != "never":
            yield Finding(
                "WO508",
                "warning",
                f"The module imports {_place(each)}, but exports no memory: a call would crash Envoy.",
                "",
                "The function reads or writes the module's memory, and Envoy does not check that it has one (SIGSEGV).",
                'Export the memory, by the usual name "memory".',
            )
            return
