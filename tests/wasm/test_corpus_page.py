"""The page of the corpus can't drift: each of its rows is what we say, and what Envoy does."""

from __future__ import annotations

import pytest

pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")

from tests.wasm.corpus import samples
from tests.wasm.corpus_page import PAGE, STATIC_COLUMNS, rows_of, static_row


def test_the_page_says_what_we_say_of_each_module() -> None:
    rows = rows_of(PAGE.read_text("utf-8"))
    assert len(rows) == len(samples())
    for row, sample in zip(rows, samples(), strict=True):
        assert row[:STATIC_COLUMNS] == [cell.replace("\\|", "\0") for cell in static_row(sample)]
