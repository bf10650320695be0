"""The builder of the target `wasm-oci`: `hatch build -t wasm-oci` makes the image and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.plugin.interface import BuilderInterface

from hatch_wasm_oci.errors import WasmOciError
from hatch_wasm_oci.hatch import display
from hatch_wasm_oci.hatch.build import Build

if TYPE_CHECKING:
    from collections.abc import Callable


class WasmOciBuilder(BuilderInterface[Any, Any]):
    """Package the project's images alone."""

    PLUGIN_NAME = "wasm-oci"

    def get_version_api(self) -> dict[str, Callable[..., str]]:
        """Return what builds each version of the target: there is one, `standard`."""
        return {"standard": self.build_standard}

    def build_standard(self, directory: str, **_build_data: Any) -> str:
        """Package every image.

        Args:
            directory: Where hatch wants the artifact. What a command line names is followed; hatch's own default is
                not, because foreign files in `dist` break `twine upload dist/*`.

        Returns:
            The path of the archive, the last one where there are several; the others are shown.
        """
        try:
            packaged = self._build(directory).package()
        except WasmOciError as error:
            self.app.abort(display.error(error))
            raise  # abort ends the process; where an application of somebody else's doesn't, the error goes on
        for image in packaged:
            display.packaged(self.app, image)
        for image in packaged[:-1]:
            self.app.display_info(os.path.relpath(image.archive, self.root))
        return str(packaged[-1].archive)

    def clean(self, directory: str, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove the outputs.

        Args:
            directory: As for `build_standard`.
            versions: The target's versions.
        """
        try:
            self._build(directory).clean()
        except WasmOciError as error:
            self.app.abort(display.error(error))

    def _build(self, directory: str) -> Build:
        root = Path(self.root)
        if Path(directory) == Path(self.config.directory):
            return Build(root, self.metadata)
        return Build(root, self.metadata, directory=Path(directory))
