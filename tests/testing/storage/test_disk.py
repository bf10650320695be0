from __future__ import annotations

import hashlib
import http.client
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import OutputError
from hatch_wasm_oci.testing.storage.disk import DiskStorage, FileContent
from hatch_wasm_oci.testing.storage.memory import StoredManifest
from hatch_wasm_oci.testing.storage.names import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Client

SERVER = """
import sys, threading
from hatch_wasm_oci.testing import EmbeddedRegistry
registry = EmbeddedRegistry(directory=sys.argv[1]).start()
print(registry.host, flush=True)
threading.Event().wait()
"""


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_there_after_a_restart(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client], tmp_path: Path
) -> None:
    registry = make_registry(directory=tmp_path)
    client = make_client(registry)
    subject = client.push_image("a/b", "1.0", b"layer")
    about = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 1}
    client.push_image("a/b", "signature", b"signature", subject=about)
    client.push_image("a", "1.0", b"layer")
    client("DELETE", "/v2/a/manifests/1.0")
    unfinished = client("POST", "/v2/a/blobs/uploads/").location
    client("PATCH", unfinished, b"half")
    registry.stop()
    assert not [name for name in files(tmp_path) if name.startswith("unfinished")]
    client = make_client(make_registry(directory=tmp_path))
    assert client("GET", "/v2/a/b/tags/list").json["tags"] == ["1.0", "signature"]
    assert client("GET", "/v2/a/b/manifests/1.0").headers["Docker-Content-Digest"] == subject
    assert client("GET", f"/v2/a/b/blobs/{digest_of(b'layer')}").body == b"layer"
    assert len(client("GET", f"/v2/a/b/referrers/{subject}").json["manifests"]) == 1
    assert client("GET", "/v2/a/manifests/1.0").status == 404
    assert client("GET", unfinished).status == 404


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_registry_leaves_whole_blobs_only(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client], tmp_path: Path
) -> None:
    folder = tmp_path / "registry"
    with subprocess.Popen([sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host, _, port = process.stdout.readline().strip().rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        for data in (b"one", b"two"):
            connection.request("POST", f"/v2/a/blobs/uploads/?digest={digest_of(data)}", data)
            assert connection.getresponse().read() == b""
        digest = f"sha256:{hashlib.sha256(b'x' * 1_000_000).hexdigest()}"
        connection.putrequest("POST", f"/v2/a/blobs/uploads/?digest={digest}")
        connection.putheader("Content-Length", "1000000")
        connection.endheaders(b"x" * 999_999)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        connection.close()
    client = make_client(make_registry(directory=folder))
    assert [client("GET", f"/v2/a/blobs/{digest_of(data)}").body for data in (b"one", b"two")] == [b"one", b"two"]
    assert client("HEAD", f"/v2/a/blobs/{digest}").status == 404
    assert not [name for name in files(folder) if name.startswith("unfinished")]


def test_clearing_and_deleting_leave_no_files(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    for repository in ("a", "a/b"):
        upload = storage.begin_upload(repository)
        upload.append([memoryview(b"1")])
        storage.commit(upload, digest_of(b"1"))
        storage.put_manifest(repository, StoredManifest(digest_of(b"m"), "text/plain", b"m"), "tag")
    for repository in ("a", "a/b"):
        storage.delete_blob(repository, digest_of(b"1"))
        storage.delete_manifest(repository, digest_of(b"m"))
    assert files(tmp_path) == set()
    storage.put_manifest("a", StoredManifest(digest_of(b"m"), "text/plain", b"m"), "tag")
    storage.begin_upload("a").append([memoryview(b"1")])
    storage.clear()
    assert files(tmp_path) == set()
    assert DiskStorage(tmp_path).repositories() == []


def test_what_does_not_belong_is_passed_over(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    storage.put_manifest("a", StoredManifest(digest_of(b"m"), "text/plain", b"m"), "tag")
    base = tmp_path / "repositories" / "a"
    (base / "_tags" / "dangling").write_text("dangling sha256:" + "b" * 64)
    (base / "_tags" / "no-tag").write_text(f".hidden {digest_of(b'm')}")
    (base / "_tags" / "binary").write_bytes(b"\xff\0")
    (base / "_blobs" / "sha256").mkdir(parents=True)
    (base / "_blobs" / "sha256" / ("c" * 64)).touch()
    (tmp_path / "repositories" / "UPPER" / "_blobs" / "sha256").mkdir(parents=True)
    (tmp_path / "contents" / "sha256" / "zz").mkdir()
    (tmp_path / "contents" / "sha256" / "zz" / "junk").touch()
    again = DiskStorage(tmp_path)
    assert again.repositories() == ["a"]
    assert again.tags("a") == {"tag": digest_of(b"m")}
    assert again.blob("a", "sha256:" + "c" * 64) is None


@pytest.mark.parametrize("facts", ["", "{", "[]", '{"mediaType": 1, "subject": 2}', "{}"])
def test_broken_facts_lose_one_manifest_and_not_the_registry(tmp_path: Path, facts: str) -> None:
    storage = DiskStorage(tmp_path)
    for data in (b"m", b"n"):
        storage.put_manifest("a", StoredManifest(digest_of(data), "text/plain", data), data.decode())
    algorithm, _, encoded = digest_of(b"m").partition(":")
    (tmp_path / "repositories" / "a" / "_manifests" / algorithm / encoded).write_text(facts)
    assert DiskStorage(tmp_path).tags("a") == {"n": digest_of(b"n")}


def test_tags_that_differ_in_case_are_two_on_every_file_system(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    for tag in ("v1", "V1", "A" * 128):
        storage.put_manifest("a", StoredManifest(digest_of(tag.encode()), "text/plain", tag.encode()), tag)
    again = DiskStorage(tmp_path)
    assert again.tags("a") == {tag: digest_of(tag.encode()) for tag in ("v1", "V1", "A" * 128)}
    assert len({path.name.lower() for path in (tmp_path / "repositories" / "a" / "_tags").iterdir()}) == 3


def test_a_changed_manifest_is_not_served(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    storage.put_manifest("a", StoredManifest(digest_of(b"m"), "text/plain", b"m"), "tag")
    (path,) = [tmp_path / name for name in files(tmp_path) if name.startswith("contents")]
    path.write_bytes(b"other")
    assert DiskStorage(tmp_path).manifest("a", "tag") is None


def test_a_directory_that_can_not_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't be used"):
        DiskStorage(tmp_path / "file")


@pytest.mark.parametrize("digest", ["sha256:../../x", "../x", "sha256:" + "a" * 63, ""])
def test_no_file_is_made_outside(tmp_path: Path, digest: str) -> None:
    storage = DiskStorage(tmp_path / "registry")
    upload = storage.begin_upload("a")
    with pytest.raises(ValueError):  # noqa: PT011 - any refusal will do, the files count
        storage.commit(upload, digest)
    assert files(tmp_path) <= {f"registry/unfinished/{upload.identifier}"}


def test_parts_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    part = FileContent(path, 0, 10).part(2, 6).part(1, 100)
    assert (part.size, b"".join(bytes(piece) for piece in part.pieces(2))) == (5, b"34567")
    file, offset = part.file()
    with file:
        assert offset == 3


def test_a_file_that_shrank_is_an_error_and_not_a_short_answer(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123")
    with pytest.raises(OSError):  # noqa: PT011 - it has no text
        list(FileContent(path, 0, 10).pieces(3))
