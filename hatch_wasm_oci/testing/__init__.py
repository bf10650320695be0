"""What tests of plugin authors stand on: a registry of their own, real Envoy, assertions."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.assertions import assert_image_round_trips, assert_istio_accepts
    from hatch_wasm_oci.testing.authentication import BasicAuthentication, BearerAuthentication
    from hatch_wasm_oci.testing.backends import RegistryBackend, RegistryMissingError, RunningRegistry
    from hatch_wasm_oci.testing.envoy.exchange import HttpRequest, HttpResponse
    from hatch_wasm_oci.testing.envoy.proxy import EnvoyProxy
    from hatch_wasm_oci.testing.envoy.run import EnvoyPlugin, run_envoy
    from hatch_wasm_oci.testing.envoy.runner import EnvoyRunner
    from hatch_wasm_oci.testing.envoy.upstream import Upstream
    from hatch_wasm_oci.testing.faults import Fault, Faults
    from hatch_wasm_oci.testing.host.constants import Action
    from hatch_wasm_oci.testing.host.exchange import Exchange
    from hatch_wasm_oci.testing.host.failure import HostMissingError, HostUsageError, PluginFailedError
    from hatch_wasm_oci.testing.host.headers import Headers
    from hatch_wasm_oci.testing.host.message import Response
    from hatch_wasm_oci.testing.host.plugin import WasmPlugin
    from hatch_wasm_oci.testing.host.stream import Stream
    from hatch_wasm_oci.testing.htpasswd import read_htpasswd
    from hatch_wasm_oci.testing.http1.message import RequestRecord
    from hatch_wasm_oci.testing.namespace import RegistryNamespace
    from hatch_wasm_oci.testing.registry import EmbeddedRegistry
    from hatch_wasm_oci.testing.tls import TlsFiles
    from hatch_wasm_oci.testing.wasm_image import WasmImage

__all__ = [
    "Action",
    "BasicAuthentication",
    "BearerAuthentication",
    "EmbeddedRegistry",
    "EnvoyPlugin",
    "EnvoyProxy",
    "EnvoyRunner",
    "Exchange",
    "Fault",
    "Faults",
    "Headers",
    "HostMissingError",
    "HostUsageError",
    "HttpRequest",
    "HttpResponse",
    "PluginFailedError",
    "RegistryBackend",
    "RegistryMissingError",
    "RegistryNamespace",
    "RequestRecord",
    "Response",
    "RunningRegistry",
    "Stream",
    "TlsFiles",
    "Upstream",
    "WasmImage",
    "WasmPlugin",
    "assert_image_round_trips",
    "assert_istio_accepts",
    "read_htpasswd",
    "run_envoy",
]

_HOMES = {
    "Action": "host.constants",
    "BasicAuthentication": "authentication",
    "BearerAuthentication": "authentication",
    "EmbeddedRegistry": "registry",
    "EnvoyPlugin": "envoy.run",
    "EnvoyProxy": "envoy.proxy",
    "EnvoyRunner": "envoy.runner",
    "Exchange": "host.exchange",
    "Fault": "faults",
    "Faults": "faults",
    "Headers": "host.headers",
    "HostMissingError": "host.failure",
    "HostUsageError": "host.failure",
    "HttpRequest": "envoy.exchange",
    "HttpResponse": "envoy.exchange",
    "PluginFailedError": "host.failure",
    "RegistryBackend": "backends",
    "RegistryMissingError": "backends",
    "RegistryNamespace": "namespace",
    "RequestRecord": "http1.message",
    "Response": "host.message",
    "RunningRegistry": "backends",
    "Stream": "host.stream",
    "TlsFiles": "tls",
    "Upstream": "envoy.upstream",
    "WasmImage": "wasm_image",
    "WasmPlugin": "host.plugin",
    "assert_image_round_trips": "assertions",
    "assert_istio_accepts": "assertions",
    "read_htpasswd": "htpasswd",
    "run_envoy": "envoy.run",
}


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: a test run that needs no registry pays nothing for it.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
