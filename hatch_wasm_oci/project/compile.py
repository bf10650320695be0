"""Running a project's compile command, and knowing when there is no need to."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import CompileError, shown
from hatch_wasm_oci.project.state import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci.project.settings import Settings

# Where no globs are set, all files count but those that builds leave behind.
_GENERATED = frozenset({"build", "dist", "node_modules", "target", "venv", "zig-cache", "zig-out", "__pycache__"})
_PIECE = 1 << 20


def run(settings: Settings) -> None:
    """Run the compile command in the project's root, without a shell; what it prints goes to standard error.

    Args:
        settings: The settings; `compile` must be set.

    Raises:
        CompileError: It was not found, failed, or left no module.
    """
    command = [part.replace("{python}", sys.executable) for part in settings.compile or ()]
    line = subprocess.list2cmdline(settings.compile or ())
    sys.stderr.flush()
    try:
        process = subprocess.run(command, cwd=settings.project.root, stdin=subprocess.DEVNULL, stdout=2, check=False)
    except FileNotFoundError:
        raise CompileError(
            f"The compile command's program {command[0]!r} was not found.", "Install it, or put its directory on PATH."
        ) from None
    except OSError as error:
        raise CompileError(
            f"The compile command's program {command[0]!r} can't be run: {error.strerror}.", "Check its permissions."
        ) from None
    if process.returncode:
        end = f"status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        raise CompileError(f"The compile command `{line}` ended with {end}.", "What it printed stands above.")
    if not settings.module_path.is_file():
        raise CompileError(
            f"The compile command `{line}` left no module at {settings.module}.",
            "Let it write there, or set `module` to where it writes.",
        )


def sources_fingerprint(settings: Settings) -> str:
    """Return a digest of all that the compile command depends on: itself, its sources, the build's requirements.

    Args:
        settings: The settings.

    Raises:
        CompileError: The sources can't be looked for, or there are none where `sources` names some.
    """
    try:
        files = sorted(set(_globbed(settings) if settings.sources is not None else _all_files(settings)))
    except OSError as error:
        raise CompileError(
            f"The sources can't be looked for: {error.strerror}.",
            "Check `sources`, and the permissions of what it names.",
        ) from None
    if settings.sources and not files:
        raise CompileError(
            f"`sources` names no file that is there: {shown(list(settings.sources))}.",
            "Mend it: the module would never be compiled again.",
        )
    digests = [(path.as_posix(), _digest(settings.project.root / path)) for path in files]
    return fingerprint(settings.compile, settings.module, sorted(settings.project.requirements), digests)


def _globbed(settings: Settings) -> Iterator[Path]:
    root = settings.project.root
    outputs = {settings.output_directory, settings.module_path}
    for pattern in settings.sources or ():
        # A directory stands for all that is in it.
        for path in root.glob(pattern.rstrip("/")):
            found = path.rglob("*") if path.is_dir() else (path,)
            yield from (
                one.relative_to(root) for one in found if one.is_file() and outputs.isdisjoint((one, *one.parents))
            )


def _all_files(settings: Settings) -> Iterator[Path]:
    root = settings.project.root
    generated = {settings.output_directory, settings.module_path, *(root / path for path in settings.generated)}
    for directory, folders, files in os.walk(root):
        here = Path(directory)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _GENERATED
            and here / name not in generated
            and not (here / name / "pyvenv.cfg").exists()
        ]
        for name in files:
            path = here / name
            if not name.startswith(".") and path not in generated and path.is_file():
                yield path.relative_to(root)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        return f"unreadable: {error.errno}"
    return digest.hexdigest()
