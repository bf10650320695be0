from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.hatch.metadata import project_of, read_metadata, tables_of
from hatch_wasm_oci.project.settings import HOOK_TABLE, TARGET_TABLE, Project
from hatch_wasm_oci.project.table import Table

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "Demo.Filter"\nversion = "1.0"\n'


def pyproject(root: Path, text: str) -> Path:
    (root / "pyproject.toml").write_text(text)
    return root


def test_a_project_is_what_its_metadata_says(tmp_path: Path) -> None:
    text = """
        [build-system]
        requires = ["hatchling", "ziglang==0.16"]
        [project]
        name = "Demo.Filter"
        dynamic = ["version"]
        description = "A demo."
        license = "mit"
        authors = [{name = "A"}, {email = "b@example.com"}, {name = "C", email = "c@example.com"}]
        urls = {Source = "https://example.com"}
        [tool.hatch.version]
        path = "version.py"
    """
    (tmp_path / "version.py").write_text('__version__ = "1.0.0-alpha"')
    root = pyproject(tmp_path, text.replace("\n        ", "\n"))
    assert project_of(root, read_metadata(root)) == Project(
        root,
        "demo-filter",
        "1.0.0a0",
        "A demo.",
        "MIT",
        ("A", "b@example.com", "C <c@example.com>"),
        {"Source": "https://example.com"},
        ("hatchling", "ziglang==0.16"),
    )


def test_tables_come_without_hatchs_own_keys(tmp_path: Path) -> None:
    text = """
[tool.hatch.build.hooks.wasm-oci]
dependencies = ["x"]
enable-by-default = false
module = "a.wasm"
sources = ["src"]
[tool.hatch.build.targets.wasm-oci]
exclude = ["x"]
directory = "out"
hooks = {}
"""
    assert tables_of(read_metadata(pyproject(tmp_path, PROJECT + text))) == [
        Table(HOOK_TABLE, {"module": "a.wasm", "sources": ["src"]}),
        Table(TARGET_TABLE, {"directory": "out"}),
    ]
    assert tables_of(read_metadata(pyproject(tmp_path, PROJECT))) == [Table(HOOK_TABLE, {}), Table(TARGET_TABLE, {})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[project", "pyproject.toml: "),
        ('a = "\udcff"', "pyproject.toml: "),
        ("[tool]\nhatch = 5", "pyproject.toml: "),
        ("[tool.hatch]\nbuild = 5", "pyproject.toml: "),
        ("tool = 5", "pyproject.toml: "),
        ("[tool.hatch.build]\nhooks = 5", f"{HOOK_TABLE}: it is no table."),
        ("[tool.hatch.build.hooks]\nwasm-oci = []", f"{HOOK_TABLE}: it is no table."),
        ("[tool.hatch.build.targets]\nwasm-oci = 5", f"{TARGET_TABLE}: it is no table."),
    ],
)
def test_tables_that_are_none_are_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, errors="surrogateescape")
    with pytest.raises(SettingsError) as caught:
        tables_of(read_metadata(tmp_path))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "project = 5",
        "[project]\nname = 5",
        '[project]\nname = "a"',
        '[project]\nname = "a"\nversion = "x y"',
        '[project]\nname = "a"\ndynamic = ["version"]\n[tool.hatch.version]\npath = "none.py"',
        '[project]\nname = "a"\ndynamic = ["version"]\n[tool.hatch.version]\nsource = "vcs"',
        PROJECT + "authors = 5",
        PROJECT + 'license = "nonsense or"',
    ],
)
def test_metadata_that_is_invalid_is_said(tmp_path: Path, text: str) -> None:
    root = pyproject(tmp_path, text)
    with pytest.raises(SettingsError, match=r"^pyproject\.toml: "):
        project_of(root, read_metadata(root))


def test_a_directory_without_a_project_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no pyproject\.toml in"):
        read_metadata(tmp_path)
