from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm.envoy_scan import Scan, scan


def _scan(data: bytes) -> Scan:
    return scan(memoryview(data))


def test_the_first_known_version_is_found(wasm: Any) -> None:
    names = ["proxy_abi_version_9_9_9", "proxy_abi_version_0_1_0", "proxy_abi_version_0_2_1"]
    exports = wasm.vector([wasm.name(name) + b"\0\0" for name in names])
    assert _scan(wasm.plugin({7: exports})) == Scan(abi="0.1.0")


def test_another_kind_of_export_names_no_version(wasm: Any) -> None:
    assert _scan(wasm.plugin({7: b"\1" + wasm.name("proxy_abi_version_0_2_1") + b"\3\0"})) == Scan()


@pytest.mark.parametrize("size", range(8))
def test_less_than_a_header_is_not_corrupted(wasm: Any, size: int) -> None:
    assert _scan(wasm.header[:size]) == Scan()


def test_another_file_is_corrupted() -> None:
    assert _scan(b"something else").corrupted


def test_every_cut_within_a_section_is_seen(wasm: Any) -> None:
    data = wasm.plugin()
    ends = {8}
    position = 8
    while position < len(data):
        # The export section is the only one whose size takes two bytes.
        size = data[position + 1] if data[position] != 7 else data[position + 1] - 0x80 + (data[position + 2] << 7)
        position += size + (3 if data[position] == 7 else 2)
        ends.add(position)
    assert position == len(data)
    assert [cut for cut in range(8, len(data) + 1) if not _scan(data[:cut]).corrupted] == sorted(ends)


@given(st.binary(max_size=300))
def test_any_bytes_are_scanned(data: bytes) -> None:
    for each in (data, b"\0asm\1\0\0\0" + data):
        assert 0 <= _scan(each).offset <= len(each)


@given(names=st.binary(max_size=60))
def test_any_name_section_is_scanned(wasm: Any, names: bytes) -> None:
    assert _scan(wasm.plugin(end=wasm.custom("name", names))).abi == "0.2.1"
