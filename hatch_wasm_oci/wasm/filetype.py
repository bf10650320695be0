"""What a file is that was given as a plugin: a module, a component, or something else by mistake."""

from __future__ import annotations

MODULE, COMPONENT = "module", "component"
EMPTY, TRUNCATED, OTHER_VERSION, UNKNOWN = "empty", "truncated header", "other version", "unknown"
MAGIC = b"\0asm"
HEADER_SIZE = 8
_SIGNATURES = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"\x7fELF", "ELF"),
    (b"MZ", "Windows program"),
    (b"!<arch>\n", "static library"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"%PDF", "PDF"),
    (b"version https://git-lfs.github.com/", "Git LFS pointer"),
)
_MACH_O = frozenset(
    {b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"}
)
_TAR_MAGIC_OFFSET = 257
_LOOKED_AT = 4096


def _text(start: bytes) -> str:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        # The cut may fall inside of the last character.
        if error.start < len(start) - 3:
            return UNKNOWN
        text = start[: error.start].decode("utf-8")
    if any(character < " " and character not in "\t\n\r\f" for character in text):
        return UNKNOWN
    text = text.lstrip("\ufeff \t\r\n").lower()
    while text.startswith(";;"):
        text = text.partition("\n")[2].lstrip()
    if text.startswith(("(module", "(component", "(;")):
        return "WAT text"
    if text.startswith(("<!doctype", "<html", "<?xml", "<head", "<body")):
        return "HTML"
    return "text"


def _header(start: bytes) -> str:
    if len(start) < HEADER_SIZE:
        return TRUNCATED
    if start[6:HEADER_SIZE] == b"\1\0":
        return COMPONENT
    return MODULE if start[4:HEADER_SIZE] == b"\1\0\0\0" else OTHER_VERSION


def version(data: memoryview) -> int:
    """Give the version in a module's or component's header; 0 where there is no whole header."""
    start = bytes(data[:HEADER_SIZE])
    return int.from_bytes(start[4:6], "little") if len(start) == HEADER_SIZE and start.startswith(MAGIC) else 0


def file_format(data: memoryview) -> str:
    """Say what a file is by its first bytes.

    Args:
        data: The whole file.

    Returns:
        `module` or `component`; `empty`, `truncated header` or `other version` for what almost is one; the name of
        another format (`gzip`, `zstd`, `tar`, `ELF`, `Mach-O`, `WAT text`, `HTML`, `text`, …); or `unknown`.
    """
    start = bytes(data[:_LOOKED_AT])
    if not start:
        return EMPTY
    if start[: len(MAGIC)] == MAGIC[: len(start)]:
        return _header(start)
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            return name
    if start[:4] in _MACH_O:
        return "Mach-O"
    if start[_TAR_MAGIC_OFFSET : _TAR_MAGIC_OFFSET + 5] == b"ustar":
        return "tar"
    return _text(start)
