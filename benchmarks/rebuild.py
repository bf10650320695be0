"""Building a project again of which nothing changed, with the hook against without it."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import interleaved, process
from modules import synthetic
from project import build_command, create
from results import MEBIBYTE, MILLISECOND, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 20
"""Milliseconds above the build without the hook."""

_MODULE_SIZE = 60_000
_ROUNDS = 60
_COMPILED = """\
compile = ["{python}", "-c", "import shutil; shutil.copy('src/module', 'plugin.wasm')"]
sources = ["src"]
"""
_SKIPPED = {"HATCH_WASM_OCI_SKIP": "1"}


def run() -> Iterator[Table]:
    """Measure."""
    table = Table(
        f"Rebuilding a project of which nothing changed, module of {_MODULE_SIZE // 1000} KB: whole processes",
        "`python -m hatchling build -t wheel` of the same project without the hook",
        f"{LIMIT} ms above the floor",
        ("project", "ms", "above", "CPU ms", "above", "peak MiB"),
    )
    with tempfile.TemporaryDirectory() as name:
        directory, build = Path(name), build_command()
        bare = create(directory / "bare", None)
        ready = create(directory / "ready", "")
        compiled = create(directory / "compiled", _COMPILED)
        (ready / "plugin.wasm").write_bytes(synthetic(_MODULE_SIZE))
        (compiled / "src").mkdir()
        (compiled / "src" / "module").write_bytes(synthetic(_MODULE_SIZE))
        sides = {
            "without the hook": functools.partial(process, build, bare),
            "with it, skipped": functools.partial(process, build, ready, _SKIPPED),
            "with it": functools.partial(process, build, ready),
            "with it and compile": functools.partial(process, build, compiled),
        }
        for side in sides.values():
            side()
        archives = [next(project.glob("build/wasm-oci/*.tar")) for project in (ready, compiled)]
        written = [archive.stat().st_mtime_ns for archive in archives]
        costs = dict(zip(sides, interleaved(list(sides.values()), _ROUNDS), strict=True))
        if written != [archive.stat().st_mtime_ns for archive in archives]:
            raise SystemExit("the builds that were measured made their image again: that is no unchanged rebuild")
    floor = costs["without the hook"]
    for label, cost in costs.items():
        above = (cost.wall - floor.wall) / MILLISECOND
        cpu_above = (cost.cpu - floor.cpu) / MILLISECOND
        table.rows.append(
            (
                label,
                f"{cost.wall / MILLISECOND:.1f}",
                f"{above:.1f}",
                f"{cost.cpu / MILLISECOND:.1f}",
                f"{cpu_above:.1f}",
                f"{cost.peak / MEBIBYTE:.0f}",
            )
        )
        if min(above, cpu_above) > LIMIT:  # over in wall time alone is what others did to the machine
            table.exceeded.append(f"{label}: {above:.1f} ms")
    table.notes.append("6 to 9 ms of each are hatchling's own, which any plugin that is not its own costs.")
    yield table
