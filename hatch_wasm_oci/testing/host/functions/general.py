"""Logs, time, contexts, and what belongs to no other group."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import LEVELS, Status
from hatch_wasm_oci.testing.host.context import ROOT
from hatch_wasm_oci.testing.host.headers import decode

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host

__all__ = [
    "emscripten_notify_memory_growth",
    "envoy_resolve_dns",
    "proxy_call_foreign_function",
    "proxy_done",
    "proxy_get_configuration",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_log_level",
    "proxy_get_status",
    "proxy_log",
    "proxy_set_effective_context",
    "proxy_set_tick_period_milliseconds",
    "pthread_equal",
]
_MOST_UNCOMPRESSED = 64 * 1024 * 1024


def proxy_log(host: Host, level: int, message: int, size: int) -> int:
    """Write a line of the log."""
    if level >= len(LEVELS):
        return Status.BAD_ARGUMENT
    text = host.machine.read(message, size)
    if text is None:
        return Status.INVALID_MEMORY_ACCESS
    host.log(level, text)
    return Status.OK


def proxy_get_log_level(host: Host, level: int) -> int:
    """Say from which level on lines are written."""
    return _written(host.machine.write_u32(level, host.settings.log_level))


def proxy_get_status(host: Host, code: int, message: int, size: int) -> int:
    """Say how the last call of a cluster ended."""
    number, text = host.status
    return _written(host.machine.write_u32(code, number) and host.machine.give(text, message, size))


def proxy_get_current_time_nanoseconds(host: Host, time: int) -> int:
    """Say what time it is."""
    return _written(host.machine.write_u64(time, host.clock.now))


def proxy_set_tick_period_milliseconds(host: Host, period: int) -> int:
    """Have the plugin called again and again; not any more with 0."""
    host.tick_period = period
    host.next_tick = host.clock.now + period * 1_000_000 if period else None
    return Status.OK


def proxy_set_effective_context(host: Host, context: int) -> int:
    """Let further host calls be about another context, until the callback returns."""
    if context not in host.contexts:
        return Status.BAD_ARGUMENT
    host.effective = context
    return Status.OK


def proxy_done(host: Host) -> int:
    """Say that a plugin which is being shut down has finished."""
    if not host.shutting_down:
        return Status.NOT_FOUND
    host.shutting_down = False
    host.after_callback(lambda: host.later(lambda: host.callback(ROOT, "proxy_on_delete")))
    return Status.OK


def proxy_get_configuration(host: Host, value: int, size: int) -> int:
    """Give the configuration (ABI 0.1.0): the plugin's while it is configured, else the VM's."""
    chosen = host.settings.configuration if host.configuring else host.settings.vm_configuration
    return _written(host.machine.give(chosen, value, size))


def proxy_call_foreign_function(
    host: Host, name: int, name_size: int, argument: int, argument_size: int, result: int, result_size: int
) -> int:
    """Call a function of the test's, or one of those that Envoy has."""
    called, given = host.machine.read(name, name_size), host.machine.read(argument, argument_size)
    if called is None or given is None:
        return Status.INVALID_MEMORY_ACCESS
    host.keep(len(given))
    function = host.settings.foreign_functions.get(decode(called))
    if function is not None:
        return _result(host, function(given), result, result_size)
    if called == b"clear_route_cache":
        return Status.OK
    if called == b"compress":
        return _result(host, zlib.compress(given), result, result_size)
    if called == b"uncompress":
        worker = zlib.decompressobj()
        try:
            plain = worker.decompress(given, _MOST_UNCOMPRESSED)
        except zlib.error:
            return Status.SERIALIZATION_FAILURE
        return _result(host, plain, result, result_size) if worker.eof else Status.SERIALIZATION_FAILURE
    return Status.NOT_FOUND


def envoy_resolve_dns(host: Host, name: int, size: int, token: int) -> int:
    """Take a name to resolve; no answer will come."""
    if host.machine.read(name, size) is None:
        return Status.INVALID_MEMORY_ACCESS
    return _written(host.machine.write_u32(token, 0))


def pthread_equal(_host: Host, one: int, other: int) -> int:
    """Compare two threads, for Emscripten."""
    return int(one == other)


def emscripten_notify_memory_growth(_host: Host, _memory: int) -> None:
    """Hear that the memory has grown."""


def _written(done: bool) -> Status:  # noqa: FBT001 - the outcome of a write
    return Status.OK if done else Status.INVALID_MEMORY_ACCESS


def _result(host: Host, data: bytes | None, result: int, size: int) -> Status:
    if data is None:
        return Status.BAD_ARGUMENT
    if not result:
        return _written(not size or host.machine.write_u32(size, len(data)))
    return _written(host.machine.give(data, result, size))
