"""Artifacts that refer to an image: signatures, SBOMs, attestations (OCI distribution-spec 1.1, Referrers)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from hatch_wasm_oci.errors import ImageError
from hatch_wasm_oci.image.descriptor import OCI_INDEX, OCI_MANIFEST, Blob, Descriptor
from hatch_wasm_oci.image.json_document import parse_json, to_json
from hatch_wasm_oci.image.manifest import MANIFEST_LIMIT, Image

if TYPE_CHECKING:
    from hatch_wasm_oci.registry.client import Repository

EMPTY = "application/vnd.oci.empty.v1+json"


class Attach(Protocol):
    """Pushes an artifact that refers to an image."""

    def __call__(
        self, artifact_type: str, data: bytes, media_type: str, annotations: Mapping[str, str] | None = None
    ) -> str:
        """Push it; see `attach`."""
        ...


def attach(  # noqa: PLR0917 - plugins call it as `Attach`
    repository: Repository,
    subject: Descriptor,
    artifact_type: str,
    data: bytes,
    media_type: str,
    annotations: Mapping[str, str] | None = None,
) -> str:
    """Push an artifact that refers to an image, and make it findable at registries that list no referrers.

    Args:
        repository: The repository of the image.
        subject: The image's manifest.
        artifact_type: What the artifact is, such as `application/vnd.example.sbom.v1`.
        data: Its content.
        media_type: The content's type.
        annotations: Annotations of the artifact's manifest.

    Returns:
        The digest of the artifact's manifest.

    Raises:
        RegistryError: The registry refuses it.
    """
    config, content = Blob.of(EMPTY, b"{}"), Blob.of(media_type, data)
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": config.descriptor.to_json(),
        "layers": [content.descriptor.to_json()],
        "subject": subject.to_json(),
        "annotations": dict(sorted((annotations or {}).items())),
    }
    image = Image.of(manifest, config, content)
    for blob in image.blobs:
        if not repository.has_blob(blob.descriptor, push=True):
            repository.put_blob(blob)
    listed = repository.put_manifest(image.digest, OCI_MANIFEST, image.manifest.data)
    if not listed:
        entry = {**image.manifest.descriptor.to_json(), "artifactType": artifact_type}
        _add_to_tag(repository, subject, {**entry, "annotations": manifest["annotations"]})
    return image.digest


def _add_to_tag(repository: Repository, subject: Descriptor, entry: dict[str, Any]) -> None:
    """Add an entry to the index under the tag that stands in for a list (Referrers Tag Schema)."""
    tag = subject.digest.replace(":", "-")
    manifests: list[Any] = []
    if repository.find_manifest(tag, push=True) is not None:
        index = parse_json(repository.get_manifest(tag), f"index {tag}", MANIFEST_LIMIT)
        if not isinstance(index.get("manifests"), list):
            raise ImageError(f"The tag {tag} is kept for a list of referrers, and names something else.", "Remove it.")
        manifests = index["manifests"]
    if any(isinstance(one, Mapping) and one.get("digest") == entry["digest"] for one in manifests):
        return
    data = to_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*manifests, entry]})
    repository.put_manifest(tag, OCI_INDEX, data)
