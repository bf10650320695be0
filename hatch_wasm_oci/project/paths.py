"""The paths that a project's tables name, for those who need them before the tables are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.project.settings import DEFAULT_DIRECTORY

if TYPE_CHECKING:
    from hatch_wasm_oci.project.table import Table


def plugin_files(tables: Sequence[Table]) -> tuple[str, ...]:
    """Return the project's own plugin files, which must be loaded before the rest can be checked.

    Args:
        tables: As for `hatch_wasm_oci.project.table.load`.

    Returns:
        Paths as they stand in the tables; empty where the setting is malformed, which `load` then says.
    """
    for table in reversed(tables):
        if "plugins" in table.values:
            value = table.values["plugins"]
            return tuple(value) if isinstance(value, list) and all(isinstance(path, str) for path in value) else ()
    return ()


def generated_paths(tables: Sequence[Table]) -> tuple[str, ...]:
    """Return what a build of this project generates inside it: directories of outputs, and compiled modules.

    Nothing is checked: what is malformed generates nothing, and `load` says so.

    Args:
        tables: As for `hatch_wasm_oci.project.table.load`.

    Returns:
        Patterns as .gitignore has them, from the project's root.
    """
    values = [table.values for table in tables]
    values += [image for table in values for image in _list(table.get("images")) if isinstance(image, Mapping)]
    directories = [DEFAULT_DIRECTORY, *(table["directory"] for table in values if "directory" in table)]
    modules: list[Any] = []
    if any("compile" in table for table in values):
        modules = ["plugin.wasm", *(table["module"] for table in values if "module" in table)]
    patterns = [(path, "/") for path in directories] + [(path, "") for path in modules]
    return tuple(
        dict.fromkeys(
            f"/{PurePath(path).as_posix()}{end}"
            for path, end in patterns
            if isinstance(path, str)
            and PurePath(path).parts
            and not PurePath(path).is_absolute()
            and ".." not in PurePath(path).parts
        )
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
