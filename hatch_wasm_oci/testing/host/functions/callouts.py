"""Calls to clusters: HTTP calls, which tests answer, and gRPC calls, which the host does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.calls import HttpCall
from hatch_wasm_oci.testing.host.constants import LEVELS, Status
from hatch_wasm_oci.testing.host.headers import Headers, decode
from hatch_wasm_oci.testing.host.pairs import PAIRS_COST, read_pairs

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host

__all__ = [
    "proxy_grpc_call",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_grpc_send",
    "proxy_grpc_stream",
    "proxy_http_call",
]
_NEEDED = (":path", ":method", ":authority")
_STEP = 4
_SIGN = 1 << 31
_CALL_KIND = 1


def proxy_http_call(
    host: Host,
    cluster: int,
    cluster_size: int,
    headers: int,
    headers_size: int,
    body: int,
    body_size: int,
    trailers: int,
    trailers_size: int,
    timeout: int,
    token: int,
) -> int:
    """Call a cluster; the answer comes to `proxy_on_http_call_response`."""
    read = host.machine.read
    name, content = read(cluster, cluster_size), read(body, body_size)
    raw_headers, raw_trailers = read(headers, headers_size), read(trailers, trailers_size)
    if name is None or content is None or raw_headers is None or raw_trailers is None:
        return Status.INVALID_MEMORY_ACCESS
    if not host.machine.write_u32(token, 0):
        return Status.INVALID_MEMORY_ACCESS
    host.keep(len(content) + (len(raw_headers) + len(raw_trailers)) * PAIRS_COST)
    sent = Headers([(decode(key), decode(value)) for key, value in read_pairs(raw_headers)], "request")
    known = decode(name) in host.settings.upstreams
    if timeout >= _SIGN or not known or any(each not in sent for each in _NEEDED):
        return Status.BAD_ARGUMENT
    if content:
        sent.replace("content-length", str(len(content)))
    call = HttpCall(
        host,
        decode(name),
        number=(len(host.calls) + 1) * _STEP,
        headers=sent,
        body=content,
        trailers=Headers([(decode(key), decode(value)) for key, value in read_pairs(raw_trailers)]),
        timeout=timeout,
    )
    host.calls.append(call)
    host.machine.write_u32(token, call.number)
    answer = host.settings.upstreams[call.cluster]
    if answer is not None:
        host.later(lambda: None if call.answered else call.answer_by(answer))
    return Status.OK


def proxy_grpc_call(host: Host, *_arguments: int) -> int:
    """Refuse a gRPC call."""
    return _no_grpc(host, "proxy_grpc_call")


def proxy_grpc_stream(host: Host, *_arguments: int) -> int:
    """Refuse a gRPC stream."""
    return _no_grpc(host, "proxy_grpc_stream")


def proxy_grpc_send(_host: Host, token: int, *_arguments: int) -> int:
    """Say that there is no such stream."""
    return Status.BAD_ARGUMENT if token & _CALL_KIND else Status.NOT_FOUND


def proxy_grpc_cancel(_host: Host, _token: int) -> int:
    """Say that there is no such call."""
    return Status.NOT_FOUND


def proxy_grpc_close(_host: Host, _token: int) -> int:
    """Say that there is no such stream."""
    return Status.NOT_FOUND


def _no_grpc(host: Host, name: str) -> Status:
    text = f"the in-process host has no {name}: test it with a real Envoy"
    host.log(LEVELS.index("warn"), text.encode())
    return Status.UNIMPLEMENTED
