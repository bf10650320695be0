"""What the pytest plugin costs: a start of pytest that does not use it, and the round trip of an image."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import call, interleaved, process
from modules import synthetic
from results import MILLISECOND, Table

from hatch_wasm_oci.testing import EmbeddedRegistry, RegistryNamespace, RunningRegistry, assert_image_round_trips
from hatch_wasm_oci.testing.wasm_image import make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measuring import Cost

START_LIMIT = 5
"""Milliseconds that the plugin may add to a start of pytest."""
ROUND_TRIPS = {60_000: 50, 13_978_850: 150}
"""Milliseconds for a round trip, by the module's size in bytes."""

_START_ROUNDS = 15
_ROUNDS = 10


def run() -> Iterator[Table]:
    """Measure."""
    yield _start()
    yield _round_trips()


def _start() -> Table:
    table = Table(
        "A start of pytest that collects one test and uses nothing of ours, the whole process",
        "the same with -p no:wasm-oci",
        f"+ {START_LIMIT} ms",
        ("pytest", "wall ms", "processor ms"),
    )
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "test_it.py").write_text("def test_it(): pass\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]

        def start(*options: str) -> Cost:
            return process([*command, *options], folder)

        without, ours = interleaved([lambda: start("-p", "no:wasm-oci"), start], _START_ROUNDS)
    for name, cost in (("without the plugin", without), ("with it", ours)):
        table.rows.append((name, f"{cost.wall / MILLISECOND:.1f}", f"{cost.cpu / MILLISECOND:.1f}"))
    wall, cpu = (ours.wall - without.wall) / MILLISECOND, (ours.cpu - without.cpu) / MILLISECOND
    table.notes.append(f"added: {wall:.1f} ms, of processor time {cpu:.1f} ms")
    if min(wall, cpu) > START_LIMIT:
        table.exceeded.append(f"+ {wall:.1f} ms, of processor time {cpu:.1f} ms")
    return table


def _round_trips() -> Table:
    table = Table(
        "A round trip in the embedded registry: pushes, pulls by tag and by digest, all compared; compression apart",
        "none: it is our own work throughout",
        ", ".join(f"{limit} ms for {size / 1_000_000:.2f} MB" for size, limit in ROUND_TRIPS.items()),
        ("module", "wall ms", "processor ms", "limit"),
    )
    for size, limit in ROUND_TRIPS.items():
        cost = _round_trip(size)
        wall, cpu = cost.wall / MILLISECOND, cost.cpu / MILLISECOND
        table.rows.append((f"{size / 1_000_000:.2f} MB", f"{wall:.1f}", f"{cpu:.1f}", f"{limit}"))
        if min(wall, cpu) > limit:
            table.exceeded.append(f"{size / 1_000_000:.2f} MB took {wall:.1f} ms, of processor time {cpu:.1f} ms")
    return table


def _round_trip(size: int) -> Cost:
    with tempfile.TemporaryDirectory() as directory, EmbeddedRegistry() as registry:
        image = make(Path(directory), synthetic(size))
        namespace = RegistryNamespace(RunningRegistry(registry.url, embedded=registry), "")

        def once() -> Cost:
            registry.clear()
            return call(lambda: assert_image_round_trips(image, namespace))

        (cost,) = interleaved([once], _ROUNDS)
        return cost
