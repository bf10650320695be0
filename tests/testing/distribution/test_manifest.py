from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.distribution.manifest import (
    ARTIFACT,
    DOCKER_IMAGE,
    DOCKER_LIST,
    IMAGE,
    INDEX,
    MEDIA_TYPES,
    InvalidManifestError,
    parse_manifest,
)

DIGEST = "sha256:" + "a" * 64
ENTRY = {"mediaType": "text/plain", "digest": DIGEST, "size": 3}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab/:", max_size=4) | st.just(DIGEST),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["mediaType", "digest", "size", "urls", "config", "layers", "subject", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def image(**changes: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": ENTRY, "layers": [ENTRY], **changes}).encode()


def test_an_image() -> None:
    found = parse_manifest(image(annotations={"a": "b"}, subject={**ENTRY, "digest": "sha512:" + "b" * 128}), IMAGE)
    assert [descriptor.digest for descriptor in found.blobs] == [DIGEST, DIGEST]
    assert found.children == ()
    assert found.subject is not None
    assert found.subject.digest == "sha512:" + "b" * 128
    assert (found.artifact_type, found.annotations) == ("text/plain", {"a": "b"})


def test_an_images_own_artifact_type_wins_over_its_configs() -> None:
    assert parse_manifest(image(artifactType="x/y"), IMAGE).artifact_type == "x/y"
    assert parse_manifest(image(artifactType=""), IMAGE).artifact_type == "text/plain"


@pytest.mark.parametrize("media_type", [INDEX, DOCKER_LIST])
def test_an_index(media_type: str) -> None:
    data = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": [ENTRY]}).encode()
    found = parse_manifest(data, media_type)
    assert (found.blobs, len(found.children), found.artifact_type) == ((), 1, "")


def test_an_artifact_needs_no_blobs() -> None:
    assert parse_manifest(b'{"artifactType": "a/b"}', ARTIFACT).artifact_type == "a/b"
    assert len(parse_manifest(json.dumps({"blobs": [ENTRY]}).encode(), ARTIFACT).blobs) == 1


def test_fields_that_are_empty_or_unknown_are_harmless() -> None:
    found = parse_manifest(image(mediaType="", annotations=None, subject=None, artifactType=None, new=[1]), IMAGE)
    assert found.subject is None


def test_content_from_elsewhere_is_marked() -> None:
    found = parse_manifest(image(layers=[{**ENTRY, "urls": ["https://example.com/x"]}, {**ENTRY, "urls": []}]), IMAGE)
    assert [descriptor.elsewhere for descriptor in found.blobs] == [False, True, False]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"9" * 10_000, "no JSON"),
        (b"[]", "no JSON object"),
        (image(schemaVersion=1), "schemaVersion"),
        (image(mediaType=INDEX), "mediaType differs"),
        (image(mediaType=3), "mediaType is no text"),
        (image(manifests=[]), "can't have manifests"),
        (image(layers=None), "layers is no list"),
        (image(layers=[ENTRY] * 10_001), "more than 10000"),
        (image(config=None), "config is no descriptor"),
        (image(config=[]), "config is no descriptor"),
        (image(layers=[ENTRY, {**ENTRY, "size": -1}]), r"layers\[1\].size"),
        (image(layers=[{**ENTRY, "size": True}]), r"layers\[0\].size"),
        (image(layers=[{**ENTRY, "size": 3.0}]), r"layers\[0\].size"),
        (image(layers=[{**ENTRY, "size": "3"}]), r"layers\[0\].size"),
        (image(layers=[{**ENTRY, "digest": "sha256:../../x"}]), r"layers\[0\].digest"),
        (image(layers=[{**ENTRY, "digest": DIGEST.upper()}]), r"layers\[0\].digest"),
        (image(layers=[{**ENTRY, "digest": "md5:" + "a" * 32}]), r"layers\[0\].digest"),
        (image(layers=[{"digest": DIGEST, "size": 3}]), r"layers\[0\].mediaType"),
        (image(subject="x"), "subject is no descriptor"),
        (image(annotations={"a": 1}), "annotations"),
        (image(annotations=["a"]), "annotations"),
    ],
)
def test_broken_images_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidManifestError, match=problem):
        parse_manifest(data, IMAGE)


@pytest.mark.parametrize("media_type", ["", "application/json", "text/html", IMAGE.upper()])
def test_other_media_types_are_refused(media_type: str) -> None:
    with pytest.raises(InvalidManifestError, match="no manifest that this registry knows"):
        parse_manifest(image(), media_type)


def test_an_index_that_is_also_an_image_is_refused() -> None:
    with pytest.raises(InvalidManifestError, match="an index can't have"):
        parse_manifest(image(manifests=[ENTRY]), INDEX)


@given(st.dictionaries(st.sampled_from(["config", "layers", "manifests", "blobs", "subject", "annotations"]), JSON))
def test_any_json_gives_a_manifest_or_a_refusal(value: dict[str, Any]) -> None:
    data = json.dumps({"schemaVersion": 2, **value}).encode()
    for media_type in (IMAGE, DOCKER_IMAGE, INDEX, ARTIFACT):
        with contextlib.suppress(InvalidManifestError):
            found = parse_manifest(data, media_type)
            assert found.media_type in MEDIA_TYPES
            assert all(descriptor.size >= 0 for descriptor in (*found.blobs, *found.children))
