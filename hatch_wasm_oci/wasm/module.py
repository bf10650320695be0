"""A WebAssembly module as a value: its bytes, its digest, and the proxy-wasm ABI that it speaks."""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import ModuleError
from hatch_wasm_oci.wasm.recognition import recognise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE_LIMIT = 256 * 1024 * 1024
"""The most bytes of a module, its tar framing included, that Istio and Envoy Gateway decompress."""

_ABI_EXPORT = b"proxy_abi_version_"
_EXPORT_SECTION = 7
_FUNCTION = 0
# Far above what compilers write, and V8's own limit: a hostile module has one of either for every two or three bytes.
_SECTION_LIMIT = 100_000
_EXPORT_LIMIT = 1_000_000
_BLOCK = 512


class Module:
    """A core WebAssembly module, checked to be one by its header.

    Args:
        data: The module's bytes.
        name: Where they come from, for errors.

    Raises:
        ModuleError: The bytes are something else than a core module.
    """

    def __init__(self, data: bytes | bytearray | memoryview, name: str = "the module") -> None:
        self.data = memoryview(data).toreadonly()
        """The module's bytes, read-only."""
        self._frames: list[bytearray] = []
        if self.size > MODULE_LIMIT:
            raise _too_large(name, self.size)
        problem = recognise(self.data)
        if problem is not None:
            raise ModuleError(f"{name} is no WebAssembly module: {problem.what}.", problem.remedy)

    def __eq__(self, other: object) -> bool:
        return self.data == other.data if isinstance(other, Module) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        return f"Module(sha256={self.sha256!r}, size={self.size})"

    @property
    def size(self) -> int:
        """The module's size in bytes."""
        return len(self.data)

    @functools.cached_property
    def sha256(self) -> str:
        """The SHA-256 of the module: 64 hexadecimal characters, no prefix."""
        return hashlib.sha256(self.data).hexdigest()

    @functools.cached_property
    def abi_version(self) -> str | None:
        """The proxy-wasm ABI that the module exports, such as `0.2.1`; None where it exports none or can't be read."""
        return _abi_version(self.data)

    @classmethod
    def read(cls, path: Path, name: str | None = None) -> Module:
        """Read a module from a file, once, into a buffer that a layer is then made in without another copy.

        Args:
            path: The file.
            name: How to call it in errors; the path where not given.

        Raises:
            ModuleError: There is no such file, it can't be read, is too large, or is no core module.
        """
        shown = name or str(path)
        try:
            size = _regular_size(path, shown)
            # Room for the tar header before and the padding and end of the archive after (see image/layer.py).
            framed = _BLOCK + size + -size % _BLOCK + 2 * _BLOCK
            if framed > MODULE_LIMIT:
                raise _too_large(shown, size)
            frame = bytearray(framed)
            view = memoryview(frame)[_BLOCK : _BLOCK + size]
            with path.open("rb", buffering=0) as file:
                read = 0
                while read < size and (count := file.readinto(view[read:])):
                    read += count
                if read < size or file.read(1):
                    raise ModuleError(f"{shown} changed while it was read.", "Build again when nothing else writes it.")
        except OSError as error:
            raise ModuleError(
                f"{shown} can't be read: {error.strerror}.", "Check the path and its permissions."
            ) from None
        module = cls(view, shown)
        module._frames.append(frame)
        return module

    def take_frame(self) -> bytearray | None:
        """Hand over the buffer that the module was read into, once; None where there is none or it is taken.

        Returns:
            The module with 512 bytes before it, and after it zeros up to a multiple of 512 and 1,024 more.
        """
        return self._frames.pop() if self._frames else None


def _too_large(shown: str, size: int) -> ModuleError:
    return ModuleError(
        f"{shown} has {size} bytes, which makes a layer over the limit of {MODULE_LIMIT} bytes.",
        "Istio and Envoy Gateway refuse it: strip debug sections or optimise for size.",
    )


def _regular_size(path: Path, shown: str) -> int:
    try:
        status = os.stat(path)  # noqa: PTH116 - a named pipe must not be opened, and Path.stat costs more
    except FileNotFoundError:
        raise ModuleError(
            f"There is no module at {shown}.", "Compile it first, let `compile` do it, or set `module` to where it is."
        ) from None
    if not stat.S_ISREG(status.st_mode):
        raise ModuleError(f"{shown} is no file.", "Set `module` to the compiled .wasm file.")
    return status.st_size


def _abi_version(data: memoryview) -> str | None:
    try:
        for identifier, section in _sections(data):
            if identifier == _EXPORT_SECTION:
                return _abi_export(section)
    except IndexError:
        pass  # cut off: that is for the linter to say
    return None


def _sections(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    position = 8
    for _ in range(_SECTION_LIMIT):
        if position >= len(data):
            return
        identifier = data[position]
        size, position = _leb128(data, position + 1)
        yield identifier, data[position : position + size]
        position += size


def _abi_export(section: memoryview) -> str | None:
    count, position = _leb128(section, 0)
    for _ in range(min(count, _EXPORT_LIMIT)):
        length, position = _leb128(section, position)
        name = bytes(section[position : position + length])
        kind = section[position + length]
        _, position = _leb128(section, position + length + 1)
        if kind == _FUNCTION and name.startswith(_ABI_EXPORT):
            return name[len(_ABI_EXPORT) :].decode("utf-8", "replace").replace("_", ".")
    return None


def _leb128(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, position
        shift += 7
        if shift > 35:  # noqa: PLR2004 - five bytes hold any 32-bit number
            raise IndexError
