from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import PluginError, SettingsError
from hatch_wasm_oci.hatch.build import Build
from tests.samples import plugin_module

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "demo"\nversion = "1.0"\n[tool.hatch.build.hooks.wasm-oci]\n'
TWO = PROJECT + 'images = [{name = "one"}, {name = "two", format = "docker"}]\n'


def project(root: Path, text: str = PROJECT) -> Path:
    (root / "pyproject.toml").write_text(text)
    (root / "plugin.wasm").write_bytes(plugin_module())
    return root


def test_every_image_is_packaged_and_cleaned(tmp_path: Path) -> None:
    build = Build(project(tmp_path, TWO))
    assert [packaged.archive.name for packaged in build.package()] == ["one-1.0.oci.tar", "two-1.0.docker.tar"]
    build.clean()
    assert not (tmp_path / "build").exists()


def test_one_image_is_chosen_by_name(tmp_path: Path) -> None:
    root = project(tmp_path, TWO)
    assert [one.name for one in Build(root).only("two").settings] == ["two"]
    with pytest.raises(SettingsError, match=r"image: the project has several images\. Name one of 'one', 'two'"):
        Build(root).only(None)
    with pytest.raises(SettingsError, match="image: there is no image 'three'"):
        Build(root).only("three")


def test_options_override_and_are_named_in_errors(tmp_path: Path) -> None:
    root = project(tmp_path, PROJECT + 'format = "docker"')
    assert Build(root, overrides={"format": "oci"}).settings[0].format == "oci"
    with pytest.raises(SettingsError, match=r"^option\.format: 'x' is not known"):
        Build(root, overrides={"format": "x"})


def test_another_directory_can_be_given(tmp_path: Path) -> None:
    root = project(tmp_path)
    (packaged,) = Build(root, directory=tmp_path / "out").package()
    assert packaged.archive == tmp_path / "out" / "demo-1.0.oci.tar"


def test_a_project_has_plugins_of_its_own(tmp_path: Path) -> None:
    root = project(tmp_path, PROJECT + 'plugins = ["local.py"]\nformat = "mine"')
    with pytest.raises(PluginError, match=r"local\.py could not be loaded"):
        Build(root)
    (root / "local.py").write_text(
        "from hatch_wasm_oci import hookimpl, ImageFormat\nfrom hatch_wasm_oci.image.formats import FORMATS\n"
        "@hookimpl\ndef wasm_oci_formats(): return {'mine': ImageFormat(FORMATS['oci'].build, '.mine.tar')}\n"
    )
    assert Build(root).package()[0].archive.name == "demo-1.0.mine.tar"
