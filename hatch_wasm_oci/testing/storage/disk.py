"""The same state in a directory, so that it survives the process, however that ends.

    contents/sha256/ab/abcd…                    the bytes of blobs and manifests, named by digest
    repositories/<name>/_blobs/sha256/abcd…     empty: this blob belongs to the repository
    repositories/<name>/_manifests/sha256/ab…   JSON: media type and subject
    repositories/<name>/_tags/<hash of a tag>   the tag, a space, and the digest that it points at
    unfinished/                                 uploads; dropped at the next start

A file appears under its final name whole or not at all: it is written in `unfinished` and renamed. The directories
with an underscore can't collide with a repository, whose components begin with a letter or a digit. Tags are hashed
because some file systems take `V1` and `v1` for one name.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hatch_wasm_oci.errors import OutputError
from hatch_wasm_oci.testing.storage.memory import MemoryStorage, Repository, StoredManifest
from hatch_wasm_oci.testing.storage.names import digest_of, is_digest, is_repository, is_tag
from hatch_wasm_oci.testing.storage.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci.testing.http1.message import Content


@dataclass(frozen=True)
class FileContent:
    """A part of a file that nobody changes any more.

    Args:
        path: The file.
        start: Offset of the first byte.
        size: Number of bytes.
    """

    path: Path
    start: int
    size: int

    def part(self, start: int, size: int) -> FileContent:
        """Return a part of this part."""
        return FileContent(self.path, self.start + start, max(0, min(size, self.size - start)))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """Read the bytes in pieces."""
        left = self.size
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.start)
            while left:
                data = file.read(min(size, left))
                if not data:
                    raise OSError
                left -= len(data)
                yield memoryview(data)

    def file(self) -> tuple[BinaryIO, int]:
        """Open the file."""
        return self.path.open("rb"), self.start


class DiskUpload(Upload):
    """An upload in a file."""

    def __init__(self, identifier: str, repository: str, storage: DiskStorage) -> None:
        super().__init__(identifier, repository)
        self._storage = storage
        self._path = storage.unfinished / identifier
        self._file: BinaryIO | None = None

    def keep(self, digest: str) -> Content:
        """Rename the file to its digest."""
        if not self._path.exists():
            self._path.touch()
        return self._storage.move_content(self._path, digest)

    def discard(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)

    def _content(self) -> Content:
        if not self._path.exists():
            self._path.touch()
        return FileContent(self._path, 0, self.size)

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, piece: memoryview) -> None:
        if self._file is None:
            raise OSError
        while piece:
            piece = piece[self._file.write(piece) :]

    def _cut(self, size: int) -> None:
        os.truncate(self._path, size)


class DiskStorage(MemoryStorage):
    """State in a directory, of which this process is the only user.

    Args:
        root: The directory; made where it is missing, read where it holds an earlier state.

    Raises:
        OutputError: The directory can't be made or read.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root.absolute()
        self.unfinished = self.root / "unfinished"
        try:
            shutil.rmtree(self.unfinished, ignore_errors=True)
            for folder in (self.unfinished, self.root / "contents", self.root / "repositories"):
                folder.mkdir(parents=True, exist_ok=True)
            self._load()
        except OSError as error:
            raise OutputError(
                f"The registry's directory {self.root} can't be used: {error.strerror}.",
                "Give a directory that can be written, or none to keep everything in memory.",
            ) from error

    def move_content(self, path: Path, digest: str) -> Content:
        """Give a finished file its final name."""
        target = self._content_path(digest)
        size = path.stat().st_size
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        return FileContent(target, 0, size)

    def clear(self) -> None:
        """Forget everything, on disk too."""
        with self._lock:
            super().clear()
            for folder in ("contents", "repositories"):
                shutil.rmtree(self.root / folder, ignore_errors=True)
                (self.root / folder).mkdir(parents=True, exist_ok=True)

    def _load(self) -> None:
        for folder in (self.root / "contents").glob("*/*"):
            for path in folder.iterdir():
                digest = f"{folder.parent.name}:{path.name}"
                if is_digest(digest) and path.is_file():
                    self._contents[digest] = FileContent(path, 0, path.stat().st_size)
        base = self.root / "repositories"
        for parent, folders, _ in os.walk(base):
            name = Path(parent).relative_to(base).as_posix()
            kinds = {folder for folder in folders if folder.startswith("_")}
            folders[:] = [folder for folder in folders if folder not in kinds]
            if is_repository(name) and kinds:
                self._repositories[name] = self._load_repository(Path(parent))

    def _load_repository(self, folder: Path) -> Repository:
        found = Repository()
        for path in (folder / "_blobs").glob("*/*"):
            digest = f"{path.parent.name}:{path.name}"
            if digest in self._contents:
                found.blobs.add(digest)
        for path in (folder / "_manifests").glob("*/*"):
            digest = f"{path.parent.name}:{path.name}"
            content = self._contents.get(digest)
            facts = _read_facts(path)
            if content is None or facts is None:
                continue
            data = b"".join(content.pieces(1024 * 1024))
            if digest_of(data, path.parent.name) == digest:
                found.manifests[digest] = StoredManifest(digest, facts[0], data, facts[1])
        for path in (folder / "_tags").glob("*"):
            tag, _, digest = path.read_text(encoding="ascii", errors="replace").partition(" ")
            if is_tag(tag) and digest in found.manifests:
                found.tags[tag] = digest
        return found

    def _new_upload(self, identifier: str, repository: str) -> Upload:
        return DiskUpload(identifier, repository, self)

    def _content_path(self, digest: str) -> Path:
        algorithm, encoded = _checked(digest)
        return self.root / "contents" / algorithm / encoded[:2] / encoded

    def _link_path(self, repository: str, kind: str, digest: str) -> Path:
        return self.root.joinpath("repositories", repository, kind, *_checked(digest))

    def _tag_path(self, repository: str, tag: str) -> Path:
        return self.root.joinpath("repositories", repository, "_tags", digest_of(tag.encode()).partition(":")[2])

    def _write(self, path: Path, data: bytes) -> None:
        temporary = self.unfinished / secrets.token_hex(16)
        temporary.write_bytes(data)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)

    def _keep_content(self, digest: str, data: bytes) -> Content:
        path = self._content_path(digest)
        self._write(path, data)
        return FileContent(path, 0, len(data))

    def _keep_blob(self, repository: str, digest: str) -> None:
        self._write(self._link_path(repository, "_blobs", digest), b"")

    def _keep_manifest(self, repository: str, manifest: StoredManifest) -> None:
        facts = json.dumps({"mediaType": manifest.media_type, "subject": manifest.subject})
        self._write(self._link_path(repository, "_manifests", manifest.digest), facts.encode())

    def _keep_tag(self, repository: str, tag: str, digest: str) -> None:
        self._write(self._tag_path(repository, tag), f"{tag} {digest}".encode())

    def _forget_content(self, digest: str) -> None:
        self._content_path(digest).unlink(missing_ok=True)

    def _forget_blob(self, repository: str, digest: str) -> None:
        self._link_path(repository, "_blobs", digest).unlink(missing_ok=True)

    def _forget_manifest(self, repository: str, digest: str) -> None:
        self._link_path(repository, "_manifests", digest).unlink(missing_ok=True)

    def _forget_tag(self, repository: str, tag: str) -> None:
        self._tag_path(repository, tag).unlink(missing_ok=True)


def _read_facts(path: Path) -> tuple[str, str] | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    if not isinstance(facts, dict):
        return None
    media_type, subject = facts.get("mediaType"), facts.get("subject")
    return (media_type, subject) if isinstance(media_type, str) and isinstance(subject, str) else None


def _checked(digest: str) -> tuple[str, str]:
    if not is_digest(digest):
        raise ValueError(digest)
    algorithm, _, encoded = digest.partition(":")
    return algorithm, encoded
