from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.project.paths import generated_paths, plugin_files
from hatch_wasm_oci.project.table import Table
from tests.project.test_table import TOML


@pytest.mark.parametrize(
    ("tables", "paths"),
    [
        ([{}], ("/build/wasm-oci/",)),
        ([{"module": "x.wasm"}], ("/build/wasm-oci/",)),
        ([{"compile": "make"}], ("/build/wasm-oci/", "/plugin.wasm")),
        ([{"compile": "make", "module": "a..b/x.wasm"}], ("/build/wasm-oci/", "/a..b/x.wasm")),
        ([{"directory": "./out"}, {"directory": "other/out"}], ("/build/wasm-oci/", "/out/", "/other/out/")),
        ([{"directory": "../out"}, {"directory": "/out"}, {"directory": 5}, {"directory": "."}], ("/build/wasm-oci/",)),
        ([{"images": [{"directory": "a"}, 5, {"compile": [], "module": "m"}]}], ("/build/wasm-oci/", "/a/", "/m")),
    ],
)
def test_what_a_build_generates(tables: list[dict[str, Any]], paths: tuple[str, ...]) -> None:
    assert generated_paths([Table("t", values) for values in tables]) == paths


def test_the_strongest_table_names_the_plugin_files() -> None:
    tables = [Table("a", {"plugins": ["a.py"]}), Table("b", {"plugins": ["b.py"]}), Table("c", {})]
    assert plugin_files(tables) == ("b.py",)
    assert plugin_files(tables[2:]) == plugin_files([Table("a", {"plugins": ["a.py", 5]})]) == ()


@given(st.dictionaries(st.sampled_from(["directory", "module", "compile", "images", "plugins"]), TOML))
def test_any_table_has_paths(values: dict[str, Any]) -> None:
    assert all(
        isinstance(path, str) for path in (*generated_paths([Table("t", values)]), *plugin_files([Table("t", values)]))
    )
