"""A real Envoy that serves requests: a listener for each plugin, an upstream of this process, and what was logged."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import socketserver
import subprocess
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_wasm_oci.wasm.envoy_verdict import wasm_filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_TYPE = "type.googleapis.com/envoy"
SECONDS = 20.0


NEVER = "/never"
"""The path of requests that get no answer."""


class Plugin(NamedTuple):
    data: bytes
    configuration: str = ""
    vm: Mapping[str, Any] = {}
    more: Mapping[str, Any] = {}


class Upstream(socketserver.ThreadingTCPServer):
    """Answers every request with the bytes that stand under its path, and keeps what it got."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: Upstream

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while raw := self._request():
                self.server.requests.append(raw)
                path = raw.split(b" ", 2)[1].decode().partition("?")[0]
                answer = self.server.answers.get(path, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                if path == NEVER:
                    self.rfile.read()  # until Envoy gives up
                if not answer:
                    return
                self.wfile.write(answer)

    def _request(self) -> bytes:
        raw = bytearray()
        while line := self.rfile.readline():
            raw += line
            if line == b"\r\n":
                break
        head = bytes(raw).lower()
        if length := re.search(rb"content-length: (\d+)", head):
            raw += self.rfile.read(int(length[1]))
        elif b"transfer-encoding: chunked" in head:
            while size := int(self._line(raw), 16):
                raw += self.rfile.read(size + 2)
            while self._line(raw) != b"\r\n":
                pass
        return bytes(raw)

    def _line(self, raw: bytearray) -> bytes:
        line = self.rfile.readline()
        if not line:
            raise ConnectionError
        raw += line
        return line


def _cluster(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    options = {
        "@type": f"{_TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }


def _listener(name: str, plugin: Plugin, module: Path) -> dict[str, Any]:
    http_filter = wasm_filter(module, configuration=plugin.configuration, name=name)
    http_filter["typed_config"]["config"] |= plugin.more
    http_filter["typed_config"]["config"]["vm_config"] |= {"vm_id": name, **plugin.vm}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}, "name": "all"}
    manager = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "generate_request_id": False,
        "delayed_close_timeout": "0s",
        "http_protocol_options": {"enable_trailers": True},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            http_filter,
            {
                "name": "router",
                "typed_config": {
                    "@type": f"{_TYPE}.extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            },
        ],
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


class RealEnvoy:
    """A running Envoy."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, ports: Mapping[str, int], admin: str) -> None:
        self.process = process
        self.log = log
        self.ports = ports
        self.admin = admin

    def lines(self, name: str) -> list[str]:
        """The lines that a plugin logged, each with its level."""
        text = self.log.read_text("utf-8", "replace")
        return [
            f"{each[1]}|{each[2]}"
            for each in re.finditer(rf"(?m)^(\w+)\|wasm\|wasm log {name}(?: {name})?: (.*)$", text)
        ]

    def settled_lines(self, name: str) -> list[str]:
        """The lines of a plugin, once its streams have ended: Envoy logs that after it has answered."""
        self.until(lambda: self.stats()[f"http.{name}.downstream_rq_active"] == 0)
        return self.lines(name)

    def until(self, found: Any) -> Any:
        deadline = time.monotonic() + SECONDS
        while not (value := found()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(self.log.read_text("utf-8", "replace")[-3000:])
            time.sleep(0.005)
        return value

    def send(self, name: str, request: bytes, *, half: bool = False) -> bytes:
        """Send a request as it stands, and return the whole answer, until the connection closes."""
        with socket.create_connection(("127.0.0.1", self.ports[name]), timeout=SECONDS) as connection:
            connection.sendall(request)
            received = bytearray()
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    received += piece
        return bytes(received)

    def stats(self) -> dict[str, int | str]:
        """Envoy's statistics by name."""
        with urllib.request.urlopen(f"http://{self.admin}/stats?format=json", timeout=SECONDS) as answer:
            found = json.load(answer)["stats"]
        return {each["name"]: each["value"] for each in found if "name" in each}


@contextlib.contextmanager
def running(
    program: Path, directory: Path, plugins: Mapping[str, Plugin], answers: Mapping[str, bytes]
) -> Iterator[RealEnvoy]:
    """Run an Envoy with a listener for each plugin; all its clusters lead to this process."""
    with Upstream(answers) as upstream:
        threading.Thread(target=upstream.serve_forever, args=(0.02,), daemon=True).start()
        listeners = []
        for name, plugin in plugins.items():
            module = directory / f"{name}.wasm"
            module.write_bytes(plugin.data)
            listeners.append(_listener(name, plugin, module))
        port = upstream.server_address[1]
        bootstrap = {
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {
                "listeners": listeners,
                "clusters": [_cluster(each, port) for each in ("upstream", "authz", "slow")],
            },
        }
        path, log, admin = directory / "bootstrap.json", directory / "envoy.log", directory / "admin"
        path.write_text(json.dumps(bootstrap))
        command = [str(program), "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "info"]
        command += ["--log-format", "%l|%n|%v", "--admin-address-path", str(admin)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=output)
        try:
            envoy = RealEnvoy(process, log, {}, "")
            envoy.admin = envoy.until(lambda: admin.exists() and admin.read_text())
            envoy.until(lambda: "starting main dispatch loop" in log.read_text("utf-8", "replace"))
            with urllib.request.urlopen(f"http://{envoy.admin}/listeners?format=json", timeout=SECONDS) as answer:
                statuses = json.load(answer)["listener_statuses"]
            envoy.ports = {each["name"]: each["local_address"]["socket_address"]["port_value"] for each in statuses}
            yield envoy
        finally:
            process.kill()
            process.wait()
            upstream.shutdown()
