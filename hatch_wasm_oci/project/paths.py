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
    images = _images(tables)
    values = (*(table.values for table in tables), *images)
    directories = [DEFAULT_DIRECTORY, *(value["directory"] for value in values if "directory" in value)]
    modules = [image.get("module", "plugin.wasm") for image in images if "compile" in image]
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


def _images(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Return the values of each image, those of the tables among them by which the image's own are overridden."""
    position = max((index for index, table in enumerate(tables, 1) if "images" in table.values), default=0)
    before: dict[str, Any] = {key: value for table in tables[:position] for key, value in table.values.items()}
    after: dict[str, Any] = {key: value for table in tables[position:] for key, value in table.values.items()}
    images = [image for image in _list(before.get("images")) if isinstance(image, Mapping)]
    return [{**before, **image, **after} for image in images or [{}]]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
