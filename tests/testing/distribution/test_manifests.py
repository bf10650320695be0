from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.testing.distribution.manifest import ARTIFACT, DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Client

ABSENT = "sha256:" + "a" * 64


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def entry(client: Client, data: bytes, repository: str = "a", **changes: Any) -> dict[str, Any]:
    return {"mediaType": "text/plain", "digest": client.push_blob(repository, data), "size": len(data), **changes}


def image(client: Client, **changes: Any) -> bytes:
    parts = {"config": entry(client, b"{}"), "layers": [entry(client, b"layer")]}
    return json.dumps({"schemaVersion": 2, **parts, **changes}).encode()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_by_tag_and_by_digest(client: Client, algorithm: str) -> None:
    data = image(client)
    by_tag = client.push_manifest("a", "1.0", data)
    assert (by_tag.status, by_tag.location) == (201, "/v2/a/manifests/1.0")
    assert by_tag.headers["Docker-Content-Digest"] == digest_of(data)
    digest = digest_of(data, algorithm)
    assert client.push_manifest("a", digest, data).headers["Docker-Content-Digest"] == digest
    for reference, known_as in (("1.0", digest_of(data)), (digest, digest)):
        for method in ("GET", "HEAD"):
            answer = client(method, f"/v2/a/manifests/{reference}")
            assert answer.body == (data if method == "GET" else b"")
            assert answer.headers["Content-Type"] == IMAGE
            assert answer.headers["Content-Length"] == str(len(data))
            assert answer.headers["Docker-Content-Digest"] == known_as
            assert answer.headers["ETag"] == f'"{known_as}"'


def test_what_the_client_has_is_not_sent_again(client: Client) -> None:
    digest = client.push_image("a", "1")
    assert client("GET", "/v2/a/manifests/1", headers={"If-None-Match": f'"{digest}"'}).status == 304
    client.push_image("a", "1", b"other layer")
    assert client("GET", "/v2/a/manifests/1", headers={"If-None-Match": f'"{digest}"'}).status == 200


def test_every_kind(client: Client) -> None:
    child = image(client)
    digest = client.push_manifest("a", "child", child).headers["Docker-Content-Digest"]
    listed = {"mediaType": IMAGE, "digest": digest, "size": len(child)}
    for media_type, manifest in (
        (DOCKER_IMAGE, image(client, mediaType=DOCKER_IMAGE)),
        (INDEX, {"schemaVersion": 2, "manifests": [listed]}),
        (DOCKER_LIST, {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [listed]}),
        (ARTIFACT, {"artifactType": "a/b", "blobs": [entry(client, b"layer")]}),
    ):
        assert client.push_manifest("a", "kind", manifest, f"{media_type}; charset=utf-8").status == 201
        assert client("GET", "/v2/a/manifests/kind").headers["Content-Type"] == media_type


def test_an_index_of_indexes(client: Client) -> None:
    inner = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    digest = client.push_manifest("a", digest_of(inner), inner, INDEX).headers["Docker-Content-Digest"]
    listed = {"mediaType": INDEX, "digest": digest, "size": len(inner)}
    assert client.push_manifest("a", "outer", {"schemaVersion": 2, "manifests": [listed]}, INDEX).status == 201


@pytest.mark.parametrize("key", ["config", "layers"])
def test_missing_blobs_are_refused(client: Client, key: str) -> None:
    absent = {"mediaType": "text/plain", "digest": ABSENT, "size": 1}
    answer = client.push_manifest("a", "1", image(client, **{key: absent if key == "config" else [absent]}))
    assert (answer.status, answer.code) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json["errors"][0]["detail"] == {"digest": ABSENT}
    assert client("GET", "/v2/a/manifests/1").code == "MANIFEST_UNKNOWN"


def test_blobs_of_another_repository_are_missing(client: Client) -> None:
    data = image(client)
    assert client.push_manifest("b", "1", data).code == "MANIFEST_BLOB_UNKNOWN"


def test_missing_children_are_refused(client: Client) -> None:
    blob = entry(client, b"no manifest")
    assert (
        client.push_manifest("a", "1", {"schemaVersion": 2, "manifests": [blob]}, INDEX).code == "MANIFEST_BLOB_UNKNOWN"
    )


def test_blobs_from_elsewhere_may_be_missing(client: Client) -> None:
    foreign = {"mediaType": "text/plain", "digest": ABSENT, "size": 1, "urls": ["https://example.com/layer"]}
    assert client.push_manifest("a", "1", image(client, layers=[foreign])).status == 201


def test_wrong_sizes_are_refused(client: Client) -> None:
    assert (
        client.push_manifest("a", "1", image(client, layers=[entry(client, b"layer", size=4)])).code == "SIZE_INVALID"
    )
    child = image(client)
    listed = {"mediaType": IMAGE, "digest": digest_of(child), "size": len(child) + 1}
    client.push_manifest("a", "child", child)
    assert client.push_manifest("a", "1", {"schemaVersion": 2, "manifests": [listed]}, INDEX).code == "SIZE_INVALID"


@pytest.mark.parametrize("media_type", ["", "application/json", INDEX])
def test_the_content_type_counts(client: Client, media_type: str) -> None:
    answer = client.push_manifest("a", "1", image(client, mediaType=IMAGE), media_type)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")


@pytest.mark.parametrize("reference", [".hidden", "a" * 129, "a+b", "-a"])
def test_what_is_no_tag_is_refused_and_not_found(client: Client, reference: str) -> None:
    assert client.push_manifest("a", reference, image(client)).code == "MANIFEST_INVALID"
    assert client("GET", f"/v2/a/manifests/{reference}").status == 404


def test_a_wrong_digest_is_refused(client: Client) -> None:
    assert client.push_manifest("a", ABSENT, image(client)).code == "DIGEST_INVALID"
    assert client.push_manifest("a", "sha256:1", image(client)).code == "DIGEST_INVALID"
    assert client("GET", "/v2/a/manifests/sha256:1").code == "DIGEST_INVALID"
    assert client("DELETE", "/v2/a/manifests/sha256:1").code == "DIGEST_INVALID"


def test_a_large_manifest_is_taken_up_to_the_maximum(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client], client: Client
) -> None:
    text = "x" * (4 * 1024 * 1024 - 1000)
    assert client.push_manifest("a", "1", image(client, annotations={"a": text})).status == 201
    small = make_client(make_registry(maximum_manifest=1000))
    answer = small.push_manifest("a", "1", image(small, annotations={"a": "x" * 1000}))
    assert (answer.status, answer.code) == (413, "MANIFEST_INVALID")


def test_deletes(client: Client) -> None:
    digest = client.push_image("a", "1")
    client.push_image("a", "2")
    assert client("DELETE", "/v2/a/manifests/1").status == 202
    assert client("GET", "/v2/a/manifests/1").status == 404
    assert client("GET", f"/v2/a/manifests/{digest}").status == 200
    assert client("DELETE", f"/v2/a/manifests/{digest}").status == 202
    assert client("GET", "/v2/a/manifests/2").code == "MANIFEST_UNKNOWN"
    assert client("DELETE", f"/v2/a/manifests/{digest}").code == "MANIFEST_UNKNOWN"
    assert client("GET", "/v2/a/tags/list").json == {"name": "a", "tags": []}


def test_an_unknown_repository_is_told_apart(client: Client) -> None:
    assert client("GET", "/v2/a/manifests/1").code == "NAME_UNKNOWN"
    assert client("DELETE", "/v2/a/manifests/1").code == "NAME_UNKNOWN"


def refer(client: Client, subject: str, number: int, **changes: Any) -> str:
    about = {"mediaType": IMAGE, "digest": subject, "size": 1}
    data = image(client, subject=about, annotations={"number": str(number)}, **changes)
    answer = client.push_manifest("a", digest_of(data), data)
    assert (answer.status, answer.headers["OCI-Subject"]) == (201, subject)
    return digest_of(data)


def test_referrers(client: Client) -> None:
    plain = refer(client, ABSENT, 1)
    typed = refer(client, ABSENT, 2, artifactType="application/x")
    about = {"mediaType": IMAGE, "digest": ABSENT, "size": 1}
    index = json.dumps({"schemaVersion": 2, "manifests": [], "subject": about}).encode()
    assert client.push_manifest("a", "index", index, INDEX).headers["OCI-Subject"] == ABSENT
    answer = client("GET", f"/v2/a/referrers/{ABSENT}")
    assert answer.headers["Content-Type"] == INDEX
    assert (answer.json["schemaVersion"], answer.json["mediaType"]) == (2, INDEX)
    found = {item["digest"]: item for item in answer.json["manifests"]}
    assert found[plain]["artifactType"] == "text/plain"
    assert found[typed]["artifactType"] == "application/x"
    assert found[typed]["annotations"] == {"number": "2"}
    assert found[typed]["mediaType"] == IMAGE
    assert found[digest_of(index)] == {"mediaType": INDEX, "digest": digest_of(index), "size": len(index)}
    assert len(client("GET", f"/v2/a/manifests/{typed}").body) == found[typed]["size"]


def test_referrers_are_filtered(client: Client) -> None:
    refer(client, ABSENT, 1)
    typed = refer(client, ABSENT, 2, artifactType="application/x")
    answer = client("GET", f"/v2/a/referrers/{ABSENT}?artifactType=application/x")
    assert answer.headers["OCI-Filters-Applied"] == "artifactType"
    assert [item["digest"] for item in answer.json["manifests"]] == [typed]


def test_referrers_of_nothing(client: Client) -> None:
    answer = client("GET", f"/v2/nowhere/referrers/{ABSENT}")
    assert (answer.status, answer.json["manifests"]) == (200, [])
    assert client("GET", "/v2/a/referrers/sha256:x").code == "DIGEST_INVALID"


def test_a_deleted_referrer_is_gone(client: Client) -> None:
    digest = refer(client, ABSENT, 1)
    client("DELETE", f"/v2/a/manifests/{digest}")
    assert client("GET", f"/v2/a/referrers/{ABSENT}").json["manifests"] == []


def test_referrers_come_in_pages(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_registry(page_size=2))
    pushed = {refer(client, ABSENT, number, artifactType="a/b+c") for number in range(5)}
    path, found, pages = f"/v2/a/referrers/{ABSENT}?artifactType=a/b%2Bc", [], 0
    while path:
        answer = client("GET", path)
        found += [item["digest"] for item in answer.json["manifests"]]
        link = answer.headers["Link"]
        path = link[1 : link.index(">")] if link else ""
        pages += 1
    assert (set(found), len(found), pages) == (pushed, 5, 3)


def test_without_the_referrers_api(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_registry(referrers=False))
    about = {"mediaType": IMAGE, "digest": ABSENT, "size": 1}
    answer = client.push_manifest("a", "1", image(client, subject=about))
    assert (answer.status, answer.headers["OCI-Subject"]) == (201, None)
    assert client("GET", f"/v2/a/referrers/{ABSENT}").status == 404


def test_a_sparse_registry_takes_what_is_not_whole(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_registry(sparse=True))
    absent = {"mediaType": IMAGE, "digest": ABSENT, "size": 1}
    assert client.push_manifest("a", "1", {"schemaVersion": 2, "manifests": [absent]}, INDEX).status == 201
    assert client.push_manifest("a", "2", {"schemaVersion": 2, "config": absent, "layers": [absent]}).status == 201
    wrong = entry(client, b"layer", size=4)
    assert client.push_manifest("a", "3", image(client, layers=[wrong])).code == "SIZE_INVALID"


def test_strict_accept(make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]) -> None:
    client = make_client(make_registry(strict_accept=True))
    client.push_image("a", "1")
    for accept, status in (("*/*", 404), (f"{INDEX}, {DOCKER_IMAGE}", 404), (f"{INDEX}, {IMAGE};q=0.5", 200)):
        assert client("GET", "/v2/a/manifests/1", headers={"Accept": accept}).status == status


def test_absolute_locations(make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]) -> None:
    client = make_client(make_registry(absolute_locations=True))
    assert client.push_manifest("a", "1", image(client)).location == f"http://{client.host}/v2/a/manifests/1"
