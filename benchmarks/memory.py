"""The most memory that a build holds at once, for the whole process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import process
from modules import SOURCES, incompressible, real_or_synthetic
from project import build_command, create
from results import MEBIBYTE, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTOR = 2.5
ALLOWANCE = 40 * MEBIBYTE
_INCOMPRESSIBLE = 64 * MEBIBYTE
_LARGE = SOURCES[-2:]


def run() -> Iterator[Table]:
    """Measure."""
    table = Table(
        "Peak memory (ru_maxrss) of `python -m hatchling build -t wheel` with the hook: a fresh process that packages",
        "the same build without the hook",
        f"{FACTOR} times the module and {ALLOWANCE // MEBIBYTE} MiB in all",
        ("module", "MiB", "floor MiB", "peak MiB", "limit MiB", "(peak - floor) / module"),
    )
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        floor = process(build_command(), create(directory / "bare", None)).peak
        noise = directory / "incompressible.wasm"
        noise.write_bytes(incompressible(_INCOMPRESSIBLE))
        modules = {**real_or_synthetic(directory, _LARGE), "incompressible": noise}
        for label, path in modules.items():
            _measure(table, label, path, "deflate", floor)
        _measure(table, "incompressible, stored", noise, "store", floor)
    yield table


def _measure(table: Table, label: str, module: Path, compression: str, floor: int) -> None:
    settings = f"module = '{module}'\ncompression = '{compression}'\n"
    with tempfile.TemporaryDirectory() as directory:
        peak = process(build_command(), create(Path(directory) / "project", settings)).peak
    size = module.stat().st_size
    limit = FACTOR * size + ALLOWANCE
    numbers = (size, floor, peak, limit)
    factor = f"{(peak - floor) / size:.2f}"
    table.rows.append((label, *(f"{number / MEBIBYTE:.1f}" for number in numbers), factor))
    if peak > limit:
        table.exceeded.append(f"{label}: {peak / MEBIBYTE:.1f} MiB")
