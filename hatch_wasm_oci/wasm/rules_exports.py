"""WO3xx, and the exports among WO4xx: what Envoy looks for in the module, in the order in which it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.declarations import FUNCTION, GLOBAL, TABLE, TAG
from hatch_wasm_oci.wasm.envoy_tables import MAIN_VOID_SINCE, callbacks
from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.subject import V8_FATAL, known_to_envoy, printed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci.wasm.declarations import Export
    from hatch_wasm_oci.wasm.subject import Subject

NO_MALLOC = "Wasm module is missing malloc function."
# What JavaScript calls an array index (ECMA-262, section 6.1.7).
_MAX_INDEX = (1 << 32) - 1
_MOST_DIGITS = 10


def _strange_types(subject: Subject, export: Export) -> tuple[str, ...]:
    binary = subject.binary
    found: tuple[str, ...] = ()
    if export.kind == FUNCTION:
        signature = binary.signature(export.index)
        found = signature.params + signature.results
    elif export.kind == GLOBAL:
        found = (binary.globals[export.index].value,)
    elif export.kind == TABLE:
        found = (binary.tables[export.index].element,)
    return tuple([each for each in found if not known_to_envoy(each)])


def crashing_exports(subject: Subject) -> Iterator[Finding]:
    """Find exports whose types Envoy's engine interface can't name; asked for them, it ends the process (SIGTRAP)."""
    for each in subject.binary.exports:
        if _is_array_index(each.name) or each.name.endswith("\0"):
            yield Finding(
                "WO408",
                "error",
                f"The export named {shown(each.name)!r} crashes Envoy.",
                V8_FATAL,
                "Envoy's engine finds exports by name, and gets lost over a whole number or a zero byte at the end "
                "(SIGTRAP).",
                "Rename the export, or leave it out; a tool that shortens names went too far.",
            )
    codes = {FUNCTION: "WO403", GLOBAL: "WO404", TABLE: "WO407", TAG: "WO405"}
    for each in subject.binary.exports:
        strange = _strange_types(subject, each)
        if strange or each.kind == TAG:
            what = f"has the type {strange[0]}" if strange else "is an exception tag"
            yield Finding(
                codes[each.kind],
                "error",
                f"The exported {each.kind} {shown(each.name)} {what}, which crashes Envoy.",
                V8_FATAL,
                "Envoy asks its engine for the type of every export; for vectors, types of garbage collection and tags "
                "that ends the process (SIGTRAP). Within the module they do no harm.",
                f"Do not export {shown(each.name)}, or give it plain types (i32, i64, f32, f64, externref, funcref).",
            )


def _is_array_index(name: str) -> bool:
    return (
        name.isascii()
        and name.isdigit()
        and len(name) <= _MOST_DIGITS
        and str(int(name)) == name
        and int(name) < _MAX_INDEX
    )


def _looked_up(subject: Subject) -> Iterator[str]:
    """Give the names that Envoy looks for, in its order; what it takes decides what it looks for next."""
    yield "_initialize"
    if subject.usable("_initialize") is None:
        yield "_start"
    else:
        yield "main"
        if subject.usable("main") is None and subject.envoy >= MAIN_VOID_SINCE:
            yield "__main_void"
    yield "malloc"
    if subject.usable("malloc") is None:
        yield "proxy_on_memory_allocate"
        if subject.usable("proxy_on_memory_allocate") is None:
            yield ""
    yield from callbacks()


def _no_malloc(subject: Subject) -> Finding:
    return Finding(
        "WO304",
        "error",
        "The module exports neither malloc nor proxy_on_memory_allocate as i32 -> i32.",
        NO_MALLOC,
        "Envoy asks the module for memory wherever it hands bytes over, such as a header's value.",
        subject.remedy("malloc"),
    )


def wrong_exports(subject: Subject) -> Iterator[Finding]:
    """Find what Envoy needs and the module lacks, or has with another signature. Envoy logs all of these."""
    for name in _looked_up(subject):
        if not name:
            yield _no_malloc(subject)
            continue
        index, wanted = subject.exported(name), subject.wanted(name)
        if index is None or wanted is None:
            continue
        actual = subject.binary.signature(index)
        if actual != wanted:
            yield Finding(
                "WO305",
                "error",
                f"{name} is exported as {printed(actual)}, but Envoy calls it as {printed(wanted)}.",
                f"Bad function signature for: {name}, "
                f"want: {printed(wanted)}, but the module exports: {printed(actual)}",
                f"Envoy checks the signature of every callback that it knows in the ABI version {subject.abi}.",
                f"Change {name} to {printed(wanted)}; or name the ABI version that the SDK was made for "
                "(0.1.0 has no end-of-stream parameter in the header callbacks).",
            )
