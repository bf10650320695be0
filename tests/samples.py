"""Small inputs that many tests share, made by hand: no binary lies in the repository."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.image.formats import FORMATS, ImageContents
from hatch_wasm_oci.plugins.manager import Plugins
from hatch_wasm_oci.project import builtin, table
from hatch_wasm_oci.project.settings import HOOK_TABLE, Project, Settings
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ABI_EXPORT = "proxy_abi_version_0_2_1"


def leb128(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def section(identifier: int, content: bytes) -> bytes:
    return bytes([identifier]) + leb128(len(content)) + content


def core_module(exports: Sequence[str] = (ABI_EXPORT,), size: int = 0, kind: int = 0) -> bytes:
    """Make a core module with one empty function under the names given, and a custom section of noise up to `size`.

    Envoy would not load it; see `plugin_module`.
    """
    entries = b"".join(leb128(len(name)) + name.encode() + bytes([kind, 0]) for name in exports)
    module = b"\0asm\x01\0\0\0" + section(1, b"\x01\x60\0\0") + section(3, b"\x01\0")
    module += section(5, b"\x01\0\x01") if kind == 2 else b""
    return _filled(module + section(7, leb128(len(exports)) + entries) + section(10, b"\x01\x02\0\x0b"), size)


def plugin_module(size: int = 0, abi: str = ABI_EXPORT) -> bytes:
    """Make a plugin that Envoy loads and calls, and a custom section of noise up to `size`."""
    exports = ((abi, b"\0\0"), ("proxy_on_memory_allocate", b"\0\1"), ("proxy_on_request_headers", b"\0\2"))
    entries = b"".join(leb128(len(name)) + name.encode() + place for name, place in (*exports, ("memory", b"\2\0")))
    module = b"\0asm\x01\0\0\0" + section(1, b"\3\x60\0\0\x60\1\x7f\1\x7f\x60\3\x7f\x7f\x7f\1\x7f")
    module += section(3, b"\3\0\1\2") + section(5, b"\1\0\1") + section(7, b"\4" + entries)
    return _filled(module + section(10, b"\3\2\0\x0b\4\0\x41\0\x0b\4\0\x41\0\x0b"), size)


def _filled(module: bytes, size: int) -> bytes:
    missing = size - len(module)
    if missing <= 16:
        return module
    noise = hashlib.shake_128(b"noise").digest(missing // 2) + b"runs" * missing
    return module + section(0, b"\x05noise" + noise[: missing - 7 - len(leb128(missing - 7))])


def contents(**values: Any) -> ImageContents:
    return ImageContents(
        **{
            "module": Module(core_module(size=5000)),
            "annotations": {"org.opencontainers.image.title": "wärme", "a": "1"},
            "labels": {"b": "2"},
            **values,
        }
    )


def project(root: Path, **values: Any) -> Project:
    return Project(**{"root": root, "name": "demo", "version": "1.0", **values})


def load(root: Path, environment: Mapping[str, str] | None = None, **values: Any) -> tuple[Settings, ...]:
    settings = {key.replace("_", "-"): value for key, value in values.items()}
    return table.load([table.Table(HOOK_TABLE, settings)], project(root), FORMATS, environment or {})


def settings_in(root: Path, **values: Any) -> Settings:
    (settings,) = load(root, **values)
    return settings


def plugins(*others: object) -> Plugins:
    found = Plugins(builtin)
    for index, other in enumerate(others):
        found.register(other, f"plugin-{index}")
    return found
