"""A project's own images, built by its real build backend, in a copy of it and an environment that hides the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import SettingsError, WasmOciError
from hatch_wasm_oci.testing.wasm_image import WasmImage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


# What would make the same sources another image, skip it, or change how hatchling and Python behave.
_DROPPED = ("HATCH_", "PIP_", "UV_", "PYTEST_", "COV_", "COVERAGE_")
_DROPPED_NAMES = (
    "SOURCE_DATE_EPOCH",
    "PYTHONHASHSEED",
    "PYTHONINSPECT",
    "PYTHONOPTIMIZE",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "VIRTUAL_ENV",
)
_LINKED = (".git", "node_modules")
_LEFT_OUT = ("__pycache__", "dist")
_TIMEOUT = 3600.0
_OUTPUT_LIMIT = 8000


def build(project: Path, directory: Path) -> dict[str, WasmImage]:
    """Build the images of a project.

    The build runs in a copy: tests that run at the same time don't disturb each other, and neither the module nor the
    outputs that the user has are overwritten. What an earlier build left is copied along, so that nothing that is up to
    date is compiled again.

    Args:
        project: The project's directory.
        directory: Where the copy goes; it must not exist.

    Returns:
        The images by name.

    Raises:
        SettingsError: There is no project, or its settings are wrong.
        WasmOciError: The build fails, or leaves no image.
    """
    from hatch_wasm_oci.hatch.build import Build
    from hatch_wasm_oci.project import report
    from hatch_wasm_oci.wasm.module import Module

    if not (project / "pyproject.toml").is_file():
        raise SettingsError(
            [f"wasm-oci-project: there is no pyproject.toml in {project}. Name the project by --wasm-oci-project=PATH."]
        )
    copy(project, directory)
    plan = Build(directory, environment={})
    _run(directory, _target(directory))
    images = {}
    for settings in plan.settings:
        packaged = report.read(settings.report_path)
        images[settings.name] = WasmImage(packaged, Module.read(settings.module_path))
    return images


def copy(project: Path, directory: Path) -> None:
    """Copy a project without what is of no use to a build: caches, virtual environments, distributions.

    Args:
        project: The project's directory.
        directory: Where the copy goes; it must not exist.

    Raises:
        WasmOciError: A file can't be copied.
    """

    def left_out(folder: str, names: list[str]) -> set[str]:
        inside = {name for name in names if os.path.isdir(os.path.join(folder, name))}  # noqa: PTH112, PTH118 - copytree gives text
        marks = ("pyvenv.cfg", "CACHEDIR.TAG")
        marked = {name for name in inside if any(os.path.exists(os.path.join(folder, name, one)) for one in marks)}  # noqa: PTH110, PTH118 - as above
        return marked | (inside & {*_LEFT_OUT, *_LINKED})

    try:
        shutil.copytree(project, directory, symlinks=True, ignore=left_out, ignore_dangling_symlinks=True)
        for name in _LINKED:  # large, and only read
            if (project / name).is_dir():
                (directory / name).symlink_to(project / name, target_is_directory=True)
    except (OSError, shutil.Error) as error:
        raise WasmOciError(
            f"{project} can't be copied: {error}.", "Name the project alone by --wasm-oci-project=PATH."
        ) from None


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the build: the user's, without what would change the image.

    Args:
        inherited: The user's.
    """
    kept = {
        key: value for key, value in inherited.items() if not key.startswith(_DROPPED) and key not in _DROPPED_NAMES
    }
    return {**kept, "HATCH_BUILD_HOOK_ENABLE_WASM-OCI": "true"}


def _target(directory: Path) -> str:
    """The hook runs with a wheel; where the project has none of it, or it would skip, the builder does the same."""
    from hatch_wasm_oci.hatch.metadata import read_metadata

    hooks = read_metadata(directory).hatch.build_config.get("hooks", {})
    return "wheel" if "wasm-oci" in hooks and not (directory / "PKG-INFO").exists() else "wasm-oci"


def _run(directory: Path, target: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target]
    if target == "wheel":
        command.append("--hooks-only")
    try:
        process = subprocess.run(
            command,
            cwd=directory,
            env=environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WasmOciError(f"The build of {directory} took more than {_TIMEOUT:.0f} seconds.") from None
    if process.returncode != 0:
        output = process.stdout[-_OUTPUT_LIMIT:].decode(errors="replace").strip()
        raise WasmOciError(
            f"The project's build failed ({' '.join(command[1:])}):\n{output}",
            "\nIt runs in a copy of the project, without isolation: what the build requires must be installed here.",
        )
