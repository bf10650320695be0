"""The target `wasm-oci`, and projects with several images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import hatch_wasm_oci
from hatch_wasm_oci.image import archive

from .sample import COMPILE, Sample

if TYPE_CHECKING:
    from pathlib import Path

    from .front_ends import FrontEnds

ARCHIVE = "header-filter-1.2.0.oci.tar"
TWO_IMAGES = """
repository = "registry.example/filters/{name}"

[[tool.hatch.build.hooks.wasm-oci.images]]
name = "first"
module = "first.wasm"
compile = ["{python}", "compile.py", "first.wasm"]

[[tool.hatch.build.hooks.wasm-oci.images]]
name = "second"
module = "second.wasm"
compile = ["{python}", "compile.py", "second.wasm"]
format = "docker"
"""
IMAGES = {"first-1.2.0.json", "first-1.2.0.oci.tar", "second-1.2.0.docker.tar", "second-1.2.0.json"}


def test_hatch_build_of_the_target_makes_the_image_alone(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    result = front_ends.hatch(sample.root, "build", "-t", "wasm-oci")
    assert result.code == 0, result.err
    assert result.err.splitlines()[-1] == f"build/wasm-oci/{ARCHIVE}"
    assert len(result.lines) == 1  # the hook, which runs for every target, leaves this one to the builder
    assert sample.outputs.keys() == {ARCHIVE, "header-filter-1.2.0.json"}
    assert not sample.distributions
    assert len(sample.runs) == 1


def test_a_place_that_was_named_is_followed(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    relative = front_ends.hatch(sample.root, "build", "-t", "wasm-oci", "images/here")
    assert relative.code == 0, relative.err
    assert relative.err.splitlines()[-1] == f"images/here/{ARCHIVE}"
    absolute = front_ends.hatchling(sample.root, "build", "-t", "wasm-oci", "-d", str(tmp_path / "there"))
    assert absolute.code == 0, absolute.err
    assert absolute.err.splitlines()[-1] == str(tmp_path / "there" / ARCHIVE)
    assert sample.files("images/here")[ARCHIVE] == (tmp_path / "there" / ARCHIVE).read_bytes()
    assert not (sample.root / "build").exists()


def test_the_setting_is_followed_where_no_place_was_named(front_ends: FrontEnds, tmp_path: Path) -> None:
    settings = COMPILE + 'directory = "images"\n[tool.hatch.build]\ndirectory = "out"\n'
    sample = Sample.create(tmp_path / "sample", settings)
    result = front_ends.hatchling(sample.root, "build", "-t", "sdist", "-t", "wasm-oci")
    assert result.code == 0, result.err
    assert ARCHIVE in sample.files("images")
    assert sample.files("out").keys() == {"header_filter-1.2.0.tar.gz"}


def test_a_version_that_there_is_not_is_refused_by_hatch(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    result = front_ends.hatch(sample.root, "build", "-t", "wasm-oci:debug")
    assert result.code == 1
    assert "Unknown versions for target `wasm-oci`: debug" in result.err
    assert not sample.runs
    assert not (sample.root / "build").exists()


def test_the_targets_table_overrides_single_keys(front_ends: FrontEnds, tmp_path: Path) -> None:
    settings = COMPILE + 'repository = "registry.example/one"\ntags = ["a", "b"]\n'
    target = '[tool.hatch.build.targets.wasm-oci]\nformat = "docker"\nrepository = "registry.example/two"\n'
    sample = Sample.create(tmp_path / "sample", settings + target)
    result = front_ends.hatchling(sample.root, "build", "-t", "wasm-oci")
    assert result.code == 0, result.err
    assert sample.report["archive"] == "header-filter-1.2.0.docker.tar"
    assert sample.report["references"] == ["registry.example/two:a", "registry.example/two:b"]


def test_the_target_needs_no_hook(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", COMPILE)
    pyproject = sample.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("build.hooks.wasm-oci", "build.targets.wasm-oci"))
    assert front_ends.hatchling(sample.root, "build", "-t", "wasm-oci").code == 0
    assert sample.outputs.keys() == {ARCHIVE, "header-filter-1.2.0.json"}


def test_two_images_of_one_project(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", TWO_IMAGES)
    result = front_ends.hatchling(sample.root, "build")
    assert result.code == 0, result.err
    assert sample.outputs.keys() == IMAGES
    for name, suffix in (("first", "oci"), ("second", "docker")):
        report = json.loads(sample.outputs[f"{name}-1.2.0.json"])
        image, names = archive.read(sample.root / "build" / "wasm-oci" / f"{name}-1.2.0.{suffix}.tar")
        assert report["manifest_digest"] == image.digest
        assert list(names) == report["references"] == [f"registry.example/filters/{name}:1.2.0"]
        assert bytes(image.module().data) == (sample.root / f"{name}.wasm").read_bytes()


def test_two_images_are_compiled_once_each(front_ends: FrontEnds, tmp_path: Path) -> None:
    # Neither image's module is a source of the other, though nothing says what their sources are.
    sample = Sample.create(tmp_path / "sample", TWO_IMAGES, ignored=None)
    result = front_ends.hatchling(sample.root, "build")
    assert result.code == 0, result.err
    assert len(sample.runs) == 2
    assert [line.endswith("(unchanged)") for line in result.lines] == [False, False, True, True]


def test_two_images_by_the_target_and_cleaned(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", TWO_IMAGES)
    result = front_ends.hatchling(sample.root, "build", "-t", "wasm-oci")
    assert result.code == 0, result.err
    paths = ["build/wasm-oci/first-1.2.0.oci.tar", "build/wasm-oci/second-1.2.0.docker.tar"]
    assert result.err.splitlines()[-2:] == paths
    assert sample.outputs.keys() == IMAGES
    assert front_ends.hatchling(sample.root, "build", "-t", "wasm-oci", "--clean-only").code == 0
    assert not (sample.root / "build").exists()


def test_one_of_two_images(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", TWO_IMAGES)
    result = front_ends.own(sample.root, "build", "--image", "second", "--json")
    assert result.code == 0, result.err
    assert [image["name"] for image in json.loads(result.out)] == ["second"]
    assert sample.outputs.keys() == {"second-1.2.0.docker.tar", "second-1.2.0.json"}
    assert hatch_wasm_oci.package(sample.root, image="second").unchanged


def test_a_module_that_nobody_compiles_stays_in_the_sdist(front_ends: FrontEnds, tmp_path: Path) -> None:
    prebuilt = TWO_IMAGES.rpartition("module =")[0] + 'format = "docker"\n'
    distributions = []
    for name, arguments in (("with", ()), ("without", ("--no-hooks",))):
        sample = Sample.create(tmp_path / name, prebuilt, ignored=None)
        (sample.root / "plugin.wasm").write_bytes(b"\0asm\x01\0\0\0")
        result = front_ends.hatchling(sample.root, "build", *arguments, HATCH_WASM_OCI_SKIP="1")
        assert result.code == 0, result.err
        distributions.append(sample.distributions)
    assert distributions[0] == distributions[1]
