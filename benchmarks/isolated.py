"""An environment like the one in which hatch and build run a build: hatchling, this package and what they need.

What else is installed costs every build, as hatchling and this package look through all distributions for plugins.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

from modules import CACHE

_ROOT = Path(__file__).parents[1]
_TIMEOUT = 300


@functools.cache
def python() -> str:
    """Return the interpreter of the environment, with this package installed as it stands now.

    It stays in benchmarks/.cache. Where it can't be made, the interpreter that runs is returned, and that is said.
    """
    directory = CACHE / f"environment-{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        if not interpreter.is_file():
            _run([sys.executable, "-m", "venv", str(directory)])
        _run([*install, str(_ROOT)])  # with what it needs
        _run([*install, "--no-build-isolation", "--no-deps", "--force-reinstall", str(_ROOT)])  # where nothing was new
    except (subprocess.SubprocessError, OSError) as error:
        print(f"No environment of its own ({error}): measured in {sys.prefix}, with all that is installed there.")
        return sys.executable
    return str(interpreter)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=_TIMEOUT)
