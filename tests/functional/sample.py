"""Sample projects: copies of tests/packages/header-filter with settings of their own."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = Path(__file__).parents[1] / "packages"
COMPILE = 'compile = ["{python}", "compile.py"]\n'
REPOSITORY = 'repository = "registry.example/filters/header-filter"\n'
IGNORED = "/build/\n/dist/\n*.wasm\n"


@dataclass(frozen=True)
class Sample:
    """A sample project.

    Args:
        root: Its directory; what its compile command tells of each run goes into a file beside it.
    """

    root: Path

    @classmethod
    def create(cls, root: Path, settings: str = COMPILE, *, ignored: str | None = IGNORED) -> Sample:
        """Write a sample project.

        Args:
            root: Its directory, which does not exist.
            settings: What stands in the hook's table and below it.
            ignored: The text of its .gitignore; None for none.
        """
        shutil.copytree(PACKAGES / "header-filter", root)
        pyproject = root / "pyproject.toml"
        pyproject.write_text(pyproject.read_text() + settings)
        if ignored is not None:
            (root / ".gitignore").write_text(ignored)
        return cls(root)

    @property
    def runs(self) -> list[dict[str, Any]]:
        """What the compile command told, one for each run."""
        log = self.root.with_name(f"{self.root.name}.log")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def outputs(self) -> dict[str, bytes]:
        """The files of the default output directory by name, without the state that a build keeps for the next one."""
        return {name: data for name, data in self.files("build/wasm-oci").items() if not name.endswith(".state")}

    @property
    def distributions(self) -> dict[str, bytes]:
        """The files in dist, by name."""
        return self.files("dist")

    @property
    def report(self) -> dict[str, Any]:
        """The only report there is."""
        (report,) = (data for name, data in self.outputs.items() if name.endswith(".json"))
        value: dict[str, Any] = json.loads(report)
        return value

    @property
    def names(self) -> set[str]:
        """The paths of all files of the project, relative to its root."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()}

    def files(self, directory: str = ".") -> dict[str, bytes]:
        """Return all files below a directory of the project: the content by the path below that directory."""
        top = self.root / directory
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}
