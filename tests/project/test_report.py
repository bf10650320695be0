from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ImageError
from hatch_wasm_oci.project import report
from hatch_wasm_oci.project.package import package
from tests.image.test_descriptor import JSON
from tests.samples import core_module, plugin_module, plugins, settings_in

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci.project.report import PackagedImage

KEYS = [
    "name",
    "version",
    "format",
    "archive",
    "reference",
    "references",
    "manifest_digest",
    "manifest_size",
    "config_digest",
    "layer_digest",
    "layer_size",
    "diff_id",
    "module_sha256",
    "module_size",
    "abi_version",
    "findings",
]


@pytest.fixture
def packaged(tmp_path: Path) -> PackagedImage:
    (tmp_path / "plugin.wasm").write_bytes(core_module(["x"]))
    return package(settings_in(tmp_path, repository="ghcr.io/acme/demo", tags=["1", "2"], lint="warn"), plugins())


def test_a_report_has_the_keys_that_others_rely_on(packaged: PackagedImage) -> None:
    value = json.loads(packaged.report.read_bytes())
    assert list(value) == [*KEYS, "manifests"]
    assert value["archive"] == "demo-1.0.oci.tar"
    assert value["references"] == ["ghcr.io/acme/demo:1", "ghcr.io/acme/demo:2"]
    assert value["findings"][0]["code"] == "WO301"
    assert packaged.pinned_reference == f"ghcr.io/acme/demo:1@{packaged.manifest_digest}"


def test_a_report_holds_what_is_to_be_applied(packaged: PackagedImage, tmp_path: Path) -> None:
    manifests = json.loads(packaged.report.read_bytes())["manifests"]
    assert {name: document["kind"] for name, document in manifests.items()} == {
        "istio": "WasmPlugin",
        "envoy-gateway": "EnvoyExtensionPolicy",
    }
    assert manifests["istio"]["metadata"] == {"name": "demo"}
    assert manifests["istio"]["spec"] == {
        "url": f"oci://{packaged.pinned_reference}",
        "sha256": packaged.manifest_digest.removeprefix("sha256:"),
    }
    assert manifests["envoy-gateway"]["spec"]["wasm"][0]["code"]["image"] == {
        "url": packaged.pinned_reference,
        "sha256": packaged.manifest_digest.removeprefix("sha256:"),
    }
    assert list(package(settings_in(tmp_path, lint="off"), plugins()).to_json()) == KEYS  # nowhere to be pulled from


def test_a_report_comes_back_and_moves_with_its_archive(packaged: PackagedImage, tmp_path: Path) -> None:
    assert report.read(packaged.report) == packaged
    moved = packaged.report.parent.rename(tmp_path / "moved")
    again = report.read(moved / packaged.report.name)
    assert again.archive.parent == moved
    assert again.image.digest == packaged.manifest_digest


@pytest.mark.parametrize("form", ["oci", "docker", "artifact"])
def test_a_report_tells_what_the_image_is(tmp_path: Path, form: str) -> None:
    (tmp_path / "plugin.wasm").write_bytes(plugin_module())
    packaged = package(settings_in(tmp_path, format=form), plugins())
    image = packaged.image
    assert packaged.manifest_digest == image.digest
    assert packaged.manifest_size == len(image.manifest.data)
    assert packaged.config_digest == image.manifest.config.digest
    assert (packaged.layer_digest, packaged.layer_size) == (
        image.manifest.layers[-1].digest,
        image.manifest.layers[-1].size,
    )
    assert (packaged.module_sha256, packaged.module_size) == (image.module().sha256, image.module().size)
    assert (packaged.abi_version, packaged.reference, packaged.pinned_reference) == ("0.2.1", None, None)
    assert (packaged.diff_id == packaged.layer_digest) == (form == "artifact")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KEYS), JSON)
def test_any_json_is_a_report_or_refused(packaged: PackagedImage, tmp_path: Path, key: str, value: Any) -> None:
    for content in (value, {**packaged.to_json(), key: value}):
        (tmp_path / "r.json").write_text(json.dumps(content))
        try:
            again = report.read(tmp_path / "r.json")
        except ImageError:
            continue
        assert again.archive.parent == tmp_path


@pytest.mark.parametrize("data", [b"", b"[" * 10**5, b"\xff", b"[]", b"{}"])
def test_what_is_no_report_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r.json").write_bytes(data)
    with pytest.raises(ImageError, match="is no report of a build"):
        report.read(tmp_path / "r.json")


def test_a_report_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="can't be read: No such file"):
        report.read(tmp_path / "r.json")
