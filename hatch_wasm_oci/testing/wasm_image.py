"""The images that tests work with: made of any bytes in any format, or by a project's own build."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.project.report import PackagedImage

# What Envoy loads at least: a memory, the mark of the ABI, and what the host asks for memory, which has none to give.
_SMALLEST = (
    b"\0asm\x01\0\0\0"
    b"\x01\x09\x02\x60\0\0\x60\x01\x7f\x01\x7f"
    b"\x03\x03\x02\0\x01"
    b"\x05\x03\x01\0\x01"
    b"\x07\x3f\x03\x06memory\x02\0\x17proxy_abi_version_0_2_1\0\0\x18proxy_on_memory_allocate\0\x01"
    b"\x0a\x09\x02\x02\0\x0b\x04\0\x41\0\x0b"
)


@dataclass(frozen=True)
class WasmImage:
    """An image that was built, for tests; it stands for its archive wherever a path is taken, such as in `push`.

    Args:
        report: All that the build's report says, `hatch_wasm_oci.PackagedImage`.
        module: The module that it was made of.
    """

    report: PackagedImage
    module: Module

    def __fspath__(self) -> str:
        return str(self.archive)

    @property
    def archive(self) -> Path:
        """The archive's file."""
        return self.report.archive

    @property
    def manifest_digest(self) -> str:
        """The manifest's digest: what a WasmPlugin pins."""
        return self.report.manifest_digest

    @functools.cached_property
    def image(self) -> Image:
        """The image itself, read from the archive and verified once.

        Raises:
            ImageError: The archive is damaged.
        """
        return self.report.image


def image_of(source: WasmImage | PackagedImage | Image | str | os.PathLike[str]) -> Image:
    """Return the image itself.

    Args:
        source: An image, what `hatch_wasm_oci.package` returned, or the path of an archive.

    Raises:
        ImageError: The archive can't be read or is damaged.
    """
    from hatch_wasm_oci import api

    return source.image if isinstance(source, WasmImage) else api.read(source)[0]


def in_format(image: Image, name: str) -> Image:
    """Make an image anew, of the same module, annotations and labels, in another format.

    Args:
        image: The image.
        name: The format's name, one that a plugin registers among them.

    Raises:
        SettingsError: There is no such format.
        ImageError: The image is malformed.
    """
    from hatch_wasm_oci.image.formats import ImageContents

    formats = _formats()
    if name not in formats:
        raise SettingsError([f"formats: there is no format {name!r}. Choose of {', '.join(map(repr, formats))}."])
    annotations = {key: text for key, text in image.manifest.annotations.items() if "module.wasm.image" not in key}
    made: Image = formats[name].build(ImageContents(image.module(), annotations=annotations, labels=_labels(image)))
    return made


def make(
    directory: Path, wasm: bytes | bytearray | memoryview | Module | str | os.PathLike[str] | None, **settings: Any
) -> WasmImage:
    """Make an image of any module, as a project's build does, without a project.

    Args:
        directory: An empty directory.
        wasm: The module's bytes, or its file; a smallest one where not given.
        settings: Settings as in a project's table, `_` for `-`; `format` among them. `lint` is off by default.

    Raises:
        WasmOciError: It is no module, or a setting is wrong.
    """
    from hatch_wasm_oci.hatch.build import Build

    if isinstance(wasm, (str, os.PathLike)):
        module = Module.read(Path(wasm))
    else:
        module = wasm if isinstance(wasm, Module) else Module(_SMALLEST if wasm is None else wasm)
    (directory / "pyproject.toml").write_text('[project]\nname = "wasm-image"\nversion = "1.0"\n', encoding="utf-8")
    (directory / "plugin.wasm").write_bytes(module.data)
    overrides = {key.replace("_", "-"): value for key, value in {"lint": "off", **settings}.items()}
    (packaged,) = Build(directory, overrides=overrides, environment={}).package()
    return WasmImage(packaged, module)


@functools.cache
def _plugins() -> Plugins:
    from hatch_wasm_oci.access import installed_plugins

    return installed_plugins()


def _formats() -> dict[str, Any]:
    from hatch_wasm_oci.project.package import formats

    return dict(formats(_plugins()))


def _labels(image: Image) -> dict[str, str]:
    config = json.loads(bytes(image.blob(image.manifest.config).data))
    inner = config.get("config") if isinstance(config, dict) else None
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    return {key: str(text) for key, text in labels.items()} if isinstance(labels, dict) else {}
