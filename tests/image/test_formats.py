from __future__ import annotations

import json
from typing import Any

import pytest

from hatch_wasm_oci.image.descriptor import DOCKER_MANIFEST, OCI_MANIFEST, WASM_CONFIG, WASM_CONTENT
from hatch_wasm_oci.image.formats import DEFAULT_TIME, FORMATS, rfc3339
from hatch_wasm_oci.image.tar import TIME_LIMIT
from hatch_wasm_oci.wasm.module import Module
from tests.samples import contents, core_module

RUNTIME_CONFIG = b'{"type":"envoy_proxy","abiVersions":["0.2.1"],"config":{"a":1}}'

# These are what users have pinned. One that changes is a break of the promise "same inputs, same digests": it needs
# an entry in the changelog, and a reason better than a tidier manifest.
GOLDEN = {
    ("oci", "deflate", False): "bd3a596c1dbb8fbfe4466a4adab1db770c801f2ea5aa9a2890a2d69a986337c1",
    ("oci", "deflate", True): "f61a62330a4bb1345dbf7498944df81c76e5b912f3c4e2e25df48397068f1be0",
    ("oci", "store", False): "fa5345610b972ee5a3580dde7d4eb924f9529ddbf5e2133f6f2acc34c2499b78",
    ("oci", "store", True): "3c902cc42f184da0672fe2dc02391a73b34c0386a9f44a082ce182bce2a456ce",
    ("docker", "deflate", False): "24b4b1f574401e9d14091ef680fed0ffcb169c7343751787d7aa8e4542517589",
    ("docker", "deflate", True): "9a5841b28395f61abc61657c5ed7aceec447c7fcb51a30e94feb10886156856d",
    ("docker", "store", False): "53b68c90f757c7b745c82b6fe7fa70abbad31b28b3d08c03c10915c120376ae3",
    ("docker", "store", True): "a354b5afe62424cff0ff4e5dd1817caa054711f2d28172acfa85f044fd58d589",
    ("artifact", "deflate", False): "cf52ac3557775319829df938e70dfca1d71926eab0d59ba3537ffb98254e4192",
    ("artifact", "deflate", True): "17beb665063699f8d32a99950186e82946602efce9d2388a9465ddf2a18225d9",
    ("artifact", "store", False): "cf52ac3557775319829df938e70dfca1d71926eab0d59ba3537ffb98254e4192",
    ("artifact", "store", True): "17beb665063699f8d32a99950186e82946602efce9d2388a9465ddf2a18225d9",
}


@pytest.mark.parametrize(("form", "compression", "with_config"), GOLDEN)
def test_the_same_inputs_give_the_same_digest(form: str, compression: str, with_config: bool) -> None:  # noqa: FBT001 - a parameter
    config = RUNTIME_CONFIG if with_config else None
    image = FORMATS[form].build(contents(compression=compression, runtime_config=config))
    assert image.digest == f"sha256:{GOLDEN[form, compression, with_config]}"


def body(form: str, **values: Any) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(FORMATS[form].build(contents(**values)).manifest.data)
    return manifest


def config(form: str, **values: Any) -> dict[str, Any]:
    image = FORMATS[form].build(contents(**values))
    value: dict[str, Any] = json.loads(bytes(image.blob(image.manifest.config).data))
    return value


@pytest.mark.parametrize(("form", "media_type"), [("oci", OCI_MANIFEST), ("docker", DOCKER_MANIFEST)])
def test_a_compat_image_is_one_that_every_tool_takes(form: str, media_type: str) -> None:
    manifest, image_config = body(form), config(form)
    assert manifest["mediaType"] == media_type
    assert len(manifest["layers"]) == len(image_config["rootfs"]["diff_ids"]) == 1
    assert (image_config["architecture"], image_config["os"]) == ("amd64", "linux")
    assert image_config["created"] == image_config["history"][0]["created"] == "2020-02-02T00:00:00Z"
    assert image_config["config"] == {"Labels": {"b": "2"}}
    assert config(form, labels={})["config"] == {}


def test_only_an_oci_image_has_annotations_and_they_stand_in_order() -> None:
    assert list(body("oci")["annotations"].items()) == [
        ("a", "1"),
        ("module.wasm.image/variant", "compat"),
        ("org.opencontainers.image.title", "wärme"),
    ]
    assert body("oci", annotations={})["annotations"] == {"module.wasm.image/variant": "compat"}
    assert "annotations" not in body("docker")
    assert "annotations" not in body("artifact", annotations={})


def test_an_artifact_has_two_layers_and_the_module_as_it_is() -> None:
    given = contents()
    image = FORMATS["artifact"].build(given)
    assert [layer.media_type for layer in image.manifest.layers] == [WASM_CONFIG, WASM_CONTENT]
    assert image.blob(image.manifest.layers[1]).data == given.module.data
    assert config("artifact") == {"type": "envoy_proxy", "abiVersions": ["0.2.1"], "config": {}}
    assert config("artifact", module=Module(core_module([])))["abiVersions"] == []
    assert config("artifact", runtime_config=b'{"x":1}') == {"x": 1}


def test_times_are_written_in_utc() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(DEFAULT_TIME) == "2020-02-02T00:00:00Z"
    assert rfc3339(TIME_LIMIT) == "2242-03-16T12:56:31Z"


def test_the_time_is_in_the_image() -> None:
    assert FORMATS["oci"].build(contents()).digest != FORMATS["oci"].build(contents(time=0)).digest
