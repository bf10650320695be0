from __future__ import annotations

import gzip
import hashlib
import zlib
from typing import TYPE_CHECKING

import deflate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ImageError
from hatch_wasm_oci.image import compression
from hatch_wasm_oci.image.compression import COMPRESSIONS, compress, decompress, self_check_vector

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 1 << 20
TEXT = b"proxy-wasm " * 400


@pytest.fixture
def unchecked_library() -> Iterator[None]:
    compression._check_library.cache_clear()
    yield
    compression._check_library.cache_clear()


def test_the_vector_is_the_one_that_the_digest_was_taken_of() -> None:
    assert len(self_check_vector()) == 48 * 1024
    assert (
        hashlib.sha256(self_check_vector()).hexdigest()
        == "a675878faa1957a420ab3ae9fbb295169f9a5c2fe4d8d7188d72422666078dca"
    )


def test_a_library_that_gives_other_bytes_is_refused(monkeypatch: pytest.MonkeyPatch, unchecked_library: None) -> None:
    # No build of libdeflate is known that deviates: another level stands for one.
    genuine = deflate.deflate_compress
    monkeypatch.setattr(deflate, "deflate_compress", lambda data, level: genuine(data, level + 1))
    for _ in range(2):
        with pytest.raises(ImageError, match=r"gives other bytes.* compression = \"store\""):
            compress(TEXT)
    assert decompress(compress(TEXT, "store"), LIMIT) == TEXT


@pytest.mark.parametrize("size", [0, 1, 0xFFFE, 0xFFFF, 0x10000, 0x1FFFE, 200_000])
@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_other_readers_read_it(kind: str, size: int) -> None:
    data = hashlib.shake_128(b"x").digest(size)
    stream = compress(memoryview(data), kind)
    assert stream.readonly
    assert gzip.decompress(stream) == data
    assert zlib.decompress(stream, wbits=31) == data
    assert bytes(stream[:10]) == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


@given(st.binary(max_size=3000), st.sampled_from(COMPRESSIONS))
def test_what_was_compressed_comes_back(data: bytes, kind: str) -> None:
    stream = compress(data, kind)
    for form in (stream, bytes(stream), bytearray(stream)):
        assert decompress(form, len(data)) == data


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(0, 40))
def test_several_members_are_read_whole_and_zeros_after_them_passed_over(members: list[bytes], zeros: int) -> None:
    stream = b"".join(gzip.compress(member) for member in members) + bytes(zeros)
    assert decompress(stream, LIMIT) == b"".join(members)


@pytest.mark.parametrize("kind", COMPRESSIONS)
@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_a_member_without_its_mark_is_refused(kind: str, damaged: int) -> None:
    # What followed used to be passed over where it ended with the first member's size.
    first = compress(TEXT, kind).tobytes()
    for second in (first, compress(TEXT[::-1], kind).tobytes()):
        rest = bytearray(second)
        rest[damaged] ^= 0x20
        with pytest.raises(ImageError, match="damaged"):
            decompress(first + rest, LIMIT)


def test_members_larger_than_a_step_are_read_whole() -> None:
    noise = [hashlib.shake_128(bytes([seed])).digest(150_000) for seed in range(3)]
    assert decompress(b"".join(gzip.compress(one) for one in noise), LIMIT) == b"".join(noise)


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_stream_cut_off_anywhere_is_refused(kind: str) -> None:
    stream = bytes(compress(TEXT[:700], kind))
    two = stream + gzip.compress(b"second")
    for end in range(len(stream)):
        with pytest.raises(ImageError):
            decompress(stream[:end], LIMIT)
    for end in range(len(stream) + 1, len(two)):
        with pytest.raises(ImageError):
            decompress(two[:end], LIMIT)


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_no_flipped_bit_changes_the_content_unseen(kind: str) -> None:
    stream = bytes(compress(TEXT[:700], kind))
    for position in range(len(stream)):
        for bit in range(8):
            flipped = bytearray(stream)
            flipped[position] ^= 1 << bit
            try:
                data = decompress(flipped, LIMIT)
            except ImageError:
                continue
            # Header fields and unused bits say nothing of the content.
            assert data == TEXT[:700]


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_or_read(data: bytes) -> None:
    for stream in (data, b"\x1f\x8b\x08" + data, compress(b"x").tobytes() + data):
        try:
            read = decompress(stream, 1000)
        except ImageError:
            continue
        assert len(read) <= 1000


@pytest.mark.parametrize("members", [1, 2])
def test_a_bomb_is_refused_at_the_limit(members: int) -> None:
    bomb = gzip.compress(bytes(LIMIT)) * members
    assert len(decompress(bomb, members * LIMIT)) == members * LIMIT
    with pytest.raises(ImageError, match=f"more than {members * LIMIT - 1} bytes"):
        decompress(bomb, members * LIMIT - 1)


@pytest.mark.parametrize("claimed", [0, 1, len(TEXT) - 1, len(TEXT) + 1, LIMIT, LIMIT + 1, 0xFFFFFFFF])
def test_a_size_that_lies_is_found(claimed: int) -> None:
    stream = compress(TEXT).tobytes()[:-4] + claimed.to_bytes(4, "little")
    with pytest.raises(ImageError, match="damaged"):
        decompress(stream, LIMIT)


def test_what_is_no_gzip_is_named() -> None:
    with pytest.raises(ImageError, match=r"starts with the bytes 28 b5 2f fd\."):
        decompress(b"\x28\xb5\x2f\xfd\0\0", LIMIT)
    with pytest.raises(ImageError, match=r"\(none\)"):
        decompress(b"", LIMIT)


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "_MEMBER_LIMIT", 50)
    assert decompress(gzip.compress(b"x") * 50, LIMIT) == b"x" * 50
    with pytest.raises(ImageError, match="more than 50 members"):
        decompress(gzip.compress(b"x") * 51, LIMIT)


def test_a_mark_of_a_member_inside_a_member_is_no_member() -> None:
    data = b"\x1f\x8b\x08" * 5
    assert decompress(compress(data, "store"), LIMIT) == data


@given(
    st.lists(st.integers(0, 200_000), min_size=1, max_size=3),
    st.integers(0, 9),
    st.sampled_from((b"", b"\x1f\x8b\x08")),
)
def test_members_of_stored_blocks_are_read_whole(sizes: list[int], zeros: int, mark: bytes) -> None:
    members = [mark + bytes([index + 1]) * size for index, size in enumerate(sizes)]
    stream = b"".join(bytes(compress(member, "store")) for member in members) + bytes(zeros)
    assert bytes(decompress(stream, LIMIT)) == b"".join(members)


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_a_view_of_anything_is_read(kind: str) -> None:
    stream = bytes(compress(TEXT, kind))
    longer = bytearray(b"before" + stream + bytes(compress(TEXT, kind)))
    part = memoryview(longer)[6 : 6 + len(stream)]
    for view in (stream, bytearray(stream), memoryview(stream), memoryview(bytearray(stream)).toreadonly(), part):
        assert bytes(decompress(view, LIMIT)) == TEXT


def test_members_alike_are_read_whole() -> None:
    for kind in COMPRESSIONS:
        assert bytes(decompress(bytes(compress(TEXT, kind)) * 3, LIMIT)) == TEXT * 3


def test_endless_empty_blocks_are_not_walked_through() -> None:
    stream = bytes(compress(b"", "store"))[:10] + bytes((0, 0, 0, 0xFF, 0xFF)) * 100_000
    assert not compression._is_stored_whole(stream + bytes((1, 0, 0, 0xFF, 0xFF)) + bytes(8))
    assert compression._is_stored_whole(bytes(compress(b"x" * 200_000, "store")))
