"""Responses that no upstream gave: what Envoy makes of what a plugin asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.headers import Headers
from hatch_wasm_oci.testing.host.message import LocalResponse, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED = LocalResponse(503, details="wasm_fail_stream", grpc_status=14)
"""What a stream gets whose plugin has failed."""
_GRPC = "application/grpc"
_GRPC_UNKNOWN = 2
# gRPC's own table of what an HTTP status means to it (doc/http-grpc-status-mapping.md of grpc/grpc).
_GRPC_STATUS = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}


def is_grpc(headers: Mapping[str, str]) -> bool:
    """Say whether a request is one of gRPC."""
    content_type = headers.get("content-type", "")
    return content_type == _GRPC or content_type.startswith((f"{_GRPC}+", f"{_GRPC};"))


def message_of(local: LocalResponse, *, grpc: bool) -> Message:
    """Write a local response as the filters get it.

    Args:
        local: What was asked for.
        grpc: Whether the request is one of gRPC, which gets its answer in the headers.
    """
    if grpc:
        status = local.grpc_status if local.grpc_status >= 0 else _GRPC_STATUS.get(local.status, _GRPC_UNKNOWN)
        headers = Headers({":status": "200"}, "response")
        for name, value in local.headers.pairs:
            headers.add(name, value)
        headers.replace("content-type", _GRPC)
        headers.replace("grpc-status", str(status))
        if local.body:
            headers.replace("grpc-message", _percent_encoded(local.body))
        return Message(headers)
    headers = Headers({":status": str(local.status)}, "response")
    for name, value in local.headers.pairs:
        headers.add(name, value)
    if local.body:
        headers.replace("content-length", str(len(local.body)))
        if "content-type" not in headers:
            headers.add("content-type", "text/plain")
    return Message(headers, local.body)


def _percent_encoded(text: bytes) -> str:
    return "".join([chr(byte) if 0x20 <= byte <= 0x7E and byte != 0x25 else f"%{byte:02X}" for byte in text])  # noqa: PLR2004 - printable, and no percent sign
