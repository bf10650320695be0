"""What Istio and Envoy Gateway make of the images that other tools push, with and without those tools at hand."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

import hatch_wasm_oci
from hatch_wasm_oci.testing import EmbeddedRegistry
from tests.samples import core_module

from .images_of_tools import DOCKER_MANIFEST, OCI_LAYER, RECORDED, WASM_CONTENT
from .recorded import Pushed, digest, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci import Acceptance

MODULE = core_module(size=3000)
BOTH = ["istio", "envoy-gateway"]
ACCEPTED = [
    "docker",
    "docker-buildkit",
    "buildx-without-provenance",
    "buildx",
    "buildx-of-two-platforms",
    "buildx-for-wasi",
    "buildah",
    "buildah-docker",
    "crane",
    "crane-oci",
    "wasme",
    "oras-artifact",
    "oras-module-first",
]
INDEXES = ["buildx", "buildx-of-two-platforms"]
COMPAT, ARTIFACT = "could not parse as compat variant: ", "could not parse as oci variant: "
ONE = f"{ARTIFACT}number of layers must be 2 but got 1"
# The refusal's code, and what both consumers say in their logs.
REFUSED = {
    "buildx-for-arm": ("no-platform", ["no child with platform linux/amd64"]),
    "buildx-with-zstd": (
        "layer-type",
        [f"{COMPAT}invalid media type application/vnd.oci.image.layer.v1.tar+zstd (expect {OCI_LAYER})", ONE],
    ),
    "buildah-uncompressed": (
        "layer-type",
        [f"{COMPAT}invalid media type application/vnd.oci.image.layer.v1.tar (expect {OCI_LAYER})", ONE],
    ),
    "wasm-to-oci": (
        "layer-type",
        [f"{COMPAT}invalid media type application/vnd.wasm.content.layer.v1+wasm (expect {OCI_LAYER})", ONE],
    ),
    "oras-without-types": (
        "layer-type",
        [f"{COMPAT}invalid media type application/vnd.oci.image.layer.v1.tar (expect {OCI_LAYER})", ONE],
    ),
    "oras-labelled-gzip": (
        "no-gzip",
        [f"{COMPAT}could not extract wasm binary: failed to parse layer as tar.gz: gzip: invalid header", ONE],
    ),
    "oras-module-alone": (
        "layer-count",
        [f"{COMPAT}invalid media type {WASM_CONTENT} (expect {OCI_LAYER})", ONE],
    ),
    "wkg": ("layer-type", [f"{COMPAT}invalid media type application/wasm (expect {OCI_LAYER})", ONE]),
}


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


def push(registry: EmbeddedRegistry, repository: str, pushed: Pushed) -> str:
    """Put a recorded image into a registry, byte for byte, and return its reference."""

    def send(method: str, path: str, data: bytes, kind: str) -> None:
        url = f"{registry.url}/v2/{repository}/{path}"
        request = urllib.request.Request(url, data, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 201

    for blob in pushed.blobs.values():
        send("POST", f"blobs/uploads/?digest={digest(blob)}", blob, "application/octet-stream")
    for name, manifest in (*((digest(data), data) for data in pushed.manifests.values()), ("1", pushed.root)):
        kind = json.loads(manifest).get("mediaType", "application/vnd.oci.image.manifest.v1+json")
        send("PUT", f"manifests/{name}", manifest, kind)
    return f"{registry.host}/{repository}:1"


def judged(reference: str, **options: Any) -> list[Acceptance]:
    found = hatch_wasm_oci.verify(reference, **options)
    assert [one.consumer for one in found] == BOTH
    return list(found)


def image_digest(pushed: Pushed) -> str:
    """The digest of the one image for linux/amd64: the tag's own, or that of the child of this name."""
    return digest(pushed.manifests.get("image", pushed.root))


def test_every_tool_is_accepted_or_refused() -> None:
    assert sorted([*ACCEPTED, *REFUSED]) == sorted(RECORDED)


@pytest.mark.parametrize("tool", ACCEPTED)
def test_both_consumers_accept(tool: str, embedded: EmbeddedRegistry) -> None:
    pushed = make(RECORDED[tool], MODULE)
    reference = push(embedded, tool, pushed)
    pinned = f"{embedded.host}/{tool}@{image_digest(pushed)}"
    for one in judged(reference) + judged(pinned):
        assert one.accepted, one.problems
        assert one.digest == image_digest(pushed)
    assert bytes(hatch_wasm_oci.pull(pinned).module().data) == MODULE


@pytest.mark.parametrize("tool", REFUSED)
def test_both_consumers_refuse(tool: str, embedded: EmbeddedRegistry) -> None:
    code, words = REFUSED[tool]
    for one in judged(push(embedded, tool, make(RECORDED[tool], MODULE))):
        assert (one.accepted, one.digest) == (False, None)
        assert one.problems[0].code == code
        assert one.problems[0].remedy
        for part in words:
            assert part in one.problems[0].words


@pytest.mark.parametrize("tool", INDEXES)
def test_the_digest_of_an_index_is_no_digest_to_pin(tool: str, embedded: EmbeddedRegistry) -> None:
    pushed = make(RECORDED[tool], MODULE)
    reference = push(embedded, tool, pushed)
    for one in judged(reference):
        assert any(digest(pushed.root) in note and image_digest(pushed) in note for note in one.notes), one.notes
    for one in judged(f"{embedded.host}/{tool}@{digest(pushed.root)}"):
        assert [problem.code for problem in one.problems] == ["pinned-index"]
        assert image_digest(pushed).partition(":")[2] in one.problems[0].words


@pytest.mark.parametrize("tool", RECORDED)
def test_what_is_recorded_is_whole(tool: str) -> None:
    """Each manifest names what is there, by its digest and size; and the recording says how it was made."""
    recorded = RECORDED[tool]
    assert recorded.tool
    assert recorded.command
    pushed = make(recorded, MODULE)
    known = {digest(data): data for data in (*pushed.manifests.values(), *pushed.blobs.values())}
    named = []
    for data in (pushed.root, *pushed.manifests.values()):
        value = json.loads(data)
        descriptors = value.get("manifests") or [value["config"], *value["layers"]]
        assert all(len(known[one["digest"]]) == one["size"] for one in descriptors)
        named += [one["digest"] for one in descriptors]
    assert set(named) == set(known)
    assert b'"@' not in b"".join(known.values())
    assert b'"#' not in b"".join(known.values())


def test_white_space_and_order_are_the_tools_own() -> None:
    docker = make(RECORDED["docker"], MODULE).root
    assert docker.startswith(f'{{\n   "schemaVersion": 2,\n   "mediaType": "{DOCKER_MANIFEST}",\n'.encode())
    assert make(RECORDED["buildx"], MODULE).root.startswith(b'{\n  "schemaVersion": 2,\n')
    assert make(RECORDED["wkg"], MODULE).root.startswith(b'{"config":{"digest":"sha256:')
