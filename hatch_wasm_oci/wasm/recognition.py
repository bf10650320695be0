"""Telling what a file is when it is not the WebAssembly module that somebody expected."""

from __future__ import annotations

from typing import NamedTuple

_MODULE = b"\0asm\x01\0\0\0"
_COMPONENT_LAYER = b"\x01\0"


class NotAModule(NamedTuple):
    """What a file is instead of a module, and what to do about it."""

    what: str
    remedy: str


_COMPILE = "Set `module` to the .wasm file that the compiler writes."
_MAGIC = (
    (b"\x1f\x8b", "it is compressed by gzip", "Decompress it: the image's layer is compressed anyway."),
    (b"\x28\xb5\x2f\xfd", "it is compressed by zstd", "Decompress it: the image's layer is compressed anyway."),
    (b"PK\x03\x04", "it is a zip archive", "Unpack it, and set `module` to the .wasm file in it."),
    (b"\x7fELF", "it is an ELF binary", "Compile for a wasm target instead of this machine's."),
    (b"\xcf\xfa\xed\xfe", "it is a Mach-O binary", "Compile for a wasm target instead of this machine's."),
    (b"MZ", "it is a Windows binary", "Compile for a wasm target instead of this machine's."),
    (b"!<arch>", "it is a static library", "Link it to a module: for Rust, set crate-type to cdylib."),
    (b"BC\xc0\xde", "it is LLVM bitcode", "Link it to a module."),
)


def recognise(data: bytes | memoryview) -> NotAModule | None:  # noqa: PLR0911 - one for each kind of file
    """Say what bytes are when they are no core WebAssembly module.

    Args:
        data: The whole file.

    Returns:
        None for a core module of version 1; otherwise what it is instead.
    """
    start = bytes(data[:512])
    if start.startswith(_MODULE):
        return None
    if not start:
        return NotAModule("it is empty", "Look at what the compiler printed, and compile again.")
    if start.startswith(b"\0asm"):
        return _other_wasm(start)
    if _MODULE.startswith(start):
        return NotAModule(f"its header is cut off after {len(start)} bytes", "Compile it again.")
    for magic, what, remedy in _MAGIC:
        if start.startswith(magic):
            return NotAModule(what, remedy)
    if start[257:262] == b"ustar":
        return NotAModule("it is a tar archive", "Unpack it, and set `module` to the .wasm file in it.")
    return _text(start)


def _other_wasm(start: bytes) -> NotAModule:
    if len(start) < len(_MODULE):
        return NotAModule(f"its header is cut off after {len(start)} bytes", "Compile it again.")
    if start[6:8] == _COMPONENT_LAYER:
        return NotAModule(
            "it is a component (Component Model), where Envoy loads core modules only",
            "Build for a core wasm target, such as wasm32-wasip1, and without a componentising step.",
        )
    version = int.from_bytes(start[4:8], "little")
    return NotAModule(f"its binary format has version {version} where Envoy knows 1", "Compile with another toolchain.")


def _text(start: bytes) -> NotAModule:
    stripped = start.lstrip()
    if stripped.startswith((b"(module", b"(component", b";;", b"(;")):
        return NotAModule("it is WebAssembly text (WAT)", "Convert it with wat2wasm or wasm-tools parse.")
    if stripped[:1] == b"<":
        return NotAModule("it is an HTML or XML page", "The download went wrong: fetch the module again.")
    if stripped.startswith(b"version https://git-lfs"):
        return NotAModule("it is a Git LFS pointer", "Fetch the file with git lfs pull.")
    return NotAModule(f"it starts with the bytes {start[:8].hex(' ')}", _COMPILE)
