"""Whole images to a registry and back, so that no tag ever names an incomplete one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import ImageError, InvalidReferenceError
from hatch_wasm_oci.image.archive import BLOB_LIMIT
from hatch_wasm_oci.image.manifest import Image, Manifest
from hatch_wasm_oci.registry.client import Repository
from hatch_wasm_oci.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_wasm_oci.image.reference import Reference


@dataclass(frozen=True)
class PushReceipt:
    """What a push did.

    Args:
        references: What names the image now: one for each tag, or one by digest.
        digest: The manifest's digest.
        size: The size of the manifest and its blobs together, in bytes.
        uploaded: The digests of the blobs that were sent.
        present: The digests of the blobs that were there already.
    """

    references: tuple[str, ...]
    digest: str
    size: int
    uploaded: tuple[str, ...]
    present: tuple[str, ...]

    @property
    def pinned_reference(self) -> str:
        """The first reference with the digest, for a WasmPlugin's `url`."""
        first = self.references[0]
        return first if "@" in first else f"{first}@{self.digest}"

    def to_json(self) -> dict[str, Any]:
        """Return the receipt's fields by name, and `pinned_reference`."""
        return {**asdict(self), "pinned_reference": self.pinned_reference}


def push(image: Image, references: Sequence[Reference], *, plain_http: bool = False) -> PushReceipt:
    """Push an image: blobs first, then the manifest by its digest, then the tags.

    Args:
        image: The image.
        references: Where to: references of one repository, with a tag each; one without tag pushes by digest alone.
        plain_http: Whether to talk http to a registry that is not on this machine.

    Raises:
        RegistryError: The registry can't be reached, or refuses.
        InvalidReferenceError: The references are not of one repository.
    """
    first = references[0]
    if any(reference.name != first.name for reference in references):
        raise InvalidReferenceError("The references are of several repositories.", "Push to one at a time.")
    uploaded, present = [], []
    with Transport(first.registry, plain_http=plain_http) as transport:
        repository = Repository(transport, first.repository)
        for blob in image.blobs:
            if repository.has_blob(blob.descriptor):
                present.append(blob.descriptor.digest)
            else:
                repository.upload_blob(blob)
                uploaded.append(blob.descriptor.digest)
        tags = [reference.tag for reference in references if reference.tag]
        for target in tags or [image.digest]:
            repository.put_manifest(target, image.manifest.media_type, image.manifest.data)
    names = [str(first.with_tag(tag)) for tag in tags] or [f"{first.name}@{image.digest}"]
    size = len(image.manifest.data) + sum(blob.descriptor.size for blob in image.blobs)
    return PushReceipt(tuple(names), image.digest, size, tuple(uploaded), tuple(present))


def pull(reference: Reference, *, plain_http: bool = False) -> Image:
    """Pull an image, every digest and size verified.

    Args:
        reference: The image, by digest or by tag.
        plain_http: Whether to talk http to a registry that is not on this machine.

    Raises:
        RegistryError: The registry can't be reached, or refuses.
        ImageError: The image is malformed, or not what its digests say.
        InvalidReferenceError: The reference has neither tag nor digest.
    """
    target = reference.digest or reference.tag
    if target is None:
        raise InvalidReferenceError(f"{reference} names no image.", "Add a tag or a digest: `:1.0` or `@sha256:…`.")
    with Transport(reference.registry, plain_http=plain_http) as transport:
        repository = Repository(transport, reference.repository)
        manifest = Manifest.parse(repository.get_manifest(target))
        total = sum(layer.size for layer in manifest.layers)
        if total > BLOB_LIMIT:
            raise ImageError(
                f"The image's layers have {total} bytes.", f"The limit is {BLOB_LIMIT}: it is no Wasm plugin."
            )
        descriptors = {one.digest: one for one in (manifest.config, *manifest.layers)}
        blobs = tuple(repository.get_blob(descriptor, BLOB_LIMIT) for descriptor in descriptors.values())
    return Image(manifest, blobs)
