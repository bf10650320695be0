"""Run the benchmarks: `python benchmarks/run.py [NAME…]`; the exit status is 1 when a limit is exceeded."""

from __future__ import annotations

import argparse
import importlib
import os
import platform

NAMES = ("fresh", "rebuild", "imports", "memory", "transfer", "registry", "fixtures", "lint")


def main() -> int:
    """Run those that were named, or all."""
    parser = argparse.ArgumentParser(description="Measure what packaging costs; exit 1 when a limit is exceeded.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all where none is named")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors")
    exceeded = False
    for name in names:
        for table in importlib.import_module(name).run():
            table.show()
            exceeded |= bool(table.exceeded)
    return int(exceeded)


if __name__ == "__main__":
    raise SystemExit(main())
