"""Contexts: what a plugin can see at a time, for the plugin itself and for each stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import MapType

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.headers import Headers
    from hatch_wasm_oci.testing.host.stream import Stream

ROOT = 1
"""The number of the plugin's own context; streams follow."""


@dataclass
class Context:
    """A context.

    Args:
        number: Its number.
        parent: The number of the plugin's context; 0 for that itself.
        stream: The stream that it is of, if of one.
        maps: The maps that may be read and changed at present.
        logged: Those that may be read while the stream is logged.
        bodies: The buffers at present, by 0 for the request's and 1 for the response's.
        last_buffer: What was looked at last: Envoy gives it under the name of call data.
    """

    number: int
    parent: int
    stream: Stream | None = None
    maps: dict[MapType, Headers] = field(default_factory=dict)
    logged: dict[MapType, Headers] = field(default_factory=dict)
    bodies: dict[int, bytearray] = field(default_factory=dict)
    last_buffer: bytes = b""

    def readable(self, kind: MapType) -> Headers | None:
        """Give a map to read, if there is one at present."""
        return self.logged[kind] if kind in self.logged else self.maps.get(kind)

    def forget_request(self) -> None:
        """Take the request away, as Envoy does when it goes on."""
        for kind in (MapType.REQUEST_HEADERS, MapType.REQUEST_TRAILERS):
            self.maps.pop(kind, None)
