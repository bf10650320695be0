"""Build, push and test the OCI images in which Wasm plugins travel to Istio and Envoy."""

from __future__ import annotations

__version__ = "0.1.0"
