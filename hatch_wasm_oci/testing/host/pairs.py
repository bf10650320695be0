"""Lists of pairs as the ABI writes them: a count, the sizes, then names and values, each with a zero byte behind it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PAIRS_COST = 16
"""What a byte of pairs counts for beside one of plain content: it bounds what a module can make the host do."""
_NUMBER = struct.Struct("<I")
_SIZES = struct.Struct("<II")


def write_pairs(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Write pairs; for none it is a zero alone."""
    parts = [_NUMBER.pack(len(pairs)), *[_SIZES.pack(len(name), len(value)) for name, value in pairs]]
    for name, value in pairs:
        parts += (name, b"\0", value, b"\0")
    return b"".join(parts)


def read_pairs(data: bytes) -> list[tuple[bytes, bytes]]:
    """Read pairs; like Envoy, take what is malformed for none."""
    if len(data) < _NUMBER.size:
        return []
    (count,) = _NUMBER.unpack_from(data)
    position = _NUMBER.size + count * _SIZES.size
    if position > len(data):
        return []
    found = []
    for index in range(count):
        pair = []
        for size in _SIZES.unpack_from(data, _NUMBER.size + index * _SIZES.size):
            end = position + size
            if end >= len(data) or data[end] != 0:
                return []
            pair.append(data[position:end])
            position = end + 1
        found.append((pair[0], pair[1]))
    return found if position == len(data) else []
