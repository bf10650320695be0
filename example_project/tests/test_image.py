"""What a plugin's author wants to be sure of before each release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hatch_wasm_oci

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing import RegistryNamespace, WasmImage


def test_the_image_comes_back_as_it_was_built(
    wasm_image: WasmImage, assert_image_round_trips: Callable[..., object]
) -> None:
    assert_image_round_trips(wasm_image)


def test_the_module_comes_back_from_every_format(
    wasm_image: WasmImage, assert_image_round_trips: Callable[..., object]
) -> None:
    assert_image_round_trips(wasm_image, formats=("oci", "docker", "artifact"))


def test_the_module_speaks_the_abi_of_the_mesh(wasm_image: WasmImage) -> None:
    assert wasm_image.report.abi_version == "0.2.1"
    assert wasm_image.report.module_size < 100_000
    assert not wasm_image.report.findings


def test_a_registry_that_wants_a_login_takes_it(
    wasm_image: WasmImage, make_oci_registry: Callable[..., RegistryNamespace]
) -> None:
    registry = make_oci_registry(auth="bearer")
    receipt = hatch_wasm_oci.push(wasm_image, registry.reference("filters/hello"), **registry.options)
    assert receipt.digest == wasm_image.manifest_digest


def test_a_push_survives_a_registry_that_is_busy(
    wasm_image: WasmImage, make_oci_registry: Callable[..., RegistryNamespace]
) -> None:
    registry = make_oci_registry(faults=[{"method": "PUT", "status": 503, "times": 2, "headers": {"Retry-After": "0"}}])
    hatch_wasm_oci.push(wasm_image, registry.reference("hello"), **registry.options)
    assert [request.status for request in registry.log if request.fault] == [503, 503]
