from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.testing.storage import memory
from hatch_wasm_oci.testing.storage.disk import DiskStorage
from hatch_wasm_oci.testing.storage.memory import MemoryStorage, StoredManifest
from hatch_wasm_oci.testing.storage.names import digest_of

if TYPE_CHECKING:
    from pathlib import Path

DATA = b"content"
DIGEST = digest_of(DATA)


@pytest.fixture(params=["memory", "disk"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryStorage:
    return DiskStorage(tmp_path / "registry") if request.param == "disk" else MemoryStorage()


def store(storage: MemoryStorage, repository: str, data: bytes = DATA) -> str:
    upload = storage.begin_upload(repository)
    upload.append([memoryview(data)])
    assert storage.commit(upload, digest_of(data))
    return digest_of(data)


def content_of(storage: MemoryStorage, repository: str, digest: str) -> bytes | None:
    content = storage.blob(repository, digest)
    return None if content is None else b"".join(bytes(piece) for piece in content.pieces(3))


def test_contents_are_shared_and_belong_to_repositories(storage: MemoryStorage) -> None:
    store(storage, "a")
    store(storage, "b")
    assert content_of(storage, "a", DIGEST) == content_of(storage, "b", DIGEST) == DATA
    assert storage.delete_blob("a", DIGEST)
    assert not storage.delete_blob("a", DIGEST)
    assert not storage.delete_blob("nowhere", DIGEST)
    assert content_of(storage, "a", DIGEST) is None
    assert content_of(storage, "b", DIGEST) == DATA
    assert storage.repositories() == ["b"]
    assert storage.tags("a") == {}
    assert storage.tags("nowhere") is None


def test_mounts_come_from_where_the_client_may_read(storage: MemoryStorage) -> None:
    store(storage, "secret")
    assert not storage.mount("a", DIGEST, None, lambda name: name != "secret")
    assert not storage.mount("a", DIGEST, "secret", lambda _: False)
    assert not storage.mount("a", DIGEST, "nowhere", lambda _: True)
    assert storage.mount("a", DIGEST, None, lambda _: True)
    assert content_of(storage, "a", DIGEST) == DATA


def test_manifests_and_tags(storage: MemoryStorage) -> None:
    manifest = StoredManifest(DIGEST, "text/plain", DATA, subject="sha256:" + "a" * 64)
    storage.put_manifest("a", manifest, "one")
    storage.put_manifest("a", manifest, "two")
    assert storage.manifest("a", "one") == storage.manifest("a", DIGEST) == manifest
    assert storage.manifest("a", "three") is None
    assert storage.manifest("b", "one") is None
    assert storage.tags("a") == {"one": DIGEST, "two": DIGEST}
    assert storage.referrers("a", manifest.subject) == [manifest]
    assert storage.referrers("b", manifest.subject) == []
    assert storage.delete_manifest("a", "one")
    assert not storage.delete_manifest("a", "one")
    assert not storage.delete_manifest("b", "one")
    assert storage.delete_manifest("a", DIGEST)
    assert storage.tags("a") == {}


def test_a_cancelled_upload_is_gone(storage: MemoryStorage) -> None:
    upload = storage.begin_upload("a")
    upload.append([memoryview(DATA)])
    assert storage.upload("a", upload.identifier) is upload
    assert storage.upload("b", upload.identifier) is None
    storage.cancel(upload)
    assert storage.upload("a", upload.identifier) is None
    assert not storage.commit(upload, DIGEST)
    assert content_of(storage, "a", DIGEST) is None


def test_clearing_empties_everything(storage: MemoryStorage) -> None:
    store(storage, "a")
    upload = storage.begin_upload("a")
    storage.put_manifest("a", StoredManifest(DIGEST, "text/plain", DATA), "one")
    storage.clear()
    assert storage.repositories() == []
    assert storage.upload("a", upload.identifier) is None
    assert not storage.commit(upload, DIGEST)
    store(storage, "a")
    assert content_of(storage, "a", DIGEST) == DATA


def test_abandoned_uploads_are_dropped(storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    abandoned = storage.begin_upload("a")
    busy = storage.begin_upload("a")
    monkeypatch.setattr(memory, "ABANDONED", -1.0)
    with busy.lock:
        storage.begin_upload("a")
    assert storage.upload("a", abandoned.identifier) is None
    assert storage.upload("a", busy.identifier) is busy
