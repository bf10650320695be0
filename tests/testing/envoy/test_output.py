from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.envoy import output
from hatch_wasm_oci.testing.envoy.output import Entry, Output, PluginLine, entries, plugin_lines, shown_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = """info|wasm|wasm log: configured
info|wasm|wasm log my root: a: b
second line
debug|wasm|Thread-Local Wasm created 3 now active
error|wasm|Wasm VM failed Failed to load Wasm bytecode
info|wasm|wasm log: configured
warning|main|something else
critical|backtrace|Caught Segmentation fault, suspect faulting address 0x8
critical|backtrace|#0: [0x1]
# V8's last words
"""


@pytest.fixture
def pipe() -> Iterator[tuple[Output, int]]:
    reading, writing = os.pipe()
    kept = Output(reading)
    yield kept, writing
    kept.close()


def test_a_log_is_taken_apart() -> None:
    log = entries(LOG)
    assert log[1] == Entry("info", "wasm", "wasm log my root: a: b\nsecond line")
    assert log[-1] == Entry("", "", "# V8's last words")
    assert plugin_lines(log) == (
        PluginLine("info", "configured"),
        PluginLine("info", "a: b\nsecond line", "my root"),
        PluginLine("info", "configured"),
    )


def test_what_is_shown_is_short() -> None:
    assert shown_lines(entries(LOG)) == [
        "info: wasm log: configured",
        "info: wasm log my root: a: b\nsecond line",
        "error: Failed to load Wasm bytecode",
        "Caught Segmentation fault, suspect faulting address 0x8",
        "# V8's last words",
    ]
    many = shown_lines([Entry("info", "wasm", f"wasm log: {number}") for number in range(250)])
    assert (len(many), many[0], many[-1]) == (101, "(150 earlier lines)", "info: wasm log: 249")


def test_other_errors_are_found() -> None:
    assert output.other_errors(entries("critical|main|bad\n  file\ninfo|main|so\n")) == ["bad\n  file"]
    assert output.other_errors(entries("libc is missing\n")) == ["libc is missing"]
    assert output.other_errors([]) == []


@given(st.text())
def test_nothing_that_is_written_breaks_the_reading(text: str) -> None:
    log = entries(text)
    assert "".join("".join(text.splitlines()).split()) == "".join(
        "".join(f"{one.level}|{one.logger}|{one.message}" if one.logger else one.message for one in log).split()
    )
    plugin_lines(log)
    shown_lines(log)


def test_what_was_written_is_there_at_once(pipe: tuple[Output, int]) -> None:
    kept, writing = pipe
    for number in range(200):
        os.write(writing, b"%d\n" % number)
        assert kept.text.endswith(f"\n{number}\n" if number else "0\n")
    os.close(writing)
    assert kept.finish().startswith("0\n1\n")


def test_of_a_flood_the_end_is_kept(pipe: tuple[Output, int]) -> None:
    kept, writing = pipe
    with os.fdopen(writing, "wb") as stream:
        for _ in range(20):
            stream.write(b"x" * (1 << 20))
        stream.write("the ä".encode())
    text = kept.finish()
    assert text.endswith("xthe ä")
    assert len(text) <= output.LIMIT
