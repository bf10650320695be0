from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Answer, Client

DATA = b"0123456789" * 10


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def begin(client: Client, repository: str = "a") -> str:
    answer = client("POST", f"/v2/{repository}/blobs/uploads/")
    assert (answer.status, answer.headers["Range"]) == (202, "0-0")
    assert answer.headers["Docker-Upload-UUID"] in answer.location
    return answer.location


def chunk(client: Client, location: str, data: bytes, start: int) -> Answer:
    return client("PATCH", location, data, {"Content-Range": f"{start}-{start + len(data) - 1}"})


def test_at_once(client: Client) -> None:
    answer = client("PUT", f"{begin(client)}?digest={digest_of(DATA)}", DATA)
    assert (answer.status, answer.headers["Docker-Content-Digest"]) == (201, digest_of(DATA))
    assert client("GET", answer.location).body == DATA


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_with_one_request(client: Client, algorithm: str) -> None:
    answer = client("POST", f"/v2/a/blobs/uploads/?digest={digest_of(DATA, algorithm)}", DATA)
    assert answer.status == 201
    assert client("GET", answer.location).body == DATA


def test_streamed(client: Client) -> None:
    location = begin(client)
    answer = client("PATCH", location, iter([DATA[:7], DATA[7:]]), encode_chunked=True)
    assert (answer.status, answer.headers["Range"]) == (202, f"0-{len(DATA) - 1}")
    assert client("PUT", f"{answer.location}?digest={digest_of(DATA)}").status == 201
    assert client("GET", f"/v2/a/blobs/{digest_of(DATA)}").body == DATA


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("last_in_put", [True, False])
def test_in_chunks(client: Client, algorithm: str, last_in_put: bool) -> None:  # noqa: FBT001 - a case
    location = begin(client)
    location = chunk(client, location, DATA[:40], 0).location
    location = chunk(client, location, DATA[40:60], 40).location
    status = client("GET", location)
    assert (status.status, status.headers["Range"]) == (204, "0-59")
    rest, headers = DATA[60:], {"Content-Range": "60-99"}
    if not last_in_put:
        location = chunk(client, status.location, rest, 60).location
        rest, headers = b"", {}
    assert client("PUT", f"{location}?digest={digest_of(DATA, algorithm)}", rest, headers).status == 201
    assert client("GET", f"/v2/a/blobs/{digest_of(DATA, algorithm)}").body == DATA


@pytest.mark.parametrize("start", [1, 39, 41, 0])
def test_out_of_order_tells_where_to_go_on(client: Client, start: int) -> None:
    location = chunk(client, begin(client), DATA[:40], 0).location
    answer = chunk(client, location, DATA[:10], start)
    assert (answer.status, answer.headers["Range"], answer.code) == (416, "0-39", "BLOB_UPLOAD_INVALID")
    location = chunk(client, answer.location, DATA[40:], 40).location
    assert client("PUT", f"{location}?digest={digest_of(DATA)}").status == 201


@pytest.mark.parametrize(
    ("content_range", "body", "status"),
    [
        ("0-9", b"12345", 400),
        ("0-3", b"12345", 400),
        ("9-0", b"", 416),
        ("x", b"1", 416),
        ("bytes 0-4/*", b"12345", 202),
    ],
)
def test_a_chunk_is_as_long_as_it_says(client: Client, content_range: str, body: bytes, status: int) -> None:
    location = begin(client)
    assert client("PATCH", location, body, {"Content-Range": content_range}).status == status


def test_a_streamed_chunk_of_another_length_is_taken_back(client: Client) -> None:
    location = chunk(client, begin(client), DATA[:40], 0).location
    answer = client("PATCH", location, iter([DATA[40:70]]), {"Content-Range": "40-99"}, encode_chunked=True)
    assert answer.code == "SIZE_INVALID"
    assert client("GET", location).headers["Range"] == "0-39"
    location = chunk(client, location, DATA[40:], 40).location
    assert client("PUT", f"{location}?digest={digest_of(DATA)}").status == 201


def test_a_wrong_digest_ends_the_upload(client: Client) -> None:
    location = begin(client)
    answer = client("PUT", f"{location}?digest={digest_of(b'other')}", DATA)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert client("GET", location).code == "BLOB_UPLOAD_UNKNOWN"
    assert client("HEAD", f"/v2/a/blobs/{digest_of(b'other')}").status == 404
    assert client("HEAD", f"/v2/a/blobs/{digest_of(DATA)}").status == 404


@pytest.mark.parametrize("query", ["", "?digest=", "?digest=sha256:1", "?digest=md5:" + "a" * 32])
def test_a_digest_is_needed(client: Client, query: str) -> None:
    location = begin(client)
    assert client("PUT", location + query, DATA).code == "DIGEST_INVALID"
    assert client("PUT", f"{location}?digest={digest_of(DATA)}", DATA).status == 201


def test_cancelled(client: Client) -> None:
    location = begin(client)
    assert client("DELETE", location).status == 204
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        assert client(method, f"{location}?digest={digest_of(b'')}").code == "BLOB_UPLOAD_UNKNOWN"


def test_an_upload_belongs_to_its_repository(client: Client) -> None:
    assert client("PATCH", begin(client).replace("/v2/a/", "/v2/b/"), DATA).code == "BLOB_UPLOAD_UNKNOWN"


def test_mounts(client: Client) -> None:
    digest = client.push_blob("source", DATA)
    answer = client("POST", f"/v2/target/blobs/uploads/?mount={digest}&from=source")
    assert (answer.status, answer.location) == (201, f"/v2/target/blobs/{digest}")
    assert client("GET", answer.location).body == DATA
    assert client("POST", f"/v2/third/blobs/uploads/?mount={digest}").status == 201
    assert client("GET", f"/v2/third/blobs/{digest}").body == DATA


@pytest.mark.parametrize(
    "query", [f"mount={digest_of(b'none')}", "mount=nonsense&from=source", "mount={}&from=other", "mount={}&from=../x"]
)
def test_a_mount_that_fails_is_an_upload(client: Client, query: str) -> None:
    digest = client.push_blob("source", DATA)
    answer = client("POST", f"/v2/target/blobs/uploads/?{query.format(digest)}")
    assert answer.status == 202
    assert client("PUT", f"{answer.location}?digest={digest}", DATA).status == 201


def cut(client: Client, method: str, path: str, announced: int, sent: bytes) -> bytes:
    host, _, port = client.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n".encode() + sent
        )
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(10_000)


def test_a_put_that_was_cut_off_can_be_sent_again(client: Client) -> None:
    location = chunk(client, begin(client), DATA[:40], 0).location
    assert b" 400 " in cut(client, "PUT", f"{location}?digest={digest_of(DATA)}", 60, DATA[40:99])
    assert client("GET", location).headers["Range"] == "0-39"
    assert client("PUT", f"{location}?digest={digest_of(DATA)}", DATA[40:]).status == 201
    assert client("GET", f"/v2/a/blobs/{digest_of(DATA)}").body == DATA


def test_a_patch_that_was_cut_off_can_be_gone_on_with(client: Client) -> None:
    location = begin(client)
    assert b" 400 " in cut(client, "PATCH", location, 100, DATA[:70])
    status = client("GET", location)
    assert status.headers["Range"] == "0-69"
    location = chunk(client, status.location, DATA[70:], 70).location
    assert client("PUT", f"{location}?digest={digest_of(DATA)}").status == 201


def test_a_single_post_that_was_cut_off_leaves_nothing(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = make_client(make_registry(directory=tmp_path))
    assert b" 400 " in cut(client, "POST", f"/v2/a/blobs/uploads/?digest={digest_of(DATA)}", 100, DATA[:99])
    assert client("POST", "/v2/a/blobs/uploads/?digest=x", DATA).code == "DIGEST_INVALID"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_writers_do_not_mix(client: Client) -> None:
    location = begin(client)
    host, _, port = client.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as slow:
        slow.sendall(
            f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert b"100 Continue" in slow.recv(1000)
        answer = client("PATCH", location, DATA)
        assert (answer.status, answer.code) == (409, "BLOB_UPLOAD_INVALID")
        slow.sendall(DATA[:5])
        assert b" 202 " in slow.recv(1000)
    assert client("GET", location).headers["Range"] == "0-4"


def test_what_is_cleared_while_it_is_sent_is_not_stored(
    registry: EmbeddedRegistry, make_client: Callable[..., Client]
) -> None:
    client = make_client(registry)
    host, _, port = client.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as slow:
        head = f"POST /v2/a/blobs/uploads/?digest={digest_of(DATA)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        slow.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert b"100 Continue" in slow.recv(1000)
        registry.clear()
        slow.sendall(DATA)
        assert b" 404 " in slow.recv(1000)
    assert client("HEAD", f"/v2/a/blobs/{digest_of(DATA)}").status == 404


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=1, max_size=3000), max_size=6))
def test_any_chunks_make_the_blob_that_they_are_parts_of(client: Client, chunks: list[bytes]) -> None:
    whole, location, sent = b"".join(chunks), begin(client), 0
    for data in chunks:
        location = chunk(client, location, data, sent).location
        sent += len(data)
    assert client("PUT", f"{location}?digest={digest_of(whole)}").status == 201
    assert client("GET", f"/v2/a/blobs/{digest_of(whole)}").body == whole


@pytest.fixture
def client_of(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]
) -> Callable[..., Client]:
    return lambda **options: make_client(make_registry(**options))


def test_locations_that_must_come_back(client_of: Callable[..., Client]) -> None:
    client = client_of(upload_state=True)
    first = begin(client)
    assert "_state=" in first
    answer = client("PATCH", first, DATA)
    assert client("PATCH", first, DATA).code == "BLOB_UPLOAD_INVALID"
    assert client("PUT", f"{urlsplit(answer.location).path}?digest={digest_of(DATA)}").status == 404
    assert client("PUT", f"{answer.location}?digest={digest_of(DATA)}").status == 404
    assert client("PUT", f"{answer.location}&digest={digest_of(DATA)}").status == 201


def test_absolute_locations(client_of: Callable[..., Client]) -> None:
    client = client_of(absolute_locations=True)
    location = begin(client)
    assert location.startswith(f"http://{client.host}/v2/a/")
    assert client("POST", "/v2/a/blobs/uploads/", headers={"Host": "registry.test"}).location.startswith(
        "http://registry.test/v2/"
    )
    answer = client("PUT", f"{urlsplit(location).path}?digest={digest_of(DATA)}", DATA)
    assert answer.location == f"http://{client.host}/v2/a/blobs/{digest_of(DATA)}"


def test_without_single_post(client_of: Callable[..., Client]) -> None:
    client = client_of(single_post=False)
    answer = client("POST", f"/v2/a/blobs/uploads/?digest={digest_of(DATA)}", DATA)
    assert answer.status == 202
    assert client("HEAD", f"/v2/a/blobs/{digest_of(DATA)}").status == 404
    assert client("PUT", f"{answer.location}?digest={digest_of(DATA)}", DATA).status == 201


def test_without_mounts(client_of: Callable[..., Client]) -> None:
    client = client_of(mounts=False)
    digest = client.push_blob("source", DATA)
    assert client("POST", f"/v2/target/blobs/uploads/?mount={digest}&from=source").status == 202


def test_short_chunks_come_last(client_of: Callable[..., Client]) -> None:
    client = client_of(chunk_minimum=50)
    answer = client("POST", "/v2/a/blobs/uploads/")
    assert answer.headers["OCI-Chunk-Min-Length"] == "50"
    location = chunk(client, answer.location, DATA[:49], 0).location
    assert chunk(client, location, DATA[49:], 49).code == "SIZE_INVALID"
    location = chunk(client, begin(client), DATA[:60], 0).location
    location = chunk(client, location, DATA[60:], 60).location
    assert client("PUT", f"{location}?digest={digest_of(DATA)}").status == 201


def test_a_blob_over_the_maximum_is_refused(client_of: Callable[..., Client]) -> None:
    client = client_of(maximum_blob=99)
    refused = client("PUT", f"{begin(client)}?digest={digest_of(DATA)}", DATA)
    assert (refused.status, refused.code) == (413, "SIZE_INVALID")
    assert client("PATCH", begin(client), iter([DATA]), encode_chunked=True).status == 413
    location = chunk(client, begin(client), DATA[:60], 0).location
    assert chunk(client, location, DATA[60:], 60).status == 413
    assert client("POST", f"/v2/a/blobs/uploads/?digest={digest_of(DATA[:99])}", DATA[:99]).status == 201
