"""Envoy's configuration for a test: from plugins and clusters to JSON."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from hatch_wasm_oci.errors import SettingsError, shown
from hatch_wasm_oci.wasm.envoy_verdict import wasm_filter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FailurePolicy = Literal["FAIL_CLOSED", "FAIL_OPEN", "FAIL_RELOAD"]
FAILURE_POLICIES = ("FAIL_CLOSED", "FAIL_OPEN", "FAIL_RELOAD")
LOG_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")
UPSTREAM = "upstream"
"""The name of the cluster that requests go to."""

_TYPE = "type.googleapis.com/"
_FILTERS = f"{_TYPE}envoy.extensions.filters"
_HIGHEST_PORT = 65535


def plugin_filter(
    module: Path,
    name: str,
    *,
    configuration: str | bytes | Mapping[str, Any] = "",
    root_id: str = "",
    failure_policy: str = "FAIL_CLOSED",
    vm_configuration: str | bytes | Mapping[str, Any] = "",
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Give the HTTP filter that runs a module, as Istio sets it up.

    Args:
        module: The module's file.
        name: The plugin's name in Envoy's log and statistics.
        configuration: The plugin's configuration: a text or bytes, which arrive as they are, or a mapping, which
            arrives as JSON.
        root_id: Which of its root contexts to use; empty for the default.
        failure_policy: What becomes of requests when the plugin fails: `FAIL_CLOSED` answers 503, `FAIL_OPEN` leaves
            the plugin out, `FAIL_RELOAD` starts it anew (envoy.extensions.wasm.v3.PluginConfig).
        vm_configuration: What the plugin gets when its VM starts; as `configuration`.
        environment: The environment variables that the plugin sees.

    Raises:
        SettingsError: There is no such failure policy.
    """
    if failure_policy not in FAILURE_POLICIES:
        raise SettingsError(
            [f"failure_policy: there is no {shown(failure_policy)}. Choose of {', '.join(FAILURE_POLICIES)}."]
        )
    made = wasm_filter(module, root_id=root_id, name=name)
    config = made["typed_config"]["config"]
    config["configuration"] = _value(configuration)
    config["failure_policy"] = failure_policy
    if vm_configuration:
        config["vm_config"]["configuration"] = _value(vm_configuration)
    if environment:
        config["vm_config"]["environment_variables"] = {"key_values": dict(environment)}
    return made


def cluster(name: str, address: str | Mapping[str, Any]) -> dict[str, Any]:
    """Give a cluster of one endpoint.

    Args:
        name: Its name, by which a plugin calls out to it.
        address: Host and port; or Envoy's own configuration of a cluster, which is taken as it is but for the name.

    Raises:
        SettingsError: It is no address.
    """
    if isinstance(address, Mapping):
        return {**address, "name": name}
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in host or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= _HIGHEST_PORT:
        raise SettingsError([f"upstreams.{name}: {shown(address)} is no address. Write it as 127.0.0.1:8080."])
    endpoint = {"address": {"socket_address": {"address": host, "port_value": int(port)}}}
    return {
        "name": name,
        "type": "STATIC" if _is_ip(host) else "STRICT_DNS",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }


def bootstrap(
    filters: Iterable[dict[str, Any]], clusters: Iterable[dict[str, Any]], *, upstream_timeout: float
) -> dict[str, Any]:
    """Give the whole configuration: one listener and the admin interface, both on free ports of the loopback.

    Args:
        filters: The HTTP filters in the order in which requests pass them.
        clusters: The clusters; requests go to the one named `upstream`.
        upstream_timeout: Seconds that the upstream may take for an answer, before Envoy answers 504.
    """
    route = {"cluster": UPSTREAM, "timeout": f"{upstream_timeout:f}s"}
    hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}]
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [
            *filters,
            {"name": "router", "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"}},
        ],
    }
    listener = {
        "name": "test",
        "address": _free_port(),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {
        "admin": {"address": _free_port()},
        "static_resources": {"listeners": [listener], "clusters": list(clusters)},
    }


def _free_port() -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": 0}}


def _value(given: str | bytes | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(given, bytes):
        import base64

        return {"@type": f"{_TYPE}google.protobuf.BytesValue", "value": base64.b64encode(given).decode()}
    text = json.dumps(given) if isinstance(given, Mapping) else given
    return {"@type": f"{_TYPE}google.protobuf.StringValue", "value": text}


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
