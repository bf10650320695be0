"""Cleaning takes away what builds of this package left, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .sample import COMPILE, Sample

if TYPE_CHECKING:
    from pathlib import Path

    from .front_ends import FrontEnds

FOREIGN = {"other-1.0.oci.tar": b"foreign", "header-filter-9.json": b"{}", "notes.txt": b"foreign"}


def built_twice(front_ends: FrontEnds, sample: Sample) -> None:
    """Leave outputs of two versions and two formats."""
    assert front_ends.hatchling(sample.root, "build").code == 0
    pyproject = sample.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('version = "1.2.0"', 'version = "1.3.0"'))
    assert front_ends.hatchling(sample.root, "build").code == 0
    assert front_ends.own(sample.root, "build", "--format", "docker").code == 0
    assert {name for name in sample.outputs if name.endswith(".tar")} == {
        "header-filter-1.2.0.oci.tar",
        "header-filter-1.3.0.docker.tar",
        "header-filter-1.3.0.oci.tar",
    }


@pytest.mark.parametrize("arguments", [(), ("-t", "wasm-oci"), ("-t", "wheel")], ids=["all", "-t wasm-oci", "-t wheel"])
def test_hatch_clean_leaves_foreign_files_alone(
    front_ends: FrontEnds, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    sample = Sample.create(tmp_path / "sample")
    built_twice(front_ends, sample)
    for name, content in FOREIGN.items():
        (sample.root / "build" / "wasm-oci" / name).write_bytes(content)
    result = front_ends.hatch(sample.root, "clean", *arguments)
    assert result.code == 0, result.err
    assert sample.files("build") == {f"wasm-oci/{name}": content for name, content in FOREIGN.items()}
    assert len(sample.distributions) == {(): 0, ("-t", "wasm-oci"): 4, ("-t", "wheel"): 2}[arguments]


def test_cleaning_takes_empty_directories_along(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    assert front_ends.hatchling(sample.root, "build").code == 0
    assert front_ends.hatchling(sample.root, "build", "--clean-only").code == 0
    assert not (sample.root / "build").exists()
    # Once more, where there is nothing.
    assert front_ends.hatchling(sample.root, "build", "--clean-only").code == 0


def test_hatch_build_clean_leaves_what_it_builds(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    built_twice(front_ends, sample)
    foreign = sample.root / "build" / "wasm-oci" / "notes.txt"
    foreign.write_text("foreign")
    result = front_ends.hatch(sample.root, "build", "-c")
    assert result.code == 0, result.err
    assert sample.outputs.keys() == {"header-filter-1.3.0.json", "header-filter-1.3.0.oci.tar", "notes.txt"}
    assert len(sample.distributions) == 2


def test_a_place_that_was_named_is_cleaned_there(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", COMPILE)
    assert front_ends.hatchling(sample.root, "build").code == 0
    assert front_ends.hatchling(sample.root, "build", "-t", "wasm-oci", "-d", "elsewhere").code == 0
    assert front_ends.hatchling(sample.root, "build", "-t", "wasm-oci", "-d", "elsewhere", "--clean-only").code == 0
    assert not sample.files("elsewhere")
    assert len(sample.outputs) == 2
