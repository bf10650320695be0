"""What the tests of the WebAssembly reader share: small modules made by hand, byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEADER = b"\0asm\1\0\0\0"
ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)


class Wasm:
    """Encodes pieces of a module; knows a small plugin that Envoy loads."""

    header = HEADER

    @staticmethod
    def number(value: int) -> bytes:
        encoded = bytearray()
        while value > 0x7F:
            encoded.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*encoded, value])

    @classmethod
    def vector(cls, entries: Sequence[bytes]) -> bytes:
        return cls.number(len(entries)) + b"".join(entries)

    @classmethod
    def name(cls, text: str | bytes) -> bytes:
        encoded = text if isinstance(text, bytes) else text.encode()
        return cls.number(len(encoded)) + encoded

    @classmethod
    def section(cls, number: int, content: bytes) -> bytes:
        return bytes([number]) + cls.number(len(content)) + content

    @classmethod
    def custom(cls, name: str, content: bytes = b"") -> bytes:
        return cls.section(0, cls.name(name) + content)

    @classmethod
    def module(cls, sections: dict[int, bytes], order: Iterable[int] = ORDER, end: bytes = b"") -> bytes:
        """A module of these sections' contents."""
        return HEADER + b"".join([cls.section(each, sections[each]) for each in order if each in sections]) + end

    @classmethod
    def plugin_sections(cls) -> dict[int, bytes]:
        """The sections of a plugin with five functions and one memory; types 0 to 3."""
        names = (
            "proxy_abi_version_0_2_1",
            "proxy_on_memory_allocate",
            "proxy_on_context_create",
            "proxy_on_vm_start",
            "proxy_on_configure",
        )
        exports = [cls.name(name) + bytes([0, index]) for index, name in enumerate(names)]
        types = [b"\x60\0\0", b"\x60\1\x7f\1\x7f", b"\x60\2\x7f\x7f\0", b"\x60\2\x7f\x7f\1\x7f"]
        return {
            1: cls.vector(types),
            3: b"\5\0\1\2\3\3",
            5: b"\1\0\1",
            7: cls.vector([*exports, cls.name("memory") + b"\2\0"]),
            10: cls.vector([b"\2\0\x0b", b"\4\0\x41\0\x0b", b"\2\0\x0b", b"\4\0\x41\1\x0b", b"\4\0\x41\1\x0b"]),
        }

    @classmethod
    def plugin(cls, changes: dict[int, bytes] | None = None, *, end: bytes = b"") -> bytes:
        """The plugin with some sections replaced, and bytes after its end."""
        return cls.module({**cls.plugin_sections(), **(changes or {})}, end=end)


@pytest.fixture(scope="session")
def wasm() -> type[Wasm]:
    return Wasm
