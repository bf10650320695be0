"""Shared data and shared queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import Status
from hatch_wasm_oci.testing.host.context import ROOT
from hatch_wasm_oci.testing.host.headers import decode

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host

__all__ = [
    "proxy_dequeue_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_get_shared_data",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_set_shared_data",
]


def proxy_get_shared_data(host: Host, key: int, key_size: int, value: int, size: int, version: int) -> int:
    """Give a shared value and its version."""
    wanted = host.machine.read(key, key_size)
    if wanted is None:
        return Status.INVALID_MEMORY_ACCESS
    found = host.shared.data.find(decode(wanted))
    if found is None:
        return Status.NOT_FOUND
    done = host.machine.give(found[0], value, size) and host.machine.write_u32(version, found[1])
    return Status.OK if done else Status.INVALID_MEMORY_ACCESS


def proxy_set_shared_data(host: Host, key: int, key_size: int, value: int, size: int, version: int) -> int:
    """Set a shared value, if its version is still the one that is named."""
    wanted, data = host.machine.read(key, key_size), host.machine.read(value, size)
    if wanted is None or data is None:
        return Status.INVALID_MEMORY_ACCESS
    host.keep(len(wanted) + len(data))
    return host.shared.data.put(decode(wanted), data, version)


def proxy_register_shared_queue(host: Host, name: int, name_size: int, token: int) -> int:
    """Make a queue that this plugin listens to."""
    wanted = host.machine.read(name, name_size)
    if wanted is None:
        return Status.INVALID_MEMORY_ACCESS
    host.keep(len(wanted))
    number = host.shared.queues.register(host.settings.vm_id, decode(wanted), host)
    return Status.OK if host.machine.write_u32(token, number) else Status.INVALID_MEMORY_ACCESS


def proxy_resolve_shared_queue(host: Host, vm: int, vm_size: int, name: int, name_size: int, token: int) -> int:
    """Find a queue, of another VM perhaps."""
    owner, wanted = host.machine.read(vm, vm_size), host.machine.read(name, name_size)
    if owner is None or wanted is None:
        return Status.INVALID_MEMORY_ACCESS
    number = host.shared.queues.resolve(decode(owner) or host.settings.vm_id, decode(wanted))
    if number is None:
        return Status.NOT_FOUND
    return Status.OK if host.machine.write_u32(token, number) else Status.INVALID_MEMORY_ACCESS


def proxy_enqueue_shared_queue(host: Host, token: int, data: int, size: int) -> int:
    """Put something into a queue; who listens is told of it."""
    item = host.machine.read(data, size)
    if item is None:
        return Status.INVALID_MEMORY_ACCESS
    queue = host.shared.queues.get(token)
    if queue is None:
        return Status.NOT_FOUND
    host.keep(len(item))
    queue.items.append(item)
    listener = queue.listener
    host.later(lambda: None if listener.failed else listener.callback(ROOT, "proxy_on_queue_ready", token))
    return Status.OK


def proxy_dequeue_shared_queue(host: Host, token: int, data: int, size: int) -> int:
    """Take the oldest item out of a queue."""
    queue = host.shared.queues.get(token)
    if queue is None:
        return Status.NOT_FOUND
    if not queue.items:
        return Status.EMPTY
    return Status.OK if host.machine.give(queue.items.popleft(), data, size) else Status.INVALID_MEMORY_ACCESS
