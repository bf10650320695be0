"""WASI as Envoy has it: logs for standard output, a clock, random numbers, the environment, and no files."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host

__all__ = [
    "args_sizes_get",
    "clock_res_get",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_fdstat_get",
    "fd_pwrite",
    "fd_write",
    "random_get",
]
_SUCCESS, _BAD_DESCRIPTOR, _FAULT, _NOT_SUPPORTED = 0, 8, 21, 58
_STANDARD = {1: 2, 2: 4}  # standard output to level info, standard error to level error
_REALTIME, _MONOTONIC = 0, 1
_PAIR = struct.Struct("<II")
_WRITABLE = struct.pack("<QQQ", 0, 64, 0)
_MOST_RANDOM = 16 * 1024 * 1024
# What Envoy 1.40 answers whatever the arguments; the rest of the file functions succeed for standard output and error.
_ANSWERS = {
    **dict.fromkeys(("fd_read", "fd_fdstat_set_flags", "fd_pread", "fd_prestat_dir_name"), 52),
    **dict.fromkeys(("fd_seek", "fd_close", "fd_advise", "args_get", "sched_yield", "poll_oneoff"), 0),
    **dict.fromkeys(("fd_renumber", "fd_prestat_get", "fd_filestat_get"), 8),
    "fd_readdir": 20,
    "path_open": 44,
}


def without_effect(name: str, *arguments: int) -> int | None:
    """Answer a function that does nothing in Envoy."""
    if name == "proc_exit":
        return None
    if name.startswith(("path_", "sock_")):
        return _ANSWERS.get(name, _NOT_SUPPORTED)
    standard = arguments[:1] in ((1,), (2,))
    return _ANSWERS.get(name, _SUCCESS if standard else _BAD_DESCRIPTOR)


def fd_write(host: Host, descriptor: int, slices: int, count: int, written: int) -> int:
    """Write to standard output or error, which is a line of the log."""
    if descriptor not in _STANDARD:
        return _BAD_DESCRIPTOR
    text = bytearray()
    for index in range(count):
        pair = host.machine.read(slices + index * _PAIR.size, _PAIR.size)
        piece = None if pair is None else host.machine.read(*_PAIR.unpack(pair))
        if piece is None:
            return _FAULT
        host.keep(len(piece))
        text += piece
    size = len(text)
    if text:
        host.log(_STANDARD[descriptor], bytes(text.removesuffix(b"\n")))
    return _SUCCESS if host.machine.write_u32(written, size) else _FAULT


def fd_pwrite(host: Host, descriptor: int, slices: int, count: int, _offset: int, written: int) -> int:
    """Write to standard output or error; wherever it be."""
    return fd_write(host, descriptor, slices, count, written)


def fd_fdstat_get(host: Host, descriptor: int, result: int) -> int:
    """Say that standard output and error can be written to."""
    if descriptor not in _STANDARD:
        return _BAD_DESCRIPTOR
    host.machine.write(result, _WRITABLE)
    return _SUCCESS


def args_sizes_get(host: Host, count: int, size: int) -> int:
    """Say that there are no arguments."""
    return _SUCCESS if host.machine.write_u32(count, 0) and host.machine.write_u32(size, 0) else _FAULT


def _environment(host: Host) -> list[bytes]:
    return [f"{name}={value}\0".encode() for name, value in host.settings.environment.items()]


def environ_sizes_get(host: Host, count: int, size: int) -> int:
    """Say how large the environment is."""
    entries = _environment(host)
    done = host.machine.write_u32(count, len(entries)) and host.machine.write_u32(size, len(b"".join(entries)))
    return _SUCCESS if done else _FAULT


def environ_get(host: Host, pointers: int, buffer: int) -> int:
    """Give the environment: `NAME=value` with a zero byte, each."""
    for entry in _environment(host):
        if not host.machine.write_u32(pointers, buffer) or not host.machine.write(buffer, entry):
            return _FAULT
        pointers += 4
        buffer += len(entry)
    return _SUCCESS


def clock_time_get(host: Host, clock: int, _precision: int, time: int) -> int:
    """Say what time it is, by the real or the monotonic clock."""
    if clock not in (_REALTIME, _MONOTONIC):
        return _NOT_SUPPORTED
    now = host.clock.now if clock == _REALTIME else host.clock.monotonic
    return _SUCCESS if host.machine.write_u64(time, now) else _FAULT


def clock_res_get(host: Host, clock: int, resolution: int) -> int:
    """Say how fine the clocks are: a nanosecond."""
    if clock not in (_REALTIME, _MONOTONIC):
        return _NOT_SUPPORTED
    return _SUCCESS if host.machine.write_u64(resolution, 1) else _FAULT


def random_get(host: Host, buffer: int, size: int) -> int:
    """Give random bytes: others with each call, the same in each run."""
    return _SUCCESS if host.machine.read(buffer, size) is not None and _fill(host, buffer, size) else _FAULT


def _fill(host: Host, buffer: int, size: int) -> bool:
    for start in range(0, size, _MOST_RANDOM):
        host.machine.write(buffer + start, host.random.randbytes(min(_MOST_RANDOM, size - start)))
    return True
