"""The build hook `wasm-oci`: it packages the image while `hatch build` makes sdist and wheel.

Hatchling imports it in every build that uses any plugin; what only our own builds need is imported when they do.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

from hatch_wasm_oci.errors import SettingsError, WasmOciError
from hatch_wasm_oci.hatch import display

SKIP_VARIABLE = "HATCH_WASM_OCI_SKIP"


class WasmOciBuildHook(BuildHookInterface[Any]):
    """Package the project's images beside its sdist and wheel, which stay what they would be without it."""

    PLUGIN_NAME = "wasm-oci"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Package, unless the outputs could not be kept; called by hatchling before it builds a target.

        Args:
            version: The target's version, such as `standard` or `editable`.
            build_data: Hatchling's build data, left alone.
        """
        if self.target_name == self.PLUGIN_NAME:
            return  # the builder of the same name does it itself
        try:
            self._check_home()
            self._keep_out()
            if reason := self._reason_to_skip(version):
                self.app.display_info(f"wasm-oci: no image is built: {reason}")
                return
            from hatch_wasm_oci.hatch.build import Build

            for packaged in Build(Path(self.root), self.metadata).package():
                display.packaged(self.app, packaged)
        except WasmOciError as error:
            self.app.abort(display.error(error))

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove the outputs; called by hatchling for `hatch clean` and `hatch build --clean`.

        Args:
            versions: The target's versions.
        """
        if self.target_name == self.PLUGIN_NAME:
            return  # the builder does it itself, where it was told to
        from hatch_wasm_oci.hatch.build import Build

        try:
            Build(Path(self.root), self.metadata).clean()
        except WasmOciError as error:
            self.app.abort(display.error(error))

    def _check_home(self) -> None:
        """Refuse a table of this hook below a target: settings of an image have one home."""
        from hatch_wasm_oci.project.settings import HOOK_TABLE

        hooks = self.build_config.target_config.get("hooks", {})
        if isinstance(hooks, dict) and self.PLUGIN_NAME in hooks:
            table = f"tool.hatch.build.targets.{self.target_name}.hooks.{self.PLUGIN_NAME}"
            raise SettingsError([f"{table}: the hook can't be set up for one target alone. Move it to [{HOOK_TABLE}]."])

    def _reason_to_skip(self, version: str) -> str | None:
        if os.environ.get(SKIP_VARIABLE, "").lower() in ("1", "true", "yes", "on"):
            return f"{SKIP_VARIABLE} is set."
        if version == "editable":
            return "an editable installation needs none."
        if "PIP_BUILD_TRACKER" in os.environ:
            return "pip builds in a temporary directory. Use `hatch build` or `python -m build`."
        if (Path(self.root) / "PKG-INFO").is_file():
            return "this is an unpacked sdist. The image was built with it."
        return None

    def _keep_out(self) -> None:
        """Keep outputs and compiled modules out of sdist and wheel, where a project's .gitignore doesn't do so.

        What a project asks for by `artifacts` or `force-include` wins over this in hatchling.
        """
        from hatch_wasm_oci.hatch.metadata import tables_of
        from hatch_wasm_oci.project.paths import generated_paths

        config = self.build_config
        patterns = config.target_config.get("exclude", config.build_config.get("exclude", []))
        if isinstance(patterns, list):  # or else hatchling is about to say so
            config.target_config["exclude"] = [*patterns, *generated_paths(tables_of(self.metadata))]
