"""What linting costs, beside a native validator that reads the same module from end to end."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import wasmtime
from measuring import call, interleaved
from modules import SOURCES, real_or_synthetic
from results import MEGABYTE, MILLISECOND, Table

from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.lint import lint

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 150
"""Milliseconds for a module of 14 MB."""

_LIMITED_SIZE = 14 * MEGABYTE
_ROUNDS = 10
_EXPORTS = 7
_ABI_EXPORT = b"\x17proxy_abi_version_0_2_1\0\0"


def run() -> Iterator[Table]:
    """Measure."""
    table = Table(
        "Linting a module in memory, all rules, with wasmtime's validation and without",
        "wasmtime's validation of the same module alone, on as many processors as there are",
        f"{LIMIT} ms for {_LIMITED_SIZE // MEGABYTE} MB",
        ("module", "floor ms", "without ms", "whole ms", "ratio"),
    )
    with tempfile.TemporaryDirectory() as directory:
        for name, path in real_or_synthetic(Path(directory), SOURCES[1:4]).items():
            data = _as_plugin(path.read_bytes())
            floor, without, whole = interleaved(
                [
                    lambda data=data: call(lambda: _validate(data)),  # type: ignore[misc]
                    lambda data=data: call(lambda: lint(data, validate=False)),  # type: ignore[misc]
                    lambda data=data: call(lambda: lint(data)),  # type: ignore[misc]
                ],
                _ROUNDS,
            )
            times = [cost.wall / MILLISECOND for cost in (floor, without, whole)]
            table.rows.append((name, *(f"{time:.1f}" for time in times), f"{times[2] / times[0]:.2f}"))
            if len(data) <= _LIMITED_SIZE and min(whole.wall, whole.cpu) / MILLISECOND > LIMIT:
                table.exceeded.append(f"{name}: {times[2]:.1f} ms")
    yield table


def _validate(data: bytes) -> None:
    with contextlib.suppress(wasmtime.WasmtimeError):  # a feature that it lacks: it has read that far
        wasmtime.Module.validate(wasmtime.Engine(), data)


def _as_plugin(data: bytes) -> bytes:
    """Let a module name an ABI version: without one, few rules would look at it."""
    for section in parse(data).sections:
        if section.id == _EXPORTS:
            content = data[section.offset : section.offset + section.size]
            count, length = _number(content)
            start = data.rindex(bytes([_EXPORTS]), 0, section.offset)
            changed = _leb128(count + 1) + _ABI_EXPORT + content[length:]
            return data[: start + 1] + _leb128(len(changed)) + changed + data[section.offset + section.size :]
    return data


def _number(data: bytes) -> tuple[int, int]:
    value = shift = 0
    for length, byte in enumerate(data, 1):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte
            return value, length
        shift += 7
    raise ValueError(data)


def _leb128(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:  # noqa: PLR2004 - more than a byte holds
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
