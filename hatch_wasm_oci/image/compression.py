"""Gzip streams whose bytes depend on their content alone, and reading back any gzip stream under a limit."""

from __future__ import annotations

import functools
import hashlib
import zlib
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import ImageError, RefusedError

if TYPE_CHECKING:
    from hatch_wasm_oci.image.descriptor import Buffer

COMPRESSIONS = ("deflate", "store")

# RFC 1952: deflate, no flags, no time, no extra flags, unknown system. Python's and other tools' own headers vary.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 6
_STORED_BLOCK = 0xFFFF
_VECTOR_DIGEST = "3ffd7c59da7f010a679a8fec4830e3a7f1a39a17344304b7033602d348de5e2e"
_MEMBER = b"\x1f\x8b\x08"
_TRAILER = 8
_STEP = 1 << 16
_MEMBER_LIMIT = 100_000
"""The most members that are read: each costs time, however little is in it. Block-wise gzip has 64 KiB in each."""


def compress(data: Buffer, compression: str = "deflate") -> memoryview:
    """Make the one gzip stream for some bytes: the same on every system, Python and processor.

    Args:
        data: The bytes to compress.
        compression: `deflate` (libdeflate, level 6) or `store` (stored blocks, framed here).

    Returns:
        A whole gzip stream of one member (RFC 1952), read-only.

    Raises:
        ImageError: The libdeflate at hand gives other bytes than the ones that digests rest on.
    """
    stream = _store(data) if compression == "store" else _deflate(data)
    stream[:0] = _HEADER
    stream += zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return memoryview(stream).toreadonly()


def decompress(stream: Buffer, limit: int) -> Buffer:
    """Read a whole gzip stream of one or more members, whoever made it.

    Args:
        stream: The compressed bytes, not trusted.
        limit: The most bytes that may come out.

    Raises:
        RefusedError: It is no gzip stream, is cut off or damaged, or holds more than the limit.
    """
    data, fault = decompress_start(stream, limit)
    if fault is not None:
        raise fault
    return data


def decompress_start(stream: Buffer, limit: int) -> tuple[Buffer, RefusedError | None]:
    """Read a gzip stream as far as it goes: to its end, to where it is damaged, or to the limit.

    Args:
        stream: The compressed bytes, not trusted.
        limit: The most bytes that may come out.

    Returns:
        What came out, and why that is not all; None where it is.

    Raises:
        RefusedError: It is no gzip stream at all.
    """
    if bytes(stream[:3]) != _MEMBER:
        raise RefusedError(
            f"The layer is labelled gzip but starts with the bytes {bytes(stream[:4]).hex(' ') or '(none)'}.",
            "Build the image again with gzip-compressed layers.",
            code="no-gzip",
            said=[f"failed to parse layer as tar.gz: {'gzip: invalid header' if len(stream) else 'EOF'}"],
        )
    size = int.from_bytes(stream[-4:], "little")
    # libdeflate stops at the end of the first member without saying so. That member ends with its content's checksum
    # and size: where these are the stream's last bytes, and stand nowhere before, nothing can follow it.
    # Asked for nothing, it would give nothing and look at nothing.
    if 0 < size <= limit and (_is_stored_whole(stream) or _ends_once(stream)):
        data = _inflate_one(stream, size)
        if data is not None:
            return data, None
    # What libdeflate did not take may be damaged, or have zeros at the end instead of its size: zlib decides.
    return _inflate_members(stream, limit)


def _deflate(data: Buffer) -> bytearray:
    import deflate

    _check_library()
    compressed: bytearray = deflate.deflate_compress(data, _LEVEL)
    return compressed


def _store(data: Buffer) -> bytearray:
    view = memoryview(data)
    stream = bytearray()
    # RFC 1951, 3.2.4; an empty input is one empty final block.
    for start in range(0, max(len(view), 1), _STORED_BLOCK):
        block = view[start : start + _STORED_BLOCK]
        final = start + _STORED_BLOCK >= len(view)
        length = len(block)
        stream += bytes((final, length & 0xFF, length >> 8, ~length & 0xFF, (~length >> 8) & 0xFF))
        stream += block
    return stream


def self_check_vector() -> bytes:
    """Return the built-in input by which the compressor is checked: text, noise and runs, 48 KiB."""
    noise = hashlib.shake_128(b"hatch-wasm-oci").digest(8192)
    words = b"".join(b"proxy_on_request_headers %d;" % (value * value) for value in range(512))
    return (words + noise + bytes(4096) + words[::-1] + noise[::2] + words)[: 48 * 1024]


@functools.cache
def _check_library() -> None:
    import deflate

    digest = hashlib.sha256(deflate.deflate_compress(self_check_vector(), _LEVEL)).hexdigest()
    if digest != _VECTOR_DIGEST:
        raise ImageError(
            f"The installed deflate {deflate.__version__} gives other bytes than the ones that digests rest on.",
            'Install a version in the range that this package asks for, or set compression = "store".',
        )


def _is_stored_whole(stream: Buffer) -> bool:
    """Tell whether a stream is one member of stored blocks, as `compress` makes it: they say where it ends."""
    view = memoryview(stream)
    end = len(view) - 8  # the CRC and the size
    position = len(_HEADER)
    if end <= position or view[3] != 0:  # flags: something stands between header and blocks
        return False
    # No more blocks than there are where each but the last is full: a hostile stream could be all empty ones.
    for _ in range(len(view) // _STORED_BLOCK + 1):
        if position + 5 > end or view[position] > 1:  # RFC 1951, 3.2.3: stored, and whether it is the final block
            return False
        final = view[position] == 1
        position += 5 + (view[position + 1] | view[position + 2] << 8)
        if final:
            return position == end
    return False


def _ends_once(stream: Buffer) -> bool:
    """Tell whether the last member's checksum and size stand nowhere else in the stream."""
    end = bytes(stream[-_TRAILER:])
    return _searchable(stream).find(end) == len(stream) - _TRAILER


def _searchable(stream: Buffer) -> bytes | bytearray:
    if isinstance(stream, memoryview):
        whole = stream.obj
        if not isinstance(whole, (bytes, bytearray)) or len(whole) != stream.nbytes:
            return bytes(stream)
        return whole  # the same bytes, not copied
    return stream


def _inflate_one(stream: Buffer, size: int) -> Buffer | None:
    import deflate

    try:
        data: bytearray = deflate.gzip_decompress(stream, size)
    except (deflate.DeflateError, ValueError, MemoryError):
        return None
    if len(data) != size or deflate.crc32(data) != int.from_bytes(stream[-_TRAILER:-4], "little"):
        return None
    return data


def _inflate_members(stream: Buffer, limit: int) -> tuple[bytearray, RefusedError | None]:
    data = bytearray()
    rest = memoryview(stream)
    for _ in range(_MEMBER_LIMIT):
        member = zlib.decompressobj(wbits=31)
        position = 0
        while not member.eof:
            if position >= len(rest) and not member.unconsumed_tail:
                return data, _damaged("The layer's gzip stream is cut off.", "unexpected EOF")
            piece = member.unconsumed_tail or rest[position : position + _STEP]
            position += 0 if member.unconsumed_tail else len(piece)
            before = member.copy()
            try:
                data += member.decompress(piece, limit + 1 - len(data))
            except zlib.error as error:
                data += _up_to_damage(before, piece, limit - len(data))
                return data, _damaged(f"The layer's gzip stream is damaged: {error}.", _in_words_of_go(error))
            if len(data) > limit:
                del data[limit:]
                return data, RefusedError(
                    f"The layer holds more than {limit} bytes once decompressed.",
                    "Istio and Envoy Gateway refuse it: make the module smaller.",
                    code="too-large",
                    said=["unexpected EOF"],
                )
        rest = rest[position - len(member.unused_data) :]
        # gzip(1) allows zero bytes after the last member, and Istio reads no further than to the module's end.
        if not rest or (rest[0] == 0 and rest.tobytes().count(0) == len(rest)):
            return data, None
    return data, RefusedError(
        f"The layer's gzip stream has more than {_MEMBER_LIMIT} members.",
        "Build the image again with a plain gzip.",
        code="damaged-layer",
    )


def _up_to_damage(member: zlib._Decompress, piece: Buffer, limit: int) -> bytearray:
    """Take out what stands before the damage: zlib gives nothing of a piece in which it finds some."""
    data = bytearray()
    try:
        for byte in memoryview(piece):
            data += member.decompress(bytes((byte,)))
            if len(data) >= limit:
                break
    except zlib.error:
        pass
    del data[limit:]
    return data


def _damaged(problem: str, said: str) -> RefusedError:
    return RefusedError(problem, "Fetch or build the image again.", code="damaged-layer", said=[said])


def _in_words_of_go(error: zlib.error) -> str:
    text = str(error)
    if "header check" in text:
        return "gzip: invalid header"
    return "gzip: invalid checksum" if "data check" in text or "length check" in text else "flate: corrupt input"
