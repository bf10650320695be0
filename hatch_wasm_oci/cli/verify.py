"""The command `verify`: what the consumers of an image would make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.cli.commands import Outcome, access

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from hatch_wasm_oci.consumers.acceptance import Acceptance

ALL = "all"


def verify(options: argparse.Namespace) -> Outcome:
    """Say whether consumers would take an image, which digest to pin, or what they would log.

    Args:
        options: `source`, `consumers`, and how to talk to the registry.
    """
    from hatch_wasm_oci import api

    asked = options.consumers or [ALL]
    found = api.verify(options.source, consumers=None if ALL in asked else asked, **access(options))
    lines = [line for one in found for line in described(one)]
    return Outcome([one.to_json() for one in found], lines, 0 if all(one.accepted for one in found) else 1)


def described(acceptance: Acceptance) -> Iterator[str]:
    """Say what a consumer makes of an image, line by line.

    Args:
        acceptance: What it makes of it.
    """
    if acceptance.accepted:
        yield f"{acceptance.consumer}: accepted; pin {acceptance.digest}"
    else:
        yield f"{acceptance.consumer}: refused"
    for problem in acceptance.problems:
        yield f"  {problem}"
        if problem.line:
            yield f"  it logs: {problem.line}"
    for note in acceptance.notes:
        yield f"  note: {note}"
