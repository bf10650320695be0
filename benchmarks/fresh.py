"""Packaging a module, from the file read to the archive written, against the work that can't be spared."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import deflate
from measuring import Cost, call, interleaved
from modules import real_or_synthetic
from results import MEGABYTE, MILLISECOND, Table

from hatch_wasm_oci.plugins.manager import Plugins
from hatch_wasm_oci.project import builtin
from hatch_wasm_oci.project.package import package
from hatch_wasm_oci.project.settings import Project, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 1.25
_LEVEL = 6
_SECONDS = 6
_ROUNDS = range(5, 60)


def run() -> Iterator[Table]:
    """Measure."""
    table = Table(
        "Packaging a module in process: read, lay out, compress, digest, write; each build afresh, lint off",
        "read the file, deflate it (libdeflate, level 6), SHA-256 of input and of output, write the output",
        f"{LIMIT} times the floor",
        ("module", "MB", "compresses to", "floor ms", "ours ms", "ratio", "ratio of CPU time"),
    )
    with tempfile.TemporaryDirectory() as directory:
        for name, path in real_or_synthetic(Path(directory)).items():
            _measure(table, name, path, Path(directory))
    yield table


def _measure(table: Table, name: str, module: Path, directory: Path) -> None:
    settings = Settings(Project(directory, "sample", "1.0"), "sample", module=str(module), tags=("1.0",), lint="off")
    output = directory / "floor"

    def floor() -> Cost:
        output.unlink(missing_ok=True)
        return call(lambda: _floor(module, output))

    def ours() -> Cost:
        shutil.rmtree(settings.output_directory, ignore_errors=True)
        plugins = Plugins(builtin)
        return call(lambda: package(settings, plugins))

    once = call(floor).wall
    rounds = min(max(int(_SECONDS / once / 2), _ROUNDS.start), _ROUNDS.stop)
    least, cost = interleaved([floor, ours], rounds)
    ratio, cpu_ratio = cost.wall / least.wall, cost.cpu / least.cpu
    size = module.stat().st_size
    table.rows.append(
        (
            name,
            f"{size / MEGABYTE:.2f}",
            f"{output.stat().st_size / size:.0%}",
            f"{least.wall / MILLISECOND:.1f}",
            f"{cost.wall / MILLISECOND:.1f}",
            f"{ratio:.3f}",
            f"{cpu_ratio:.3f}",
        )
    )
    if min(ratio, cpu_ratio) > LIMIT:  # over in wall time alone is what others did to the machine
        table.exceeded.append(f"{name}: {ratio:.3f}")


def _floor(module: Path, output: Path) -> None:
    data = module.read_bytes()
    compressed = deflate.deflate_compress(data, _LEVEL)
    hashlib.sha256(data).digest()
    hashlib.sha256(compressed).digest()
    output.write_bytes(compressed)
