from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import ImageError, RegistryError
from hatch_wasm_oci.image.descriptor import Blob
from hatch_wasm_oci.registry.client import Repository
from hatch_wasm_oci.registry.connection import Retry
from hatch_wasm_oci.registry.credentials import Credential
from hatch_wasm_oci.registry.transport import Transport
from hatch_wasm_oci.testing import BasicAuthentication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_wasm_oci.registry.connection import Connection
    from hatch_wasm_oci.testing import EmbeddedRegistry

BLOB = Blob.of("x", bytes(range(256)) * 4000)
LIMIT = 10**7
PAIR = Credential("the test", "user", "s3cr3t")


@pytest.fixture
def connection(connect: Callable[..., Connection]) -> Connection:
    return connect(credential=PAIR)


@pytest.fixture
def registry(make_registry: Callable[..., EmbeddedRegistry]) -> EmbeddedRegistry:
    return make_registry(authentication=BasicAuthentication({"user": "s3cr3t"}), redirect_blobs=True)


@pytest.fixture
def repository(registry: EmbeddedRegistry, connection: Connection) -> Iterator[Repository]:
    with Transport(registry.host, "a/b", connection) as transport:
        repository = Repository(transport, "a/b")
        repository.put_blob(BLOB)
        registry.faults.clear()
        yield repository


def test_blobs_on_another_host_get_no_credentials(registry: EmbeddedRegistry, repository: Repository) -> None:
    assert repository.get_blob(BLOB.descriptor, LIMIT).data == BLOB.data
    storage = [record for record in registry.log if record.storage]
    assert [record.status for record in storage] == [200]
    assert "authorization" not in storage[0].headers
    assert "cookie" not in storage[0].headers


def test_what_broke_off_goes_on_by_range(registry: EmbeddedRegistry, repository: Repository) -> None:
    registry.faults.add(path="*sha256*", method="GET", skip=1, truncate=300_000)
    assert repository.get_blob(BLOB.descriptor, LIMIT).data == BLOB.data
    storage = [record for record in registry.log if record.storage]
    assert [record.status for record in storage] == [200, 206]
    assert storage[1].headers["range"] == "bytes=300000-"


@pytest.mark.parametrize("content_range", ["bytes 0-9/10", "x", None, f"bytes {'9' * 5000}-1/2"])
def test_another_part_than_was_asked_for_is_not_taken(
    registry: EmbeddedRegistry, repository: Repository, content_range: str | None
) -> None:
    registry.faults.add(path="*sha256*", method="GET", skip=1, truncate=300_000)
    registry.faults.add(path="*sha256*", method="GET", skip=3, headers={"Content-Range": content_range})
    assert repository.get_blob(BLOB.descriptor, LIMIT).data == BLOB.data


def test_what_is_too_large_is_not_fetched(registry: EmbeddedRegistry, repository: Repository) -> None:
    before = len(registry.log)
    with pytest.raises(ImageError, match="over the limit of 100"):
        repository.get_blob(BLOB.descriptor, 100)
    assert len(registry.log) == before


def test_what_comes_by_drops_is_given_up(registry: EmbeddedRegistry, connect: Callable[..., Connection]) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 20
        return now[0]

    retry = Retry(attempts=2, sleep=lambda _seconds: None, clock=clock, total=10**6)
    with Transport(registry.host, "a/b", connect(credential=PAIR)) as transport:
        Repository(transport, "a/b").put_blob(BLOB)
    registry.faults.add(path="*sha256*", method="GET", times=None, drip=5000.0)
    with (
        Transport(registry.host, "a/b", connect(credential=PAIR, retry=retry, read_timeout=15.0)) as transport,
        pytest.raises(RegistryError, match=r"did not answer .* in time"),
    ):
        Repository(transport, "a/b").get_blob(BLOB.descriptor, LIMIT)
