from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import ImageError, InvalidReferenceError, RegistryError
from hatch_wasm_oci.image.descriptor import DOCKER_INDEX, OCI_INDEX, sha256
from hatch_wasm_oci.image.formats import artifact, compat_docker, compat_oci
from hatch_wasm_oci.image.json_document import to_json
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.registry.client import Repository
from hatch_wasm_oci.registry.credentials import Credential
from hatch_wasm_oci.registry.progress import Progress
from hatch_wasm_oci.registry.transfer import pull, push
from hatch_wasm_oci.registry.transport import Transport
from hatch_wasm_oci.testing import BasicAuthentication, BearerAuthentication
from hatch_wasm_oci.wasm.module import Module
from tests.samples import contents, core_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.registry.connection import Connection
    from hatch_wasm_oci.testing import EmbeddedRegistry

    Connect = Callable[..., Connection]
    Make = Callable[..., EmbeddedRegistry]

IMAGE = compat_oci(contents(module=Module(core_module(size=300_000))))
OTHER = compat_oci(contents(module=Module(core_module(size=3000))))
PAIR = Credential("the test", "user", "s3cr3t")


def names(registry: EmbeddedRegistry, *tags: str, repository: str = "acme/filter") -> list[Reference]:
    return [Reference(registry.host, repository, tag) for tag in tags]


def asked(registry: EmbeddedRegistry) -> list[str]:
    return [record.method for record in registry.log]


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("make", [compat_oci, compat_docker, artifact])
def test_what_is_pushed_comes_back(
    registry: EmbeddedRegistry, connect: Connect, make: Callable[[Any], Image], parallel: int
) -> None:
    image = make(contents())
    (name,) = names(registry, "1.0")
    receipt = push(image, [name], connect(parallel=parallel))
    assert set(receipt.uploaded) == {blob.descriptor.digest for blob in image.blobs}
    assert receipt.digest == image.digest
    assert receipt.pinned_reference == f"{name}@{image.digest}"
    for reference in (name, replace(name, tag=None, digest=image.digest)):
        pulled = pull(reference, connect(parallel=parallel))
        assert pulled.manifest == image.manifest
        assert [blob.data for blob in pulled.blobs] == [blob.data for blob in image.blobs]
    order = [record.method + record.path.rpartition("/")[0][-9:] for record in registry.log]
    last_blob = max(index for index, one in enumerate(order) if "uploads" in one)
    assert last_blob < order.index("PUTmanifests")


def test_many_tags_in_one_push_send_the_blobs_once(registry: EmbeddedRegistry, connect: Connect) -> None:
    references = names(registry, "1.0", "1", "latest", "1")
    receipt = push(IMAGE, references, connect())
    assert receipt.references == tuple(str(one) for one in references[:3])
    assert receipt.written == ("1.0", "1", "latest")
    assert asked(registry).count("POST") == 2
    assert [pull(one, connect()) for one in references] == [IMAGE] * 4
    with pytest.raises(InvalidReferenceError, match="several repositories"):
        push(IMAGE, names(registry, "1") + names(registry, "1", repository="acme/other"), connect())


@pytest.mark.parametrize("authentication", [None, "basic", "bearer"])
def test_pushing_again_asks_once_for_each_tag(
    make_registry: Make, connect: Connect, authentication: str | None
) -> None:
    users = {"user": PAIR.password}
    kinds = {"basic": BasicAuthentication(users), "bearer": BearerAuthentication(users)}
    registry = make_registry(authentication=kinds.get(str(authentication)))
    references = names(registry, "1.0", "latest")
    assert not push(IMAGE, references[:1], connect(credential=PAIR)).unchanged
    before = len(registry.log)
    again = push(IMAGE, references[:1], connect(credential=PAIR))
    assert again.unchanged
    assert again.requests == len(registry.log) - before == {None: 1, "basic": 2, "bearer": 3}[authentication]
    more = push(IMAGE, references, connect(credential=PAIR))
    assert not more.unchanged
    assert (more.written, more.uploaded) == (("latest",), ())
    assert more.to_json()["written"] == ("latest",)


def test_a_dry_run_sends_nothing(registry: EmbeddedRegistry, connect: Connect) -> None:
    receipt = push(IMAGE, names(registry, "1.0"), connect(), dry_run=True)
    assert (receipt.digest, receipt.requests, receipt.unchanged) == (IMAGE.digest, 0, False)
    assert not registry.log


def test_an_image_goes_by_digest_alone_and_by_no_other_digest(registry: EmbeddedRegistry, connect: Connect) -> None:
    (name,) = names(registry, "1.0")
    receipt = push(IMAGE, [replace(name, tag=None)], connect())
    assert receipt.references == (f"{name.name}@{IMAGE.digest}",)
    assert pull(replace(name, tag=None, digest=IMAGE.digest), connect()) == IMAGE
    with pytest.raises(InvalidReferenceError, match="is not the image's digest"):
        push(IMAGE, [replace(name, digest=OTHER.digest)], connect())
    with pytest.raises(InvalidReferenceError, match="names no image"):
        pull(replace(name, tag=None), connect())


def test_a_tag_is_moved_where_that_is_allowed(registry: EmbeddedRegistry, connect: Connect) -> None:
    references = names(registry, "1.0")
    push(OTHER, references, connect())
    before = len(registry.log)
    with pytest.raises(RegistryError, match="names another image already"):
        push(IMAGE, references, connect(), may_move=lambda tag, digest: (tag, digest) != ("1.0", OTHER.digest))
    assert asked(registry)[before:] == ["HEAD"]
    assert push(IMAGE, references, connect()).moved == (("1.0", OTHER.digest),)


def test_blobs_are_mounted_from_another_repository(make_registry: Make, connect: Connect) -> None:
    registry = make_registry(authentication=BearerAuthentication({"user": PAIR.password}))
    push(IMAGE, names(registry, "1.0", repository="acme/from"), connect(credential=PAIR))
    before = len(registry.log)
    receipt = push(IMAGE, names(registry, "1.0"), connect(credential=PAIR), mount_from="acme/from")
    assert len(receipt.mounted) == 2
    assert not any("/blobs/uploads/" in one.path and one.method == "PUT" for one in registry.log[before:])
    assert pull(names(registry, "1.0")[0], connect(credential=PAIR)) == IMAGE


@pytest.mark.parametrize("options", [{"mounts": False}, {}, {"status": 403}])
def test_what_can_not_be_mounted_is_sent(make_registry: Make, connect: Connect, options: dict[str, Any]) -> None:
    status = options.pop("status", None)
    registry = make_registry(**options)
    if status:
        registry.faults.add(method="POST", status=status)
    receipt = push(IMAGE, names(registry, "1.0"), connect(), mount_from="acme/nothing")
    assert len(receipt.uploaded) == 2


def serve(registry: EmbeddedRegistry, value: Any, tag: str) -> None:
    """Let a tag name a manifest that no registry would have taken."""
    headers = {"Docker-Content-Digest": sha256(to_json(value)), "Content-Type": value["mediaType"]}
    registry.faults.add(path=f"*/manifests/{tag}", status=200, body=to_json(value), headers=headers)


def child(image: Image, platform: str | None, **more: Any) -> dict[str, Any]:
    system, _, architecture = (platform or "").partition("/")
    value: dict[str, Any] = {**image.manifest.descriptor.to_json(), **more}
    return value if platform is None else {**value, "platform": {"os": system, "architecture": architecture}}


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_INDEX])
def test_of_an_index_comes_what_is_for_linux_amd64(
    registry: EmbeddedRegistry, connect: Connect, media_type: str
) -> None:
    (name,) = names(registry, "index")
    for image, tag in ((IMAGE, "a"), (OTHER, "b")):
        push(image, names(registry, tag), connect())
    index = {"schemaVersion": 2, "mediaType": media_type}
    for children, expected in (
        ([child(OTHER, "unknown/unknown"), child(IMAGE, "linux/amd64"), child(OTHER, "linux/amd64")], IMAGE),
        ([child(OTHER, "linux/arm64"), child(IMAGE, None)], IMAGE),
    ):
        serve(registry, {**index, "manifests": children}, "index")
        assert pull(name, connect()) == expected
    for children, words in (
        ([child(OTHER, "linux/arm64")] * 20, "only 'linux/arm64', "),
        ([], "only nothing"),
        ([child(IMAGE, "linux/amd64", size=IMAGE.manifest.descriptor.size + 1)], "bytes where its descriptor says"),
    ):
        serve(registry, {**index, "manifests": children}, "index")
        with pytest.raises(ImageError, match=words) as caught:
            pull(name, connect())
        assert len(str(caught.value)) < 600


def test_sizes_are_checked_before_anything_is_fetched(registry: EmbeddedRegistry, connect: Connect) -> None:
    push(IMAGE, names(registry, "1.0"), connect())
    manifest = json.loads(IMAGE.manifest.data)
    manifest["layers"][0]["size"] = 10**15
    serve(registry, manifest, "bomb")
    before = len(registry.log)
    with pytest.raises(ImageError, match="is no Wasm plugin"):
        pull(names(registry, "bomb")[0], connect())
    assert len(registry.log) == before + 1
    manifest["layers"][0]["size"] = IMAGE.manifest.layers[0].size - 1
    serve(registry, manifest, "small")
    with pytest.raises(ImageError, match="more than the"):
        pull(names(registry, "small")[0], connect())


class Interrupting(Progress):
    """Presses Ctrl-C when some of the layer has gone."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.closed = False

    def advance(self, count: int) -> None:
        self.left -= count
        if self.left <= 0:
            raise KeyboardInterrupt

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("parallel", [1, 3])
def test_an_interrupted_push_cancels_its_upload(registry: EmbeddedRegistry, connect: Connect, parallel: int) -> None:
    progress = Interrupting(after=2000)
    with pytest.raises(KeyboardInterrupt):
        push(IMAGE, names(registry, "1.0"), connect(progress=progress, parallel=parallel))
    assert progress.closed
    log = registry.log
    begun = sum(one.method == "POST" for one in log)
    ended = sum("/blobs/uploads/" in one.path and one.status in (201, 204) for one in log)
    assert begun == ended
    assert any(one.method == "DELETE" and one.status == 204 for one in log)
    assert not any("/manifests/" in one.path and one.method == "PUT" for one in log)


def test_the_first_blob_that_fails_ends_the_others(registry: EmbeddedRegistry, connect: Connect) -> None:
    registry.faults.add(method="PUT", path="*/blobs/uploads/*", times=None, status=403, code="DENIED")
    with pytest.raises(RegistryError, match="answered 403") as caught:
        push(IMAGE, names(registry, "1.0"), connect(parallel=4))
    assert caught.value.code == "DENIED"
    assert not any("/manifests/" in one.path and one.method == "PUT" for one in registry.log)


@pytest.mark.parametrize("listed", [True, False])
def test_what_refers_to_an_image_can_be_found(make_registry: Make, connect: Connect, listed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    registry = make_registry(referrers=listed)
    digests: list[str] = []

    def pushed(reference: Reference, image: Image, receipt: Any, attach: Any) -> None:
        assert (reference.digest, image.digest) == (IMAGE.digest, receipt.digest)
        kind = "application/vnd.example.sbom"
        texts = (b"one", b"two", b"one")
        digests.extend(attach(kind, text, "text/plain", {"a": text.decode()}) for text in texts)

    push(IMAGE, names(registry, "1.0"), connect(), pushed=pushed)
    assert len(set(digests)) == 2
    tag = IMAGE.digest.replace(":", "-")
    with Transport(registry.host, "acme/filter", connect()) as transport:
        repository = Repository(transport, "acme/filter")
        if listed:
            url = f"{transport.base}/v2/acme/filter/referrers/{IMAGE.digest}"
            found = transport.send("GET", url, accepted=(200,), stream=True).raw.read()
            assert repository.find_manifest(tag) is None
        else:
            found = repository.get_manifest(tag)
        manifests = json.loads(found)["manifests"]
        assert {one["digest"] for one in manifests} == set(digests)
        assert {one["artifactType"] for one in manifests} == {"application/vnd.example.sbom"}
        manifest = json.loads(repository.get_manifest(digests[0]))
    assert manifest["subject"] == IMAGE.manifest.descriptor.to_json()
    assert manifest["layers"][0]["digest"] == sha256(b"one")


def test_a_web_server_that_says_yes_to_everything_is_no_registry(registry: EmbeddedRegistry, connect: Connect) -> None:
    registry.faults.add(status=200, body="<p>Welcome", headers={"Content-Type": "text/html"}, times=None)
    with pytest.raises(RegistryError, match="is a web page"):
        push(IMAGE, names(registry, "1.0"), connect())
    with pytest.raises(ImageError, match="no JSON"):
        pull(names(registry, "1.0")[0], connect())
