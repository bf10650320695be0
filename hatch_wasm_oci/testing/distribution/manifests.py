"""Pushing, pulling and deleting manifests, and who refers to them (distribution-spec, "Pushing Manifests")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.distribution.blobs import content_response
from hatch_wasm_oci.testing.distribution.listings import paginated
from hatch_wasm_oci.testing.distribution.manifest import INDEX, InvalidManifestError, parse_manifest
from hatch_wasm_oci.testing.distribution.refusal import RefusedError, invalid_digest, unknown_repository
from hatch_wasm_oci.testing.http1.message import BytesContent, Response, json_response
from hatch_wasm_oci.testing.storage.memory import StoredManifest
from hatch_wasm_oci.testing.storage.names import digest_of, is_digest, is_tag

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.distribution.behaviour import Behaviour
    from hatch_wasm_oci.testing.distribution.manifest import Manifest
    from hatch_wasm_oci.testing.http1.message import Request
    from hatch_wasm_oci.testing.storage.memory import MemoryStorage


class Manifests:
    """The endpoints below `/v2/<name>/manifests/` and `/v2/<name>/referrers/`.

    Args:
        storage: Where the manifests go.
        behaviour: Maximum, referrers, negotiation, Locations.
    """

    def __init__(self, storage: MemoryStorage, behaviour: Behaviour) -> None:
        self._storage = storage
        self._behaviour = behaviour

    def get(self, request: Request, repository: str, reference: str) -> Response:
        """Answer GET or HEAD."""
        found = self._storage.manifest(repository, reference)
        if found is None:
            if ":" in reference and not is_digest(reference):
                raise invalid_digest(reference)
            raise self._unknown(repository, reference)
        if self._behaviour.strict_accept and found.media_type not in _accepted(request):
            raise RefusedError(404, "MANIFEST_UNKNOWN", f"The manifest is {found.media_type}, which Accept leaves out.")
        return content_response(request, BytesContent(found.data), found.digest, found.media_type)

    def put(self, request: Request, repository: str, reference: str) -> Response:
        """Answer PUT."""
        by_digest = ":" in reference
        if by_digest and not is_digest(reference):
            raise invalid_digest(reference)
        if not by_digest and not is_tag(reference):
            raise RefusedError(400, "MANIFEST_INVALID", "The tag has characters or a length that tags can't have.")
        data = request.body.read(self._behaviour.maximum_manifest)
        if data is None:
            limit = self._behaviour.maximum_manifest
            raise RefusedError(
                413, "MANIFEST_INVALID", f"The manifest is larger than the {limit} bytes that are taken."
            )
        digest = digest_of(data, reference.partition(":")[0] if by_digest else "sha256")
        if by_digest and digest != reference:
            raise RefusedError(
                400, "DIGEST_INVALID", "The manifest has another digest.", detail={"digest": reference, "found": digest}
            )
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        try:
            manifest = parse_manifest(data, media_type)
        except InvalidManifestError as error:
            raise RefusedError(400, "MANIFEST_INVALID", f"The manifest can't be taken: {error}.") from None
        self._check_parts(repository, manifest)
        subject = manifest.subject.digest if manifest.subject is not None else ""
        stored = StoredManifest(digest, media_type, data, subject)
        self._storage.put_manifest(repository, stored, None if by_digest else reference)
        path = f"/v2/{repository}/manifests/{reference}"
        headers = {
            "Location": f"{request.base}{path}" if self._behaviour.absolute_locations else path,
            "Docker-Content-Digest": digest,
        }
        if subject and self._behaviour.referrers:
            headers["OCI-Subject"] = subject
        return Response(201, headers)

    def delete(self, repository: str, reference: str) -> Response:
        """Answer DELETE of a tag or a manifest."""
        if ":" in reference and not is_digest(reference):
            raise invalid_digest(reference)
        if not self._storage.delete_manifest(repository, reference):
            raise self._unknown(repository, reference)
        return Response(202)

    def referrers(self, request: Request, repository: str, digest: str) -> Response:
        """Answer GET of the referrers of a digest: an index, empty where there are none."""
        if not is_digest(digest):
            raise invalid_digest(digest)
        wanted = request.parameter("artifactType")
        entries = {}
        for stored in self._storage.referrers(repository, digest):
            entry = _referrer(stored)
            if wanted is None or entry.get("artifactType") == wanted:
                entries[stored.digest] = entry
        names, headers = paginated(request, sorted(entries), self._behaviour.page_size)
        if wanted is not None:
            headers["OCI-Filters-Applied"] = "artifactType"
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entries[name] for name in names]}
        return json_response(200, index, {**headers, "Content-Type": INDEX})

    def _check_parts(self, repository: str, manifest: Manifest) -> None:
        for descriptor in manifest.blobs:
            content = self._storage.blob(repository, descriptor.digest)
            if content is None and (descriptor.elsewhere or self._behaviour.sparse):
                continue
            _check_size(descriptor.digest, descriptor.size, None if content is None else content.size)
        for descriptor in manifest.children:
            child = self._storage.manifest(repository, descriptor.digest)
            if child is None and self._behaviour.sparse:
                continue
            _check_size(descriptor.digest, descriptor.size, None if child is None else len(child.data))

    def _unknown(self, repository: str, reference: str) -> RefusedError:
        if self._storage.tags(repository) is None:
            return unknown_repository(repository)
        return RefusedError(404, "MANIFEST_UNKNOWN", "The manifest is not known.", detail={"reference": reference})


def _check_size(digest: str, announced: int, found: int | None) -> None:
    if found is None:
        raise RefusedError(
            400, "MANIFEST_BLOB_UNKNOWN", "A part of the manifest is not in this repository.", detail={"digest": digest}
        )
    if found != announced:
        raise RefusedError(
            400,
            "SIZE_INVALID",
            f"A descriptor says {announced} bytes where the content has {found}.",
            detail={"digest": digest},
        )


def _accepted(request: Request) -> set[str]:
    return {part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")}


def _referrer(stored: StoredManifest) -> dict[str, Any]:
    manifest = parse_manifest(stored.data, stored.media_type)
    entry: dict[str, Any] = {"mediaType": stored.media_type, "digest": stored.digest, "size": len(stored.data)}
    if manifest.artifact_type:
        entry["artifactType"] = manifest.artifact_type
    if manifest.annotations:
        entry["annotations"] = manifest.annotations
    return entry
