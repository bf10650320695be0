from __future__ import annotations

import contextlib
import json
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ImageError, ModuleError
from hatch_wasm_oci.image import manifest as manifest_file
from hatch_wasm_oci.image.descriptor import (
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    WASM_CONTENT,
    Blob,
    sha256,
)
from hatch_wasm_oci.image.formats import FORMATS
from hatch_wasm_oci.image.json_document import load_json, parse_json, strict_json, to_json
from hatch_wasm_oci.image.manifest import Image, Manifest
from tests.image.test_descriptor import JSON
from tests.samples import contents, core_module

LIMIT = 10**6
CONFIG = Blob.of(OCI_CONFIG, b"{}")
LAYER = Blob.of(OCI_LAYER, b"layer")
VALID: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": CONFIG.descriptor.to_json(),
    "layers": [LAYER.descriptor.to_json()],
}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in VALID.items() if name != key}


def test_a_manifest_is_its_bytes() -> None:
    data = json.dumps({**VALID, "annotations": {"a": "b"}}, indent=3).encode()
    manifest = Manifest.parse(data)
    assert (manifest.data, manifest.media_type, manifest.annotations) == (data, OCI_MANIFEST, {"a": "b"})
    assert (manifest.config, manifest.layers) == (CONFIG.descriptor, (LAYER.descriptor,))
    assert (manifest.descriptor.digest, manifest.descriptor.size) == (sha256(data), len(data))
    assert Manifest.parse(to_json(without("mediaType"))).media_type == OCI_MANIFEST


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "no JSON object"),
        ({}, "schema version None"),
        ({**VALID, "schemaVersion": 1}, "schema version 1"),
        ({**VALID, "mediaType": OCI_INDEX}, f"of type '{re.escape(OCI_INDEX)}'"),
        ({**VALID, "mediaType": None}, "of type None"),
        ({**VALID, "mediaType": ["x" * 100] * 10**4}, "of type "),
        ({**VALID, "layers": []}, "no list of layers"),
        ({**VALID, "layers": {}}, "no list of layers"),
        ({**VALID, "layers": [VALID["config"]] * 1025}, "no list of layers"),
        ({**VALID, "layers": [5]}, r"manifest.layers\[0\] is no descriptor but int"),
        (without("config"), "manifest.config is no descriptor but NoneType"),
        ({**VALID, "annotations": {"a": None}}, "manifest.annotations is not"),
    ],
)
def test_what_is_no_manifest_is_said(value: object, said: str) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        Manifest.parse(to_json(value))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nul",
        b"\xff",
        b"[" * 10**5,
        b'{"a":' * 10**5,
        b"9" * 5000,
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xed\xa0\x80"}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1}x',
        b"{'a':1}",
        b'{"a":1e999999999}x',
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match="The index is no JSON"):
        load_json(data, "index", LIMIT)


def test_json_over_the_limit_or_no_object_is_refused() -> None:
    assert parse_json(b'{"a":"\\u00e4"}', "index", 14) == {"a": "ä"}
    with pytest.raises(ImageError, match="has 14 bytes, over the limit of 13"):
        parse_json(b'{"a":"\\u00e4"}', "index", 13)
    with pytest.raises(ImageError, match="no JSON object"):
        parse_json(b"[]", "index", LIMIT)


def test_of_a_key_given_twice_the_last_one_counts_as_it_does_for_go() -> None:
    assert strict_json(b'{"a":1,"a":2}') == {"a": 2}


@pytest.mark.parametrize("key", ["schemaVersion", "mediaType", "config", "layers", "annotations", "other"])
def test_no_depth_of_nesting_gets_through(key: str) -> None:
    limit = sys.getrecursionlimit()
    for depth in [*range(limit - 120, limit + 20, 3), 3000, 10_000, 100_000]:
        nested = b"[" * depth + b"]" * depth
        data = to_json(without(key))[:-1] + b',"' + key.encode() + b'":' + nested + b"}"
        assert len(_outcome(data)) < 1000


def _outcome(data: bytes) -> str:
    try:
        return str(Manifest.parse(data).layers)
    except ImageError as error:
        return str(error)


@given(JSON, st.sampled_from([*VALID, "annotations"]))
def test_any_json_is_a_manifest_or_refused(value: Any, key: str) -> None:
    for candidate in (value, {**VALID, key: value}, {**VALID, "layers": [value]}):
        with contextlib.suppress(ImageError):
            Manifest.parse(json.dumps(candidate).encode())


@given(st.binary(max_size=100))
def test_any_bytes_are_a_manifest_or_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        Manifest.parse(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"\udc00": 1}])
def test_what_json_can_not_hold_is_not_written(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        to_json(value)


def test_json_is_written_compactly_in_the_order_given() -> None:
    assert to_json({"b": "ä", "a": [1, None]}) == '{"b":"ä","a":[1,null]}'.encode()


def test_an_image_holds_each_blob_once() -> None:
    image = Image.of({**VALID, "layers": VALID["layers"] * 2}, CONFIG, LAYER, LAYER)
    assert image.blobs == (CONFIG, LAYER)
    assert image.references == (CONFIG.descriptor, LAYER.descriptor, LAYER.descriptor)
    assert image.digest == image.manifest.descriptor.digest
    assert image.blob(LAYER.descriptor) is LAYER


def test_an_image_that_lacks_a_blob_is_refused() -> None:
    with pytest.raises(ImageError, match=f"lacks the blob {LAYER.descriptor.digest}"):
        Image.of(VALID, CONFIG)


@pytest.mark.parametrize("form", FORMATS)
def test_the_module_comes_out_of_each_format(form: str) -> None:
    given = contents(runtime_config=b"{}")
    assert FORMATS[form].build(given).module() == given.module


def image_with(*layers: Blob, media_type: str = OCI_MANIFEST) -> Image:
    descriptors = [layer.descriptor.to_json() for layer in layers]
    return Image.of({**VALID, "mediaType": media_type, "layers": descriptors}, CONFIG, *layers)


def test_the_last_layer_counts_as_for_the_consumers() -> None:
    compat = FORMATS["oci"].build(contents())
    layer = compat.blob(compat.manifest.layers[-1])
    assert image_with(LAYER, layer).module() == compat.module()
    with pytest.raises(ImageError, match="starts with the bytes"):
        image_with(layer, LAYER).module()


@pytest.mark.parametrize(
    ("media_type", "layer_type", "expected"),
    [
        (OCI_MANIFEST, DOCKER_LAYER, OCI_LAYER),
        (DOCKER_MANIFEST, OCI_LAYER, DOCKER_LAYER),
        (DOCKER_MANIFEST, WASM_CONTENT, DOCKER_LAYER),
        (OCI_MANIFEST, "application/vnd.oci.image.layer.v1.tar+zstd", OCI_LAYER),
        (OCI_MANIFEST, "application/vnd.oci.image.layer.v1.tar", OCI_LAYER),
    ],
)
def test_a_layer_of_another_type_is_refused(media_type: str, layer_type: str, expected: str) -> None:
    with pytest.raises(ImageError) as caught:
        image_with(Blob.of(layer_type, core_module()), media_type=media_type).module()
    assert caught.value.problem == (
        f"The last layer is of type {layer_type}, where Istio and Envoy Gateway take {expected}."
    )


def test_a_content_layer_that_is_no_module_is_refused() -> None:
    with pytest.raises(ModuleError, match="the content layer is no WebAssembly module: it is a component"):
        image_with(CONFIG, Blob.of(WASM_CONTENT, b"\0asm\x0d\0\x01\0")).module()


def test_a_manifest_over_the_limit_of_registries_is_refused() -> None:
    padded = to_json(VALID).ljust(manifest_file.MANIFEST_LIMIT)
    assert Manifest.parse(padded).descriptor.size == 4 * 1024 * 1024
    with pytest.raises(ImageError, match="over the limit"):
        Manifest.parse(padded + b" ")
