"""What is said of each module of the corpus: by the linter, by the in-process host, and by an Envoy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from hatch_wasm_oci.testing.host.failure import HostUsageError, PluginFailedError
from hatch_wasm_oci.testing.host.plugin import WasmPlugin
from hatch_wasm_oci.wasm.envoy_verdict import envoy_verdict
from hatch_wasm_oci.wasm.lint import lint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_wasm_oci.wasm.envoy_verdict import EnvoyVerdict
    from hatch_wasm_oci.wasm.finding import Finding
    from tests.wasm.corpus import Sample

UNDEFINED = "WO409"
"""What Envoy does with these depends on what stands in memory that it has freed."""


class Verdict(NamedTuple):
    """Loads, refuses or crashes, and the line that is shown for it."""

    outcome: str
    line: str


def first_error(findings: Sequence[Finding]) -> Finding | None:
    return next((each for each in findings if each.severity == "error"), None)


def by_lint(sample: Sample, envoy: str) -> Verdict:
    error = first_error(lint(sample.data, envoy=envoy))
    if error is None:
        return Verdict("loads", "")
    return Verdict("crashes" if error.code.startswith("WO4") else "refuses", error.envoy)


def by_host(sample: Sample, envoy: str) -> Verdict | None:
    """What the host says; None where it is not asked, as the linter has found an error, or where it can't run it."""
    if by_lint(sample, envoy).outcome != "loads":
        return None
    try:
        with WasmPlugin(sample.data, envoy=envoy):
            return Verdict("loads", "")
    except HostUsageError:
        return None
    except PluginFailedError as error:
        # A root context that traps does not keep Envoy from loading: it answers 503 then.
        return Verdict("loads" if error.outcome == "traps" else error.outcome, error.envoy)


def by_both(sample: Sample, envoy: str) -> Verdict:
    """What the host says where it says anything, else the linter."""
    return by_host(sample, envoy) or by_lint(sample, envoy)


def by_envoy(samples: Sequence[Sample], program: Path) -> list[EnvoyVerdict]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda each: envoy_verdict(each.data, envoy=program), samples))


def agrees(ours: Verdict, theirs: EnvoyVerdict) -> bool:
    """Whether the outcome is the same, and the line is one that Envoy logged."""
    return ours.outcome == theirs.outcome and (theirs.loads or not ours.line or theirs.says(ours.line))
