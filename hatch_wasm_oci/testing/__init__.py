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
    from hatch_wasm_oci.testing.htpasswd import read_htpasswd
    from hatch_wasm_oci.testing.http1.message import RequestRecord
    from hatch_wasm_oci.testing.namespace import RegistryNamespace
    from hatch_wasm_oci.testing.registry import EmbeddedRegistry
    from hatch_wasm_oci.testing.tls import TlsFiles
    from hatch_wasm_oci.testing.wasm_image import WasmImage

__all__ = [
    "BasicAuthentication",
    "BearerAuthentication",
    "EmbeddedRegistry",
    "EnvoyPlugin",
    "EnvoyProxy",
    "EnvoyRunner",
    "Fault",
    "Faults",
    "HttpRequest",
    "HttpResponse",
    "RegistryBackend",
    "RegistryMissingError",
    "RegistryNamespace",
    "RequestRecord",
    "RunningRegistry",
    "TlsFiles",
    "Upstream",
    "WasmImage",
    "assert_image_round_trips",
    "assert_istio_accepts",
    "read_htpasswd",
    "run_envoy",
]

_HOMES = {
    "BasicAuthentication": "authentication",
    "BearerAuthentication": "authentication",
    "EmbeddedRegistry": "registry",
    "EnvoyPlugin": "envoy.run",
    "EnvoyProxy": "envoy.proxy",
    "EnvoyRunner": "envoy.runner",
    "Fault": "faults",
    "Faults": "faults",
    "HttpRequest": "envoy.exchange",
    "HttpResponse": "envoy.exchange",
    "RegistryBackend": "backends",
    "RegistryMissingError": "backends",
    "RegistryNamespace": "namespace",
    "RequestRecord": "http1.message",
    "RunningRegistry": "backends",
    "TlsFiles": "tls",
    "Upstream": "envoy.upstream",
    "WasmImage": "wasm_image",
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
