"""What a file is by its header: a core module, a component, or no module at all."""

from __future__ import annotations

MODULE, COMPONENT = "module", "component"
EMPTY, TRUNCATED, OTHER_VERSION, FOREIGN = "empty", "truncated header", "other version", "foreign"
MAGIC = b"\0asm"
HEADER_SIZE = 8
_VERSION = b"\1\0\0\0"
_COMPONENT_LAYER = b"\1\0"


def version(data: memoryview) -> int:
    """Give the version in a module's or component's header; 0 where there is no whole header."""
    start = bytes(data[:HEADER_SIZE])
    return int.from_bytes(start[4:6], "little") if len(start) == HEADER_SIZE and start.startswith(MAGIC) else 0


def file_format(data: memoryview) -> str:
    """Say what a file is by its first eight bytes.

    Args:
        data: The whole file.

    Returns:
        `module` or `component`; `empty`, `truncated header` or `other version` for what almost is one; `foreign` for
        everything else, which `recognition` can tell more about.
    """
    start = bytes(data[:HEADER_SIZE])
    if not start:
        return EMPTY
    if start[: len(MAGIC)] != MAGIC[: len(start)]:
        return FOREIGN
    if len(start) < HEADER_SIZE:
        return TRUNCATED
    if start[6:] == _COMPONENT_LAYER:
        return COMPONENT
    return MODULE if start[4:] == _VERSION else OTHER_VERSION
