"""Reading and setting properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host import properties
from hatch_wasm_oci.testing.host.constants import Status
from hatch_wasm_oci.testing.host.headers import decode

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host

__all__ = ["proxy_get_property", "proxy_set_property"]


def proxy_get_property(host: Host, path: int, path_size: int, value: int, size: int) -> int:
    """Give a property in its serialised form."""
    wanted = host.machine.read(path, path_size)
    if wanted is None:
        return Status.INVALID_MEMORY_ACCESS
    try:
        found = properties.find(host, decode(wanted))
        data = None if found is None else properties.serialise(found)
    except properties.Unserialisable:
        return Status.SERIALIZATION_FAILURE
    if data is None:
        return Status.NOT_FOUND
    return Status.OK if host.machine.give(data, value, size) else Status.INVALID_MEMORY_ACCESS


def proxy_set_property(host: Host, path: int, path_size: int, value: int, size: int) -> int:
    """Set a property of the stream, for this plugin and later filters."""
    wanted, data = host.machine.read(path, path_size), host.machine.read(value, size)
    if wanted is None or data is None:
        return Status.INVALID_MEMORY_ACCESS
    stream = host.context.stream
    if stream is None:
        return Status.NOT_FOUND
    host.keep(len(wanted) + len(data))
    stream.state[decode(wanted)] = data
    return Status.OK
