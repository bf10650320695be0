"""Reading and changing buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import BufferType, Status

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host

__all__ = ["proxy_get_buffer_bytes", "proxy_get_buffer_status", "proxy_set_buffer_bytes"]


def proxy_get_buffer_bytes(host: Host, kind: int, start: int, length: int, data: int, size: int) -> int:
    """Give a part of a buffer."""
    if kind > max(BufferType):
        return Status.BAD_ARGUMENT
    content = host.buffer(BufferType(kind))
    if content is None:
        return Status.NOT_FOUND
    part = bytes(content[start : start + length])
    return Status.OK if host.machine.give(part, data, size) else Status.INVALID_MEMORY_ACCESS


def proxy_get_buffer_status(host: Host, kind: int, size: int, flags: int) -> int:
    """Give the size of a buffer."""
    if kind > max(BufferType):
        return Status.BAD_ARGUMENT
    content = host.buffer(BufferType(kind))
    if content is None:
        return Status.NOT_FOUND
    done = host.machine.write_u32(size, len(content)) and host.machine.write_u32(flags, 0)
    return Status.OK if done else Status.INVALID_MEMORY_ACCESS


def proxy_set_buffer_bytes(host: Host, kind: int, start: int, length: int, data: int, size: int) -> int:
    """Replace the first bytes of a body, put bytes before it, or add some behind its end."""
    if kind > max(BufferType):
        return Status.BAD_ARGUMENT
    content = host.buffer(BufferType(kind))
    if content is None:
        return Status.NOT_FOUND
    given = host.machine.read(data, size)
    if given is None:
        return Status.INVALID_MEMORY_ACCESS
    if not isinstance(content, bytearray):
        return Status.BAD_ARGUMENT
    if start == 0:
        content[:length] = given
    elif start >= len(content):
        content += given
    else:
        return Status.BAD_ARGUMENT
    host.keep(len(given))
    return Status.OK
