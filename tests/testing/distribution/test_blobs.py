from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.testing.conftest import Client

DATA = bytes(range(256)) * 8192  # 2 MiB: more than one piece


def test_a_blob_comes_back_whole(client: Client) -> None:
    digest = client.push_blob("a/b", DATA)
    answer = client("GET", f"/v2/a/b/blobs/{digest}")
    assert answer.body == DATA
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["ETag"] == f'"{digest}"'
    assert answer.headers["Content-Type"] == "application/octet-stream"
    head = client("HEAD", f"/v2/a/b/blobs/{digest}")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(DATA)))


def test_an_empty_blob(client: Client) -> None:
    digest = client.push_blob("a", b"")
    assert client("GET", f"/v2/a/blobs/{digest}").body == b""
    assert client("GET", f"/v2/a/blobs/{digest}", headers={"Range": "bytes=0-"}).status == 416


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=1000000-1999999", 1_000_000, 2_000_000), ("bytes=-7", -7, None)],
)
def test_ranges(client: Client, wanted: str, start: int, stop: int | None) -> None:
    path = f"/v2/a/blobs/{client.push_blob('a', DATA)}"
    answer = client("GET", path, headers={"Range": wanted})
    assert (answer.status, answer.body) == (206, DATA[start:stop])
    first = start % len(DATA)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.body) - 1}/{len(DATA)}"
    assert client("HEAD", path, headers={"Range": wanted}).status == 200


def test_a_range_outside_tells_the_size(client: Client) -> None:
    path = f"/v2/a/blobs/{client.push_blob('a', b'12345')}"
    answer = client("GET", path, headers={"Range": "bytes=5-"})
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */5")


@pytest.mark.parametrize("wanted", ["bytes=0-1,3-4", "pages=1", "nonsense"])
def test_ranges_that_are_not_understood_give_everything(client: Client, wanted: str) -> None:
    path = f"/v2/a/blobs/{client.push_blob('a', b'12345')}"
    assert client("GET", path, headers={"Range": wanted}).body == b"12345"


def test_a_range_of_what_has_changed_gives_everything(client: Client) -> None:
    digest = client.push_blob("a", b"12345")
    path = f"/v2/a/blobs/{digest}"
    assert client("GET", path, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status == 200
    assert client("GET", path, headers={"Range": "bytes=0-1", "If-Range": f'"{digest}"'}).status == 206


@pytest.mark.parametrize("condition", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_is_not_sent_again(client: Client, method: str, condition: str) -> None:
    digest = client.push_blob("a", b"12345")
    answer = client(method, f"/v2/a/blobs/{digest}", headers={"If-None-Match": condition.format(digest)})
    assert (answer.status, answer.body) == (304, b"")
    assert client(method, f"/v2/a/blobs/{digest}", headers={"If-None-Match": '"other"'}).status == 200


def test_blobs_belong_to_their_repository(client: Client) -> None:
    digest = client.push_blob("a", b"1")
    assert client("GET", f"/v2/b/blobs/{digest}").code == "BLOB_UNKNOWN"
    client.push_blob("b", b"1")
    assert client("DELETE", f"/v2/a/blobs/{digest}").status == 202
    assert client("GET", f"/v2/a/blobs/{digest}").status == 404
    assert client("GET", f"/v2/b/blobs/{digest}").body == b"1"
    assert client("DELETE", f"/v2/a/blobs/{digest}").code == "BLOB_UNKNOWN"


@pytest.mark.parametrize(
    "digest", ["sha256:1", "md5:" + "a" * 32, "sha256:" + "A" * 64, "latest", "sha256:" + "g" * 64]
)
def test_what_is_no_digest_is_refused(client: Client, digest: str) -> None:
    answer = client("GET", f"/v2/a/blobs/{digest}")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_sha512(client: Client) -> None:
    digest = f"sha512:{hashlib.sha512(DATA).hexdigest()}"
    location = client("POST", "/v2/a/blobs/uploads/").location
    assert client("PUT", f"{location}?digest={digest}", DATA).headers["Docker-Content-Digest"] == digest
    assert client("GET", f"/v2/a/blobs/{digest}").body == DATA


def test_a_deleted_blob_is_still_sent_to_whom_it_was_promised(client: Client) -> None:
    digest = client.push_blob("a", DATA)
    client.connection.request("GET", f"/v2/a/blobs/{digest}")
    response = client.connection.getresponse()
    start = response.read(10)
    other = type(client)(f"http://{client.host}")
    assert other("DELETE", f"/v2/a/blobs/{digest}").status == 202
    other.connection.close()
    assert start + response.read() == DATA
