"""What Envoy will make of a module, said before it is deployed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm import (
    filetype,
    rules_exports,
    rules_file,
    rules_imports,
    rules_mistakes,
    rules_start,
    validation,
)
from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.envoy_scan import ABI_VERSIONS, scan
from hatch_wasm_oci.wasm.envoy_tables import envoy_version
from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.subject import Subject
from hatch_wasm_oci.wasm.toolchain import toolchain_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_wasm_oci.wasm.declarations import Binary

# A module with more of one kind is told enough; and one made to be slow to check stays quick.
_MOST_OF_A_RULE = 50
# In the order in which Envoy comes to them: the first error is the one that it logs.
_RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    rules_imports.crashing_imports,
    rules_imports.missing_imports,
    rules_imports.unlinkable_imports,
    rules_start.starting_section,
    rules_exports.crashing_exports,
    rules_exports.wrong_exports,
    rules_start.initializing,
    rules_start.starting_callbacks,
    rules_mistakes.misspelt_callbacks,
    rules_mistakes.abi_exports,
    rules_mistakes.debug_sections,
    rules_mistakes.commands,
    rules_mistakes.memories,
    rules_mistakes.later_envoys,
    rules_mistakes.nothing_to_do,
    rules_mistakes.context_traps,
)


def _meant_as_plugin(binary: Binary) -> bool:
    names = [each.name for each in binary.exports] + [each.name for each in binary.imports]
    return any(name.startswith("proxy_") for name in names)


def lint(data: bytes | bytearray | memoryview, *, envoy: str = "1.36", validate: bool = True) -> tuple[Finding, ...]:
    """Say what keeps a module from running in Envoy, and what is likely a mistake, without running it.

    Args:
        data: The whole file; need not be a module.
        envoy: The lowest Envoy version that the module must load in, such as `1.36`.
        validate: Whether wasmtime, if it is installed, is to validate function bodies, which nothing else here does.

    Returns:
        The errors in the order in which Envoy comes to them (it logs the first, and goes no further than the group
        that this belongs to), then the warnings. None at all for a module that is fine.

    Raises:
        SettingsError: If `envoy` is no version.
    """
    version = envoy_version(envoy)
    view = memoryview(data).cast("B")
    binary = parse(view)
    seen = scan(view)
    if binary.format != filetype.MODULE:
        return (rules_file.not_a_module(view, binary, seen),)
    toolchain = toolchain_of(binary)
    findings = [*rules_file.missing_abi(binary, seen, toolchain), *rules_file.unreadable(binary, seen)]
    if seen.corrupted or binary.fault:
        return tuple(findings)
    findings += rules_file.beyond_engine(binary)
    if validate and (invalid := validation.invalid(view)):
        return (*findings, invalid)
    if not seen.abi and not _meant_as_plugin(binary):
        return tuple(findings)
    subject = Subject(view, binary, seen.abi or ABI_VERSIONS[-1], version, toolchain)
    for rule in _RULES:
        findings += islice(rule(subject), _MOST_OF_A_RULE)
    return tuple(sorted(findings, key=lambda each: each.severity == "warning"))


__all__ = ["Finding", "lint"]
