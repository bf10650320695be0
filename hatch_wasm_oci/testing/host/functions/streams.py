"""Letting a stream go on, ending it, and answering it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import Status
from hatch_wasm_oci.testing.host.failure import crash
from hatch_wasm_oci.testing.host.headers import Headers, decode
from hatch_wasm_oci.testing.host.message import LocalResponse
from hatch_wasm_oci.testing.host.pairs import PAIRS_COST, read_pairs

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host

__all__ = [
    "proxy_clear_route_cache",
    "proxy_close_stream",
    "proxy_continue_request",
    "proxy_continue_response",
    "proxy_continue_stream",
    "proxy_send_local_response",
]
_REQUEST, _RESPONSE, _DOWNSTREAM, _UPSTREAM = range(4)
_NO_GRPC_STATUS = 0xFFFFFFFF


def proxy_continue_stream(host: Host, kind: int) -> int:
    """Let a request or response go on that was held back; takes the request away."""
    if kind > _UPSTREAM:
        return Status.BAD_ARGUMENT
    if kind == _UPSTREAM:
        return Status.UNIMPLEMENTED
    context = host.context
    stream = context.stream
    if stream is not None and kind in (_REQUEST, _RESPONSE):
        if kind == _RESPONSE and not stream.response.started:
            raise crash("The plugin lets a response go on that has not begun.")
        direction = stream.request if kind == _REQUEST else stream.response
        host.after_callback(direction.resume)
    if kind != _DOWNSTREAM:
        context.forget_request()
    return Status.OK


def proxy_continue_request(host: Host) -> int:
    """Let a request go on (ABI 0.1.0)."""
    return proxy_continue_stream(host, _REQUEST)


def proxy_continue_response(host: Host) -> int:
    """Let a response go on (ABI 0.1.0)."""
    return proxy_continue_stream(host, _RESPONSE)


def proxy_clear_route_cache(_host: Host) -> int:
    """Have the route chosen anew (ABI 0.1.0): there are no routes here."""
    return Status.OK


def proxy_close_stream(host: Host, kind: int) -> int:
    """End a stream by a reset."""
    if kind > _UPSTREAM:
        return Status.BAD_ARGUMENT
    stream = host.context.stream
    if stream is not None and kind in (_REQUEST, _RESPONSE):
        if stream.finished:
            raise crash("The plugin closes a stream that is over (in proxy_on_log, proxy_on_done or proxy_on_delete).")
        host.stopped = True
        host.after_callback(stream.reset)
    return Status.OK


def proxy_send_local_response(
    host: Host,
    status: int,
    details: int,
    details_size: int,
    body: int,
    body_size: int,
    headers: int,
    headers_size: int,
    grpc_status: int,
) -> int:
    """Answer the stream; what comes later of it stays with the plugin."""
    read = host.machine.read
    why, content, pairs = read(details, details_size), read(body, body_size), read(headers, headers_size)
    if why is None or content is None or pairs is None:
        return Status.INVALID_MEMORY_ACCESS
    host.keep(len(content) + len(pairs) * PAIRS_COST)
    stream = host.context.stream
    if stream is not None:
        if stream.finished:
            raise crash("The plugin answers a stream that is over (in proxy_on_log, proxy_on_done or proxy_on_delete).")
        further = Headers([(decode(name), decode(value)) for name, value in read_pairs(pairs)])
        grpc = -1 if grpc_status == _NO_GRPC_STATUS else grpc_status
        local = LocalResponse(status, further, content, decode(why).replace(" ", "_"), grpc)
        host.after_callback(lambda: stream.answer(local))
    host.stopped = True
    return Status.OK
