from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hatch_wasm_oci
from hatch_wasm_oci.errors import ImageError, InvalidReferenceError, SettingsError
from tests.samples import plugin_module

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.0"\n')
    (tmp_path / "plugin.wasm").write_bytes(plugin_module())
    return tmp_path


def test_a_project_is_packaged_with_settings_of_the_callers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    packaged = hatch_wasm_oci.package(runtime_config={"config": {}}, format="docker")
    assert packaged.archive == root / "build" / "wasm-oci" / "demo-1.0.docker.tar"
    assert hatch_wasm_oci.package(str(root), runtime_config={"config": {}}, format="docker").unchanged


def test_wrong_arguments_are_settings_errors(root: Path) -> None:
    with pytest.raises(SettingsError, match=r"^option\.formt: there is no such setting\. Did you mean 'format'"):
        hatch_wasm_oci.package(root, formt="oci")
    with pytest.raises(SettingsError, match="there is no image 'x'"):
        hatch_wasm_oci.package(root, image="x")
    with pytest.raises(SettingsError, match=r"no pyproject\.toml"):
        hatch_wasm_oci.package(root / "none")


def test_nothing_is_pushed_without_a_place_or_an_image(root: Path) -> None:
    packaged = hatch_wasm_oci.package(root)
    for source in (packaged, packaged.image):
        with pytest.raises(InvalidReferenceError, match="Nothing says where to push"):
            hatch_wasm_oci.push(source)
    with pytest.raises(ImageError, match="can't be read"):
        hatch_wasm_oci.push(root / "none.tar", "ghcr.io/acme/demo:1.0")
    with pytest.raises(InvalidReferenceError, match="names no registry"):
        hatch_wasm_oci.push(packaged.archive)
    with pytest.raises(InvalidReferenceError, match="names no registry"):
        hatch_wasm_oci.pull("demo:1.0")
