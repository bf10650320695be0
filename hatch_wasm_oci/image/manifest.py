"""Images as values: the manifest as it was written, and the blobs that it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import ImageError, shown
from hatch_wasm_oci.image.descriptor import (
    DOCKER_MANIFEST,
    OCI_MANIFEST,
    Blob,
    Descriptor,
    sha256,
    text_mapping,
)
from hatch_wasm_oci.image.extraction import extract
from hatch_wasm_oci.image.json_document import parse_json, to_json
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST_LIMIT = 4 * 1024 * 1024
"""The largest manifest, in bytes, that registries take (distribution-spec, Pushing Manifests)."""
LAYER_COUNT_LIMIT = 1024


@dataclass(frozen=True)
class Manifest:
    """A manifest of one image (OCI image-spec, manifest.md; Docker image manifest v2, schema 2).

    Args:
        data: Its bytes, exactly as they were written: its digest is theirs.
        media_type: The type that its body states, or that an OCI manifest without one has.
        config: The descriptor of the config.
        layers: The descriptors of the layers.
        annotations: Its annotations.
    """

    data: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]

    @property
    def descriptor(self) -> Descriptor:
        """The manifest's own descriptor, by which it is pushed and pinned."""
        return Descriptor(self.media_type, sha256(self.data), len(self.data))

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read a manifest.

        Args:
            data: Its bytes, not trusted.

        Raises:
            ImageError: It is no JSON, no manifest of one image, or malformed.
        """
        value = parse_json(data, "manifest", MANIFEST_LIMIT)
        media_type = value.get("mediaType", OCI_MANIFEST)
        if value.get("schemaVersion") != 2 or media_type not in (OCI_MANIFEST, DOCKER_MANIFEST):  # noqa: PLR2004 - both
            raise ImageError(
                f"The manifest is of type {shown(media_type)}, schema version {shown(value.get('schemaVersion'))}.",
                "It must be that of a single image, OCI or Docker schema 2: not an index, and nothing older.",
            )
        layers = value.get("layers")
        if not isinstance(layers, list) or not 0 < len(layers) <= LAYER_COUNT_LIMIT:
            raise ImageError("The manifest has no list of layers that can be read.", "Build the image again.")
        return cls(
            data,
            str(media_type),
            Descriptor.from_json(value.get("config"), "manifest.config"),
            tuple(Descriptor.from_json(layer, f"manifest.layers[{index}]") for index, layer in enumerate(layers)),
            text_mapping(value.get("annotations"), "manifest.annotations"),
        )


@dataclass(frozen=True)
class Image:
    """A whole image: what is pushed, pulled, and kept in an archive.

    Args:
        manifest: The manifest.
        blobs: Every blob that the manifest names, each once, the config first.
    """

    manifest: Manifest
    blobs: tuple[Blob, ...]

    @classmethod
    def of(cls, manifest: Mapping[str, Any], *blobs: Blob) -> Image:
        """Make an image of a manifest that is still to be written down.

        Args:
            manifest: The manifest's JSON object, in the order in which it is to be written.
            blobs: The config and the layers; one given twice counts once.

        Raises:
            ImageError: The manifest is malformed, or names a blob that is not among those given.
        """
        unique = {blob.descriptor.digest: blob for blob in blobs}
        image = cls(Manifest.parse(to_json(manifest)), tuple(unique.values()))
        for descriptor in (image.manifest.config, *image.manifest.layers):
            image.blob(descriptor)
        return image

    @property
    def digest(self) -> str:
        """The manifest's digest: what consumers pin."""
        return self.manifest.descriptor.digest

    @property
    def references(self) -> tuple[Descriptor, ...]:
        """The descriptors of the config and the layers."""
        return (self.manifest.config, *self.manifest.layers)

    def blob(self, descriptor: Descriptor) -> Blob:
        """Return the blob that a descriptor of the manifest names.

        Args:
            descriptor: One of the manifest's.

        Raises:
            ImageError: The image lacks it.
        """
        for blob in self.blobs:
            if blob.descriptor.digest == descriptor.digest:
                return blob
        raise ImageError(f"The image lacks the blob {descriptor.digest}.", "Fetch or build it again.")

    def module(self) -> Module:
        """Take the module out of the image, as the consumers do.

        Returns:
            The module of the last layer (compat), or of the content layer (artifact).

        Raises:
            RefusedError: No layer is one that Istio and Envoy Gateway take, or it has no module.
            ModuleError: What it holds is no core module.
        """
        data, place = extract(self.manifest.media_type, self.manifest.layers, lambda layer: self.blob(layer).data)
        return Module(data, place)
