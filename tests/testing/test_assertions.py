from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.image import formats
from hatch_wasm_oci.image.descriptor import DOCKER_LAYER
from hatch_wasm_oci.image.manifest import Image
from hatch_wasm_oci.testing import (
    RegistryNamespace,
    RunningRegistry,
    WasmImage,
    assert_image_round_trips,
    assert_istio_accepts,
    wasm_image,
)
from hatch_wasm_oci.wasm.module import Module
from tests.samples import contents, core_module

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci.testing import EmbeddedRegistry


@pytest.fixture
def namespace(registry: EmbeddedRegistry) -> RegistryNamespace:
    return RegistryNamespace(RunningRegistry(registry.url, embedded=registry), "")


@pytest.fixture
def image(tmp_path: Path) -> WasmImage:
    (tmp_path / "image").mkdir()
    return wasm_image.make(tmp_path / "image", core_module(size=60_000), annotations={"a": "1"}, labels={"b": "2"})


def paths(registry: EmbeddedRegistry, method: str) -> list[str]:
    return [request.path for request in registry.log if request.method == method]


def test_all_forms_of_an_image_make_the_way(
    registry: EmbeddedRegistry, namespace: RegistryNamespace, image: WasmImage
) -> None:
    for form in (image, image.report, image.image, image.archive, str(image.archive)):
        (receipt,) = assert_image_round_trips(form, namespace)
        assert receipt.digest == image.manifest_digest
        registry.clear()


def test_it_pushes_once_and_pulls_by_tag_and_by_digest(
    registry: EmbeddedRegistry, namespace: RegistryNamespace, image: WasmImage
) -> None:
    assert_image_round_trips(image, namespace)
    manifests = [path.rpartition("/")[2] for path in paths(registry, "GET") if "/manifests/" in path]
    assert sorted(manifests) == sorted([image.manifest_digest, image.manifest_digest.replace(":", "-")[:24]])
    assert len([path for path in paths(registry, "PUT") if "/manifests/" in path]) == 1
    assert len([path for path in paths(registry, "GET") if "/blobs/" in path]) == 4


def test_formats_carry_module_and_metadata(
    registry: EmbeddedRegistry, namespace: RegistryNamespace, image: WasmImage
) -> None:
    oci, docker, artifact = assert_image_round_trips(image, namespace, formats=("oci", "docker", "artifact"))
    assert oci.digest == image.manifest_digest
    assert len({oci.digest, docker.digest, artifact.digest}) == 3
    (again,) = assert_image_round_trips(formats.artifact(contents()), namespace, formats="docker")
    config = json.loads(bytes(wasm_image.in_format(image.image, "docker").blobs[0].data))
    assert {"b": "2"}.items() <= config["config"]["Labels"].items()
    assert again.uploaded
    with pytest.raises(SettingsError, match=r"no format 'zip'\. Choose of 'oci', 'docker', 'artifact'"):
        assert_image_round_trips(image, namespace, formats=("oci", "zip"))


def test_another_image_under_the_tag_is_shown_side_by_side(
    registry: EmbeddedRegistry, namespace: RegistryNamespace, image: WasmImage
) -> None:
    other = formats.compat_oci(contents())
    assert_image_round_trips(other, namespace)
    tag = image.manifest_digest.replace(":", "-")[:24]
    headers = {"Content-Type": other.manifest.media_type}
    registry.faults.add(method="GET", path=f"*/manifests/{tag}", status=200, body=other.manifest.data, headers=headers)
    with pytest.raises(AssertionError) as caught:
        assert_image_round_trips(image, namespace)
    text = str(caught.value)
    assert text.startswith(f"What was pulled as {namespace.host}/round-trip/image:{tag} is not what was pushed.\n\n")
    for words in ("manifest", "config", "layers[0]", "entry 0 content", "(absent)"):
        assert words in text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"method": "POST", "status": 403}, "The push to .* failed: "),
        ({"method": "GET", "path": "*/blobs/*", "corrupt": 0, "times": None}, "The pull of .* failed: "),
        ({"method": "GET", "path": "*/manifests/*", "status": 404}, "The pull of .* failed: "),
    ],
)
def test_a_step_that_fails_is_named(
    registry: EmbeddedRegistry, namespace: RegistryNamespace, image: WasmImage, fault: dict[str, object], words: str
) -> None:
    registry.faults.add(**fault)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=words):
        assert_image_round_trips(image, namespace)


def test_a_second_push_that_changes_something_is_told(
    registry: EmbeddedRegistry, namespace: RegistryNamespace, image: WasmImage
) -> None:
    # The first look is for the first push; the second one makes the second push believe that the tag is gone.
    registry.faults.add(method="HEAD", path="*/manifests/*", skip=1, status=404, times=None)
    registry.faults.add(method="HEAD", path="*/blobs/*", skip=2, status=404, times=None)
    with pytest.raises(AssertionError, match="should find all of it there, but it changed the registry") as caught:
        assert_image_round_trips(image, namespace)
    assert f"sent {image.report.layer_digest}" in str(caught.value)


def test_an_image_that_lost_its_module_is_told(namespace: RegistryNamespace, image: WasmImage) -> None:
    wrong = WasmImage(image.report, Module(core_module(size=60_001)))
    with pytest.raises(AssertionError, match="is not the one that the image was made of") as caught:
        assert_image_round_trips(wrong, namespace)
    assert "60001 bytes" in str(caught.value)
    assert "60000 bytes" in str(caught.value)


def test_istio_accepts_what_is_built_in_every_format(image: WasmImage) -> None:
    for name in ("oci", "docker", "artifact"):
        assert_istio_accepts(wasm_image.in_format(image.image, name))


def test_what_istio_refuses_is_told(image: WasmImage) -> None:
    # A layer of the other kind of manifest is what Istio's words are about.
    manifest = json.loads(image.image.manifest.data)
    manifest["layers"][0]["mediaType"] = DOCKER_LAYER
    blobs = [replace(blob, descriptor=replace(blob.descriptor)) for blob in image.image.blobs]
    other = Image.of(manifest, *blobs)
    with pytest.raises(
        AssertionError, match=r"Istio would refuse the image sha256:.*\n\n  The last layer is of type"
    ) as caught:
        assert_istio_accepts(other)
    assert "Istio logs: could not fetch Wasm binary: the given image is in invalid format" in str(caught.value)
