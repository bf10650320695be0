from __future__ import annotations

from typing import Any

import pytest

from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.segments import Segments


def test_data_segments_of_all_forms_mix(wasm: Any) -> None:
    segments = [
        b"\0\x41\x05\x0b\1a",
        b"\0\x41\x85\x01\x0b\1a",
        b"\0\x41\x80\x80\x02\x0b\x80\x01" + bytes(128),
        b"\1\0",
        b"\2\0\x41\x0a\x0b\0",
        b"\0\x41\x80\x80\x80\x80\x00\x0b\1a",
        b"\0\x41\x01\x41\x02\x6a\x0b\3abc",
        b"\0\x41\x80\x7f\x0b\0",
    ]
    binary = parse(wasm.plugin({11: wasm.vector(segments * 3)}))
    assert binary.fault is None
    assert binary.data == Segments(24, (2**32 - 128,))
    assert parse(wasm.plugin({11: wasm.vector(segments[:7] * 3)})).data == Segments(21, (32768 + 128,))


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_cut_data_section_is_a_fault(wasm: Any, cut: int) -> None:
    segments = b"\0\x41\x85\x01\x0b\x03abc" * 3
    fault = parse(wasm.plugin({11: b"\3" + segments[:-cut]})).fault
    assert fault is not None
    assert fault.section == "data"


def test_element_segments_of_all_forms_are_read(wasm: Any) -> None:
    segments = [
        b"\0\x41\1\x0b\2\0\1",
        b"\1\0\1\2",
        b"\2\1\x41\7\x0b\0\1\0",
        b"\3\0\1\0",
        b"\4\x41\2\x0b\2\xd2\0\x0b\xd0\x70\x0b",
        b"\5\x70\1\xd2\1\x0b",
        b"\6\1\x41\0\x0b\x70\1\xd0\x70\x0b",
        b"\7\x70\0",
    ]
    binary = parse(wasm.plugin({4: b"\2\x70\0\5\x70\0\5", 9: wasm.vector(segments)}))
    assert binary.fault is None
    assert binary.elements == Segments(8, (4, 8))


def test_a_place_that_only_the_host_knows_has_no_reach(wasm: Any) -> None:
    imports = b"\1" + wasm.name("env") + wasm.name("base") + b"\3\x7f\0"
    binary = parse(wasm.plugin({2: imports, 11: b"\1\0\x23\0\x0b\1a"}))
    assert binary.fault is None
    assert binary.data == Segments(1, (0,))
