"""Byte ranges, in the three notations that the specification uses."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"(?:bytes[ =])?([0-9]{1,18})-([0-9]{1,18})(?:/(?:[0-9]{1,18}|\*))?")


class UnsatisfiableRangeError(Exception):
    """A range that lies wholly outside of the content."""


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Parse the Range field of a download (RFC 9110 section 14.2).

    Args:
        text: The field's value.
        size: Bytes of the content.

    Returns:
        Offset and number of bytes; None where the field is to be ignored: another unit, several ranges, nonsense.

    Raises:
        UnsatisfiableRangeError: No byte of the content is in the range, or it ends before it starts: that may be
            ignored or refused, and the specification's conformance suite asks for the latter.
    """
    match = _RANGE.fullmatch(text)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        if not length:
            raise UnsatisfiableRangeError
        return size - length, length
    start = int(match[1])
    end = min(int(match[2]), size - 1) if match[2] else size - 1
    if start >= size or (match[2] and int(match[2]) < start):
        raise UnsatisfiableRangeError
    return start, end - start + 1


def parse_content_range(text: str) -> tuple[int, int] | None:
    """Parse the Content-Range field of an upload's chunk (distribution-spec, "Pushing a blob in chunks").

    Returns:
        Offset and number of bytes; None where it is malformed.
    """
    match = _CONTENT_RANGE.fullmatch(text.strip())
    if match is None or int(match[2]) < int(match[1]):
        return None
    return int(match[1]), int(match[2]) - int(match[1]) + 1


def upload_range(size: int) -> str:
    """Return the Range field that tells how much of an upload has arrived; distribution writes `0-0` for nothing."""
    return f"0-{max(0, size - 1)}"
