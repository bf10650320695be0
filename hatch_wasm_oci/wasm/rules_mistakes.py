"""WO5xx: what Envoy takes without a word, and is likely a mistake."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.declarations import FUNCTION, MEMORY
from hatch_wasm_oci.wasm.envoy_scan import ABI_PREFIX
from hatch_wasm_oci.wasm.envoy_tables import MAIN_VOID_SINCE, callbacks
from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.subject import printed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci.wasm.subject import Subject

_DEBUG_LEAST = 65_536
_DEBUG_SHARE = 10
_CLOSE = 0.8
_LONGEST_COMPARED = 64
_MOST_GUESSES = 1000
# Envoy calls these too, under other names than `proxy_on_…`, or reads them without a call.
_ALSO_KNOWN = frozenset({"proxy_on_memory_allocate"})
_STARTING = frozenset(
    {"proxy_on_vm_start", "proxy_on_configure", "proxy_on_context_create", "proxy_validate_configuration"}
)


def _warning(code: str, message: str, why: str, remedy: str) -> Finding:
    return Finding(code, "warning", message, "", why, remedy)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


@cache
def _by_plain_name() -> dict[str, str]:
    names = {_plain(each.removeprefix("proxy_")): each for each in callbacks()}
    return names | {_plain(each): each for each in callbacks()}


def _meant(name: str) -> str:
    if len(name) > _LONGEST_COMPARED:
        return ""
    plain = _plain(name)
    if same := _by_plain_name().get(plain):
        return same
    if not plain.startswith(("proxyon", "envoyon")):
        return ""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, list(callbacks()), 1, _CLOSE)), "")


def misspelt_callbacks(subject: Subject) -> Iterator[Finding]:
    """Find exports that look like callbacks and are none."""
    known = callbacks()
    guesses = _MOST_GUESSES
    for each in subject.binary.exports:
        name = each.name
        if name in known:
            if each.kind != FUNCTION:
                yield _warning(
                    "WO506",
                    f"{name} is exported as a {each.kind}, so Envoy never calls it.",
                    "Envoy looks for a function of this name.",
                    "Export the function by this name, and the other thing by another.",
                )
            elif subject.wanted(name) is None:
                yield _warning(
                    "WO510",
                    f"Envoy never calls {name} in the ABI version {subject.abi}.",
                    "The callback came with a later version of the ABI.",
                    "Use an SDK for the ABI version 0.2.1.",
                )
        elif name not in _ALSO_KNOWN and not name.startswith(ABI_PREFIX) and each.kind == FUNCTION:
            guesses -= 1
            if guesses >= 0 and (meant := _meant(name)):
                yield _warning(
                    "WO501",
                    f"Envoy never calls {shown(name)}; the nearest callback is {meant}.",
                    "An export that Envoy does not know is left alone without a word.",
                    f"Rename it to {meant}, if that is what it is meant to be.",
                )
            elif name.startswith("proxy_on_"):
                yield _warning(
                    "WO501",
                    f"Envoy never calls {shown(name)}.",
                    "An export that Envoy does not know is left alone without a word.",
                    "Remove it, or look up the callback's name in the proxy-wasm specification.",
                )


def abi_exports(subject: Subject) -> Iterator[Finding]:
    """Find a module that names several ABI versions."""
    named = [
        shown(each.name)
        for each in subject.binary.exports
        if each.name.startswith(ABI_PREFIX) and each.kind == FUNCTION
    ]
    if len(named) > 1:
        yield _warning(
            "WO502",
            f"The module names several ABI versions ({', '.join(named)}); Envoy takes {subject.abi}.",
            "Envoy takes the first one that it knows in the order of the exports.",
            "Link one SDK only.",
        )


def debug_sections(subject: Subject) -> Iterator[Finding]:
    """Find debug information that makes the image needlessly large."""
    binary = subject.binary
    size = sum([each.size for each in binary.sections if not each.id and each.name.startswith((".debug_", "reloc."))])
    if size > max(_DEBUG_LEAST, binary.size // _DEBUG_SHARE):
        yield _warning(
            "WO504",
            f"{size * 100 // binary.size} % of the module ({size} bytes) is debug information.",
            "Envoy does not use it; its stack traces need the `name` section only.",
            subject.remedy("strip"),
        )


def commands(subject: Subject) -> Iterator[Finding]:
    """Find a program that runs once and ends, where a plugin must stay."""
    if subject.exported("_start") is not None and subject.exported("_initialize") is None:
        yield _warning(
            "WO505",
            "The module is a command (it exports _start), not a reactor (_initialize).",
            "A command runs main and ends: its runtime may be shut down when Envoy calls it later.",
            subject.remedy("reactor"),
        )


def memories(subject: Subject) -> Iterator[Finding]:
    """Find several exported memories, of which Envoy uses the last."""
    exported = [shown(each.name) for each in subject.binary.exports if each.kind == MEMORY]
    if len(exported) > 1:
        yield _warning(
            "WO507",
            f"The module exports several memories ({', '.join(exported)}); Envoy reads and writes {exported[-1]}.",
            "Envoy takes the last one, whatever its name.",
            "Export only the memory that host calls point into.",
        )


def later_envoys(subject: Subject) -> Iterator[Finding]:
    """Find what a later Envoy than the lowest one refuses."""
    index = subject.exported("__main_void")
    if (
        index is None
        or subject.envoy >= MAIN_VOID_SINCE
        or subject.usable("_initialize") is None
        or subject.usable("main") is not None
        or subject.usable("__main_void") is not None
    ):
        return
    actual = printed(subject.binary.signature(index))
    yield _warning(
        "WO511",
        f"__main_void is exported as {actual}; Envoy from 1.39 on calls it as void -> i32 and refuses the module.",
        "Envoy 1.39 began to look for __main_void beside main.",
        "Do not export __main_void, or let it return an i32.",
    )


def nothing_to_do(subject: Subject) -> Iterator[Finding]:
    """Find a plugin without any callback."""
    if not any(subject.usable(name) is not None for name in callbacks() if name not in _STARTING):
        yield _warning(
            "WO509",
            "The module exports no callback for requests, connections or timers: as a plugin it does nothing.",
            "Envoy loads it and never calls it after the start.",
            "Export the callbacks, such as proxy_on_request_headers; the SDKs export all of them.",
        )


def context_traps(subject: Subject) -> Iterator[Finding]:
    """Find a context that can't be made."""
    function = subject.usable("proxy_on_context_create")
    if function is not None and subject.course(function).ending == "trap":
        yield _warning(
            "WO512",
            "proxy_on_context_create always traps.",
            "Envoy logs that, yet goes on; the plugin then has no context for any request.",
            "Look at what makes the context, such as a root_id that no one registered.",
        )
