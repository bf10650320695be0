"""Faults at every request of push and pull: the tag is absent, old or complete, and the user is told one thing."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from tests.registry.weather import SECTIONS, Place, requests_of, section

TABLE = Path(__file__).with_name("outcomes.txt")
REGENERATE = "python -m tests.registry.weather > tests/registry/outcomes.txt"


@pytest.mark.parametrize(("operation", "position"), SECTIONS, ids=str)
def test_every_fault_comes_to_what_the_table_says(operation: str, position: int) -> None:
    found = list(section(operation, position))
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    start = lines.index(found[0]) if found[0] in lines else len(lines)
    expected = lines[start : start + len(found)]
    differences = "\n".join(difflib.unified_diff(expected, found, "outcomes.txt", "now", lineterm="", n=0))
    assert found == expected, f"{differences}\nWhere this is what should be: {REGENERATE}"


def test_no_request_is_left_out() -> None:
    with Place() as place:
        counts = {operation: len(requests_of(place, operation)) for operation in ("push", "pull")}
    assert [(name, position) for name, count in counts.items() for position in range(count)] == SECTIONS
    assert len(TABLE.read_text(encoding="utf-8").splitlines()) == len(SECTIONS) * 23
