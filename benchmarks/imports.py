"""Importing what hatchling loads for our entry point, the build hook that it asks for, and what a build then needs."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from isolated import python
from measuring import environment
from results import MILLISECOND, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 15
"""Milliseconds for all."""

# What every build by hatchling has imported by the time it comes to a plugin that is not its own.
_BEFORE = (
    "hatchling.builders.wheel",
    "hatchling.builders.plugin.hooks",
    "hatchling.builders.hooks.plugin.hooks",
    "hatchling.metadata.core",
    "importlib.metadata",
    "packaging.requirements",
)
_OURS = ("hatch_wasm_oci.hatch.hooks", "hatch_wasm_oci.hatch.build_hook", "hatch_wasm_oci.hatch.build")
_ROUNDS = 30
_SCRIPT = f"""
import importlib, json, sys, time
results = []
for names in ({_BEFORE!r}, *(({_OURS!r})[index:index + 1] for index in range({len(_OURS)}))):
    before, started = set(sys.modules), time.perf_counter()
    for name in names:
        importlib.import_module(name)
    results.append((time.perf_counter() - started, sorted(set(sys.modules) - before)))
print(json.dumps(results))
"""


def run() -> Iterator[Table]:
    """Measure."""
    table = Table(
        "Importing the hook, each time in a fresh interpreter",
        f"an interpreter that has imported {', '.join(_BEFORE)}",
        f"{LIMIT} ms for all",
        ("imported", "ms", "modules", "of them ours"),
    )
    runs = [_import() for _ in range(_ROUNDS)]
    times = [min(run[step][0] for run in runs) / MILLISECOND for step in range(len(_OURS) + 1)]
    for name, milliseconds, (_, loaded) in zip(("(floor)", *_OURS), times, runs[-1], strict=True):
        ours = [module for module in loaded if module.partition(".")[0] == "hatch_wasm_oci"]
        table.rows.append((name, f"{milliseconds:.1f}", str(len(loaded)), str(len(ours))))
        if name in _OURS:
            foreign = ", ".join(module for module in loaded if module not in ours) or "none"
            table.notes.append(f"{name} loads of others: {foreign}")
            table.notes.append(f"{name} loads of ours: {', '.join(ours)}")
    if sum(times[1:]) > LIMIT:
        table.exceeded.append(f"{sum(times[1:]):.1f} ms")
    yield table


def _import() -> list[tuple[float, list[str]]]:
    command = [python(), "-c", _SCRIPT]
    run = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    results: list[tuple[float, list[str]]] = json.loads(run.stdout)
    return results
