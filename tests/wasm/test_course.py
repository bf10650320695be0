"""What is certain of a function; every case was compared with what engines do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.course import course_of

CALL = b"\x10\0"
IF, BLOCK, LOOP, END = b"\x41\0\x04\x40", b"\x02\x40", b"\x03\x40", b"\x0b"


def _module(wasm: Any, *bodies: bytes) -> bytes:
    """A module with one imported function () -> () and these functions of the same type."""
    coded = [wasm.number(len(body) + 2) + b"\0" + body + END for body in bodies]
    return bytes(
        wasm.module(
            {
                1: b"\1\x60\0\0",
                2: b"\1" + wasm.name("env") + wasm.name("f") + b"\0\0",
                3: wasm.number(len(bodies)) + b"\0" * len(bodies),
                10: wasm.vector(coded),
            }
        )
    )


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        (CALL, 1),
        (b"\x41\1\x1a" + CALL, 1),
        (BLOCK + LOOP + CALL + END + END, 1),
        (IF + CALL + END, 0),
        (IF + b"\x01" + END + CALL, 1),
        (IF + b"\x05" + CALL + END, 0),
        (IF + b"\x0f" + END + CALL, 0),
        (b"\x0f" + CALL, 0),
        (BLOCK + b"\x41\0\x0d\0" + CALL + END, 0),
        (BLOCK + b"\x41\0\x0d\0" + END + CALL, 1),
        (BLOCK + BLOCK + b"\x41\0\x0d\1" + END + CALL + END, 0),
        (BLOCK + BLOCK + b"\x41\0\x0d\1" + END + END + CALL, 1),
        (BLOCK + b"\x0c\0" + CALL + END, 0),
        (BLOCK + b"\x41\0\x0e\1\0\1" + END + CALL, 0),
        (LOOP + b"\x41\0\x0d\0" + CALL + END, 1),
        (LOOP + IF + b"\x0c\1" + END + END + CALL, 1),
        (b"\x41\0\x0d\0" + CALL, 0),
        (b"\x06\x40" + CALL + b"\x19" + END, 0),
        (b"\x1f\x40\1\2\0" + CALL + END, 0),
        (b"\xd0\x70\xd1\x1a" + CALL, 1),
        (b"\xfd\x0c" + bytes(16) + b"\x1a" + CALL, 1),
        (b"\x41\0\x28\x42\0\0\x1a" + CALL, 1),
        (b"\x12\0", 1),
        (b"\xff" + CALL, 0),
        (b"\x18\0" + END + CALL, 0),
    ],
)
def test_a_call_is_certain_only_if_every_way_comes_by(wasm: Any, body: bytes, calls: int) -> None:
    data = _module(wasm, body)
    course = course_of(parse(data), memoryview(data), 1)
    assert course.calls == [0] * calls


def test_calls_are_followed(wasm: Any) -> None:
    data = _module(wasm, b"\x10\2", b"\x10\3", CALL)
    assert course_of(parse(data), memoryview(data), 1).calls == [0]


def test_recursion_and_depth_are_bounded(wasm: Any) -> None:
    data = _module(wasm, b"\x10\1")
    assert course_of(parse(data), memoryview(data), 1).ending == "return"
    deep = _module(wasm, *[b"\x10" + wasm.number(index + 2) for index in range(500)], CALL)
    assert course_of(parse(deep), memoryview(deep), 1).calls == []


def test_long_code_is_not_read_to_its_end(wasm: Any) -> None:
    data = _module(wasm, BLOCK + END * 1 + (BLOCK + END) * 20_000 + CALL)
    assert course_of(parse(data), memoryview(data), 1).calls == []


def test_possible_calls_are_found_when_asked_for(wasm: Any) -> None:
    data = _module(wasm, IF + b"\x10\2" + END, CALL)
    assert course_of(parse(data), memoryview(data), 1, thorough=True).possible == {0}
    assert course_of(parse(data), memoryview(data), 1).possible == set()


@pytest.mark.parametrize(
    ("body", "ending", "result"),
    [
        (b"\x41\0", "return", 0),
        (b"\x41\x7f", "return", -1),
        (b"\x41\0\x0f", "return", 0),
        (b"\x41\1\x41\0\x6a", "return", None),
        (b"\0", "trap", None),
        (BLOCK + b"\0" + END, "trap", None),
        (IF + b"\0" + END + b"\x41\0", "return", 0),
        (IF + b"\x41\1\x0f" + END + b"\x41\0", "unknown", None),
    ],
)
def test_an_ending_is_told_where_it_is_certain(wasm: Any, body: bytes, ending: str, result: int | None) -> None:
    data = _module(wasm, body)
    course = course_of(parse(data), memoryview(data), 1)
    assert (course.ending, course.result) == (ending, result)


@given(body=st.binary(max_size=60))
def test_any_code_is_walked_without_an_exception(wasm: Any, body: bytes) -> None:
    data = _module(wasm, body, CALL)
    course = course_of(parse(data), memoryview(data), 1, thorough=True)
    assert set(course.calls) <= course.possible == course.possible & {0}
