"""Running the front ends that build projects, in an environment where nothing of this machine's user shows."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TIME_LIMIT = 120


@dataclass(frozen=True)
class Result:
    """What a command did: its exit code, and all that it printed."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of this package's own, from both streams."""
        return [line for line in (self.out + self.err).splitlines() if "wasm-oci: " in line]


@dataclass(frozen=True)
class FrontEnds:
    """The commands of front ends, by the names that their users know.

    Args:
        environment: The environment's variables: a home of its own, and a wheelhouse in place of an index.
    """

    environment: dict[str, str]

    def hatch(self, root: Path, *arguments: str, **variables: str) -> Result:
        return self.run(root, sys.executable, "-m", "hatch", "--no-color", *arguments, **variables)

    def hatchling(self, root: Path, *arguments: str, **variables: str) -> Result:
        return self.run(root, sys.executable, "-m", "hatchling", *arguments, **variables)

    def build(self, root: Path, *arguments: str, **variables: str) -> Result:
        return self.run(root, sys.executable, "-m", "build", *arguments, **variables)

    def uv(self, root: Path, *arguments: str, **variables: str) -> Result:
        return self.run(
            root, sys.executable, "-m", "uv", "--no-progress", *arguments, UV_PYTHON=sys.executable, **variables
        )

    def pip(self, root: Path, *arguments: str, **variables: str) -> Result:
        return self.run(root, sys.executable, "-m", "pip", *arguments, **variables)

    def own(self, root: Path, *arguments: str, **variables: str) -> Result:
        return self.run(root, str(Path(sys.executable).parent / "hatch-wasm-oci"), *arguments, **variables)

    def run(self, root: Path, *command: str, **variables: str) -> Result:
        process = subprocess.run(
            command,
            cwd=root,
            env={**self.environment, "COMPILE_LOG": f"{root}.log", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=TIME_LIMIT,
            check=False,
        )
        return Result(process.returncode, process.stdout, process.stderr)


def environment(home: Path, wheelhouse: Path) -> dict[str, str]:
    """Return the variables for processes that see a home of their own, and no index but the wheelhouse.

    Args:
        home: An empty directory.
        wheelhouse: The wheelhouse.
    """
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LANG", "LC_ALL") if name in os.environ}
    temporary = home / "tmp"
    temporary.mkdir()
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUTF8": "1",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "HATCH_DATA_DIR": str(home / "hatch-data"),
        "HATCH_CACHE_DIR": str(home / "hatch-cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheelhouse),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheelhouse),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(home / "uv-cache"),
        "UV_PYTHON_DOWNLOADS": "never",
    }
