from __future__ import annotations

from typing import Any

import pytest

from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.remedies import remedy
from hatch_wasm_oci.wasm.toolchain import toolchain_of


@pytest.mark.parametrize(
    ("producers", "toolchain"),
    [
        ([("language", "Rust"), ("processed-by", "rustc")], "Rust"),
        ([("language", "Go"), ("processed-by", "Go cmd/compile")], "Go"),
        ([("language", "C99"), ("processed-by", "TinyGo")], "TinyGo"),
        ([("processed-by", "clang")], "C/C++"),
        ([("language", "C_plus_plus_17"), ("processed-by", "Emscripten")], "Emscripten"),
        ([("language", "Golf")], "C/C++"),
        ([], ""),
    ],
)
def test_producers_tell(wasm: Any, producers: list[tuple[str, str]], toolchain: str) -> None:
    fields = [wasm.name(field) + b"\1" + wasm.name(name) + wasm.name("1") for field, name in producers]
    data = wasm.plugin(end=wasm.custom("producers", wasm.vector(fields)))
    assert toolchain_of(parse(data)) == toolchain


@pytest.mark.parametrize(
    ("module", "name", "toolchain"),
    [
        ("gojs", "runtime.wasmExit", "Go"),
        ("wbg", "__wbindgen_throw", "Rust"),
        ("env", "emscripten_resize_heap", "Emscripten"),
        ("env", "runtime.ticks", "TinyGo"),
        ("env", "abort", ""),
        ("env", "proxy_log", ""),
    ],
)
def test_imports_tell(wasm: Any, module: str, name: str, toolchain: str) -> None:
    data = wasm.plugin({2: b"\1" + wasm.name(module) + wasm.name(name) + b"\0\0"})
    assert toolchain_of(parse(data)) == toolchain


def test_exports_tell(wasm: Any) -> None:
    data = wasm.plugin({7: b"\1" + wasm.name("__rtti_base") + b"\0\0"})
    assert toolchain_of(parse(data)) == "AssemblyScript"


def test_an_object_file_is_of_c(wasm: Any) -> None:
    assert toolchain_of(parse(wasm.plugin(end=wasm.custom("linking")))) == "C/C++"


def test_a_broken_producers_section_is_no_fault(wasm: Any) -> None:
    binary = parse(wasm.plugin(end=wasm.custom("producers", b"\5\1")))
    assert binary.fault is None
    assert binary.producers == ()


@pytest.mark.parametrize("topic", ["abi", "malloc", "reactor", "strip", "start", "target"])
def test_every_topic_has_general_words_and_special_ones(topic: str) -> None:
    general = remedy(topic, "")
    assert general.endswith(".")
    assert remedy(topic, "a toolchain of tomorrow") == general
    assert remedy(topic, "AssemblyScript") != general or topic == "reactor"
