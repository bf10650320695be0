"""Where outputs could not be kept, the hook says so in one line and the build goes on."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from .sample import COMPILE, Sample
from .wheelhouse import has_editables

if TYPE_CHECKING:
    from pathlib import Path

    from .front_ends import FrontEnds, Result

SKIPPED = "wasm-oci: no image is built: "
PIP = "pip builds in a temporary directory. Use `hatch build` or `python -m build`."


def assert_skipped(result: Result, sample: Sample, reason: str) -> None:
    assert result.code == 0, result.err
    assert [line.strip() for line in result.lines] == [SKIPPED + reason]
    assert "Traceback" not in result.err
    assert not sample.runs
    assert not sample.outputs
    assert not (sample.root / "build").exists()
    assert not (sample.root / "plugin.wasm").exists()


@pytest.mark.skipif(not has_editables(), reason="hatchling needs it for editable installations: pip install editables")
def test_pip_install_editable(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    arguments = ("--editable", ".", "--verbose", "--no-deps", "--target", str(tmp_path / "place"))
    result = front_ends.pip(sample.root, "install", *arguments)
    assert_skipped(result, sample, "an editable installation needs none.")


def test_pip_install(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    place = tmp_path / "place"
    result = front_ends.pip(sample.root, "install", ".", "--verbose", "--no-deps", "--target", str(place))
    assert_skipped(result, sample, PIP)
    assert (place / "header_filter" / "__init__.py").is_file()


def test_pip_wheel(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    place = tmp_path / "place"
    result = front_ends.pip(sample.root, "wheel", ".", "--verbose", "--no-deps", "--wheel-dir", str(place))
    assert_skipped(result, sample, PIP)
    assert front_ends.hatchling(sample.root, "build", "-t", "wheel", "--no-hooks").code == 0
    assert {path.name: path.read_bytes() for path in place.iterdir()} == sample.distributions


@pytest.mark.parametrize("value", ["1", "true"])
def test_the_variable(front_ends: FrontEnds, tmp_path: Path, value: str) -> None:
    sample = Sample.create(tmp_path / "sample")
    result = front_ends.hatch(sample.root, "build", "-t", "wheel", HATCH_WASM_OCI_SKIP=value)
    assert_skipped(result, sample, "HATCH_WASM_OCI_SKIP is set.")
    assert len(sample.distributions) == 1


def test_the_variable_set_to_nought_skips_nothing(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    assert front_ends.hatchling(sample.root, "build", "-t", "wheel", HATCH_WASM_OCI_SKIP="0").code == 0
    assert len(sample.outputs) == 2


@pytest.mark.parametrize(
    "settings", [COMPILE, 'compile = ["no-such-compiler"]\n', ""], ids=["compiler", "no-compiler", "no-module"]
)
def test_an_unpacked_sdist(front_ends: FrontEnds, tmp_path: Path, settings: str) -> None:
    origin = Sample.create(tmp_path / "origin", settings)
    assert front_ends.hatchling(origin.root, "build", "-t", "sdist", "--no-hooks").code == 0
    with tarfile.open(origin.root / "dist" / "header_filter-1.2.0.tar.gz") as sdist:
        sdist.extractall(tmp_path, filter="data")
    unpacked = Sample(tmp_path / "header_filter-1.2.0")
    result = front_ends.hatchling(unpacked.root, "build", "-t", "wheel")
    assert_skipped(result, unpacked, "this is an unpacked sdist. The image was built with it.")
    assert len(unpacked.distributions) == 1
