from __future__ import annotations

import re
from pathlib import Path

import pytest

import hatch_wasm_oci
from hatch_wasm_oci.wasm.codes import CODES

PACKAGE = Path(hatch_wasm_oci.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "lint.md"


def test_every_code_that_is_used_is_told_of_and_no_other() -> None:
    used = {
        code
        for path in PACKAGE.rglob("*.py")
        if path.name != "codes.py"
        for code in re.findall(r'"(WO\d{3})"', path.read_text("utf-8"))
    }
    assert used == set(CODES)


def test_the_page_of_codes_is_the_one_of_the_code() -> None:
    if not PAGE.exists():
        pytest.skip("needs docs/, which a checkout has")
    rows = re.findall(r"^\| `(WO\d{3})` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == list(CODES.items())
