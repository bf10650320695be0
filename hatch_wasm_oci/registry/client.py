"""What a registry can do with blobs and manifests of one repository (OCI distribution-spec 1.1)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from hatch_wasm_oci.errors import ImageError, RegistryError
from hatch_wasm_oci.image.descriptor import DOCKER_MANIFEST, OCI_MANIFEST, Blob, Descriptor, is_digest
from hatch_wasm_oci.image.manifest import MANIFEST_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

    from hatch_wasm_oci.registry.transport import Transport

_OK, _CREATED, _ACCEPTED, _NOT_FOUND = 200, 201, 202, 404
_PIECE = 1 << 20


class Repository:
    """One repository of a registry.

    Args:
        transport: The connection to the registry.
        name: The repository's path.
    """

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self._base = f"{transport.base}/v2/{name}"

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Ask whether a blob is there already.

        Args:
            descriptor: The blob's descriptor.

        Raises:
            RegistryError: The registry refuses to say.
        """
        url = f"{self._base}/blobs/{descriptor.digest}"
        response = self._transport.send("HEAD", url, accepted=(_OK, _NOT_FOUND))
        return response.status_code == _OK

    def upload_blob(self, blob: Blob) -> None:
        """Upload a blob by a POST and one PUT (distribution-spec, Pushing a blob monolithically).

        Args:
            blob: The blob.

        Raises:
            RegistryError: The registry refuses it, or stored something else.
        """
        started = self._transport.send("POST", f"{self._base}/blobs/uploads/", accepted=(_ACCEPTED,))
        url = _with_query(urljoin(started.url, _header(started, "Location")), {"digest": blob.descriptor.digest})
        headers = {"Content-Type": "application/octet-stream"}
        self._transport.send("PUT", url, headers=headers, body=blob.data, accepted=(_CREATED,))

    def put_manifest(self, reference: str, media_type: str, data: bytes) -> None:
        """Store a manifest under a tag or its digest.

        Args:
            reference: The tag or digest.
            media_type: The manifest's type.
            data: The manifest.

        Raises:
            RegistryError: The registry refuses it.
        """
        headers = {"Content-Type": media_type}
        url = f"{self._base}/manifests/{reference}"
        self._transport.send("PUT", url, headers=headers, body=data, accepted=(_CREATED,))

    def manifest_digest(self, reference: str) -> str | None:
        """Ask for the digest of a manifest.

        Args:
            reference: A tag or digest.

        Returns:
            The digest; None where there is no such manifest, or the registry does not say.

        Raises:
            RegistryError: The registry refuses to say.
        """
        response = self._manifest("HEAD", reference, (_OK, _NOT_FOUND))
        digest = response.headers.get("Docker-Content-Digest")
        return digest if response.status_code == _OK and is_digest(digest) else None

    def get_manifest(self, reference: str) -> bytes:
        """Fetch a manifest, verified where there is something to verify it by.

        Args:
            reference: A tag or digest.

        Raises:
            RegistryError: There is none, or the registry refuses it.
            ImageError: It is too large, or not what its digest says.
        """
        response = self._manifest("GET", reference, (_OK,))
        data = _read(response, MANIFEST_LIMIT, f"manifest {reference}")
        promised = reference if is_digest(reference) else response.headers.get("Docker-Content-Digest", "")
        if is_digest(promised):
            algorithm, _, expected = promised.partition(":")
            if hashlib.new(algorithm, data).hexdigest() != expected:
                raise ImageError(
                    f"The manifest that came for {reference} is not the one of the digest {promised}.",
                    "The registry or something on the way is broken: try again, or ask its operator.",
                )
        return bytes(data)

    def get_blob(self, descriptor: Descriptor, limit: int) -> Blob:
        """Fetch a blob, its size and digest verified while it comes.

        Args:
            descriptor: The blob's descriptor.
            limit: The largest size, in bytes, that is fetched at all.

        Raises:
            RegistryError: There is none, or the registry refuses it.
            ImageError: It is too large, or not what its descriptor says.
        """
        if descriptor.size > limit:
            raise ImageError(
                f"The blob {descriptor.digest} has {descriptor.size} bytes, over the limit of {limit}.",
                "It is no image of a Wasm plugin.",
            )
        response = self._transport.send("GET", f"{self._base}/blobs/{descriptor.digest}", accepted=(_OK,), stream=True)
        data = _read(response, descriptor.size, f"blob {descriptor.digest}", descriptor.digest)
        if len(data) != descriptor.size:
            raise ImageError(
                f"The blob {descriptor.digest} came with {len(data)} of {descriptor.size} bytes.", "Fetch it again."
            )
        return Blob(descriptor, memoryview(data).toreadonly())

    def _manifest(self, method: str, reference: str, accepted: tuple[int, ...]) -> requests.Response:
        # Without the whole list, registries answer 404, or convert the manifest to another with another digest.
        headers = {"Accept": f"{OCI_MANIFEST}, {DOCKER_MANIFEST}"}
        url = f"{self._base}/manifests/{reference}"
        return self._transport.send(method, url, headers=headers, accepted=accepted, stream=method == "GET")


def _read(response: requests.Response, limit: int, what: str, digest: str = "") -> bytearray:
    """Read a body into one buffer, hashing while it comes, and no further than it may go."""
    hashing = hashlib.new(digest.partition(":")[0]) if digest else None
    data = bytearray()
    try:
        while piece := response.raw.read(min(_PIECE, limit + 1 - len(data)), decode_content=False):
            data += piece
            if hashing:
                hashing.update(piece)
            if len(data) > limit:
                raise ImageError(f"The {what} is larger than {limit} bytes.", "It is not what its descriptor says.")
    except Exception as error:
        response.close()
        if isinstance(error, ImageError):
            raise
        raise RegistryError(f"The {what} broke off after {len(data)} bytes: {error}.", "Try again.") from error
    response.raw.release_conn()
    if hashing and hashing.hexdigest() != digest.partition(":")[2]:
        raise ImageError(f"The {what} came with other bytes than its digest says.", "Fetch it again.")
    return data


def _header(response: requests.Response, name: str) -> str:
    value = response.headers.get(name, "")
    if not value:
        raise RegistryError(f"The registry's answer has no {name} header.", "It does not follow the specification.")
    return value


def _with_query(url: str, values: Mapping[str, str]) -> str:
    """Merge values into a URL's query: the registry's own part of it has to come back as it was."""
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *values.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))
