from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import hatch_wasm_oci
from hatch_wasm_oci import Acceptance, Candidate, Reference
from hatch_wasm_oci.consumers.rules import CONSUMERS
from hatch_wasm_oci.errors import ImageError, RegistryError
from hatch_wasm_oci.image.descriptor import (
    DOCKER_INDEX,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_LAYER,
    WASM_CONTENT,
    Blob,
    Descriptor,
)
from hatch_wasm_oci.image.formats import compat_oci
from hatch_wasm_oci.image.json_document import to_json
from hatch_wasm_oci.registry.connection import Retry
from hatch_wasm_oci.testing import BasicAuthentication, BearerAuthentication, EmbeddedRegistry
from tests.consumers.images import (
    AMD64,
    ARM64,
    COMPONENT,
    DIR,
    LNK,
    MODULE,
    REG,
    SYM,
    UNKNOWN,
    Stored,
    image,
    index,
    layer,
    plugin,
    tar,
)
from tests.samples import contents, core_module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER = layer(("README", REG, b"x"))
CONTENT = Blob.of(WASM_CONTENT, MODULE)
ARTIFACT_CONFIG = Blob.of("application/vnd.module.wasm.config.v1+json", b"{}")
DOCKER = plugin(media_type=DOCKER_LAYER)
ONE = "number of layers must be 2 but got 1"
NO_CONTENT = f"could not find the layer of type {WASM_CONTENT}"
NOT_FOUND = "plugin.wasm not found in the archive"
NO_ABI = "Missing or unknown Proxy-Wasm ABI version"


@pytest.fixture(scope="module")
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


def verify(source: Any, **options: Any) -> dict[str, Acceptance]:
    return {one.consumer: one for one in hatch_wasm_oci.verify(source, **options)}


def both(compat: str, oci: str = ONE) -> tuple[str, str]:
    """Return what Istio and Envoy Gateway log of an image that they tried in both forms."""
    start = "could not fetch Wasm binary: the given image is in invalid format as an OCI image: "
    first, second = f"could not parse as compat variant: {compat}", f"could not parse as oci variant: {oci}"
    return f"{start}2 errors occurred:\n\t* {first}\n\t* {second}\n\n", f"{start}{first}\n{second}"


def docker(words: str) -> tuple[str, str]:
    text = "could not fetch Wasm binary: could not extract Wasm file from the image as Docker container "
    return text + words, text + words


ACCEPTED: dict[str, Stored] = {
    "compat": image(plugin()),
    "docker": image(DOCKER, media_type=DOCKER_MANIFEST),
    "compat without a media type": image(plugin(), media_type=None),
    "artifact without a media type": image(ARTIFACT_CONFIG, CONTENT, media_type=None),
    "artifact": image(ARTIFACT_CONFIG, CONTENT),
    "artifact, the content first": image(CONTENT, ARTIFACT_CONFIG),
    "artifact behind a compat layer without the file": image(CONTENT, OTHER),
    "several layers, the right one last": image(OTHER, OTHER, plugin()),
    "at any depth": image(plugin(name="a/b/plugin.wasm")),
    "with a slash after the name": image(plugin(name="plugin.wasm//")),
    "the first of the name": image(layer(("a/plugin.wasm", REG, MODULE), ("plugin.wasm", REG, b"x"))),
    "with other files": image(layer(("README", REG, b"x"), ("plugin.wasm", REG, MODULE), ("z", SYM, b""))),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_both_accept(name: str, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    stored = ACCEPTED[name]
    for source in (stored.pushed(registry), stored.archived(tmp_path)):
        found = verify(source)
        assert list(found) == ["istio", "envoy-gateway"]
        for one in found.values():
            assert (one.accepted, one.problems, one.digest) == (True, (), stored.digest)
            assert f"sha256:{one.sha256}" == stored.digest


ZSTD, PLAIN = "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.oci.image.layer.v1.tar"
EXTRACT = "could not extract wasm binary: "
INVALID = "fetched Wasm binary from {url} is invalid"
REFUSED: dict[str, tuple[Stored, str, tuple[str, str]]] = {
    "another name": (image(plugin(name="filter.wasm")), "no-plugin-wasm", both(EXTRACT + NOT_FOUND)),
    "another name, docker": (
        image(plugin(name="Plugin.wasm", media_type=DOCKER_LAYER), media_type=DOCKER_MANIFEST),
        "no-plugin-wasm",
        docker(EXTRACT + NOT_FOUND),
    ),
    "the wrong layer last": (image(plugin(), OTHER), "no-plugin-wasm", both(EXTRACT + NOT_FOUND, NO_CONTENT)),
    "zstd": (
        image(Blob.of(ZSTD, b"\x28\xb5\x2f\xfd")),
        "layer-type",
        both(f"invalid media type {ZSTD} (expect {OCI_LAYER})"),
    ),
    "plain tar": (
        image(Blob.of(PLAIN, tar(("plugin.wasm", REG, MODULE)))),
        "layer-type",
        both(f"invalid media type {PLAIN} (expect {OCI_LAYER})"),
    ),
    "no gzip under its label": (
        image(Blob.of(OCI_LAYER, tar(("plugin.wasm", REG, MODULE)))),
        "no-gzip",
        both(EXTRACT + "failed to parse layer as tar.gz: gzip: invalid header"),
    ),
    "nothing under its label": (
        image(Blob.of(OCI_LAYER, b"")),
        "no-gzip",
        both(EXTRACT + "failed to parse layer as tar.gz: EOF"),
    ),
    "an archive of no bytes": (
        image(Blob.of(OCI_LAYER, gzip.compress(b""))),
        "no-plugin-wasm",
        both(EXTRACT + NOT_FOUND),
    ),
    "a header cut off": (
        image(Blob.of(OCI_LAYER, gzip.compress(tar(("plugin.wasm", REG, MODULE))[:300]))),
        "damaged-layer",
        both(EXTRACT + "unexpected EOF"),
    ),
    "gzip of no tar": (
        image(Blob.of(OCI_LAYER, gzip.compress(b"x" * 1024))),
        "damaged-layer",
        both(EXTRACT + "archive/tar: invalid tar header"),
    ),
    "a module cut off": (
        image(Blob.of(OCI_LAYER, gzip.compress(tar(("plugin.wasm", REG, MODULE)))[:700])),
        "damaged-layer",
        both(EXTRACT + "failed to read plugin.wasm: unexpected EOF"),
    ),
    "an OCI layer in a Docker manifest": (
        image(plugin(), media_type=DOCKER_MANIFEST),
        "layer-type",
        docker(f"invalid media type {OCI_LAYER} (expect {DOCKER_LAYER})"),
    ),
    "a Docker layer in an OCI manifest": (
        image(DOCKER),
        "layer-type",
        both(f"invalid media type {DOCKER_LAYER} (expect {OCI_LAYER})"),
    ),
    "an artifact in a Docker manifest": (
        image(ARTIFACT_CONFIG, CONTENT, media_type=DOCKER_MANIFEST),
        "layer-type",
        docker(f"invalid media type {WASM_CONTENT} (expect {DOCKER_LAYER})"),
    ),
    "an artifact of one layer": (
        image(CONTENT),
        "layer-count",
        both(f"invalid media type {WASM_CONTENT} (expect {OCI_LAYER})"),
    ),
    "a directory": (
        image(layer(("plugin.wasm", DIR, b""), ("a/plugin.wasm", REG, MODULE))),
        "not-a-file",
        (INVALID,) * 2,
    ),
    "a symbolic link": (image(layer(("plugin.wasm", SYM, b""))), "not-a-file", (INVALID,) * 2),
    "a hard link": (image(layer(("plugin.wasm", LNK, b""))), "not-a-file", (INVALID,) * 2),
    "a directory, where an artifact is beside it": (
        image(CONTENT, layer(("plugin.wasm", DIR, b""))),
        "not-a-file",
        (INVALID,) * 2,
    ),
    "seven bytes": (image(plugin(MODULE[:7])), "no-module", (INVALID,) * 2),
    "text": (image(plugin(b"(module)")), "no-module", (INVALID,) * 2),
    "compressed twice": (image(plugin(gzip.compress(MODULE))), "no-module", (INVALID,) * 2),
    "a component": (image(plugin(COMPONENT)), "component", (NO_ABI,) * 2),
    "a component as an artifact": (
        image(ARTIFACT_CONFIG, Blob.of(WASM_CONTENT, COMPONENT)),
        "component",
        (NO_ABI,) * 2,
    ),
    "a module of no ABI": (image(plugin(core_module(exports=["x"]))), "no-abi", (NO_ABI,) * 2),
    "a module of an unknown ABI": (
        image(plugin(core_module(exports=["proxy_abi_version_9_9_9"]))),
        "no-abi",
        (NO_ABI,) * 2,
    ),
    "a module cut off before it was packed": (
        image(plugin(MODULE[:-100])),
        "damaged-module",
        ("Failed to parse corrupted Wasm module",) * 2,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_both_refuse(name: str, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    stored, code, words = REFUSED[name]
    reference = stored.pushed(registry)
    for source, url in ((reference, f"oci://{reference}"), (stored.archived(tmp_path), "oci://…")):
        found = verify(source)
        assert {one.digest for one in found.values()} == {None}
        for one, said in zip(found.values(), words, strict=True):
            (problem,) = one.problems
            assert (problem.code, problem.words) == (code, said.format(url=url))
            assert problem.why.endswith(".")
            assert problem.remedy.endswith((".", "`."))
            assert "\n" not in problem.line


def test_an_index_is_resolved_and_its_child_is_to_be_pinned(registry: EmbeddedRegistry, tmp_path: Path) -> None:
    child = image(plugin())
    attestation = image(Blob.of("application/vnd.in-toto+json", b"{}"))
    for stored in (
        index((child, AMD64), (attestation, UNKNOWN)),
        index((child, AMD64), media_type=DOCKER_INDEX),
        index((attestation, UNKNOWN), (child, None)),
        index((index((child, AMD64)), AMD64)),
    ):
        tagged = verify(stored.pushed(registry))
        assert {one.digest for one in tagged.values()} == {child.digest}
        assert f"The tag names an index, {stored.digest}: pin" in tagged["istio"].notes[0]
        assert {one.digest for one in verify(stored.archived(tmp_path)).values()} == {child.digest}
        pinned = stored.pushed(registry, stored.digest)
        for one in verify(pinned).values():
            (problem,) = one.problems
            assert (one.digest, problem.code) == (None, "pinned-index")
            assert problem.words == (
                f"module downloaded from oci://{pinned} has checksum {child.digest[7:]}, "
                f"which does not match: {stored.digest[7:]}"
            )
            assert f"Pin {child.digest}" in problem.remedy
        both_given = f"{registry.host}/acme/filter:1.0@{child.digest}"
        assert all(one.accepted for one in verify(both_given).values())


@pytest.mark.parametrize(
    "children", [[(image(plugin()), ARM64)], [(image(plugin()), {"os": "wasip1", "architecture": "wasm"})], []]
)
def test_an_index_without_a_child_for_amd64_is_refused(
    children: list[Any], registry: EmbeddedRegistry, tmp_path: Path
) -> None:
    stored = index(*children)
    reference = stored.pushed(registry)
    for source, name in ((reference, reference), (stored.archived(tmp_path), "…")):
        for one in verify(source).values():
            (problem,) = one.problems
            assert (one.digest, problem.code) == (None, "no-platform")
            assert problem.words == (
                "could not fetch Wasm OCI image: could not fetch image: "
                f"no child with platform linux/amd64 in index {name}"
            )


def test_indexes_without_end_are_refused(registry: EmbeddedRegistry) -> None:
    stored: Stored = image(plugin())
    for _ in range(8):
        stored = index((stored, AMD64))
    assert {one.problems[0].code for one in verify(stored.pushed(registry)).values()} == {"no-platform"}


BEARER, BASIC = BearerAuthentication, BasicAuthentication


@pytest.mark.parametrize(
    ("authentication", "words"),
    [
        (BASIC({"u": "p"}, realm="Registry Realm"), 'realm scheme "" not allowed'),
        (BASIC({"u": "p"}, realm=None), ""),
        (BEARER({"u": "p"}), "realm targets private/loopback/link-local IP"),
    ],
)
def test_a_challenge_that_istio_refuses(authentication: Any, words: str) -> None:
    with EmbeddedRegistry(authentication=authentication) as registry:
        reference = f"{registry.host}/acme/filter:1.0"
        hatch_wasm_oci.push(compat_oci(contents()), reference, username="u", password="p")
        found = verify(reference, username="u", password="p")
    assert found["envoy-gateway"].accepted
    assert "name a secret in pullSecretRef, keyed by the host alone" in found["envoy-gateway"].notes[-1]
    assert [problem.code for problem in found["istio"].problems] == (["realm"] if words else [])
    if words:
        assert found["istio"].problems[0].words == (f"rejected unsafe bearer realm: {words}")


def test_all_that_is_wrong_is_said_the_first_first() -> None:
    with EmbeddedRegistry(authentication=BASIC({"u": "p"}, realm="r")) as registry:
        access: dict[str, Any] = {"username": "u", "password": "p"}
        wrong = hatch_wasm_oci.Image.of(
            {"schemaVersion": 2, "config": plugin().descriptor.to_json(), "layers": [OTHER.descriptor.to_json()]},
            plugin(),
            OTHER,
        )
        receipt = hatch_wasm_oci.push(wrong, f"{registry.host}/acme/filter:1.0", **access)
        found = verify(receipt.references[0], **access)
    assert [problem.code for problem in found["istio"].problems] == ["realm", "no-plugin-wasm"]
    assert [problem.code for problem in found["envoy-gateway"].problems] == ["no-plugin-wasm"]


def test_a_public_image_needs_no_secret() -> None:
    # ghcr.io and Docker Hub answer 401 for public images too, and give a token to everybody.
    with EmbeddedRegistry(authentication=BEARER({"u": "p"}, anonymous_pull=True)) as registry:
        reference = f"{registry.host}/acme/filter:1.0@{compat_oci(contents()).digest}"
        hatch_wasm_oci.push(compat_oci(contents()), reference.partition("@")[0], username="u", password="p")
        found = verify(reference)
    assert (found["envoy-gateway"].accepted, found["envoy-gateway"].notes) == (True, ())


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b" " * (4 * 1024 * 1024 + 1), "too-large", "more than the 4194304 bytes"),
        (b"{", "malformed", "no JSON"),
        (b"[]", "malformed", "no JSON object"),
        (b'{"layers": 5}', "malformed", "layers are no list"),
        (b'{"layers": [5]}', "malformed", "no descriptor"),
        (b'{"layers": [], "annotations": {"a": 1}}', "malformed", "not a mapping of text to text"),
        (b'{"manifests": 5}', "malformed", "no list of manifests"),
        (b"{}", "no-layers", "no layers"),
    ],
)
def test_what_is_no_manifest_is_refused(registry: EmbeddedRegistry, body: bytes, code: str, said: str) -> None:
    registry.faults.add(method="GET", path="*/manifests/odd", status=200, body=body)
    for one in verify(f"{registry.host}/acme/filter:odd", consumers="istio").values():
        (problem,) = one.problems
        assert problem.code == code
        assert said in problem.why
        if code == "malformed" and b"manifests" not in body:
            assert problem.words == "could not fetch Wasm binary: could not retrieve manifest"


def test_an_artifact_over_the_limit_is_cut_off_by_istio_in_silence() -> None:
    content = Descriptor(WASM_CONTENT, CONTENT.descriptor.digest, 256 * 1024 * 1024 + 1)
    layers = [ARTIFACT_CONFIG.descriptor.to_json(), content.to_json()]
    manifest = to_json({"schemaVersion": 2, "config": ARTIFACT_CONFIG.descriptor.to_json(), "layers": layers})
    candidate = Candidate(manifest, manifest, lambda _descriptor: b"")
    (istio,) = CONSUMERS["istio"].judge("istio", candidate).problems
    (gateway,) = CONSUMERS["envoy-gateway"].judge("envoy-gateway", candidate).problems
    assert (istio.code, istio.words) == ("truncated", "")
    assert gateway.words.endswith("could not parse as oci variant: wasm layer size exceeds maximum size 268435456")


def test_a_bearer_realm_on_another_private_host_is_refused_by_both() -> None:
    candidate = replace(
        Candidate.of(compat_oci(contents()), Reference("ghcr.io", "acme/filter", "1")),
        challenges=('Bearer realm="https://10.0.0.5/token"',),
    )
    (gateway,) = CONSUMERS["envoy-gateway"].judge("envoy-gateway", candidate).problems
    assert gateway.words == (
        'invalid realm in www-authenticate: realm host "10.0.0.5" is a private or link-local address'
    )
    assert not CONSUMERS["istio"].judge("istio", candidate).accepted


def test_another_digest_than_sha256_can_not_be_pinned() -> None:
    candidate = Candidate.of(compat_oci(contents()), Reference("ghcr.io", "acme/filter", None, "sha512:" + "a" * 128))
    (problem,) = CONSUMERS["istio"].judge("istio", candidate).problems
    assert problem.words.endswith("unsupported digest algorithm: sha512:" + "a" * 128)


def test_what_can_not_be_had_is_an_error(registry: EmbeddedRegistry, tmp_path: Path) -> None:
    stored = image(plugin())
    reference = stored.pushed(registry)
    with pytest.raises(RegistryError, match="404"):
        verify(reference.replace(":1.0", ":none"))
    with pytest.raises(RegistryError, match="Nothing listens"):
        verify("127.0.0.1:1/acme/filter:1.0", retry=Retry(attempts=1))
    registry.faults.add(method="GET", path="*/blobs/*", corrupt=0, times=None)
    with pytest.raises(ImageError, match="other bytes than its digest says"):
        verify(reference)
    registry.faults.clear()
    path = stored.archived(tmp_path)
    damaged = bytearray(path.read_bytes())
    at = damaged.index(b"\x1f\x8b")
    damaged[at + 20] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ImageError, match="has the digest"):
        verify(path)


def test_only_what_consumers_look_at_is_fetched(registry: EmbeddedRegistry) -> None:
    reference = image(OTHER, plugin()).pushed(registry, repository="acme/lazy")
    start = len(registry.log)
    verify(reference)
    paths = [request.path for request in list(registry.log)[start:]]
    assert paths == ["/v2/acme/lazy/manifests/1.0", f"/v2/acme/lazy/blobs/{plugin().descriptor.digest}"]
