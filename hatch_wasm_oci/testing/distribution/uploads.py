"""Uploads of blobs: at once, streamed, in chunks, or mounted (distribution-spec, "Pushing blobs")."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.distribution.ranges import parse_content_range, upload_range
from hatch_wasm_oci.testing.distribution.refusal import RefusedError, invalid_digest
from hatch_wasm_oci.testing.http1.message import Response
from hatch_wasm_oci.testing.storage.names import is_digest, is_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_wasm_oci.testing.distribution.behaviour import Behaviour
    from hatch_wasm_oci.testing.http1.message import Request
    from hatch_wasm_oci.testing.storage.memory import MemoryStorage
    from hatch_wasm_oci.testing.storage.upload import Upload


class Uploads:
    """The endpoints below `/v2/<name>/blobs/uploads/`.

    Args:
        storage: Where the bytes go.
        behaviour: Minimum, maximum, mounts, Locations.
    """

    def __init__(self, storage: MemoryStorage, behaviour: Behaviour) -> None:
        self._storage = storage
        self._behaviour = behaviour

    def begin(self, request: Request, repository: str, may_read: Callable[[str], bool]) -> Response:
        """Answer POST: mount a blob, take a whole one, or open a session."""
        mount, source = request.parameter("mount"), request.parameter("from")
        if mount is not None and self._behaviour.mounts and is_digest(mount):
            source_valid = source is None or is_repository(source)
            if source_valid and self._storage.mount(repository, mount, source, may_read):
                return self._created(request, repository, mount)
        digest = request.parameter("digest")
        if digest is None or not self._behaviour.single_post:
            return self._progress(request, self._storage.begin_upload(repository), 202)
        if not is_digest(digest):
            raise invalid_digest(digest)
        upload = self._storage.begin_upload(repository)
        try:
            return self._finish(request, upload, digest)
        except BaseException:
            self._storage.cancel(upload)  # the client never learnt of this session
            raise

    def patch(self, request: Request, repository: str, identifier: str) -> Response:
        """Answer PATCH: append a chunk, or a stream of unknown length."""
        upload = self._find(request, repository, identifier)
        with _Writing(upload):
            self._append(request, upload)
            upload.state = secrets.token_urlsafe(12)
            return self._progress(request, upload, 202)

    def put(self, request: Request, repository: str, identifier: str) -> Response:
        """Answer PUT: append what the body holds, and finish."""
        upload = self._find(request, repository, identifier)
        digest = request.parameter("digest")
        if digest is None or not is_digest(digest):
            raise invalid_digest(digest or "")
        return self._finish(request, upload, digest)

    def status(self, request: Request, repository: str, identifier: str) -> Response:
        """Answer GET: how much has arrived."""
        return self._progress(request, self._find(request, repository, identifier), 204)

    def cancel(self, request: Request, repository: str, identifier: str) -> Response:
        """Answer DELETE: forget the session."""
        self._storage.cancel(self._find(request, repository, identifier))
        return Response(204)

    def location(self, request: Request, path: str) -> str:
        """Return a Location for a path of this registry, relative or absolute as behaviour has it."""
        return f"{request.base}{path}" if self._behaviour.absolute_locations else path

    def _find(self, request: Request, repository: str, identifier: str) -> Upload:
        upload = self._storage.upload(repository, identifier)
        if upload is None:
            raise _unknown_upload()
        if self._behaviour.upload_state and request.parameter("_state") != upload.state:
            raise RefusedError(404, "BLOB_UPLOAD_INVALID", "The Location is not the one of the last answer.")
        return upload

    def _finish(self, request: Request, upload: Upload, digest: str) -> Response:
        algorithm = digest.partition(":")[0]
        with _Writing(upload):
            if not request.body.finished:
                self._append_all_or_nothing(request, upload, algorithm)
            found = upload.digest(algorithm)
            if found != digest:
                self._storage.cancel(upload)
                raise RefusedError(
                    400, "DIGEST_INVALID", "The content has another digest.", detail={"digest": digest, "found": found}
                )
            if not self._storage.commit(upload, digest):
                raise _unknown_upload()
        return self._created(request, upload.repository, digest)

    def _append_all_or_nothing(self, request: Request, upload: Upload, algorithm: str) -> None:
        # A PUT that was cut off is sent again whole, where a PATCH goes on from what had arrived.
        start = upload.size
        try:
            self._append(request, upload, algorithm)
        except BaseException:
            if upload.size > start:
                upload.truncate(start)
            raise

    def _append(self, request: Request, upload: Upload, algorithm: str = "sha256") -> None:
        start = upload.size
        announced = request.body.length
        content_range = request.headers.get("content-range")
        size = announced
        if content_range is not None:
            parsed = parse_content_range(content_range)
            if parsed is None or parsed[0] != start:
                raise self._out_of_order(request, upload)
            size = parsed[1]
            if announced is not None and announced != size:
                raise _wrong_size("The chunk's Content-Range and Content-Length differ.")
            if upload.last_chunk_was_short:
                raise _wrong_size("A chunk before this one was shorter than OCI-Chunk-Min-Length.")
        limit = self._behaviour.maximum_blob - start
        if announced is not None and announced > limit:
            raise self._too_large()
        upload.append(self._limited(request, limit), algorithm)
        if size is not None and upload.size - start != size:
            upload.truncate(start)
            raise _wrong_size("The chunk is not as long as its Content-Range says.")
        upload.last_chunk_was_short = content_range is not None and upload.size - start < self._behaviour.chunk_minimum

    def _limited(self, request: Request, limit: int) -> Iterator[memoryview]:
        start = request.body.received
        for piece in request.body.pieces():
            if request.body.received - start > limit:
                raise self._too_large()
            yield piece

    def _too_large(self) -> RefusedError:
        return RefusedError(
            413, "SIZE_INVALID", f"The blob is larger than the {self._behaviour.maximum_blob} bytes that are taken."
        )

    def _out_of_order(self, request: Request, upload: Upload) -> RefusedError:
        headers = self._progress(request, upload, 416).headers
        return RefusedError(416, "BLOB_UPLOAD_INVALID", "The chunk does not follow the last one.", headers=headers)

    def _progress(self, request: Request, upload: Upload, status: int) -> Response:
        path = f"/v2/{upload.repository}/blobs/uploads/{upload.identifier}"
        if self._behaviour.upload_state:
            path += f"?_state={upload.state}"
        headers = {
            "Location": self.location(request, path),
            "Range": upload_range(upload.size),
            "Docker-Upload-UUID": upload.identifier,
        }
        if self._behaviour.chunk_minimum:
            headers["OCI-Chunk-Min-Length"] = str(self._behaviour.chunk_minimum)
        return Response(status, headers)

    def _created(self, request: Request, repository: str, digest: str) -> Response:
        path = f"/v2/{repository}/blobs/{digest}"
        return Response(201, {"Location": self.location(request, path), "Docker-Content-Digest": digest})


class _Writing:
    """Holds an upload's lock; a second writer is refused rather than kept waiting for a slow first."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    def __enter__(self) -> None:
        if not self._upload.lock.acquire(blocking=False):
            raise RefusedError(409, "BLOB_UPLOAD_INVALID", "Another request is writing to this upload.")

    def __exit__(self, *_: object) -> None:
        self._upload.lock.release()


def _unknown_upload() -> RefusedError:
    return RefusedError(404, "BLOB_UPLOAD_UNKNOWN", "The upload is not known; it ended or was never begun.")


def _wrong_size(message: str) -> RefusedError:
    return RefusedError(400, "SIZE_INVALID", message)
