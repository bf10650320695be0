from __future__ import annotations

import hashlib
import mmap
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ModuleError
from hatch_wasm_oci.wasm import module as module_file
from hatch_wasm_oci.wasm.module import MODULE_LIMIT, Module
from tests.samples import core_module, leb128, section

if TYPE_CHECKING:
    from pathlib import Path

HEADER = b"\0asm\x01\0\0\0"


def test_a_module_is_its_bytes() -> None:
    data = core_module(size=3000)
    module = Module(bytearray(data))
    assert len(data) == 3000
    assert module == Module(data)
    assert hash(module) == hash(Module(data))
    assert module != Module(core_module())
    assert module != data
    assert (module.size, module.sha256) == (3000, hashlib.sha256(data).hexdigest())
    assert module.data.readonly
    assert module.sha256 in repr(module)


@pytest.mark.parametrize(
    ("exports", "version"),
    [
        (["proxy_abi_version_0_2_1"], "0.2.1"),
        (["memory", "proxy_abi_version_0_1_0", "proxy_abi_version_0_2_0"], "0.1.0"),
        (["proxy_on_configure"], None),
        (["xproxy_abi_version_0_2_1"], None),
        ([], None),
    ],
)
def test_the_abi_is_that_of_the_first_export_which_names_one(exports: list[str], version: str | None) -> None:
    assert Module(core_module(exports)).abi_version == version


def test_only_a_function_names_an_abi() -> None:
    # Envoy looks at the functions among the exports (proxy-wasm-cpp-host, getAbiVersion).
    assert Module(core_module(kind=2)).abi_version is None


def test_a_module_cut_off_anywhere_has_an_abi_or_none() -> None:
    data = core_module()
    versions = [Module(data[:end]).abi_version for end in range(8, len(data) + 1)]
    assert set(versions) == {None, "0.2.1"}
    assert versions == sorted(versions, key=bool)


@given(st.binary(max_size=200))
def test_hostile_sections_have_an_abi_or_none(data: bytes) -> None:
    assert Module(HEADER + data).abi_version is None or b"proxy_abi_version_" in data


@pytest.mark.parametrize(
    "hostile",
    [
        HEADER + b"\0\0" * 300_000,
        HEADER + section(7, leb128(0xFFFFFFFF) + b"\0\0\0" * 200_000),
        HEADER + b"\x07\xff\xff\xff\xff\xff\xff\xff",
    ],
    ids=["sections", "exports", "number"],
)
def test_a_hostile_module_costs_no_memory(hostile: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_file, "_EXPORT_LIMIT", 100_000)
    module = Module(hostile)
    tracemalloc.start()
    try:
        assert module.abi_version is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@given(st.integers(8, 3000))
def test_a_module_is_read_with_room_for_its_layer(size: int) -> None:
    frame_of = _frame_of(HEADER + bytes(size - 8))
    assert len(frame_of) == 512 + size + -size % 512 + 1024
    assert frame_of[512 : 512 + 8] == HEADER
    assert not any(frame_of[512 + size :])


def _frame_of(data: bytes) -> bytearray:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "plugin.wasm")
        path.write_bytes(data)
        module = Module.read(path)
    assert module.data == data
    frame = module.take_frame()
    assert frame is not None
    assert module.take_frame() is None
    return frame


def _problem(path: Path) -> str:
    with pytest.raises(ModuleError) as caught:
        Module.read(path, "MODULE")
    return caught.value.problem


def test_what_can_not_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"<html>")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    assert _problem(tmp_path / "none") == "There is no module at MODULE."
    assert _problem(tmp_path / "dangling") == "There is no module at MODULE."
    assert _problem(tmp_path) == "MODULE is no file."
    assert _problem(tmp_path / "fifo") == "MODULE is no file."
    assert _problem(tmp_path / "file" / "below") == "MODULE can't be read: Not a directory."
    assert _problem(tmp_path / "loop").startswith("MODULE can't be read: ")
    assert _problem(tmp_path / "file") == "MODULE is no WebAssembly module: it is an HTML or XML page."


@pytest.mark.parametrize("size", [MODULE_LIMIT - 1024, 300 * 2**20, 2**42], ids=["framing", "300 MiB", "4 TiB"])
def test_a_module_over_the_limit_is_refused_before_it_is_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "plugin.wasm"
    with path.open("wb") as file:
        file.write(HEADER)
        file.truncate(size)
    assert _problem(path) == f"MODULE has {size} bytes, which makes a layer over the limit of 268435456 bytes."


def test_bytes_over_the_limit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plugin.wasm"
    with path.open("w+b") as file:
        file.write(HEADER)
        file.truncate(MODULE_LIMIT + 1)
        with (
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
            pytest.raises(ModuleError, match="over the limit"),
        ):
            Module(memoryview(data)[:])


@pytest.mark.parametrize("claimed", [-1, 1])
def test_a_module_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claimed: int
) -> None:
    path = tmp_path / "plugin.wasm"
    path.write_bytes(core_module())
    regular_size = module_file._regular_size
    monkeypatch.setattr(module_file, "_regular_size", lambda *arguments: regular_size(*arguments) + claimed)
    assert _problem(path) == "MODULE changed while it was read."
