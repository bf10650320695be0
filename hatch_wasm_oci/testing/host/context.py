"""Contexts: what a plugin can see at a time, for the plugin itself and for each stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import MapType
from hatch_wasm_oci.testing.host.headers import Headers

if TYPE_CHECKING:
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
        logged: Those that may be read instead while the stream is logged; all others are empty then.
        bodies: The buffers at present, by 0 for the request's and 1 for the response's.
        last_buffer: What was looked at last: Envoy gives it under the name of call data.
    """

    number: int
    parent: int
    stream: Stream | None = None
    maps: dict[MapType, Headers] = field(default_factory=dict)
    logged: dict[MapType, Headers] | None = None
    bodies: dict[int, bytearray] = field(default_factory=dict)
    last_buffer: bytes = b""

    def readable(self, kind: MapType) -> Headers | None:
        """Give a map to read, if there is one at present."""
        if self.logged is not None:
            return self.logged.get(kind) or Headers()
        return self.maps.get(kind)

    def changeable(self, kind: MapType) -> Headers | None:
        """Give a map to change, if there is one at present; trailers may be made where a body ends without any."""
        found = self.maps.get(kind)
        if found is None and self.stream is not None:
            for direction in (self.stream.request, self.stream.response):
                if direction.side.trailers == kind:
                    return direction.add_trailers()
        return found

    def forget_request(self) -> None:
        """Take the request away, as Envoy does when it goes on."""
        for kind in (MapType.REQUEST_HEADERS, MapType.REQUEST_TRAILERS):
            self.maps.pop(kind, None)
