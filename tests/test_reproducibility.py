"""The same inputs give the same bytes, whatever surrounds the build."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hatch_wasm_oci
from tests.samples import core_module

HOME = Path(hatch_wasm_oci.__file__).parent.parent
BUILD = "import sys, hatch_wasm_oci; print(hatch_wasm_oci.package(sys.argv[1], **eval(sys.argv[2])).archive)"
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "Demo.Filter"
version = "1.0+x"
description = "wärme"
authors = [{name = "B"}, {name = "A", email = "a@example.com"}]
urls = {Source = "https://example.com/s", Docs = "https://example.com/d", Homepage = "https://example.com"}
[tool.hatch.build.hooks.wasm-oci]
repository = "ghcr.io/acme/{name}"
tags = ["{version}", "latest"]
labels = {z = "1", a = "2"}
annotations = {z = "1", b = "2"}
lint = "off"
runtime-config = {type = "envoy_proxy", config = {z = 1, a = [true]}}
"""

# Of the whole archive: each digest in it is among what users have pinned.
GOLDEN = {
    "oci": "66b5da29c7461e66056ca8d5b38eb95c62fa174d4ddfd3a0fee3c46d5e05688c",
    "docker": "181cd8fa4306367d6b4592ef1e1dd323d688d6decc6c5cf52c7b2975e820010e",
    "artifact": "2d56e2a901b2badb3fb312ee9fef07c363341060f4b154019a235154ec5be00f",
}


def build(
    root: Path,
    form: str,
    *,
    cwd: Path | None = None,
    umask: int = 0o022,
    mode: int = 0o644,
    mtime: int = 0,
    **variables: str,
) -> str:
    root.mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    module = root / "plugin.wasm"
    module.write_bytes(core_module(size=100_000))
    module.chmod(mode)
    os.utime(module, (mtime, mtime))
    process = subprocess.run(
        [sys.executable, "-c", BUILD, os.path.relpath(root, cwd) if cwd else str(root), repr({"format": form})],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME), "PYTHONIOENCODING": "utf-8", **variables},
        cwd=cwd,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return hashlib.sha256(Path(process.stdout.strip()).read_bytes()).hexdigest()


@pytest.mark.parametrize("form", GOLDEN)
def test_an_archive_is_the_one_that_it_was_in_every_release(tmp_path: Path, form: str) -> None:
    assert build(tmp_path / "project", form) == GOLDEN[form]


SURROUNDINGS: dict[str, dict[str, Any]] = {
    "umask": {"umask": 0o077},
    "mode and time": {"mode": 0o755, "mtime": 1_700_000_000},
    "time zone and locale": {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "tr_TR.UTF-8"},
    "hash seed": {"PYTHONHASHSEED": "1"},
    "optimised": {"PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "2"},
}


@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_nothing_that_surrounds_a_build_shows(tmp_path: Path, surroundings: dict[str, Any]) -> None:
    assert build(tmp_path / "project", "oci", **surroundings) == GOLDEN["oci"]


def test_neither_the_place_of_the_project_shows_nor_that_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert build(tmp_path / "ein größerer" / "Ort", "oci", cwd=tmp_path / "elsewhere") == GOLDEN["oci"]


def test_the_time_that_is_asked_for_shows(tmp_path: Path) -> None:
    assert build(tmp_path / "a", "oci", SOURCE_DATE_EPOCH="1580601600") == GOLDEN["oci"]
    assert build(tmp_path / "b", "oci", SOURCE_DATE_EPOCH="1580601601") != GOLDEN["oci"]
