from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies

from hatch_wasm_oci.image import formats
from hatch_wasm_oci.image.descriptor import OCI_LAYER, Blob
from hatch_wasm_oci.image.manifest import Image
from hatch_wasm_oci.testing.differences import differences
from hatch_wasm_oci.wasm.module import Module
from tests.samples import contents, core_module


def rows(text: str) -> dict[str, tuple[str, str]]:
    """The rows of tables by name, wrapped cells joined."""
    found: dict[str, tuple[str, str]] = {}
    last = ""
    for line in text.splitlines():
        if " | " not in line and not line.endswith(" |"):
            continue
        name, left, right = ([*line.split("|"), ""])[:3]
        last = name.strip() or last
        one, other = found.get(last, ("", "")) if not name.strip() else ("", "")
        found[last] = (one + left.strip(), other + right.strip())
    return found


def test_images_that_are_the_same_do_not_differ() -> None:
    for build in (formats.compat_oci, formats.compat_docker, formats.artifact):
        assert differences(build(contents()), build(contents())) == ""


def test_manifest_config_and_layer_entries_stand_side_by_side() -> None:
    one = formats.compat_oci(contents())
    other = formats.compat_oci(
        contents(
            module=Module(core_module(size=5001)),
            annotations={"a": "2", "new": "x"},
            labels={},
            time=86400,
            runtime_config=b"{}",
        )
    )
    text = differences(one, other, ("built", "came"))
    assert [line.split("|")[0].strip() for line in text.splitlines() if "| built" in line] == [
        "manifest",
        "config",
        "layers[0]",
    ]
    found = rows(text)
    assert found["annotations.a"] == ('"1"', '"2"')
    assert found["annotations.new"] == ("(absent)", '"x"')
    assert found["created"][1] == '"1970-01-02T00:00:00Z"'
    assert found["config.Labels.b"] == ('"2"', "(absent)")
    assert found["entry 0 size"] == ("5000 bytes", "5001 bytes")
    assert found["entry 0 time"] == ("1580601600", "86400")
    assert found["entry 1 name"] == ("(absent)", "runtime-config.json")
    assert found["entry 0 content"] == tuple(f"sha256:{image.module().sha256}" for image in (one, other))
    assert "schemaVersion" not in text
    assert "entry 0 mode" not in text
    assert all(len(line) <= 130 for line in text.splitlines())


def test_the_same_json_in_another_form_is_shown_by_its_bytes() -> None:
    image = formats.compat_oci(contents())
    data = json.dumps(json.loads(image.manifest.data), indent=1).encode()
    other = replace(image, manifest=replace(image.manifest, data=data))
    found = rows(differences(image, other))
    assert found["from byte 0"][0].startswith('{"schema')
    assert found["from byte 0"][1].startswith('{\\n "schema')
    assert found["size"] == (f"{len(image.manifest.data)} bytes", f"{len(data)} bytes")


def test_more_or_fewer_layers_and_ones_that_cannot_be_read() -> None:
    image = formats.compat_oci(contents())
    manifest: dict[str, Any] = json.loads(image.manifest.data)
    broken = Blob.of(OCI_LAYER, b"\x1f\x8b\x08 cut off")
    layers = [broken.descriptor.to_json(), *manifest["layers"]]
    more = Image.of({**manifest, "layers": layers}, *image.blobs, broken)
    found = rows(differences(image, more))
    assert found["unreadable"][0] == "(absent)"
    assert found["layers[1]"] == ("pushed", "pulled")
    assert "(absent)" in differences(more, image)


texts = strategies.text(max_size=60)


@given(strategies.dictionaries(texts, texts, max_size=60), strategies.dictionaries(texts, texts, max_size=60))
def test_any_texts_fit_into_the_tables(one: dict[str, str], other: dict[str, str]) -> None:
    images = [formats.compat_oci(contents(annotations=texts_, compression="store")) for texts_ in (one, other)]
    text = differences(images[0], images[1])
    same = {key: value for key, value in one.items() if value} == {k: v for k, v in other.items() if v}
    if images[0].digest == images[1].digest:
        assert text == ""
    else:
        assert text
        assert same or "manifest" in text
    assert max(map(len, text.split("\n")), default=0) <= 400


def test_long_texts_are_cut() -> None:
    one, other = (formats.compat_oci(contents(annotations={"long": letter * 1000})) for letter in "ab")
    text = differences(one, other)
    assert "…" in text
    assert "a" * 200 not in text.replace("\n", "")


@pytest.mark.parametrize("count", [100])
def test_many_rows_are_counted(count: int) -> None:
    annotated = contents(annotations={f"key-{index}": "x" for index in range(count)})
    text = differences(formats.compat_oci(contents(annotations={})), formats.compat_oci(annotated))
    assert "and 62 more" in text
