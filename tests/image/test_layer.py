from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ImageError, RefusedError
from hatch_wasm_oci.image import layer as layer_file
from hatch_wasm_oci.image.compression import COMPRESSIONS
from hatch_wasm_oci.image.descriptor import OCI_LAYER
from hatch_wasm_oci.image.layer import Layer, pack, unpack
from hatch_wasm_oci.wasm.module import Module
from tests.samples import core_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def packed(module: Module, runtime_config: bytes | None = None, compression: str = "deflate") -> Layer:
    return pack(module, runtime_config, media_type=OCI_LAYER, time=1580601600, compression=compression)


@pytest.mark.parametrize("runtime_config", [None, b"{}"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [8, 511, 512, 513, 5000])
def test_a_module_is_packed_alike_from_memory_and_from_a_file(
    tmp_path: Path, size: int, compression: str, runtime_config: bytes | None
) -> None:
    data = (b"\0asm\x01\0\0\0" + hashlib.shake_128(b"x").digest(size))[:size]
    (tmp_path / "plugin.wasm").write_bytes(data)
    module = Module.read(tmp_path / "plugin.wasm")
    layer = packed(module, runtime_config, compression)
    # The file's buffer is used up the first time.
    assert layer.blob.data == packed(module, runtime_config, compression).blob.data
    assert layer == packed(Module(data), runtime_config, compression)
    assert module == Module(data)
    assert unpack(layer.blob.data) == data
    archive = gzip.decompress(layer.blob.data)
    assert layer.diff_id == f"sha256:{hashlib.sha256(archive).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(archive)) as file:
        entries = {entry.name: (entry.size, entry.mode, entry.uid, entry.gid, entry.mtime) for entry in file}
    assert entries.pop("plugin.wasm") == (size, 0o644, 0, 0, 1580601600)
    assert entries == ({} if runtime_config is None else {"runtime-config.json": (2, 0o644, 0, 0, 1580601600)})
    assert archive.endswith(bytes(1024))
    assert len(archive) % 512 == 0


def test_a_layer_over_the_limit_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_file, "MODULE_LIMIT", 2048)
    packed(Module(core_module(size=512)))
    with pytest.raises(ImageError, match="3072 bytes before compression, over the limit of 2048"):
        packed(Module(core_module(size=512)), b"{}")


def test_a_layer_is_read_up_to_the_limit_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = packed(Module(core_module(size=5000)))
    monkeypatch.setattr(layer_file, "MODULE_LIMIT", 512 + 5000)  # the module ends there, the archive does not
    assert unpack(layer.blob.data) == core_module(size=5000)
    monkeypatch.setattr(layer_file, "MODULE_LIMIT", 512 + 4999)
    with pytest.raises(RefusedError, match="more than 5511 bytes") as caught:
        unpack(layer.blob.data)
    assert caught.value.said == ("failed to read plugin.wasm: unexpected EOF",)


@pytest.mark.parametrize("damage", [lambda stream: stream[:-8], lambda stream: stream[:-8] + bytes(8)])
def test_what_is_damaged_after_the_module_is_not_seen_by_consumers(damage: Callable[[bytes], bytes]) -> None:
    archive = made_by_tarfile(("plugin.wasm", REG, core_module()), ("noise", REG, hashlib.shake_128(b"x").digest(9000)))
    assert unpack(damage(gzip.compress(archive))) == core_module()
    late = made_by_tarfile(("noise", REG, hashlib.shake_128(b"x").digest(9000)), ("plugin.wasm", REG, core_module()))
    with pytest.raises(RefusedError, match="cut off") as caught:
        unpack(gzip.compress(late)[:5000])
    assert caught.value.said == ("unexpected EOF",)


def made_by_tarfile(*entries: tuple[str, bytes, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, kind, data in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(data), "elsewhere"
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


REG, DIR, SYM, LNK, FIFO = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize(
    "name", ["plugin.wasm", "./plugin.wasm", "/plugin.wasm", "a/plugin.wasm", "a/b/../plugin.wasm"]
)
def test_the_first_entry_of_the_name_is_taken_at_any_depth(form: int, name: str) -> None:
    others = [("README", REG, b"x"), ("plugin.wasm.txt", REG, b"x"), ("xplugin.wasm", REG, b"x"), ("etc/", DIR, b"")]
    archive = made_by_tarfile(*others, (name, REG, core_module()), ("plugin.wasm", REG, b"later"), form=form)
    assert unpack(gzip.compress(archive)) == core_module()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_other_tools_are_understood(form: int) -> None:
    archive = made_by_tarfile(("d" * 90 + "/" + "é" * 200 + "/plugin.wasm", REG, core_module()), form=form)
    assert unpack(gzip.compress(archive)) == core_module()


def test_a_layer_of_several_members_is_read_whole() -> None:
    archive = made_by_tarfile(("plugin.wasm", REG, core_module(size=20_000)))
    stream = b"".join(gzip.compress(archive[at : at + 1000]) for at in range(0, len(archive), 1000))
    assert unpack(stream) == core_module(size=20_000)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (("a/plugin.wasm", DIR, b""), "'a/plugin.wasm' is a directory"),
        (("plugin.wasm/", DIR, b""), "is a directory"),
        (("plugin.wasm", SYM, b""), "is a link or special file"),
        (("plugin.wasm", LNK, b""), "is a link or special file"),
        (("plugin.wasm", FIFO, b""), "is a link or special file"),
        (("Plugin.wasm", REG, b"x"), "no file named plugin.wasm"),
        (("plugin.wasm/x", REG, b"x"), "no file named plugin.wasm"),
    ],
)
def test_what_is_no_file_of_the_name_is_refused(entry: tuple[str, bytes, bytes], said: str) -> None:
    with pytest.raises(ImageError, match=said):
        unpack(gzip.compress(made_by_tarfile(entry)))


def test_a_sparse_file_is_refused() -> None:
    archive = bytearray(made_by_tarfile(("plugin.wasm", REG, b"x" * 512), form=tarfile.GNU_FORMAT))
    archive[156:157] = tarfile.GNUTYPE_SPARSE
    archive[386:410] = b"00000000000\0" + b"00000001000\0"
    archive[483:495] = b"77777777777\0"
    archive[148:156] = b"%06o\0 " % (sum(archive[:148]) + 256 + sum(archive[156:512]))
    with pytest.raises(ImageError, match=r"'plugin.wasm' is a sparse file"):
        unpack(gzip.compress(bytes(archive)))


@pytest.mark.parametrize("name", ["plugin.wasm", "a/plugin.wasm"])
def test_a_module_cut_off_in_its_archive_is_refused(name: str) -> None:
    archive = made_by_tarfile((name, REG, core_module(size=3000)), form=tarfile.USTAR_FORMAT)
    assert unpack(gzip.compress(archive[: 512 + 3000])) == core_module(size=3000)
    for end in (0, 1, 511, 512, 513, 1024, 512 + 2999):
        with pytest.raises(ImageError):
            unpack(gzip.compress(archive[:end]))


@given(st.binary(max_size=100), st.integers(0, 511), st.binary(min_size=1, max_size=12))
def test_a_hostile_layer_is_refused_or_read(tail: bytes, position: int, patch: bytes) -> None:
    archive = bytearray(made_by_tarfile(("a/plugin.wasm", REG, core_module())) + tail)
    archive[position : position + len(patch)] = patch
    archive[148:156] = b"%06o\0 " % ((sum(archive[:148]) + 256 + sum(archive[156:512])) & 0o777777)
    with contextlib.suppress(ImageError):
        assert len(unpack(gzip.compress(bytes(archive), 1))) <= len(archive)
