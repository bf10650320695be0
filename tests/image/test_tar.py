from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ImageError
from hatch_wasm_oci.image import tar

NAME = st.from_regex(r"[a-z][a-z0-9./_-]{0,98}[a-z0-9]", fullmatch=True)


def archive_of(name: str, data: bytes, time: int = 0) -> bytes:
    return tar.header(name, len(data), time) + data + tar.padding(len(data)) + tar.END


@given(NAME, st.integers(0, 2**33 - 1), st.integers(0, tar.TIME_LIMIT))
@example("a" * 100, 2**33 - 1, tar.TIME_LIMIT)
def test_a_header_says_to_python_what_it_was_made_of(name: str, size: int, time: int) -> None:
    block = tar.header(name, size, time)
    assert len(block) == 512
    entry = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    assert (entry.name, entry.size, entry.mtime, entry.mode) == (name, size, time, 0o644)
    assert (entry.uid, entry.gid, entry.uname, entry.gname, entry.type) == (0, 0, "", "", tarfile.REGTYPE)


@given(NAME, st.binary(max_size=2000))
def test_an_archive_comes_back(name: str, data: bytes) -> None:
    archive = archive_of(name, data)
    assert len(archive) % 512 == 0
    first = tar.first_entry(memoryview(archive), name)
    assert first is not None
    assert first.tobytes() == data
    with tarfile.open(fileobj=io.BytesIO(archive)) as file:
        (entry,) = file
        content = file.extractfile(entry)
        assert content is not None
        assert (entry.name, content.read()) == (name, data)
    assert [(entry.name, entry.size, entry.offset_data) for entry in tar.entries(io.BytesIO(archive))] == [
        (name, len(data), 512)
    ]


def test_a_name_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ImageError, match="too long a name"):
        tar.header("blobs/sha512/" + "a" * 128, 1, 0)


def test_the_first_entry_is_taken_in_the_plain_form_only() -> None:
    archive = archive_of("plugin.wasm", b"data")
    assert tar.first_entry(memoryview(archive), "other.wasm") is None
    assert tar.first_entry(memoryview(archive)[:515], "plugin.wasm") is None
    assert tar.first_entry(memoryview(archive)[:511], "plugin.wasm") is None
    assert tar.first_entry(memoryview(b""), "plugin.wasm") is None
    for position in range(512):
        spoilt = bytearray(archive)
        spoilt[position] ^= 1
        assert tar.first_entry(memoryview(spoilt), "plugin.wasm") is None
    negative = tar.header("plugin.wasm", -1, 0)
    assert tar.first_entry(memoryview(negative + archive), "plugin.wasm") is None


def checksummed(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def special(kind: bytes, size: int = 0, name: str = "x", changes: dict[int, bytes] | None = None) -> bytes:
    block = bytearray(tar.header(name, size, 0))
    block[156:157] = kind
    for position, value in (changes or {}).items():
        block[position : position + len(value)] = value
    return checksummed(block)


HOSTILE = {
    "nothing": b"",
    "short": b"x" * 100,
    "noise": bytes(range(256)) * 4,
    "long name chain": (special(b"L", 1) + b"y".ljust(512, b"\0")) * 3000,
    "pax chain": (special(b"g", 9) + b"9 a=bcd\n\n".ljust(512, b"\0")) * 3000,
    "sparse chain cut off": special(b"S", changes={482: b"\1"}),
    "sparse map cut off": special(b"S", 512, changes={386: b"\xff" * 12, 482: b"\1"}) + b"\1" * 512,
    "negative size": special(b"0", changes={124: b"\xff" * 12}) + bytes(1024),
    "huge size": special(b"0", changes={124: b"\x80" + b"\x7f" * 11}) + special(b"0"),
    "many entries": special(b"0") * 10_001,
}


@pytest.mark.parametrize("archive", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_is_refused(archive: bytes) -> None:
    with pytest.raises(ImageError) as caught:
        list(tar.entries(io.BytesIO(archive)))
    assert len(str(caught.value)) < 500


PAX = [
    b"size=-5",
    b"size=x",
    b"size=99999999999999999999",
    b"path=\xff",
    b"mtime=inf",
    b"GNU.sparse.map=1,x",
    b"GNU.sparse.major=1",
    b"GNU.sparse.minor=0",
    b"GNU.sparse.size=-1",
    b"GNU.sparse.map=1",
    b"hdrcharset=BINARY",
    b"GNU.sparse.offset=1\n",
    b"GNU.sparse.realsize=x",
    b"path=",
]


def pax(records: list[bytes]) -> bytes:
    data = b"".join(b"%d %s\n" % (len(one) + 2 + len(str(len(one) + 2)), one) for one in records)
    return special(b"x", len(data)) + data + tar.padding(len(data))


BLOCK = st.one_of(
    st.builds(
        lambda kind, size, position, value: special(kind, size, changes={position: value}),
        st.sampled_from([b"0", b"\0", b"1", b"2", b"5", b"7", b"x", b"g", b"L", b"K", b"S", b"V", b"X"]),
        st.integers(0, 1500),
        st.sampled_from([0, 100, 124, 136, 257, 345, 386, 482, 483]),
        st.binary(max_size=12),
    ),
    st.lists(st.sampled_from(PAX), max_size=4).map(pax),
    st.binary(max_size=20).map(lambda data: data.ljust(512, b"\0")),
    st.binary(max_size=700),
)


@given(st.lists(BLOCK, max_size=6).map(b"".join))
def test_any_bytes_have_entries_or_are_refused(data: bytes) -> None:
    try:
        for entry in tar.entries(io.BytesIO(data)):
            assert entry.size >= 0
    except ImageError:
        pass
