"""From hatchling's metadata to the values that the core takes: the project, and its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.project.settings import HOOK_TABLE, TARGET_TABLE, Project
from hatch_wasm_oci.project.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from hatchling.metadata.core import ProjectMetadata

# Hatch's own keys, which may stand in the same tables. `directory` and `sources` are ours in both.
_HOOK_KEYS = frozenset(
    {"dependencies", "enable-by-default", "require-runtime-dependencies", "require-runtime-features"}
)
_TARGET_KEYS = _HOOK_KEYS | {
    "artifacts",
    "bypass-selection",
    "dev-mode-dirs",
    "dev-mode-exact",
    "exclude",
    "force-include",
    "hooks",
    "ignore-vcs",
    "include",
    "only-include",
    "only-packages",
    "packages",
    "reproducible",
    "skip-excluded-dirs",
    "versions",
}


def read_metadata(root: Path) -> ProjectMetadata[Any]:
    """Read the metadata of a project as hatchling does, a dynamic version included.

    Args:
        root: The project's directory, with its pyproject.toml.

    Raises:
        SettingsError: There is none, or it is invalid.
    """
    if not (root / "pyproject.toml").is_file():
        raise SettingsError([f"There is no pyproject.toml in {root}. Go to the project's directory, or name it."])

    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    return ProjectMetadata(str(root), PluginManager())


def project_of(root: Path, metadata: ProjectMetadata[Any]) -> Project:
    """Take what the core wants to know of a project out of hatchling's metadata.

    Args:
        root: The project's directory.
        metadata: The metadata.

    Raises:
        SettingsError: The metadata is invalid.
    """
    try:
        core = metadata.core
        return Project(
            root=root,
            name=core.name,
            version=metadata.version,
            description=core.description,
            license=core.license_expression or core.license,
            authors=tuple(map(_author, cast("list[dict[str, str]]", core.authors))),
            urls=dict(core.urls),
            requirements=tuple(metadata.build.requires),
        )
    except (ValueError, TypeError, OSError) as error:
        raise SettingsError([f"pyproject.toml: {error}"]) from None


def tables_of(metadata: ProjectMetadata[Any]) -> list[Table]:
    """Take the tables of settings out of hatchling's metadata: the hook's, then the target's, which overrides it.

    Args:
        metadata: The metadata.

    Raises:
        SettingsError: One of them is no table, or the file is no TOML.
    """
    try:
        build = metadata.hatch.build_config
    except (ValueError, TypeError, OSError) as error:
        raise SettingsError([f"pyproject.toml: {error}"]) from None
    hook = _table(build, ("hooks", "wasm-oci"), HOOK_TABLE)
    target = _table(build, ("targets", "wasm-oci"), TARGET_TABLE)
    return [
        Table(HOOK_TABLE, {key: value for key, value in hook.items() if key not in _HOOK_KEYS}),
        Table(TARGET_TABLE, {key: value for key, value in target.items() if key not in _TARGET_KEYS}),
    ]


def _table(value: Any, path: tuple[str, ...], name: str) -> Mapping[str, Any]:
    for key in path:
        value = value.get(key, {}) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping):
        raise SettingsError([f"{name}: it is no table. Write its settings as KEY = VALUE under [{name}]."])
    return value


def _author(author: Mapping[str, str]) -> str:
    name, address = author.get("name", ""), author.get("email", "")
    return f"{name} <{address}>" if name and address else name or address
