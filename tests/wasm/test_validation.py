from __future__ import annotations

import subprocess
import sys
from textwrap import dedent
from typing import Any

import pytest

from hatch_wasm_oci.wasm import validation
from hatch_wasm_oci.wasm.lint import lint

wasmtime = pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")


def compiled(text: str) -> memoryview:
    return memoryview(bytes(wasmtime.wat2wasm(text)))


def test_a_body_that_breaks_the_rules_is_told_with_its_place() -> None:
    found = validation.invalid(compiled("(module (func (result i32) i64.const 1))"))
    assert found is not None
    assert (found.code, found.severity, found.envoy) == ("WO110", "error", "Failed to load Wasm bytecode")
    assert found.message.startswith("The module is invalid: type mismatch: expected i32, found i64 (at offset 0x")


@pytest.mark.parametrize(
    "text",
    [
        "(module)",
        "(module (tag $t) (func try throw $t catch_all end))",  # wasmtime has no exceptions of the old kind
        f'(module (func (export "{"a" * 100_001}")))',  # and takes no longer names
    ],
)
def test_what_wasmtime_alone_refuses_is_left_to_envoy(text: str) -> None:
    assert validation.invalid(compiled(text)) is None


def test_the_linter_can_leave_it_out(wasm: Any) -> None:
    data = wasm.plugin({10: b"\5\2\0\x0b\4\0\x41\0\x0b\2\0\x0b\4\0\x42\1\x0b\4\0\x41\1\x0b"})
    assert [each.code for each in lint(data)] == ["WO110"]
    assert "WO110" not in [each.code for each in lint(data, validate=False)]


def test_without_wasmtime_nothing_is_said() -> None:
    code = """
        import sys
        sys.modules["wasmtime"] = None
        from hatch_wasm_oci.wasm import validation
        assert validation.invalid(memoryview(b"")) is None
    """
    subprocess.run([sys.executable, "-c", dedent(code)], check=True, timeout=60)
