from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.image.descriptor import Blob, Descriptor
from hatch_wasm_oci.registry.client import Repository
from hatch_wasm_oci.registry.transport import Transport
from hatch_wasm_oci.registry.upload import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.registry.connection import Connection
    from hatch_wasm_oci.testing import EmbeddedRegistry

    Connect = Callable[..., Connection]
    Make = Callable[..., EmbeddedRegistry]

SMALL = Blob.of("application/octet-stream", bytes(range(256)) * 40)
SESSION = "*/blobs/uploads/?*"


def send(registry: EmbeddedRegistry, connection: Connection, blob: Blob = SMALL) -> str:
    with Transport(registry.host, "a/b", connection) as transport:
        repository = Repository(transport, "a/b")
        outcome = repository.put_blob(blob)
        registry.faults.clear()
        assert repository.get_blob(blob.descriptor, 10**8).data == blob.data
    return outcome


def requests_of(registry: EmbeddedRegistry) -> list[str]:
    return [f"{one.method} {one.body_size}" for one in registry.log if "/uploads/" in one.path]


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("state", [True, False])
@pytest.mark.parametrize("chunk", [0, 4000])
def test_every_location_is_followed(
    make_registry: Make,
    connect: Connect,
    absolute: bool,  # noqa: FBT001 - a parameter of the test
    state: bool,  # noqa: FBT001 - a parameter of the test
    chunk: int,
) -> None:
    registry = make_registry(absolute_locations=absolute, upload_state=state)
    assert send(registry, connect(chunk_size=chunk)) == "sent"
    pieces = ["PATCH 4000", "PATCH 4000", "PATCH 2240", "PUT 0"] if chunk else ["PUT 10240"]
    assert requests_of(registry) == ["POST 0", *pieces]


def test_an_empty_blob_goes_too(registry: EmbeddedRegistry, connect: Connect) -> None:
    assert send(registry, connect(), Blob.of("x", b"")) == "sent"


def test_chunks_are_as_large_as_the_registry_wants(make_registry: Make, connect: Connect) -> None:
    registry = make_registry(chunk_minimum=6000)
    send(registry, connect(chunk_size=100))
    assert requests_of(registry) == ["POST 0", "PATCH 6000", "PATCH 4240", "PUT 0"]


@pytest.mark.parametrize("least", ["x", "-1", "9" * 5000, "1" * 30])
def test_a_least_size_that_is_none_is_passed_over(registry: EmbeddedRegistry, connect: Connect, least: str) -> None:
    registry.faults.add(method="POST", headers={"OCI-Chunk-Min-Length": least})
    send(registry, connect(chunk_size=10_000))
    assert requests_of(registry) == ["POST 0", "PATCH 10000", "PATCH 240", "PUT 0"]


def test_what_is_too_large_for_one_request_goes_in_chunks(registry: EmbeddedRegistry, connect: Connect) -> None:
    blob = Blob.of("x", bytes(CHUNK + 10))
    registry.faults.add(method="PUT", path=SESSION, status=413)
    send(registry, connect(), blob)
    assert requests_of(registry)[-4:] == ["GET 0", f"PATCH {CHUNK}", "PATCH 10", "PUT 0"]


def test_what_broke_off_goes_on_from_there(registry: EmbeddedRegistry, connect: Connect) -> None:
    registry.faults.add(method="PATCH", path=SESSION, skip=1, reset="after")
    send(registry, connect(chunk_size=4000))
    assert requests_of(registry) == ["POST 0", "PATCH 4000", "PATCH 4000", "GET 0", "PATCH 2240", "PUT 0"]


@pytest.mark.parametrize(("fault", "requests"), [("before", 3), ("during", 3), ("after", 1)])
def test_a_lost_session_starts_again(
    registry: EmbeddedRegistry, connect: Connect, waits: list[float], fault: Any, requests: int
) -> None:
    registry.faults.add(method="PUT", path=SESSION, reset=fault)
    send(registry, connect())
    assert sum(one.startswith("P") for one in requests_of(registry)) == requests + 1
    assert waits
    registry.clear()
    registry.faults.add(method="PUT", path=SESSION, status=404, code="BLOB_UPLOAD_UNKNOWN")
    send(registry, connect())
    assert [one.partition(" ")[0] for one in requests_of(registry)] == ["POST", "PUT", "DELETE", "POST", "PUT"]


def test_what_is_refused_is_not_sent_again(registry: EmbeddedRegistry, connect: Connect) -> None:
    wrong = Blob(Descriptor("x", f"sha256:{'0' * 64}", len(SMALL.data)), SMALL.data)
    with pytest.raises(RegistryError, match="DIGEST_INVALID"):
        send(registry, connect(), wrong)
    assert [one.partition(" ")[0] for one in requests_of(registry)] == ["POST", "PUT", "DELETE"]


def test_a_wait_that_the_registry_asks_for_is_kept(
    registry: EmbeddedRegistry, connect: Connect, waits: list[float]
) -> None:
    registry.faults.add(method="PUT", path=SESSION, status=429, headers={"Retry-After": "7"})
    send(registry, connect())
    assert waits == [7.0]


@pytest.mark.parametrize("location", [None, "", "http://[", "ftp://x/y", "file:///etc/passwd"])
def test_a_location_that_leads_nowhere_is_an_error(
    registry: EmbeddedRegistry, connect: Connect, location: str | None
) -> None:
    registry.faults.add(method="POST", headers={"Location": location})
    with pytest.raises(RegistryError, match=r"no Location|which is no URL"):
        send(registry, connect())
