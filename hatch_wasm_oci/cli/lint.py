"""The command `lint`: what Envoy would make of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.cli import configuration
from hatch_wasm_oci.cli.commands import Outcome, access
from hatch_wasm_oci.errors import SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from hatch_wasm_oci.linting import Asked, Linted

SARIF = "sarif"


def lint(options: argparse.Namespace) -> Outcome:
    """Say what keeps modules from running in Envoy, and what is likely a mistake.

    Args:
        options: `sources`, `envoy_version`, `envoy`, `config`, `root_id`, and how to talk to the registry.
    """
    from hatch_wasm_oci.linting import examine

    asked, connection = _asked(options), access(options)
    linted = [(source, examine(source, options.envoy_version, asked, connection)) for source in options.sources]
    status = 0 if all(one.fit for _, one in linted) else 1
    if options.json == SARIF:
        from hatch_wasm_oci.cli import sarif

        return Outcome(sarif.document(linted), [], status)
    lines = [line for source, one in linted for line in described(source, one)]
    return Outcome([{"source": source, **one.to_json()} for source, one in linted], lines, status)


def described(source: str, linted: Linted) -> Iterator[str]:
    """Say what was found in a module, line by line.

    Args:
        source: Where it came from.
        linted: What was found.
    """
    errors = sum(each.severity == "error" for each in linted.findings)
    warnings = len(linted.findings) - errors
    counts = ", ".join(
        f"{count} {word}{'s' * (count != 1)}" for count, word in ((errors, "error"), (warnings, "warning")) if count
    )
    yield f"{source}: {counts or 'nothing to say against it'}"
    for each in linted.findings:
        yield f"  {each.severity} {each.code}: {each.message}"
        if each.envoy:
            yield f"    Envoy says: {each.envoy}"
        if each.why or each.remedy:
            yield f"    {' '.join(filter(None, (each.why, each.remedy)))}"
    if linted.verdict and linted.verdict.loads:
        yield f"  Envoy {linted.envoy} loads it"


def _asked(options: argparse.Namespace) -> Asked | None:
    from hatch_wasm_oci.linting import Asked

    if options.envoy is None:
        for name in ("config", "root_id"):
            if getattr(options, name):
                option = name.replace("_", "-")
                raise SettingsError([f"--{option}: it is for a real Envoy. Say --envoy too, or leave it out."])
        return None
    return Asked(options.envoy or None, configuration.read(options.config) if options.config else "", options.root_id)
