from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_wasm_oci.testing.storage.disk import DiskStorage
from hatch_wasm_oci.testing.storage.memory import MemoryStorage
from hatch_wasm_oci.testing.storage.names import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ALGORITHMS = st.sampled_from(["sha256", "sha512"])


@pytest.fixture(scope="module")
def storages(tmp_path_factory: pytest.TempPathFactory) -> list[MemoryStorage]:
    return [MemoryStorage(), DiskStorage(tmp_path_factory.mktemp("registry"))]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 30)), max_size=5), ALGORITHMS, ALGORITHMS)
def test_what_is_appended_and_taken_back_is_what_is_kept(
    storages: list[MemoryStorage], steps: list[tuple[bytes, int]], hashed: str, asked: str
) -> None:
    for storage in storages:
        upload, expected = storage.begin_upload("a"), b""
        for data, keep in steps:
            upload.append([memoryview(data)], hashed)
            expected += data
            if keep < len(expected):
                upload.truncate(keep)
                expected = expected[:keep]
        assert upload.size == len(expected)
        assert upload.digest(asked) == digest_of(expected, asked)
        assert upload.digest(hashed) == digest_of(expected, hashed)
        content = upload.keep(digest_of(expected, asked))
        assert b"".join(bytes(piece) for piece in content.pieces(7)) == expected


def test_what_came_before_an_error_is_kept_and_counted(storages: list[MemoryStorage]) -> None:
    def broken() -> Iterator[memoryview]:
        yield memoryview(b"123")
        raise ConnectionError

    for storage in storages:
        upload = storage.begin_upload("a")
        with pytest.raises(ConnectionError):
            upload.append(broken())
        assert upload.size == 3
        upload.append([memoryview(b"45")])
        assert upload.digest("sha256") == digest_of(b"12345")
        storage.cancel(upload)


def test_a_piece_may_be_overwritten_once_it_was_taken(storages: list[MemoryStorage]) -> None:
    def pieces() -> Iterator[memoryview]:
        buffer = bytearray(3)
        for data in (b"abc", b"def"):
            buffer[:] = data
            yield memoryview(buffer)

    for storage in storages:
        upload = storage.begin_upload("a")
        upload.append(pieces())
        assert upload.digest("sha256") == digest_of(b"abcdef")
        storage.cancel(upload)
