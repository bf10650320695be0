"""Costs of functions and of whole processes: minima of repeated, interleaved runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# The kernel counts to a process's peak what its parent held when it was started: a small process must start it.
_SMALL_PARENT = """
import os, sys, time
started = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(process, 0)
wall = time.perf_counter() - started
print(os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """What something cost at the least.

    Args:
        wall: Seconds until it was done.
        cpu: Seconds of processor time, of all threads.
        peak: Bytes of memory that the process held at most; 0 where not measured.
    """

    wall: float
    cpu: float
    peak: int = 0

    def least(self, other: Cost) -> Cost:
        """Return the smaller of each, but the larger peak."""
        return Cost(min(self.wall, other.wall), min(self.cpu, other.cpu), max(self.peak, other.peak))


def call(action: Callable[[], object]) -> Cost:
    """Measure one call of a function in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of measured processes: they keep the bytecode of what they import, as users' do."""
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **(changes or {})}


def process(command: Sequence[str], directory: Path, changes: Mapping[str, str] | None = None) -> Cost:
    """Measure one run of a program, from its start to its end.

    Raises:
        SystemExit: It failed.
    """
    run = subprocess.run(
        [sys.executable, "-S", "-E", "-c", _SMALL_PARENT, *command],
        cwd=directory,
        env=environment(changes),
        capture_output=True,
        text=True,
        check=True,
    )
    status, wall, cpu, peak = run.stdout.split()
    if status != "0":
        raise SystemExit(f"{' '.join(command)} ended with {status}:\n{run.stderr}")
    return Cost(float(wall), float(cpu), int(peak) * _RSS_UNIT)


def interleaved(sides: Sequence[Callable[[], Cost]], rounds: int) -> list[Cost]:
    """Measure several things in turn, so that what else the machine does meets all of them alike.

    Args:
        sides: Each measures one thing once.
        rounds: How often; one round more goes before, and does not count.

    Returns:
        The least of each side.
    """
    for side in sides:
        side()
    least = [side() for side in sides]
    for _ in range(rounds - 1):
        least = [cost.least(side()) for cost, side in zip(least, sides, strict=True)]
    return least
