"""What a build says of the image that it made: the JSON file beside the archive, and the same as a value."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import ImageError
from hatch_wasm_oci.image.json_document import strict_json
from hatch_wasm_oci.wasm.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_wasm_oci.image.formats import ImageContents
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.project.settings import Settings

_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class PackagedImage:
    """An image in its archive, and all that its report says.

    Args:
        name: The image's name.
        version: The project's version.
        format: The name of the format.
        archive: The archive's file. In the report, which moves along with it, it is the file's name alone.
        reference: The first of `references`; None where no repository is set.
        references: Where the image is to be pushed, one for each tag.
        manifest_digest: The manifest's digest: what a WasmPlugin pins.
        manifest_size: The manifest's size in bytes.
        config_digest: The config's digest.
        layer_digest: The digest of the layer that holds the module.
        layer_size: That layer's size in bytes.
        diff_id: The digest of that layer before compression; for an artifact, that of the module itself.
        module_sha256: The module's SHA-256: 64 hexadecimal characters.
        module_size: The module's size in bytes.
        abi_version: The proxy-wasm ABI that the module exports; None where it exports none.
        findings: What checks found.
        unchanged: Whether it was there already, from an earlier build of the same inputs; not in the report.
    """

    name: str
    version: str
    format: str
    archive: Path
    reference: str | None
    references: tuple[str, ...]
    manifest_digest: str
    manifest_size: int
    config_digest: str
    layer_digest: str
    layer_size: int
    diff_id: str
    module_sha256: str
    module_size: int
    abi_version: str | None
    findings: tuple[Finding, ...] = ()
    unchanged: bool = False

    @property
    def report(self) -> Path:
        """The report's file, beside the archive."""
        return self.archive.with_name(f"{self.name}-{self.version}.json")

    @property
    def image(self) -> Image:
        """The image, read from the archive and verified each time it is asked for.

        Raises:
            ImageError: The archive is gone or damaged.
        """
        from hatch_wasm_oci.image import archive

        return archive.read(self.archive).image

    @property
    def pinned_reference(self) -> str | None:
        """The reference by digest, for a WasmPlugin's `url`; None where no repository is set."""
        return f"{self.reference}@{self.manifest_digest}" if self.reference else None

    def to_json(self) -> dict[str, Any]:
        """Return what the report holds: the fields by name, `archive` as a file name.

        Where a repository is set, also `manifests`: by the consumers' names, what brings the image into a mesh, as
        `hatch-wasm-oci manifest` would write it.
        """
        value = asdict(self)
        del value["unchanged"]
        value = {**value, "archive": self.archive.name, "references": list(self.references)}
        return value if self.reference is None else {**value, "manifests": self._manifests(self.reference)}

    def _manifests(self, reference: str) -> dict[str, Any]:
        # Imported when a report is written: an unchanged build has no need of it.
        from hatch_wasm_oci.image.reference import Reference
        from hatch_wasm_oci.project.deployment import DOCUMENTS, Deployment, object_name

        deployment = Deployment(Reference.parse(reference), self.manifest_digest, object_name(self.name))
        return {consumer: document(deployment) for consumer, document in DOCUMENTS.items()}


def describe(
    settings: Settings, contents: ImageContents, image: Image, path: Path, findings: Sequence[Finding]
) -> PackagedImage:
    """Say what an image is.

    Args:
        settings: Its settings.
        contents: What it was made of.
        image: The image.
        path: Where its archive is.
        findings: What checks found.
    """
    manifest = image.manifest
    references = tuple(map(str, settings.references))
    layer = manifest.layers[-1]
    return PackagedImage(
        name=settings.name,
        version=settings.project.version,
        format=settings.format,
        archive=path,
        reference=references[0] if references else None,
        references=references,
        manifest_digest=image.digest,
        manifest_size=len(manifest.data),
        config_digest=manifest.config.digest,
        layer_digest=layer.digest,
        layer_size=layer.size,
        diff_id=_diff_id(image),
        module_sha256=contents.module.sha256,
        module_size=contents.module.size,
        abi_version=contents.module.abi_version,
        findings=tuple(findings),
    )


def write(packaged: PackagedImage) -> bytes:
    """Write a report down.

    Args:
        packaged: What it tells of.
    """
    return json.dumps(packaged.to_json(), ensure_ascii=False, indent=2).encode() + b"\n"


def read(path: Path) -> PackagedImage:
    """Read a report.

    Args:
        path: The report's file.

    Raises:
        ImageError: It can't be read, or is no report.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT)
        value = strict_json(data)
        known = {field.name for field in fields(PackagedImage)} - {"unchanged"}
        packaged = PackagedImage(**{key: value[key] for key in known})
        return replace(
            packaged,
            archive=path.with_name(Path(packaged.archive).name),
            references=tuple(packaged.references),
            findings=tuple(Finding(**finding) for finding in value["findings"]),
        )
    except OSError as error:
        raise ImageError(f"{path} can't be read: {error.strerror}.", "Build the image first.") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ImageError(f"{path} is no report of a build: {error!r}.", "Build the image again.") from None


def _diff_id(image: Image) -> str:
    try:
        config = json.loads(bytes(image.blob(image.manifest.config).data))
        return str(config["rootfs"]["diff_ids"][-1])
    except (ValueError, KeyError, TypeError, IndexError):
        return image.manifest.layers[-1].digest  # an artifact's layers are what they are, uncompressed
