"""A registry's whole state in memory: repositories with their blobs, manifests and tags; uploads; contents."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.http1.message import BytesContent
from hatch_wasm_oci.testing.storage.upload import MemoryUpload, Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing.http1.message import Content

ABANDONED = 3600.0  # seconds after which an upload that nobody wrote to is dropped


@dataclass(frozen=True)
class StoredManifest:
    """A manifest as it was pushed.

    Args:
        digest: The digest under which it is kept.
        media_type: The media type that it was pushed with.
        data: Its exact bytes.
        subject: The digest of the manifest that it refers to; empty for none.
    """

    digest: str
    media_type: str
    data: bytes = field(repr=False)
    subject: str = ""


@dataclass
class Repository:
    """What belongs to one repository."""

    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, StoredManifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing is left in it."""
        return not (self.blobs or self.manifests or self.tags)


class MemoryStorage:
    """State in memory; every method is atomic, and none waits for a client.

    The `_keep…` and `_forget…` methods are where a storage that outlives the process hooks in; they are called with
    the lock held and before the change is visible.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._repositories: dict[str, Repository] = {}
        self._contents: dict[str, Content] = {}
        self._uploads: dict[str, Upload] = {}

    def repositories(self) -> list[str]:
        """Return the names of all repositories that hold something."""
        with self._lock:
            return [name for name, found in self._repositories.items() if not found.empty]

    def tags(self, repository: str) -> dict[str, str] | None:
        """Return tags and the digests that they point at; None where the repository is unknown."""
        with self._lock:
            found = self._repositories.get(repository)
            return None if found is None else dict(found.tags)

    def blob(self, repository: str, digest: str) -> Content | None:
        """Return the content of a blob of a repository."""
        with self._lock:
            found = self._repositories.get(repository)
            return self._contents.get(digest) if found and digest in found.blobs else None

    def manifest(self, repository: str, reference: str) -> StoredManifest | None:
        """Return a manifest by tag or digest."""
        with self._lock:
            found = self._repositories.get(repository)
            return found.manifests.get(found.tags.get(reference, reference)) if found else None

    def referrers(self, repository: str, subject: str) -> list[StoredManifest]:
        """Return the manifests whose subject is this digest."""
        with self._lock:
            found = self._repositories.get(repository)
            manifests = list(found.manifests.values()) if found else []
        return [manifest for manifest in manifests if manifest.subject == subject]

    def mount(self, repository: str, digest: str, source: str | None, may_read: Callable[[str], bool]) -> bool:
        """Link a blob of another repository into this one.

        Args:
            repository: Where to.
            digest: Which blob.
            source: Where from; None looks in every repository.
            may_read: Which repositories the client may read.

        Returns:
            Whether there was such a blob.
        """
        with self._lock:
            sources = [source] if source is not None else list(self._repositories)
            for name in sources:
                if self.blob(name, digest) is not None and may_read(name):
                    self._link_blob(repository, digest)
                    return True
        return False

    def delete_blob(self, repository: str, digest: str) -> bool:
        """Take a blob out of a repository; whether it was there."""
        with self._lock:
            found = self._repositories.get(repository)
            if found is None or digest not in found.blobs:
                return False
            self._forget_blob(repository, digest)
            found.blobs.discard(digest)
            self._sweep(digest)
            return True

    def begin_upload(self, repository: str) -> Upload:
        """Open an upload session."""
        upload = self._new_upload(secrets.token_hex(16), repository)
        oldest = time.monotonic() - ABANDONED
        with self._lock:
            abandoned = [held for held in self._uploads.values() if held.touched < oldest and not held.lock.locked()]
            for held in abandoned:
                del self._uploads[held.identifier]
            self._uploads[upload.identifier] = upload
        for held in abandoned:
            held.discard()
        return upload

    def upload(self, repository: str, identifier: str) -> Upload | None:
        """Return an open upload session of a repository."""
        with self._lock:
            upload = self._uploads.get(identifier)
            return upload if upload is not None and upload.repository == repository else None

    def cancel(self, upload: Upload) -> None:
        """End an upload session and drop its bytes."""
        with self._lock:
            self._uploads.pop(upload.identifier, None)
        upload.discard()

    def commit(self, upload: Upload, digest: str) -> bool:
        """Turn a verified upload into a blob of its repository; False where the session is gone."""
        with self._lock:
            if self._uploads.pop(upload.identifier, None) is None:
                upload.discard()
                return False
            if digest in self._contents:
                upload.discard()
            else:
                self._contents[digest] = upload.keep(digest)
            self._link_blob(upload.repository, digest)
            return True

    def put_manifest(self, repository: str, manifest: StoredManifest, tag: str | None) -> None:
        """Store a manifest, and point a tag at it."""
        with self._lock:
            found = self._repositories.setdefault(repository, Repository())
            if manifest.digest not in self._contents:
                self._contents[manifest.digest] = self._keep_content(manifest.digest, manifest.data)
            self._keep_manifest(repository, manifest)
            found.manifests[manifest.digest] = manifest
            if tag is not None:
                self._keep_tag(repository, tag, manifest.digest)
                found.tags[tag] = manifest.digest

    def delete_manifest(self, repository: str, reference: str) -> bool:
        """Delete a tag, or a manifest with every tag that points at it; whether it was there."""
        with self._lock:
            found = self._repositories.get(repository)
            if found is None:
                return False
            if reference in found.tags:
                self._forget_tag(repository, reference)
                del found.tags[reference]
            elif reference in found.manifests:
                for tag in [tag for tag, digest in found.tags.items() if digest == reference]:
                    self._forget_tag(repository, tag)
                    del found.tags[tag]
                self._forget_manifest(repository, reference)
                del found.manifests[reference]
            else:
                return False
            self._sweep(reference)
            return True

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            uploads = list(self._uploads.values())
            self._uploads.clear()
            self._repositories.clear()
            self._contents.clear()
        for upload in uploads:
            upload.discard()

    def close(self) -> None:
        """Drop what does not outlive the process."""
        with self._lock:
            uploads = list(self._uploads.values())
            self._uploads.clear()
        for upload in uploads:
            upload.discard()

    def _link_blob(self, repository: str, digest: str) -> None:
        found = self._repositories.setdefault(repository, Repository())
        if digest not in found.blobs:
            self._keep_blob(repository, digest)
            found.blobs.add(digest)

    def _sweep(self, digest: str) -> None:
        if digest not in self._contents:
            return  # a tag
        if any(digest in other.blobs or digest in other.manifests for other in self._repositories.values()):
            return
        self._forget_content(digest)
        del self._contents[digest]

    def _new_upload(self, identifier: str, repository: str) -> Upload:
        return MemoryUpload(identifier, repository)

    def _keep_content(self, digest: str, data: bytes) -> Content:  # noqa: ARG002 - memory needs no name for it
        return BytesContent(data)

    def _keep_blob(self, repository: str, digest: str) -> None: ...

    def _keep_manifest(self, repository: str, manifest: StoredManifest) -> None: ...

    def _keep_tag(self, repository: str, tag: str, digest: str) -> None: ...

    def _forget_content(self, digest: str) -> None: ...

    def _forget_blob(self, repository: str, digest: str) -> None: ...

    def _forget_manifest(self, repository: str, digest: str) -> None: ...

    def _forget_tag(self, repository: str, tag: str) -> None: ...
