from __future__ import annotations

from pathlib import Path

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing.envoy.bootstrap import bootstrap, cluster, plugin_filter


@pytest.mark.parametrize(
    ("address", "host", "port", "kind"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80, "STATIC"),
        ("[::1]:65535", "::1", 65535, "STATIC"),
        ("localhost:1", "localhost", 1, "STRICT_DNS"),
    ],
)
def test_a_cluster_of_an_address(address: str, host: str, port: int, kind: str) -> None:
    made = cluster("authz", address)
    (group,) = made["load_assignment"]["endpoints"]
    (endpoint,) = group["lb_endpoints"]
    assert endpoint["endpoint"]["address"]["socket_address"] == {"address": host, "port_value": port}
    assert (made["name"], made["load_assignment"]["cluster_name"], made["type"]) == ("authz", "authz", kind)


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":80", "host:0", "host:65536", "http://host:80", "host:x", "h:²"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(SettingsError, match=r"upstreams\.authz: .* is no address"):
        cluster("authz", address)


def test_a_cluster_in_envoys_own_words() -> None:
    assert cluster("grpc", {"type": "STATIC", "name": "x"}) == {"type": "STATIC", "name": "grpc"}


def test_a_plugins_settings() -> None:
    made = plugin_filter(
        Path("plugin.wasm"),
        "mine",
        configuration={"a": 1},
        vm_configuration=b"\0",
        environment={"A": "1"},
        failure_policy="FAIL_OPEN",
    )
    config = made["typed_config"]["config"]
    assert config["configuration"]["value"] == '{"a": 1}'
    assert config["vm_config"]["configuration"] == {
        "@type": "type.googleapis.com/google.protobuf.BytesValue",
        "value": "AA==",
    }
    assert config["vm_config"]["environment_variables"] == {"key_values": {"A": "1"}}
    assert (made["name"], config["name"], config["failure_policy"]) == ("mine", "mine", "FAIL_OPEN")


def test_envoy_chooses_its_ports_on_the_loopback() -> None:
    made = bootstrap([], [], upstream_timeout=0.5)
    (listener,) = made["static_resources"]["listeners"]
    free = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    assert listener["address"] == made["admin"]["address"] == free
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    assert host["routes"][0]["route"] == {"cluster": "upstream", "timeout": "0.500000s"}
