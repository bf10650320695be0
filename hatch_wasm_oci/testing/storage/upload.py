"""Unfinished uploads: bytes that arrive in any number of requests, hashed as they come."""

from __future__ import annotations

import secrets
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.http1.message import BytesContent
from hatch_wasm_oci.testing.storage.names import new_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_wasm_oci.testing.http1.message import Content


class Upload(ABC):
    """One upload session; whoever writes to it holds its lock.

    Args:
        identifier: The session's name, hard to guess.
        repository: Where the blob will belong.
    """

    def __init__(self, identifier: str, repository: str) -> None:
        self.identifier = identifier
        self.repository = repository
        self.lock = threading.Lock()
        self.size = 0
        self.touched = time.monotonic()
        self.state = secrets.token_urlsafe(12)
        self.last_chunk_was_short = False
        self._algorithm = ""
        self._hash: Any = None

    def append(self, pieces: Iterable[memoryview], algorithm: str = "sha256") -> None:
        """Append bytes as they come, and hash them.

        Args:
            pieces: The bytes; each piece may be overwritten when the next is asked for.
            algorithm: The algorithm of the digest that the blob will be known by, as far as one can know.

        Raises:
            Exception: Whatever `pieces` raises; what came until then is kept, and `size` tells how much.
        """
        if not self.size and self._algorithm != algorithm:
            self._algorithm, self._hash = algorithm, new_hash(algorithm)
        self._open()
        try:
            for piece in pieces:
                self._write(piece)
                self.size += len(piece)
                if self._hash is not None:
                    self._hash.update(piece)
        finally:
            self.touched = time.monotonic()
            self._close()

    def truncate(self, size: int) -> None:
        """Take back what was appended beyond `size` bytes."""
        self._cut(size)
        self.size = size
        self._algorithm, self._hash = "", None

    def digest(self, algorithm: str) -> str:
        """Return the digest of what has arrived."""
        if self._hash is None or self._algorithm != algorithm:
            self._algorithm, self._hash = algorithm, new_hash(algorithm)
            for piece in self._content().pieces(1024 * 1024):
                self._hash.update(piece)
        return f"{algorithm}:{self._hash.hexdigest()}"

    @abstractmethod
    def keep(self, digest: str) -> Content:
        """Make the bytes a content that stays, in one step; the session is of no further use."""

    @abstractmethod
    def discard(self) -> None:
        """Drop the bytes."""

    @abstractmethod
    def _content(self) -> Content: ...

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    @abstractmethod
    def _write(self, piece: memoryview) -> None: ...

    @abstractmethod
    def _cut(self, size: int) -> None: ...


class MemoryUpload(Upload):
    """An upload in memory."""

    def __init__(self, identifier: str, repository: str) -> None:
        super().__init__(identifier, repository)
        self._data = bytearray()

    def keep(self, digest: str) -> Content:  # noqa: ARG002 - memory needs no name for it
        """Hand the bytes over, without a copy."""
        return self._content()

    def discard(self) -> None:
        """Drop the bytes."""
        self._data = bytearray()

    def _content(self) -> Content:
        return BytesContent(memoryview(self._data).toreadonly())

    def _open(self) -> None: ...

    def _close(self) -> None: ...

    def _write(self, piece: memoryview) -> None:
        self._data += piece

    def _cut(self, size: int) -> None:
        del self._data[size:]
