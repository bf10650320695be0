from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError, WasmOciError
from hatch_wasm_oci.testing import project_image
from tests.samples import plugin_module

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1.0"\n[tool.hatch.build.hooks.wasm-oci]\nenable-by-default = false\n'
    )
    (root / "plugin.wasm").write_bytes(plugin_module())
    return root


def test_a_copy_has_what_a_build_needs(project: Path, tmp_path: Path) -> None:
    for name in ("src/a.c", "build/wasm-oci/old.json", ".venv/pyvenv.cfg", "target/CACHEDIR.TAG", "dist/x.whl"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name)
    for name in (".git/HEAD", "node_modules/asc/index.js", "src/__pycache__/a.pyc"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name)
    (project / "dangling").symlink_to("nowhere")
    copied = tmp_path / "copy"
    project_image.copy(project, copied)
    names = {path.relative_to(copied).as_posix() for path in copied.rglob("*") if path.is_file()}
    names = {name for name in names if not name.startswith((".git/", "node_modules/"))}
    assert names == {"pyproject.toml", "plugin.wasm", "src/a.c", "build/wasm-oci/old.json"}
    assert (copied / ".git").readlink() == project / ".git"
    assert (copied / "node_modules/asc/index.js").is_file()
    times = [(root / "plugin.wasm").stat().st_mtime_ns for root in (project, copied)]
    assert times[0] == times[1]
    with pytest.raises(WasmOciError, match="can't be copied"):
        project_image.copy(project, copied)


def test_an_unpacked_sdist_and_a_hook_that_is_off_have_images_too(project: Path, tmp_path: Path) -> None:
    without = project_image.build(project, tmp_path / "one")["demo"]
    (project / "PKG-INFO").write_text("Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n")
    with_it = project_image.build(project, tmp_path / "two")["demo"]
    assert without.manifest_digest == with_it.manifest_digest
    assert without.module == with_it.module
    assert without.archive.parent == tmp_path / "one" / "build" / "wasm-oci"


def test_a_place_without_a_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no pyproject\.toml in .*Name the project by --wasm-oci-project=PATH"):
        project_image.build(tmp_path, tmp_path / "copy")


def test_the_environment_keeps_compilers_and_loses_what_changes_images() -> None:
    kept = {"PATH": "/bin", "CARGO_HOME": "/cargo", "GOPATH": "/go", "HOME": "/home", "PYTHONPATH": "/src"}
    lost = {"SOURCE_DATE_EPOCH": "1", "HATCH_WASM_OCI_SKIP": "1", "PIP_BUILD_TRACKER": "x", "PYTHONWARNINGS": "error"}
    environment = project_image.environment({**kept, **lost})
    assert environment == {**kept, "HATCH_BUILD_HOOK_ENABLE_WASM-OCI": "true"}
