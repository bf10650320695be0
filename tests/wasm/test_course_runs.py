"""What is said to be certain of a function, held against what an engine does with it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.course import course_of

FUNCTIONS = 4
_TRAPS = 0.05


class Program:
    """Random functions that always end: they branch forwards only, and call only later functions."""

    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)
        self.labels = 0
        functions = [f"(func $f{index} {self.sequence([], index, 0)})" for index in range(FUNCTIONS)]
        self.text = f'(module (import "" "host" (func $host)) {" ".join(functions)} (export "run" (func $f0)))'

    def sequence(self, labels: list[str], function: int, depth: int) -> str:
        return " ".join([self.statement(labels, function, depth) for _ in range(self.choose.randrange(1, 5))])

    def statement(self, labels: list[str], function: int, depth: int) -> str:
        condition = f"(i32.const {self.choose.randrange(2)})"
        simple = ["(call $host)"] * 3 + ["return"] + ["unreachable"] * (self.choose.random() < _TRAPS)
        simple += [f"(call $f{index}) (nop)" for index in range(function + 1, FUNCTIONS)]
        if labels:
            label, other = self.choose.choice(labels), self.choose.choice(labels)
            simple += [f"(br_if {label} {condition})"] * 2
            simple += [f"(br {label})", f"(br_table {label} {other} {condition})"]
        if depth > 3 or self.choose.random() < 0.5:
            return self.choose.choice(simple)
        self.labels += 1
        label = f"$l{self.labels}"
        kind = self.choose.randrange(4)
        if kind == 0:
            return f"(loop {self.sequence(labels, function, depth + 1)})"
        inner = [self.sequence([*labels, label], function, depth + 1) for _ in range(2)]
        if kind == 1:
            return f"(block {label} {inner[0]})"
        otherwise = f"(else {inner[1]})" if kind == 2 else ""
        return f"(if {label} {condition} (then {inner[0]}) {otherwise})"


@pytest.fixture(scope="session")
def wasmtime() -> Any:
    return pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")


@given(seed=st.integers(0, 2**32))
def test_what_is_certain_happens(wasmtime: Any, seed: int) -> None:
    data = bytes(wasmtime.wat2wasm(Program(seed).text))
    course = course_of(parse(data), memoryview(data), 1)
    store = wasmtime.Store()
    calls: list[int] = []
    host = wasmtime.Func(store, wasmtime.FuncType([], []), lambda: calls.append(0))
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, data), [host])
    try:
        instance.exports(store)["run"](store)
    except wasmtime.Trap:
        return  # wherever it trapped, what is certain behind that place does not count
    assert course.ending != "trap"
    assert len(calls) >= len(course.calls)


@given(seed=st.integers(0, 2**32))
def test_what_may_be_called_is_found(wasmtime: Any, seed: int) -> None:
    data = bytes(wasmtime.wat2wasm(Program(seed).text))
    certain = course_of(parse(data), memoryview(data), 1)
    thorough = course_of(parse(data), memoryview(data), 1, thorough=True)
    assert thorough.calls == certain.calls
    assert thorough.ending == certain.ending
    assert certain.possible <= thorough.possible
