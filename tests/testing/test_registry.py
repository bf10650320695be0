from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import hatch_wasm_oci.testing
from hatch_wasm_oci.errors import OutputError, SettingsError
from hatch_wasm_oci.testing import EmbeddedRegistry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.testing.conftest import Client


def test_it_serves_within_a_with_statement(make_client: Callable[..., Client]) -> None:
    with EmbeddedRegistry() as registry:
        assert re.fullmatch(r"127\.0\.0\.1:\d+", registry.host)
        assert registry.url == f"http://{registry.host}"
        assert registry.certificate_authority is None
        assert make_client(registry)("GET", "/v2/").status == 200
    with pytest.raises(SettingsError, match="not running"):
        _ = registry.url


def test_start_and_stop_may_be_repeated(make_client: Callable[..., Client]) -> None:
    registry = EmbeddedRegistry()
    registry.stop()
    assert registry.start() is registry
    host = registry.host
    assert registry.start().host == host
    client = make_client(registry)
    client.push_image("a", "1")
    registry.stop()
    registry.stop()
    registry.start()
    assert make_client(registry)("GET", "/v2/a/manifests/1").status == 404
    registry.stop()


def test_any_number_side_by_side(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]
) -> None:
    registries = [make_registry() for _ in range(20)]
    assert len({registry.host for registry in registries}) == 20
    make_client(registries[0]).push_image("a", "1")
    assert make_client(registries[1])("GET", "/v2/a/manifests/1").status == 404
    assert [len(registry.log) for registry in registries[2:]] == [0] * 18


def test_clearing_empties_repositories_log_and_faults(registry: EmbeddedRegistry, client: Client) -> None:
    client.push_image("a", "1")
    upload = client("POST", "/v2/a/blobs/uploads/").location
    registry.faults.add(status=500)
    registry.clear()
    assert registry.log == ()
    assert len(registry.faults) == 0
    assert client("GET", "/v2/_catalog").json == {"repositories": []}
    assert client("GET", "/v2/a/tags/list").status == 404
    assert client("GET", upload).status == 404
    client.push_image("a", "1")


def test_the_log_is_written_before_the_client_has_its_answer(registry: EmbeddedRegistry, client: Client) -> None:
    for number in range(50):
        client("POST", f"/v2/a/blobs/uploads/?number={number}", b"x" * number, {"X-Number": str(number)})
        record = registry.log[-1]
        assert (record.method, record.path, record.query) == ("POST", "/v2/a/blobs/uploads/", f"number={number}")
        assert (record.status, record.body_size, record.headers["x-number"]) == (202, number, str(number))
        assert record.response_headers is not None
        assert record.response_headers["location"].startswith("/v2/a/")
        assert (record.fault, record.problem, record.storage) == ("", "", False)
    assert len(registry.log) == 50


def test_records_do_not_show_credentials(registry: EmbeddedRegistry, client: Client) -> None:
    client("GET", "/v2/", headers={"Authorization": "Basic c2VjcmV0"})
    assert registry.log[-1].headers["Authorization"] == "Basic c2VjcmV0"
    assert "c2VjcmV0" not in repr(registry.log)


def test_a_port_that_is_taken_is_told(registry: EmbeddedRegistry) -> None:
    port = int(registry.host.rpartition(":")[2])
    other = EmbeddedRegistry(port=port)
    with pytest.raises(SettingsError, match=f"address: 127.0.0.1:{port} can't be listened on"):
        other.start()
    other.stop()
    with pytest.raises(SettingsError, match=r"address: .* can't be listened on"):
        EmbeddedRegistry(address="192.0.2.1").start()


def test_a_port_of_ones_own(make_client: Callable[..., Client]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with EmbeddedRegistry(port=port) as registry:
        assert registry.host == f"127.0.0.1:{port}"
        assert make_client(registry)("GET", "/v2/").status == 200


def test_a_directory_that_can_not_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't be used"):
        EmbeddedRegistry(directory=tmp_path / "file").start()


def test_every_public_name_is_there() -> None:
    for name in hatch_wasm_oci.testing.__all__:
        assert getattr(hatch_wasm_oci.testing, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hatch_wasm_oci.testing.nothing


def test_importing_the_package_is_light() -> None:
    code = "import sys, hatch_wasm_oci.testing; print(*sys.modules)"
    light = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"hatch_wasm_oci.testing.registry", "socket", "ssl", "json", "requests"} & set(light)
    code = "import sys; from hatch_wasm_oci.testing import EmbeddedRegistry; EmbeddedRegistry(); print(*sys.modules)"
    heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"ssl", "requests", "urllib3", "trustme", "http.client", "http.server", "tempfile"} & set(heavy)
