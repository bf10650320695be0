"""The fuzz targets on their seeds and on seeds with changes: what can be had of fuzzing in every run of the tests."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, joined, split


@pytest.fixture(autouse=True)
def compiler() -> None:
    pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")


@st.composite
def changed(draw: st.DrawFn, target: str) -> bytes:
    """A seed of a target in which some bytes are replaced, cut out, put in or repeated."""
    data = bytearray(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 32)))
        data[start:end] = draw(st.binary(max_size=16) | st.just(bytes(data[start:end]) * 2))
    return bytes(data)


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_holds(target: str) -> None:
    assert len(seeds(target)) >= 3
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@settings(max_examples=150)
def test_changed_seeds_hold(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(changed(target)))


def test_sections_are_joined_to_the_module_that_they_come_from() -> None:
    whole = [seed for seed in seeds("module") if seed.startswith(b"\0asm\1\0\0\0")]
    assert len(whole) > 100
    for module in whole:
        assert joined(split(module)) == module
