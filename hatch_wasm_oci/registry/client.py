"""What a registry can do with blobs and manifests of one repository (OCI distribution-spec 1.1)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote

from hatch_wasm_oci.errors import ImageError, RefusedError, RegistryError
from hatch_wasm_oci.image.descriptor import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Blob,
    Descriptor,
    is_digest,
)
from hatch_wasm_oci.image.manifest import MANIFEST_LIMIT
from hatch_wasm_oci.registry.body import Body
from hatch_wasm_oci.registry.download import BrokenOffError, Download, again
from hatch_wasm_oci.registry.failure import redacted
from hatch_wasm_oci.registry.upload import Upload

if TYPE_CHECKING:
    import requests

    from hatch_wasm_oci.registry.transport import Transport

ACCEPT = f"{OCI_MANIFEST}, {DOCKER_MANIFEST}, {OCI_INDEX}, {DOCKER_INDEX}"
"""Without the whole list, registries answer 404, or convert the manifest to another one with another digest."""

_OK, _CREATED, _ACCEPTED, _PARTIAL, _BAD_REQUEST, _NOT_FOUND, _SERVER_ERROR = 200, 201, 202, 206, 400, 404, 500
_NO_MOUNT = (400, 401, 403, 404, 405)
_LOST = (404, 408, 416, 425, 429)


class Repository:
    """One repository of a registry.

    Args:
        transport: The requests to it.
        name: The repository's path.
    """

    def __init__(self, transport: Transport, name: str) -> None:
        self.name = name
        self._transport = transport
        self._base = f"{transport.base}/v2/{name}"
        self._pull = (f"repository:{name}:pull",)
        self._push = (f"repository:{name}:pull,push",)
        self._patience = (transport.connection.read_timeout, transport.connection.retry.clock)

    def has_blob(self, descriptor: Descriptor, *, push: bool = False) -> bool:
        """Ask whether a blob is there already (distribution-spec, Checking if content exists).

        Args:
            descriptor: The blob's descriptor.
            push: Whether a push follows, for which one token is to serve.

        Raises:
            RegistryError: The registry refuses to say.
        """
        url = f"{self._base}/blobs/{descriptor.digest}"
        scopes = self._push if push else self._pull
        return self._transport.send("HEAD", url, scopes=scopes, accepted=(_OK, _NOT_FOUND)).status_code == _OK

    def put_blob(self, blob: Blob, mount_from: str | None = None) -> str:
        """Store a blob: mounted from another repository of this registry where that works, uploaded otherwise.

        Args:
            blob: The blob.
            mount_from: The path of a repository that has it.

        Returns:
            `mounted` or `sent`.

        Raises:
            RegistryError: The registry refuses it, or can't be reached to the end.
        """
        retry = self._transport.connection.retry
        deadline = retry.clock() + retry.total
        attempt = 1
        while True:
            started = self._begin(blob, mount_from if attempt == 1 else None)
            if started.status_code == _CREATED:
                return "mounted"
            upload = Upload(self._transport, blob, started, self._push)
            try:
                upload.run()
            except RegistryError as error:
                upload.cancel()
                # What the registry does not want, it will not want again; a lost session starts anew.
                lost = error.status is None or error.status >= _SERVER_ERROR or error.status in _LOST
                lost = lost or (upload.resumed and error.status == _BAD_REQUEST)
                wait = retry.backoff(attempt) if error.retry_after is None else error.retry_after
                late = wait > retry.longest or retry.clock() + wait > deadline
                if not lost or attempt >= retry.attempts or late:
                    raise
                retry.sleep(wait)
                attempt += 1
                if self.has_blob(blob.descriptor, push=True):
                    return "sent"  # only the answer was lost
            except BaseException:
                upload.cancel()
                raise
            else:
                return "sent"

    def _begin(self, blob: Blob, mount_from: str | None) -> requests.Response:
        url, accepted = f"{self._base}/blobs/uploads/", (_CREATED, _ACCEPTED)
        if mount_from:
            query = f"?mount={quote(blob.descriptor.digest)}&from={quote(mount_from)}"
            scopes = (*self._push, f"repository:{mount_from}:pull")
            try:
                return self._transport.send("POST", f"{url}{query}", scopes=scopes, accepted=accepted)
            except RegistryError as error:
                # Who may push here may still not read there.
                if error.status not in _NO_MOUNT:
                    raise
        return self._transport.send("POST", url, scopes=self._push, accepted=accepted)

    def put_manifest(self, target: str, media_type: str, data: bytes) -> bool:
        """Store a manifest under a tag or its digest (distribution-spec, Pushing Manifests).

        Args:
            target: The tag or digest.
            media_type: The manifest's type.
            data: The manifest.

        Returns:
            Whether the registry lists it among the referrers of its subject (`OCI-Subject`).

        Raises:
            RegistryError: The registry refuses it, or stored another one.
        """
        headers = {"Content-Type": media_type}
        url = f"{self._base}/manifests/{target}"
        answer = self._transport.send(
            "PUT", url, scopes=self._push, headers=headers, body=Body(data), accepted=(_OK, _CREATED, _ACCEPTED)
        )
        stored = answer.headers.get("Docker-Content-Digest", "")
        expected = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if stored.startswith("sha256:") and stored != expected:
            raise RegistryError(
                f"The registry stored the manifest {stored} under {target} instead of {expected}.",
                "It converts manifests: push to another registry, or in another format.",
            )
        return "OCI-Subject" in answer.headers

    def find_manifest(self, target: str, *, push: bool = False) -> str | None:
        """Ask for the digest of a manifest.

        Args:
            target: A tag or digest.
            push: Whether a push follows, for which one token is to serve.

        Returns:
            The digest; None where there is no such manifest, empty where the registry keeps the digest back.

        Raises:
            RegistryError: The registry refuses to say.
        """
        response = self._manifest("HEAD", target, (_OK, _NOT_FOUND), push=push)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if response.status_code == _OK and kind == "text/html":
            # It would say yes to everything, to a whole push too.
            raise RegistryError(
                f"{redacted(response.url)} is a web page: it does not look like that of a registry.",
                "Check the registry's host and port.",
                status=_OK,
            )
        digest = response.headers.get("Docker-Content-Digest", "")
        return None if response.status_code == _NOT_FOUND else digest if is_digest(digest) else ""

    def get_manifest(self, target: str) -> bytes:
        """Fetch a manifest or index, verified where there is something to verify it by.

        Args:
            target: A tag or digest.

        Raises:
            RegistryError: There is none, or the registry refuses it.
            ImageError: It is too large, or not what its digest says.
        """

        def fetch() -> tuple[bytes, str]:
            response = self._manifest("GET", target, (_OK,))
            download = Download(f"manifest {target}", MANIFEST_LIMIT)
            try:
                download.read(response, *self._patience)
            except ImageError as error:
                raise RefusedError(error.problem, "It is no image of a Wasm plugin.", code="too-large") from None
            return bytes(download.data), response.headers.get("Docker-Content-Digest", "")

        data, stated = again(self._transport.connection.retry, fetch)
        promised = target if is_digest(target) else stated
        if is_digest(promised):
            algorithm, _, expected = promised.partition(":")
            if hashlib.new(algorithm, data).hexdigest() != expected:
                raise ImageError(
                    f"The manifest that came for {target} is not the one of the digest {promised}.",
                    "The registry or something on the way is broken: try again, or ask its operator.",
                )
        return data

    def get_blob(self, descriptor: Descriptor, limit: int) -> Blob:
        """Fetch a blob, its size and digest verified while it comes; what broke off goes on where it broke.

        Args:
            descriptor: The blob's descriptor.
            limit: The largest size, in bytes, that is fetched at all.

        Raises:
            RegistryError: There is none, the registry refuses it, or it can't be reached to the end.
            ImageError: It is too large, or not what its descriptor says.
        """
        if descriptor.size > limit:
            raise ImageError(
                f"The blob {descriptor.digest} has {descriptor.size} bytes, over the limit of {limit}.",
                "It is no image of a Wasm plugin.",
            )
        download = Download(f"blob {descriptor.digest}", descriptor.size, descriptor.digest, self._advance)
        url = f"{self._base}/blobs/{descriptor.digest}"

        def fetch() -> None:
            accepted = (_OK, _PARTIAL) if download.data else (_OK,)
            headers = download.range
            answer = self._transport.send(
                "GET", url, scopes=self._pull, headers=headers, accepted=accepted, stream=True
            )
            download.read(answer, *self._patience)
            if len(download.data) < descriptor.size:
                count = f"{len(download.data)} of {descriptor.size} bytes"
                raise BrokenOffError(f"The blob {descriptor.digest} came with {count}.", "Try again, or push it anew.")

        again(self._transport.connection.retry, fetch)
        download.verify()
        return Blob(descriptor, memoryview(download.data).toreadonly())

    def _manifest(
        self, method: str, target: str, accepted: tuple[int, ...], *, push: bool = False
    ) -> requests.Response:
        url = f"{self._base}/manifests/{target}"
        scopes = self._push if push else self._pull
        headers = {"Accept": ACCEPT}
        stream = method == "GET"
        return self._transport.send(method, url, scopes=scopes, headers=headers, accepted=accepted, stream=stream)

    def _advance(self, count: int) -> None:
        self._transport.check_interrupted()
        self._transport.connection.progress.advance(count)
