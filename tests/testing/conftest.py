"""A client that hides nothing, and registries that end with the test."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from hatch_wasm_oci.testing import EmbeddedRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Times say nothing on a machine that others use too: no deadline, and no complaint about a slow first draw.
settings.register_profile("testing", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("testing")

IMAGE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["errors"][0]["code"])

    @property
    def location(self) -> str:
        return str(self.headers["Location"])


class Client:
    """Requests over one kept-alive connection."""

    def __init__(self, url: str, context: Any = None) -> None:
        scheme, _, self.host = url.partition("://")
        name, _, port = self.host.rpartition(":")
        self.connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(name, int(port), timeout=20, context=context)
            if scheme == "https"
            else http.client.HTTPConnection(name.strip("[]"), int(port), timeout=20)
        )

    def __call__(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Answer:
        self.connection.request(method, path, body, dict(headers or {}), **options)
        response = self.connection.getresponse()
        data = response.read()
        assert response.status != 500, data
        return Answer(response.status, response.headers, data)

    def push_blob(self, repository: str, data: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        location = self("POST", f"/v2/{repository}/blobs/uploads/").location
        answer = self("PUT", f"{location}?digest={digest}", data)
        assert answer.status == 201, answer
        return digest

    def push_image(self, repository: str, tag: str, layer: bytes = b"layer", **extra: Any) -> str:
        config = {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": self.push_blob(repository, b"{}"),
            "size": 2,
        }
        entry = {
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": self.push_blob(repository, layer),
            "size": len(layer),
        }
        manifest = {"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [entry], **extra}
        answer = self.push_manifest(repository, tag, manifest)
        assert answer.status == 201, answer
        return str(answer.headers["Docker-Content-Digest"])

    def push_manifest(self, repository: str, reference: str, manifest: Any, media_type: str = IMAGE) -> Answer:
        data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        return self("PUT", f"/v2/{repository}/manifests/{reference}", data, {"Content-Type": media_type})


@pytest.fixture
def make_registry() -> Iterator[Callable[..., EmbeddedRegistry]]:
    registries = []

    def make(**options: Any) -> EmbeddedRegistry:
        registry = EmbeddedRegistry(**options)
        registries.append(registry)
        return registry.start()

    yield make
    for registry in registries:
        registry.stop()


@pytest.fixture
def registry(make_registry: Callable[..., EmbeddedRegistry]) -> EmbeddedRegistry:
    return make_registry()


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    clients = []

    def make(registry: EmbeddedRegistry, context: Any = None) -> Client:
        client = Client(registry.url, context)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.connection.close()


@pytest.fixture
def client(registry: EmbeddedRegistry, make_client: Callable[..., Client]) -> Client:
    return make_client(registry)


@pytest.fixture
def connect() -> Iterator[Callable[[EmbeddedRegistry], socket.socket]]:
    sockets = []

    def open_socket(registry: EmbeddedRegistry) -> socket.socket:
        host, _, port = registry.host.rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=20)
        sockets.append(connection)
        return connection

    yield open_socket
    for connection in sockets:
        connection.close()


@pytest.fixture
def exchange(
    registry: EmbeddedRegistry, connect: Callable[[EmbeddedRegistry], socket.socket]
) -> Callable[[bytes], bytes]:
    """Send bytes on a connection of their own, and return everything that comes back until it is closed."""

    def send(data: bytes) -> bytes:
        connection = connect(registry)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = bytearray()
        while piece := connection.recv(65536):
            received += piece
        return bytes(received)

    return send
