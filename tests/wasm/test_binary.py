from __future__ import annotations

import random
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.declarations import Export, Import, Producer
from hatch_wasm_oci.wasm.envoy_scan import scan
from hatch_wasm_oci.wasm.segments import Segments
from hatch_wasm_oci.wasm.value_types import FunctionType, GlobalType, Limits, TableType


def test_a_whole_plugin_is_read(wasm: Any) -> None:
    data = wasm.plugin(
        {
            2: wasm.vector(
                [
                    wasm.name("env") + wasm.name("proxy_log") + b"\0\3",
                    wasm.name("env") + wasm.name("table") + b"\1\x70\1\1\2",
                    wasm.name("env") + wasm.name("g") + b"\3\x7e\1",
                ]
            ),
            4: b"\1\x6f\4\3",
            13: b"\1\0\2",
            6: b"\1\x7f\0\x41\x2a\x0b",
            7: b"\1" + wasm.name("memory") + b"\2\0",
            8: b"\1",
            9: b"\1\0\x41\5\x0b\2\1\2",
            12: b"\2",
            11: b"\2\0\x41\x0a\x0b\3abc\1\2de",
        },
        end=wasm.custom("producers", b"\1" + wasm.name("language") + b"\1" + wasm.name("Rust") + wasm.name("1.90")),
    )
    binary = parse(data)
    assert binary.fault is None
    assert (binary.format, binary.version, binary.size) == ("module", 1, len(data))
    assert binary.imports[0] == Import("env", "proxy_log", "func", type_index=3)
    assert binary.imports[1].table == TableType("funcref", Limits(1, 2))
    assert binary.imports[2].variable == GlobalType("i64", mutable=True)
    assert binary.functions == (3, 0, 1, 2, 3, 3)
    assert binary.signature(2) == FunctionType(("i32",), ("i32",))
    assert binary.tables == (TableType("funcref", Limits(1, 2)), TableType("externref", Limits(3, wide=True)))
    assert binary.memories == (Limits(1),)
    assert binary.tags == (2,)
    assert binary.globals == (GlobalType("i64", mutable=True), GlobalType("i32", mutable=False))
    assert binary.exports == (Export("memory", "memory", 0),)
    assert binary.start == 1
    assert binary.elements == Segments(1, (7, 0))
    assert binary.data == Segments(2, (13,))
    assert [data[end - 1] for _, end in binary.bodies] == [0x0B] * 5
    assert binary.producers == (Producer("language", "Rust", "1.90"),)
    custom = binary.custom("producers")
    assert custom is not None
    assert custom.offset + custom.size == len(data)


def test_a_recursive_group_is_read(wasm: Any) -> None:
    group = b"\x4e\2\x5f\1\x63\5\1\x50\1\4\x60\1\x64\5\0"
    sections = wasm.plugin_sections()
    types = b"\6" + sections[1][1:] + b"\x50\0\x60\0\0"
    binary = parse(wasm.plugin({1: types + group}))
    assert binary.fault is None
    assert binary.types[5].fields == ("(ref null 5)",)
    assert binary.types[6].function.params == ("(ref 5)",)


@pytest.mark.parametrize(
    ("changes", "section", "problem"),
    [
        ({1: b"\xff\xff\xff\xff\x0f"}, "type", "are announced"),
        ({1: b"\1\x60\1\x40\0"}, "type", "0x40 is no value type"),
        ({1: b"\1\x60\1\x67\0"}, "type", "string references"),
        ({1: b"\1\x5e\x7f\2"}, "type", "neither constant (0) nor mutable (1)"),
        ({1: b"\2\x50\0\x60\0\0\x50\1\0\x5f\0"}, "type", "a struct type extends type 0, a func"),
        ({1: b"\1\x50\1\0\x60\0\0"}, "type", "only 0 types"),
        ({1: b"\1\x60\1\x63\1\0"}, "type", "type 1 is used, but only 1 are declared"),
        ({2: b"\1\1e\1m\5\0"}, "import", "no kind of import"),
        ({3: b"\5\0\1\2\3\4"}, "function", "index 4 is used"),
        ({5: b"\1\x20\1"}, "memory", "unknown flags"),
        ({5: b"\1\1\2\1"}, "memory", "the maximum (1) is less than the minimum (2)"),
        ({5: b"\1\2\1"}, "memory", "shared limits need a maximum"),
        ({5: b"\1\0\1\0"}, "memory", "1 bytes are left"),
        ({4: b"\1\x7f\0\1"}, "table", "i32 stands where a reference type must"),
        ({4: b"\1\x64\x70\0\1"}, "table", "needs a first value"),
        ({6: b"\1\x7f\2\x41\0\x0b"}, "global", "constant (0) or mutable (1)"),
        ({6: b"\1\x7f\0\x0b\0"}, "global", "gives 0 values"),
        ({6: b"\1\x7f\0\x23\0\x0b"}, "global", "reads global 0, which is not declared"),
        ({6: b"\1\x7f\0\x41\1\x6a\x0b"}, "global", "calculates"),
        ({6: b"\1\x70\0\xd2\7\x0b"}, "global", "there are 5"),
        ({13: b"\1\1\0"}, "tag", "attribute"),
        ({13: b"\1\0\1"}, "tag", "has results"),
        ({8: b"\1"}, "start", "must take and give nothing"),
        ({9: b"\1\x08\0"}, "element", "unknown flags"),
        ({9: b"\1\0\x41\0\x0b\0"}, "element", "fills table 0, but there are 0"),
        ({12: b"\1"}, "", "1 data segments are announced, but none follows"),
        ({11: b"\1\3\0"}, "data", "unknown flags"),
        ({11: b"\1\2\1\x41\0\x0b\0"}, "data", "fills memory 1, but there are 1"),
        ({11: b"\1\0\x41\0\x0b\5a"}, "data", "has 5 bytes by its own count"),
        ({10: b"\4" + b"\2\0\x0b" * 4}, "code", "5 functions are declared, but 4 bodies follow"),
        ({10: b"\5" + b"\2\0\1" * 5}, "code", "does not end with the end instruction"),
    ],
)
def test_a_fault_says_where_and_what(wasm: Any, changes: dict[int, bytes], section: str, problem: str) -> None:
    data = wasm.plugin(changes)
    fault = parse(data).fault
    assert fault is not None
    assert fault.section == section
    assert problem in fault.problem
    assert 0 < fault.offset <= len(data)
    assert f"byte {fault.offset}" in str(fault)


@pytest.mark.parametrize("name", ["\x1b[2J", "n" * 100_000])
def test_a_fault_before_a_section_is_not_in_the_last_one(wasm: Any, name: str) -> None:
    data = wasm.plugin(end=wasm.custom(name) + b"\x70\0")
    fault = parse(data).fault
    assert fault is not None
    assert str(fault) == f"byte {len(data) - 2}: a section has the unknown number 112"


def test_what_was_read_before_the_fault_is_kept(wasm: Any) -> None:
    binary = parse(wasm.plugin({6: b"\1"}))
    assert binary.fault is not None
    assert len(binary.types) == 4
    assert binary.memories == (Limits(1),)
    assert binary.exports == ()


@pytest.mark.parametrize("section", [1, 2, 3, 4, 5, 13, 6, 7, 9, 10, 11])
def test_a_claimed_count_takes_no_memory(wasm: Any, section: int) -> None:
    data = wasm.plugin({section: b"\xff\xff\xff\xff\x0f"})
    tracemalloc.start()
    try:
        fault = parse(data).fault
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fault is not None
    assert peak < 1_000_000


def test_sections_without_number_are_not_read_to_the_end(wasm: Any) -> None:
    fault = parse(wasm.header + b"\0\1\0" * 1_000_000).fault
    assert fault is not None
    assert fault.problem == "the file has more than 100000 sections"
    assert fault.offset == len(wasm.header) + 3 * 100_000
    assert scan(memoryview(wasm.header + b"\0\1\0" * 100_000 + wasm.plugin()[8:])).abi == ""


def test_many_small_groups_of_types_are_read_without_recursion(wasm: Any) -> None:
    group = b"\x4e\1\x60\0\0"
    binary = parse(wasm.module({1: wasm.number(20_000) + group * 20_000}))
    assert binary.fault is None
    assert len(binary.types) == 20_000


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for each in (data, b"\0asm\1\0\0\0" + data):
        binary = parse(each)
        assert binary.size == len(each)
        assert binary.fault is None or 0 <= binary.fault.offset <= len(each)


@given(seed=st.integers(0, 2**32), count=st.integers(1, 5))
def test_a_mutated_plugin_is_read_or_refused(wasm: Any, seed: int, count: int) -> None:
    choose = random.Random(seed)
    data = bytearray(wasm.plugin({4: b"\1\x70\0\5", 9: b"\1\0\x41\0\x0b\1\0", 11: b"\1\0\x41\0\x0b\1a"}))
    for _ in range(count):
        data[choose.randrange(8, len(data))] = choose.randrange(256)
    binary = parse(bytes(data))
    for export in binary.exports:
        if export.kind == "func":
            assert isinstance(binary.signature(export.index), FunctionType)
