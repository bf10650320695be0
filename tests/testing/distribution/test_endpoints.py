from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from hatch_wasm_oci.testing import BasicAuthentication

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Client

DIGEST = "sha256:" + "a" * 64


def test_the_base(client: Client) -> None:
    answer = client("GET", "/v2/")
    assert (answer.status, answer.json) == (200, {})
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    moved = client("GET", "/v2")
    assert (moved.status, moved.location) == (301, "/v2/")


@pytest.mark.parametrize(
    "path", ["/", "/v1/", "/v3/", "/v2/a", "/v2/a/", "/v2/a/tags", "/v2/tags/list", "/v2//tags/list/x"]
)
def test_nothing_is_there(client: Client, path: str) -> None:
    answer = client("GET", path)
    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize(
    "name", ["A", "a//b", "a_-b", "-a", "a-", "a..b", "a/", "/a", "a___b", "_catalog", "é", "a" * 256, "a/_uploads/b"]
)
@pytest.mark.parametrize("rest", ["tags/list", "manifests/1", f"blobs/{DIGEST}", f"referrers/{DIGEST}"])
def test_bad_names_are_refused(client: Client, name: str, rest: str) -> None:
    answer = client("GET", f"/v2/{name}/{rest}".encode().decode("latin-1") if name.isascii() else f"/v2/%C3%A9/{rest}")
    assert (answer.status, answer.code) == (400, "NAME_INVALID")


@pytest.mark.parametrize(
    "name", ["a", "a/b/c", "a-b", "a--b", "a.b", "a__b", "0", "a" * 255, "blobs/uploads", "tags/list"]
)
def test_good_names_are_taken(client: Client, name: str) -> None:
    client.push_image(name, "1")
    assert client("GET", f"/v2/{name}/tags/list").json == {"name": name, "tags": ["1"]}
    assert client("GET", f"/v2/{name}/manifests/1").status == 200


def test_names_and_digests_may_be_encoded(client: Client) -> None:
    digest = client.push_blob("a-b", b"1")
    assert client("GET", f"/v2/a%2Db/blobs/{digest.replace(':', '%3A')}").body == b"1"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v2/", "GET, HEAD"),
        ("/v2/_catalog", "GET, HEAD"),
        ("/v2/a/tags/list", "GET, HEAD"),
        ("/v2/a/blobs/uploads/", "POST"),
        ("/v2/a/blobs/uploads/x", "GET, HEAD, PATCH, PUT, DELETE"),
        (f"/v2/a/blobs/{DIGEST}", "GET, HEAD, DELETE"),
        ("/v2/a/manifests/1", "GET, HEAD, PUT, DELETE"),
    ],
)
def test_other_methods_are_refused(client: Client, path: str, allowed: str) -> None:
    answer = client("BREW", path)
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "UNSUPPORTED", allowed)


def test_read_only(make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]) -> None:
    client = make_client(make_registry(read_only=True))
    for method, path in (
        ("POST", "/v2/a/blobs/uploads/"),
        ("PUT", "/v2/a/manifests/1"),
        ("DELETE", "/v2/a/manifests/1"),
        ("DELETE", f"/v2/a/blobs/{DIGEST}"),
        ("PATCH", "/v2/a/blobs/uploads/x"),
    ):
        assert (client(method, path).status, client(method, path).code) == (405, "UNSUPPORTED")
    assert client("GET", "/v2/a/manifests/1").status == 404


def test_a_directory_can_be_served_read_only(
    make_registry: Callable[..., EmbeddedRegistry],
    make_client: Callable[..., Client],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("registry")
    writable = make_registry(directory=folder)
    digest = make_client(writable).push_image("a", "1")
    writable.stop()
    client = make_client(make_registry(directory=folder, read_only=True))
    assert client("GET", "/v2/a/manifests/1").headers["Docker-Content-Digest"] == digest
    assert client("DELETE", "/v2/a/manifests/1").status == 405


def test_without_deletes(make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]) -> None:
    client = make_client(make_registry(deletes=False))
    digest = client.push_image("a", "1")
    for path in ("/v2/a/manifests/1", f"/v2/a/manifests/{digest}", f"/v2/a/blobs/{client.push_blob('a', b'1')}"):
        answer = client("DELETE", path)
        assert (answer.status, answer.code) == (405, "UNSUPPORTED")
    assert client("DELETE", client("POST", "/v2/a/blobs/uploads/").location).status == 204


def test_blobs_are_redirected_to_another_port(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]
) -> None:
    registry = make_registry(redirect_blobs=True, authentication=BasicAuthentication({"u": "p"}))
    client = make_client(registry)
    credentials = {"Authorization": "Basic dTpw"}
    location = client("POST", "/v2/a/blobs/uploads/", headers=credentials).location
    digest = "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert client("PUT", f"{location}?digest={digest}", b"1", credentials).status == 201
    path = f"/v2/a/blobs/{digest}"
    assert client("GET", path).status == 401
    assert client("GET", f"/v2/a/blobs/{DIGEST}", headers=credentials).status == 404
    for method in ("GET", "HEAD"):
        answer = client(method, path, headers=credentials)
        assert (answer.status, answer.body) == (307, b"")
        target = urlsplit(answer.location)
        assert target.netloc != client.host
        other = type(client)(f"http://{target.netloc}")
        assert other(method, f"{target.path}?{target.query}").body == (b"1" if method == "GET" else b"")
        assert other("GET", target.path, headers={"Range": "bytes=0-0"}).status == 206
        assert other("GET", "/v2/").status == 404
        assert other("DELETE", target.path).status == 404
        assert other("GET", f"/v2/a/blobs/{DIGEST}").code == "BLOB_UNKNOWN"
        other.connection.close()
    assert [record.storage for record in registry.log[-6:]] == [False, True, True, True, True, True]
