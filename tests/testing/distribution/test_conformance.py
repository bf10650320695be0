"""One client's whole life with a registry, step by step, as distribution-spec 1.1 describes it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Answer, Client

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(data: bytes, media_type: str, **extra: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), "data": "", "new": "x", **extra}


CONFIG, LAYER = b'{"architecture":"amd64"}', b"layer" * 100
CONFIG_ENTRY = descriptor(CONFIG, "application/vnd.oci.image.config.v1+json")
LAYER_ENTRY = descriptor(LAYER, "application/vnd.oci.image.layer.v1.tar+gzip")
MANIFEST = json.dumps({"schemaVersion": 2, "config": CONFIG_ENTRY, "layers": [LAYER_ENTRY]}, indent="\t").encode()
BARE = json.dumps({"schemaVersion": 2, "config": CONFIG_ENTRY, "layers": []}).encode()


@pytest.fixture(params=[{}, {"directory": True}, {"absolute_locations": True}, {"chunk_minimum": 20}])
def client(
    request: pytest.FixtureRequest,
    make_registry: Callable[..., EmbeddedRegistry],
    make_client: Callable[..., Client],
    tmp_path: Path,
) -> Client:
    options = dict(request.param)
    if options.get("directory"):
        options["directory"] = tmp_path / "registry"
    return make_client(make_registry(**options))


def local(answer: Answer) -> str:
    return "/v2/" + answer.location.partition("/v2/")[2]


def test_pushing(client: Client) -> None:
    data = bytes(range(42))
    stale = local(client("POST", "/v2/my/app/blobs/uploads/", headers={"Content-Length": "0"}))
    assert client("PATCH", stale, data[22:], {"Content-Range": "22-41"}).status == 416
    first = client("PATCH", stale, data[:22], {"Content-Range": "0-21"})
    assert (first.status, first.headers["Range"]) == (202, "0-21")
    assert client("PATCH", stale, data[:22], {"Content-Range": "0-21"}).status == 416
    status = client("GET", stale)
    assert (status.status, status.headers["Range"]) == (204, "0-21")
    last = client("PATCH", local(status), data[22:], {"Content-Range": "22-41"})
    assert (last.status, last.headers["Range"]) == (202, "0-41")
    done = client(
        "PUT", f"{local(last)}?digest={digest_of(data)}", headers={"Content-Type": "application/octet-stream"}
    )
    assert done.status == 201
    assert client("GET", local(done)).body == data

    streamed = client("PATCH", local(client("POST", "/v2/my/app/blobs/uploads/")), LAYER)
    assert streamed.status == 202
    assert client("PUT", f"{local(streamed)}?digest={digest_of(LAYER)}").status == 201
    assert client("POST", f"/v2/my/app/blobs/uploads/?digest={digest_of(CONFIG)}", CONFIG).status == 201
    mounted = client("POST", f"/v2/other/blobs/uploads/?mount={digest_of(LAYER)}&from=my/app")
    assert (mounted.status, local(mounted)) == (201, f"/v2/other/blobs/{digest_of(LAYER)}")
    assert client("POST", f"/v2/other/blobs/uploads/?mount={digest_of(b'?')}").status == 202

    assert client("GET", "/v2/my/app/manifests/.INVALID").status == 404
    for tag in ("test0", "test1"):
        assert client.push_manifest("my/app", tag, MANIFEST).status == 201
    assert client.push_manifest("my/app", "bare", BARE).status == 201
    listed = [descriptor(MANIFEST, IMAGE)]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
    assert client.push_manifest("my/app", digest_of(index), index, INDEX).status == 201
    nested = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(index, INDEX)]}).encode()
    assert client.push_manifest("my/app", digest_of(nested), nested, INDEX).status == 201
    dangling = {"schemaVersion": 2, "config": CONFIG_ENTRY, "layers": [], "subject": descriptor(b"none", IMAGE)}
    answer = client.push_manifest("my/app", digest_of(json.dumps(dangling).encode()), dangling)
    assert (answer.status, answer.headers["OCI-Subject"]) == (201, digest_of(b"none"))
    assert client("GET", f"/v2/my/app/manifests/{digest_of(nested)}", headers={"Accept": INDEX}).body == nested


def test_discovery(client: Client) -> None:
    for blob in (CONFIG, LAYER):
        client.connection.request("POST", f"/v2/my/app/blobs/uploads/?digest={digest_of(blob)}", blob)
        client.connection.getresponse().read()
    for number in range(4):
        client.push_manifest("my/app", f"test{number}", MANIFEST)
    assert client("GET", "/v2/my/app/tags/list?n=2").json["tags"] == ["test0", "test1"]
    assert client("GET", "/v2/my/app/tags/list?n=2&last=test1").json["tags"] == ["test2", "test3"]
    assert client("GET", f"/v2/my/app/referrers/{digest_of(b'?')}").json["manifests"] == []
    subject = descriptor(MANIFEST, IMAGE)
    for kind in ("a", "b"):
        manifest = {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "artifactType": f"application/{kind}",
            "config": CONFIG_ENTRY,
            "layers": [LAYER_ENTRY],
            "subject": subject,
            "annotations": {"kind": kind},
        }
        assert client.push_manifest("my/app", kind, manifest).headers["OCI-Subject"] == digest_of(MANIFEST)
    everything = client("GET", f"/v2/my/app/referrers/{digest_of(MANIFEST)}")
    assert sorted(item["annotations"]["kind"] for item in everything.json["manifests"]) == ["a", "b"]
    filtered = client("GET", f"/v2/my/app/referrers/{digest_of(MANIFEST)}?artifactType=application/a")
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert [item["artifactType"] for item in filtered.json["manifests"]] == ["application/a"]


def test_management(client: Client) -> None:
    for blob in (CONFIG, LAYER):
        client.connection.request("POST", f"/v2/my/app/blobs/uploads/?digest={digest_of(blob)}", blob)
        client.connection.getresponse().read()
    client.push_manifest("my/app", "one", MANIFEST)
    assert client("DELETE", "/v2/my/app/manifests/one").status == 202
    assert client("DELETE", f"/v2/my/app/manifests/{digest_of(MANIFEST)}").status == 202
    assert client("GET", f"/v2/my/app/manifests/{digest_of(MANIFEST)}").status == 404
    assert client("GET", "/v2/my/app/tags/list").json["tags"] == []
    for blob in (CONFIG, LAYER):
        assert client("DELETE", f"/v2/my/app/blobs/{digest_of(blob)}").status == 202
        assert client("GET", f"/v2/my/app/blobs/{digest_of(blob)}").status == 404
    assert client("GET", "/v2/my/app/tags/list").json == {"name": "my/app", "tags": []}
