from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import ModuleError, SettingsError
from hatch_wasm_oci.testing import wasm_image
from hatch_wasm_oci.wasm.lint import lint
from hatch_wasm_oci.wasm.module import Module
from tests.samples import core_module

if TYPE_CHECKING:
    from pathlib import Path


def test_the_smallest_module_is_one_that_the_linter_takes(tmp_path: Path) -> None:
    image = wasm_image.make(tmp_path, None)
    assert not [finding for finding in lint(image.module.data) if finding.severity == "error"]
    assert image.report.abi_version == "0.2.1"
    assert os.fspath(image) == str(image.archive)
    assert image.image is image.image


def test_a_module_in_every_form_and_any_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "no number at all")
    data = core_module(size=900)
    (tmp_path / "other.wasm").write_bytes(data)
    digests = set()
    forms: list[Any] = [data, memoryview(data), Module(data), tmp_path / "other.wasm"]
    for index, wasm in enumerate(forms):
        directory = tmp_path / str(index)
        directory.mkdir()
        image = wasm_image.make(directory, wasm, format="docker", runtime_config={"config": {}})
        assert image.module.data == data
        digests.add(image.manifest_digest)
    assert len(digests) == 1


def test_what_is_no_module_or_no_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModuleError):
        wasm_image.make(tmp_path, b"hello")
    with pytest.raises(SettingsError, match="formt"):
        wasm_image.make(tmp_path, None, formt="oci")
