"""Metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import Status
from hatch_wasm_oci.testing.host.headers import decode

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host

__all__ = ["proxy_define_metric", "proxy_get_metric", "proxy_increment_metric", "proxy_record_metric"]


def proxy_define_metric(host: Host, kind: int, name: int, name_size: int, number: int) -> int:
    """Give a metric a number."""
    wanted = host.machine.read(name, name_size)
    if wanted is None:
        return Status.INVALID_MEMORY_ACCESS
    host.keep(len(wanted))
    defined = host.metrics.define(kind, decode(wanted))
    if defined is None:
        return Status.BAD_ARGUMENT
    return Status.OK if host.machine.write_u32(number, defined) else Status.INVALID_MEMORY_ACCESS


def proxy_increment_metric(host: Host, number: int, offset: int) -> int:
    """Add to a counter or gauge."""
    return host.metrics.increment(number, offset)


def proxy_record_metric(host: Host, number: int, value: int) -> int:
    """Set a gauge, or give a histogram a value."""
    host.keep(0)
    return host.metrics.record(number, value)


def proxy_get_metric(host: Host, number: int, value: int) -> int:
    """Give the value of a counter or gauge."""
    found = host.metrics.read(number)
    if isinstance(found, Status):
        return found
    return Status.OK if host.machine.write_u64(value, found) else Status.INVALID_MEMORY_ACCESS
