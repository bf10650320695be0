"""Reading and changing the maps of headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import MapType, Status
from hatch_wasm_oci.testing.host.headers import decode, encode
from hatch_wasm_oci.testing.host.pairs import PAIRS_COST, read_pairs, write_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing.host.headers import Headers
    from hatch_wasm_oci.testing.host.state import Host

__all__ = [
    "proxy_add_header_map_value",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_size",
    "proxy_get_header_map_value",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_set_header_map_pairs",
]
_OLDEST_ABI = "0.1.0"


def _readable(host: Host, kind: int) -> Headers | None:
    chosen = MapType(kind)
    if chosen in (MapType.CALL_RESPONSE_HEADERS, MapType.CALL_RESPONSE_TRAILERS) and host.context.logged is None:
        return host.call_maps.get(chosen)
    return host.context.readable(chosen)


def _changeable(host: Host, kind: int) -> Headers | None:
    return host.context.changeable(MapType(kind))


def proxy_get_header_map_value(host: Host, kind: int, name: int, name_size: int, value: int, size: int) -> int:
    """Give the first value of a header."""
    if kind > max(MapType):
        return Status.BAD_ARGUMENT
    wanted = host.machine.read(name, name_size)
    if wanted is None:
        return Status.INVALID_MEMORY_ACCESS
    headers = _readable(host, kind)
    if headers is None:
        return Status.BAD_ARGUMENT
    found = headers.get(decode(wanted))
    if found is None:
        if host.abi != _OLDEST_ABI:
            return Status.NOT_FOUND
        found = ""
    return Status.OK if host.machine.give(encode(found), value, size) else Status.INVALID_MEMORY_ACCESS


def proxy_get_header_map_pairs(host: Host, kind: int, pairs: int, size: int) -> int:
    """Give a whole map; nothing where there is none at present."""
    if kind > max(MapType):
        return Status.BAD_ARGUMENT
    headers = _readable(host, kind)
    data = b""
    if headers is not None and headers.count:
        data = write_pairs([(encode(name), encode(value)) for name, value in headers.pairs])
    return Status.OK if host.machine.give(data, pairs, size) else Status.INVALID_MEMORY_ACCESS


def proxy_get_header_map_size(host: Host, kind: int, size: int) -> int:
    """Give the bytes of a map that may be changed."""
    headers = _changeable(host, kind) if kind <= max(MapType) else None
    if headers is None:
        return Status.BAD_ARGUMENT
    return Status.OK if host.machine.write_u32(size, headers.byte_size) else Status.INVALID_MEMORY_ACCESS


def proxy_set_header_map_pairs(host: Host, kind: int, pairs: int, size: int) -> int:
    """Replace a whole map."""

    def change(headers: Headers, data: bytes) -> None:
        host.keep(len(data) * PAIRS_COST)
        headers.set_all([(decode(name), decode(value)) for name, value in read_pairs(data)])

    return _change(host, kind, change, (pairs, size))


def proxy_add_header_map_value(host: Host, kind: int, name: int, name_size: int, value: int, size: int) -> int:
    """Add a value to a header."""

    def change(headers: Headers, name: bytes, value: bytes) -> None:
        host.keep(len(name) + len(value))
        headers.add(decode(name), decode(value))

    return _change(host, kind, change, (name, name_size), (value, size))


def proxy_replace_header_map_value(host: Host, kind: int, name: int, name_size: int, value: int, size: int) -> int:
    """Set the only value of a header."""

    def change(headers: Headers, name: bytes, value: bytes) -> None:
        host.keep(len(name) + len(value))
        headers.replace(decode(name), decode(value))

    return _change(host, kind, change, (name, name_size), (value, size))


def proxy_remove_header_map_value(host: Host, kind: int, name: int, name_size: int) -> int:
    """Remove every value of a header."""
    return _change(host, kind, lambda headers, unwanted: headers.remove(decode(unwanted)), (name, name_size))


def _change(host: Host, kind: int, change: Callable[..., None], *places: tuple[int, int]) -> int:
    """Change a map by what stands at some places of the module's memory."""
    if kind > max(MapType):
        return Status.BAD_ARGUMENT
    texts = [host.machine.read(*place) for place in places]
    if None in texts:
        return Status.INVALID_MEMORY_ACCESS
    headers = _changeable(host, kind)
    if headers is None:
        return Status.BAD_ARGUMENT
    change(headers, *texts)
    return Status.OK
