"""What is to be published: the images of a project as it was built, or of archives that were named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_wasm_oci.access import installed_plugins
from hatch_wasm_oci.errors import ImageError, InvalidReferenceError, SettingsError
from hatch_wasm_oci.hatch.build import Build
from hatch_wasm_oci.hatch.metadata import read_metadata, tables_of
from hatch_wasm_oci.image import archive
from hatch_wasm_oci.project import paths, report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatchling.metadata.core import ProjectMetadata

    from hatch_wasm_oci.hatch.publish_settings import PublishSettings
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.image.reference import Reference
    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.project.settings import Settings

_VERSION = "org.opencontainers.image.version"
_NAME_ARCHIVE = "Or name the archive: hatch publish -p wasm-oci build/wasm-oci/NAME-VERSION.oci.tar"


class Publication(NamedTuple):
    """One image on its way: where to, its version (empty where it is not known), and what reads it when its turn is."""

    references: list[Reference]
    version: str
    image: Callable[[], Image]


class Plan(NamedTuple):
    """What is to be published, and the plugins that take part."""

    plugins: Plugins
    publications: list[Publication]


def built(root: Path, settings: PublishSettings) -> Plan:
    """Take the images of a project's present version, as they were built.

    Args:
        root: The project's directory.
        settings: Which, and where to.

    Raises:
        WasmOciError: The project's tables are wrong, one of its images is not built, or nothing says where to.
    """
    metadata = read_metadata(root)
    _check_version(metadata)
    build = Build(root, metadata)
    if settings.image is not None:
        build = build.only(settings.image)
    publications = [_built(one, settings) for one in build.settings]
    _check_together(publications)
    return Plan(build.plugins, publications)


def archives(root: Path, artifacts: Sequence[str], settings: PublishSettings) -> Plan:
    """Take the images of archives. Of the project, only its plugins are looked at.

    Args:
        root: The project's directory; it need not be one.
        artifacts: The archives' paths, from the current directory or the project's.
        settings: Where to.

    Raises:
        WasmOciError: An archive can't be read, or nothing says where to.
    """
    if settings.image is not None:
        raise SettingsError(["option image: archives are named already. Leave one or the other out."])
    publications = [_archived(root, artifact, settings) for artifact in artifacts]
    _check_together(publications)
    plugins = installed_plugins()
    if (root / "pyproject.toml").is_file():
        plugins.load_files(root, paths.plugin_files(tables_of(read_metadata(root))))
    return Plan(plugins, publications)


def _check_version(metadata: ProjectMetadata[Any]) -> None:
    """Find out whether this environment, hatch's own and not that of builds, can tell what is dynamic."""
    dynamic = metadata.config.get("project", {})
    if not isinstance(dynamic, dict) or not dynamic.get("dynamic"):
        return
    try:
        _ = metadata.core, metadata.version
    except Exception as error:  # noqa: BLE001 - whatever a plugin for versions may raise
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        problem = f"in hatch's own environment the project's dynamic metadata can't be told: {reason}."
        raise SettingsError(
            [f"pyproject.toml: {problem} Install what it needs beside hatch. {_NAME_ARCHIVE}"]
        ) from None


def _built(one: Settings, settings: PublishSettings) -> Publication:
    path = one.report_path
    if not path.is_file():
        shown = os.path.relpath(path, one.project.root)
        raise ImageError(
            f"{one.name} {one.project.version} is not built: there is no {shown}.",
            f"Run `hatch build`. {_NAME_ARCHIVE}",
        )
    packaged = report.read(path)
    names = packaged.references or tuple(map(str, one.references)) or [f"{one.name}:{tag}" for tag in one.tags]
    references = settings.references(one.name, packaged.version, names)
    if not packaged.archive.is_file():
        shown = os.path.relpath(packaged.archive, one.project.root)
        raise ImageError(f"{one.name} {packaged.version} is not built: there is no {shown}.", "Run `hatch build`.")

    def image() -> Image:
        found = packaged.image
        if found.digest != packaged.manifest_digest:
            raise ImageError(
                f"{packaged.archive} holds {found.digest} where its report says {packaged.manifest_digest}.",
                "Run `hatch build` again.",
            )
        return found

    return Publication(references, packaged.version, image)


def _archived(root: Path, artifact: str, settings: PublishSettings) -> Publication:
    path = Path(artifact)
    if not path.is_absolute() and not path.exists():
        path = root / path
    if path.is_dir():
        raise ImageError(f"{artifact} is a directory.", "Name the archives in it.")
    image, names = archive.read(path)
    stem = path.name.rsplit(".", 2)[0]
    name, version = stem, image.manifest.annotations.get(_VERSION, "")
    beside = path.with_name(f"{stem}.json")
    if beside.is_file():
        packaged = report.read(beside)
        name, version = packaged.name, packaged.version
    return Publication(settings.references(name, version, names), version, lambda: image)


def _check_together(publications: Sequence[Publication]) -> None:
    seen = set()
    for publication in publications:
        for reference in publication.references:
            if reference in seen:
                raise InvalidReferenceError(
                    f"Two images would both be published as {reference}.",
                    "Give each a repository of its own, for example by {name} in it, or publish one: -o image=NAME.",
                )
            seen.add(reference)
