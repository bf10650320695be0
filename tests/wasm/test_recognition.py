from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm.recognition import recognise
from tests.samples import core_module

OTHERS = [
    (b"", "it is empty"),
    (b"\0", "its header is cut off after 1 bytes"),
    (b"\0asm", "its header is cut off after 4 bytes"),
    (b"\0asm\x01\0\0", "its header is cut off after 7 bytes"),
    (b"\0asm\x0d\0\x01\0", "it is a component"),
    (b"\0asm\x02\0\0\0", "its binary format has version 2 where Envoy knows 1"),
    (b"\x1f\x8b\x08\0", "it is compressed by gzip"),
    (b"\x28\xb5\x2f\xfd", "it is compressed by zstd"),
    (b"PK\x03\x04", "it is a zip archive"),
    (b"\x7fELF\x02", "it is an ELF binary"),
    (b"\xcf\xfa\xed\xfe", "it is a Mach-O binary"),
    (b"MZ\x90", "it is a Windows binary"),
    (b"!<arch>\n", "it is a static library"),
    (b"BC\xc0\xde", "it is LLVM bitcode"),
    (b"plugin.wasm".ljust(257, b"\0") + b"ustar\x00", "it is a tar archive"),
    (b" \n(module)", "it is WebAssembly text"),
    (b";; a comment", "it is WebAssembly text"),
    (b"<!DOCTYPE html>", "it is an HTML or XML page"),
    (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer"),
    (b"#!/bin/sh", "it starts with the bytes 23 21 2f 62 69 6e 2f 73"),
]


@pytest.mark.parametrize(("data", "what"), OTHERS)
def test_what_is_no_module_is_named(data: bytes, what: str) -> None:
    problem = recognise(data)
    assert problem is not None
    assert problem.what.startswith(what)
    assert problem.remedy.endswith(".")


def test_a_core_module_is_recognised() -> None:
    assert recognise(core_module()) is None
    assert recognise(memoryview(core_module()[:8])) is None


@given(st.binary(max_size=600))
def test_any_bytes_are_a_module_or_something_that_has_a_name(data: bytes) -> None:
    problem = recognise(data)
    assert (problem is None) == data.startswith(b"\0asm\x01\0\0\0")
