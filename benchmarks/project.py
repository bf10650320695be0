"""The sample project that whole builds are measured with, and the command that builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolated import python

if TYPE_CHECKING:
    from pathlib import Path

_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "sample"
version = "1.0"
description = "A sample."
license = "MIT"

[project.urls]
Source = "https://example.com/sample.git"

[tool.hatch.build.targets.wheel]
bypass-selection = true
"""
_HOOK = """
[tool.hatch.build.hooks.wasm-oci]
repository = "registry.example.com/filters/sample"
lint = "warn"
"""


def build_command() -> tuple[str, ...]:
    """Return the command that builds the project's wheel, in an environment like that of users' builds."""
    return (python(), "-m", "hatchling", "build", "-t", "wheel")


def create(directory: Path, settings: str | None) -> Path:
    """Create the project.

    Args:
        directory: Where; it is made.
        settings: More lines for the hook's table; None for a project that does not use the hook.

    Returns:
        The directory.
    """
    directory.mkdir()
    table = "" if settings is None else _HOOK + settings
    (directory / "pyproject.toml").write_text(_PROJECT + table, encoding="utf-8")
    return directory
