"""One build, as every door starts it: a project's tables and plugins in, its packaged images out."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.hatch.metadata import project_of, read_metadata, tables_of
from hatch_wasm_oci.plugins.manager import Plugins
from hatch_wasm_oci.project import builtin, package, paths, table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatchling.metadata.core import ProjectMetadata

    from hatch_wasm_oci.project.report import PackagedImage
    from hatch_wasm_oci.project.settings import Settings


class Build:
    """The images of one project, ready to be packaged or cleaned away.

    Args:
        root: The project's directory.
        metadata: Its metadata, where hatchling has read it already.
        overrides: Settings that win over the project's tables, by the settings' names.
        directory: Where the outputs go instead of the setting's directory.
        environment: The environment; the process's where not given.

    Raises:
        SettingsError: The settings are wrong.
        PluginError: A plugin can't be loaded.
    """

    def __init__(
        self,
        root: Path,
        metadata: ProjectMetadata[Any] | None = None,
        *,
        overrides: Mapping[str, Any] | None = None,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        metadata = metadata or read_metadata(root)
        tables = tables_of(metadata)
        if overrides:
            tables.append(table.Table("option", overrides))
        self.plugins = Plugins(builtin)
        self.plugins.load_installed()
        self.plugins.load_files(root, paths.plugin_files(tables))
        formats = package.formats(self.plugins)
        environment = os.environ if environment is None else environment
        self.settings: tuple[Settings, ...] = table.load(tables, project_of(root, metadata), formats, environment)
        if directory is not None:
            self.settings = tuple(replace(settings, directory=str(directory)) for settings in self.settings)

    def package(self) -> list[PackagedImage]:
        """Package every image.

        Raises:
            WasmOciError: See `hatch_wasm_oci.project.package.package`.
        """
        return [package.package(settings, self.plugins) for settings in self.settings]

    def clean(self) -> None:
        """Remove the outputs of every image.

        Raises:
            OutputError: A file can't be removed.
        """
        for settings in self.settings:
            package.clean(settings, self.plugins)

    def only(self, name: str | None) -> Build:
        """Narrow the build down to one image.

        Args:
            name: The image's name; None where the project has but one.

        Raises:
            SettingsError: There is no such image, or there are several and none was named.
        """
        names = [settings.name for settings in self.settings]
        chosen = tuple(one for one in self.settings if name in (None, one.name))
        if len(chosen) != 1:
            wrong = f"there is no image {name!r}" if name is not None else "the project has several images"
            raise SettingsError([f"image: {wrong}. Name one of {', '.join(map(repr, names))}."])
        self.settings = chosen
        return self
