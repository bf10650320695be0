"""Properties: what a plugin can ask about its stream, its connection and itself, in Envoy's serialised form."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.host.constants import MapType
from hatch_wasm_oci.testing.host.headers import Headers, encode
from hatch_wasm_oci.testing.host.pairs import write_pairs

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.context import Context
    from hatch_wasm_oci.testing.host.state import Host

_MISSING = object()
_FROM_HEADERS = {
    "host": ":authority",
    "scheme": ":scheme",
    "method": ":method",
    "referer": "referer",
    "useragent": "user-agent",
    "id": "x-request-id",
}


class Unserialisable(Exception):  # noqa: N818 - no error of ours: a value that Envoy answers with a status for
    """A value that has no serialised form."""


def serialise(value: Any) -> bytes:  # noqa: PLR0911 - one form for each type
    """Write a value as Envoy does: texts as they are, numbers in 8 bytes, maps and lists as pairs.

    Raises:
        Unserialisable: It is of another type.
    """
    if isinstance(value, str):
        return encode(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return struct.pack("<q" if value < 0 else "<Q", value)
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, Headers):
        return write_pairs([(encode(name), encode(",".join(value.every(name)))) for name in value])
    if isinstance(value, Mapping):
        return write_pairs([(serialise(key), serialise(each)) for key, each in value.items()])
    if isinstance(value, Sequence):
        return write_pairs([(serialise(each), b"") for each in value])
    raise Unserialisable


def find(host: Host, path: str) -> Any:
    """Find a property.

    Args:
        host: The host.
        path: The parts of its path, with a zero byte between two.

    Returns:
        Its value; None if there is none.

    Raises:
        Unserialisable: The path is empty, or names a whole request or response.
    """
    if not path:
        raise Unserialisable
    parts = path.split("\0")
    if len(parts) > 1 and not parts[-1]:
        parts.pop()  # a path may end with a zero byte
    value = _given(host.settings.properties, parts)
    if value is not _MISSING:
        return value
    context = host.context
    value = _top(host, context, parts[0])
    for part in parts[1:]:
        value = _within(value, part)
        if value is None:
            return None
    if callable(value):
        raise Unserialisable
    return value


def _given(properties: Mapping[str | tuple[str, ...], Any], parts: Sequence[str]) -> Any:
    for key, value in properties.items():
        names = key.split(".") if isinstance(key, str) else list(key)
        found: Any = value
        if names != list(parts[: len(names)]):
            continue
        for part in parts[len(names) :]:
            found = found.get(part, _MISSING) if isinstance(found, Mapping) else _MISSING
        if found is not _MISSING:
            return found
    return _MISSING


def _within(value: Any, part: str) -> Any:
    if callable(value):
        return value(part)
    if isinstance(value, Headers):
        return ",".join(value.every(part)) if part in value else None
    if isinstance(value, Mapping):
        return value.get(part)
    return None


def _top(host: Host, context: Context, name: str) -> Any:
    settings = host.settings
    known: dict[str, Any] = {
        "plugin_name": settings.name,
        "plugin_root_id": settings.root_id,
        "plugin_vm_id": settings.vm_id,
    }
    stream = context.stream
    if stream is not None:
        known = {
            **stream.state,
            **known,
            "request": lambda part: _of_request(context, part),
            "response": lambda part: _of_response(context, part),
            "connection": {"mtls": False, "id": stream.connection_id},
            "connection_id": stream.connection_id,
        }
    return known.get(name)


def _of_request(context: Context, part: str) -> Any:
    stream = context.stream
    if stream is None:
        return None
    headers = context.readable(MapType.REQUEST_HEADERS)
    size = stream.request.size
    total = size + (headers.byte_size if headers is not None else 0)
    found: dict[str, Any] = {"protocol": "HTTP/1.1", "size": size, "total_size": total, "time": stream.started}
    found["headers"] = Headers() if headers is None else headers
    found["duration"] = stream.duration
    if headers is not None:
        path = headers.get(":path", "")
        url, _, query = path.partition("?")
        found |= {"path": path, "url_path": url, "query": query.partition("#")[0]}
        found |= {name: headers.get(header) for name, header in _FROM_HEADERS.items()}
    return found.get(part)


def _of_response(context: Context, part: str) -> Any:
    stream = context.stream
    if stream is None:
        return None
    headers = context.readable(MapType.RESPONSE_HEADERS)
    trailers = context.readable(MapType.RESPONSE_TRAILERS)
    size = stream.response.size if context.logged is not None else 0
    total = size + sum(each.byte_size for each in (headers, trailers) if each is not None)
    always: dict[str, Any] = {"size": size, "total_size": total, "flags": 0}
    always["headers"] = Headers() if headers is None else headers
    always["trailers"] = Headers() if trailers is None else trailers
    if part in always:
        return always[part]
    if part == "code":
        return stream.status_code
    return stream.code_details if part == "code_details" else None
