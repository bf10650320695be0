"""Tar as this package writes it, one plain form without a clock or an owner, and tar of any form read under limits."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import ImageError, RefusedError, shown

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

BLOCK = 512
END = bytes(2 * BLOCK)
"""What closes an archive."""
TIME_LIMIT = 0o77777777777
"""The last second that the time field of a header can hold."""
ENTRY_LIMIT = 10_000
"""The most entries that are looked at: a tar of empty entries would otherwise cost minutes."""


_NAME_LIMIT = 100


def header(name: str, size: int, time: int) -> bytes:
    """Return the header of a regular file in a ustar archive (POSIX.1-1988): mode 0644, owner 0:0, no owner's names.

    Args:
        name: The entry's name, at most 100 bytes of ASCII.
        size: Its size in bytes.
        time: Its time in seconds since 1970.

    Raises:
        ImageError: The name is too long, as that of a blob with a sha512 digest is.
    """
    if len(name) > _NAME_LIMIT:
        raise ImageError(f"{name} is too long a name for an archive.", "Use an image with sha256 digests.")
    block = bytearray(BLOCK)
    block[0 : len(name)] = name.encode("ascii")
    block[100:136] = b"0000644\x000000000\x000000000\x00%011o\x00" % size
    block[136:157] = b"%011o\x00        0" % time
    block[257:265] = b"ustar\x0000"
    block[329:345] = b"0000000\x000000000\x00"
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def padding(size: int) -> bytes:
    """Return the zeros that follow an entry's content up to the next block.

    Args:
        size: The content's size in bytes.
    """
    return bytes(-size % BLOCK)


def first_entry(archive: memoryview, name: str) -> memoryview | None:
    """Return the content of an archive's first entry where it is the file asked for, in the plain form above.

    It spares the general reader, and a copy, where the archive is one of ours or alike.

    Args:
        archive: The archive, not trusted.
        name: The entry's name.

    Returns:
        A view into the archive; None where the first entry is another one, or is of another form.
    """
    block = bytes(archive[:BLOCK])
    if len(block) < BLOCK or block[:100].rstrip(b"\0") != name.encode("ascii"):
        return None
    try:
        size, time = int(block[124:135], 8), int(block[136:147], 8)
    except ValueError:
        return None
    if size < 0 or block != header(name, size, time) or BLOCK + size > len(archive):
        return None
    return archive[BLOCK : BLOCK + size]


def entries(file: io.BufferedIOBase) -> Iterator[tarfile.TarInfo]:
    """Walk over the entries of an uncompressed archive of any form, whoever made it.

    Args:
        file: The archive, seekable.

    Yields:
        Each entry. Whether its content is there in full is still to be seen.

    Raises:
        RefusedError: It is no tar archive, is damaged, or has too many entries.
        ImageError: An entry is malformed.
    """
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for count, entry in enumerate(archive):
                if count >= ENTRY_LIMIT:
                    raise RefusedError(
                        f"The archive has more than {ENTRY_LIMIT} entries.",
                        "Build it again with fewer files.",
                        code="many-entries",
                    )
                if entry.size < 0:
                    raise ImageError(f"The archive's {shown(entry.name)} has a negative size.", "Build it again.")
                yield entry
    # Python's reader means to raise its own errors alone, but a hostile header gets others out of it.
    except (tarfile.TarError, ValueError, ArithmeticError, LookupError, EOFError, RecursionError) as error:
        raise RefusedError(
            f"The tar archive is damaged: {error}.",
            "Fetch or build it again.",
            code="damaged-layer",
            said=["unexpected EOF" if "truncated" in str(error) else "archive/tar: invalid tar header"],
        ) from None
