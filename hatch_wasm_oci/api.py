"""The functions that the doors themselves use, for programs that do the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.build import Build
from hatch_wasm_oci.errors import InvalidReferenceError
from hatch_wasm_oci.image import archive
from hatch_wasm_oci.image.reference import Reference

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.project.report import PackagedImage
    from hatch_wasm_oci.registry.transfer import PushReceipt


def package(project_root: str | os.PathLike[str] = ".", *, image: str | None = None, **overrides: Any) -> PackagedImage:
    """Make the image of a project, as `hatch build` does, unless it is there already.

    Args:
        project_root: The project's directory, with its pyproject.toml.
        image: The name of one of `images`, where the project has several.
        overrides: Settings that win over the project's tables, such as `format="docker"`; in a setting's name, `_`
            stands for `-`.

    Returns:
        Where archive and report are, and what they hold.

    Raises:
        WasmOciError: Any of its subclasses but RegistryError; nothing half-made is left.
    """
    settings = {key.replace("_", "-"): value for key, value in overrides.items()}
    (packaged,) = Build(Path(project_root).absolute(), overrides=settings).only(image).package()
    return packaged


def push(
    source: Image | PackagedImage | str | os.PathLike[str],
    references: str | Iterable[str] | None = None,
    *,
    plain_http: bool = False,
) -> PushReceipt:
    """Push an image to a registry: blobs, then the manifest, so that no tag ever names an incomplete image.

    Args:
        source: An image, what `package` returned, or the path of an archive.
        references: Where to, `host/repository:tag`; several tags of one repository in one push. Where not given, what
            the project's settings or the archive say.
        plain_http: Whether to talk http to a registry that is not on this machine.

    Returns:
        What was pushed, and under which names.

    Raises:
        RegistryError: The registry can't be reached, or refuses.
        ImageError: The archive can't be read or is damaged.
        InvalidReferenceError: A reference is none, or there is none at all.
    """
    from hatch_wasm_oci.registry import transfer

    image, names = _source(source)
    wanted = [references] if isinstance(references, str) else list(references or names)
    if not wanted:
        raise InvalidReferenceError(
            "Nothing says where to push the image.",
            "Set `repository`, or name a reference such as ghcr.io/acme/filter:1.0.",
        )
    return transfer.push(image, [Reference.parse(name) for name in wanted], plain_http=plain_http)


def pull(reference: str, *, plain_http: bool = False) -> Image:
    """Pull an image from a registry, every digest and size verified.

    Args:
        reference: `host/repository:tag` or `host/repository@sha256:…`.
        plain_http: Whether to talk http to a registry that is not on this machine.

    Raises:
        RegistryError: The registry can't be reached, or refuses.
        ImageError: The image is malformed, or not what its digests say.
        InvalidReferenceError: The reference is none.
    """
    from hatch_wasm_oci.registry import transfer

    return transfer.pull(Reference.parse(reference), plain_http=plain_http)


def _source(source: Image | PackagedImage | str | os.PathLike[str]) -> tuple[Image, tuple[str, ...]]:
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.project.report import PackagedImage

    if isinstance(source, Image):
        return source, ()
    if isinstance(source, PackagedImage):
        return source.image, source.references
    return archive.read(Path(source))
