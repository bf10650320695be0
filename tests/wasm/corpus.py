"""The corpus: modules that real Envoys load, refuse or crash on, each with what must be said of it."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import wasmtime

from tests.wasm.conftest import Wasm

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST, NEWEST = "1.36", "1.40"
PIECES = {
    "abi": '(func (export "proxy_abi_version_0_2_1"))',
    "malloc": '(func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 0)',
    "create": '(func (export "proxy_on_context_create") (param i32 i32))',
    "start": '(func (export "proxy_on_vm_start") (param i32 i32) (result i32) i32.const 1)',
    "configure": '(func (export "proxy_on_configure") (param i32 i32) (result i32) i32.const 1)',
    "headers": '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)',
}
MEMORY = '(memory (export "memory") 1)'


class Sample(NamedTuple):
    """A module, and what the linter must say of it.

    Args:
        name: What it is, in words.
        data: The file.
        old: The first error for Envoy 1.36; `ok` for none.
        new: The same for the newest Envoy.
        text: How it is written in the text format; empty for what has no such form.
        running: What Envoy does where that shows only when the module runs: `loads`, `refuses` or `crashes`.
    """

    name: str
    data: bytes
    old: str
    new: str
    text: str = ""
    running: str = ""


def _text(text: str) -> str:
    parts = text.split("@")
    if len(parts) % 2 == 0:
        raise ValueError(text)
    for index in range(1, len(parts), 2):
        name, _, without = parts[index].partition(":")
        if name == "memory":
            parts[index] = MEMORY
        elif name == "plugin":
            left_out = without.replace("-", "").split(",")
            parts[index] = "\n".join([piece for key, piece in PIECES.items() if key not in left_out])
        else:
            parts[index] = PIECES[name]
    return "".join(parts)


def _entries(file: str) -> Iterator[tuple[str, str, str]]:
    text = Path(__file__).with_name(file).read_text("utf-8")
    for entry in text.split("\n== ")[1:]:
        title, _, body = entry.partition("\n")
        mark, _, name = title.partition(" ")
        yield mark, name, body


def _compiled(wasmtime: Any, body: str) -> bytes:
    # The sign @ stands in the names of WASI 0.2's interfaces too.
    source = _text(body.replace("@0.2.0", "\0")).replace("\0", "@0.2.0")
    return bytes(wasmtime.wat2wasm(source))


def _samples_of_text(wasmtime: Any) -> Iterator[Sample]:
    for codes, name, body in _entries("modules.txt"):
        old, _, new = codes.partition("/")
        yield Sample(name, _compiled(wasmtime, body), old, new or old, body)
    for outcome, name, body in _entries("running.txt"):
        yield Sample(name, _compiled(wasmtime, body), "ok", "ok", body, outcome)


def _with_export(wasm: Any, name: str | bytes) -> bytes:
    exports = wasm.plugin_sections()[7]
    return bytes(wasm.plugin({7: bytes([exports[0] + 1]) + exports[1:] + wasm.name(name) + b"\0\0"}))


def _named(wasm: Any) -> Iterator[tuple[str, str, bytes]]:
    for name in ("0", "10", "4294967294", "\0", "end\0"):
        yield "WO408", f"an export named {name!r}", _with_export(wasm, name)
    for name in ("", "01", "-1", "1.5", "4294967295", "\0start", "mid\0dle", "é", "__proto__", "a" * 200_000):
        yield "ok", f"an export named {name[:20]!r}", _with_export(wasm, name)


def _broken(wasm: Any) -> Iterator[tuple[str, str, bytes]]:
    good = wasm.plugin()
    code = good.index(b"\x0a\x16\5")
    yield "WO101", "an empty file", b""
    yield "WO103", "half a magic number", b"\0as"
    yield "WO103", "half a header", good[:6]
    yield "WO301", "the header alone", good[:8]
    yield "WO102", "gzip", gzip.compress(good)
    yield "WO102", "a web page", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "WO102", "text format", b"(module)\n"
    yield "WO102", "short text", b"wasm"
    yield "WO102", "an ELF binary", b"\x7fELF\2\1\1" + bytes(64)
    yield "WO104", "another version", b"\0asm\2\0\0\0" + good[8:]
    yield "WO105", "an empty component", b"\0asm\x0d\0\1\0"
    yield "WO105", "a module under a component's header", b"\0asm\x0d\0\1\0" + good[8:]
    yield "WO301", "cut off before the exports", good[: good.index(b"\x07\x82")]
    yield "WO106", "cut off in the exports", good[: code - 20]
    yield "WO107", "cut off before the code", good[:code]
    yield "WO106", "cut off in the code", good[: code + 8]
    yield "WO106", "bytes after the end", good + b"\xff\xff"
    yield "WO106", "a custom section without room for its name", good + b"\0\2\4n"
    yield "WO109", "a name section that is cut off", good + wasm.custom("name", b"\1\5\1")
    yield "WO109", "function names that overrun", good + wasm.custom("name", b"\1\2\1\5")
    yield "WO109", "function names that fall short", good + wasm.custom("name", b"\1\3\0\xff\xff")
    yield "ok", "a good and a broken name section", good + wasm.custom("name") + wasm.custom("name", b"\1\5\1")
    yield "ok", "a custom section without content", good + wasm.custom("")


def _malformed(wasm: Any) -> Iterator[tuple[str, str, bytes]]:
    good = wasm.plugin()
    sections = wasm.plugin_sections()
    yield "WO107", "a custom section with a name that is no text", good + b"\0\2\1\xff"
    yield "WO107", "an unknown section", good + b"\x0e\0"
    yield "WO107", "sections out of order", wasm.module(sections, (3, 1, 5, 7, 10))
    yield (
        "WO107",
        "tags after globals",
        wasm.module({**sections, 13: b"\1\0\0", 6: b"\1\x7f\0\x41\0\x0b"}, (1, 3, 5, 6, 13, 7, 10)),
    )
    yield "WO107", "two sections of types", wasm.module(sections, (1, 1, 3, 5, 7, 10))
    yield "WO107", "no code", wasm.module(sections, (1, 3, 5, 7))
    yield "WO107", "two exports of one name", _with_export(wasm, "memory")
    yield "WO107", "an export of nothing", wasm.plugin({7: b"\7" + sections[7][1:] + wasm.name("x") + b"\0\x20"})
    yield "WO107", "a start function with a parameter", wasm.plugin({8: b"\1"})
    yield "WO107", "a data count that is wrong", wasm.plugin({12: b"\1"})
    yield "ok", "a data count that is right", wasm.plugin({12: b"\0"})
    yield "WO107", "a type that does not exist", wasm.plugin({3: b"\5\0\1\2\3\x30"})
    yield "WO107", "a type of stack switching", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x5d\0"})
    yield "WO107", "a reference to a string", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x60\1\x67\0"})
    yield "ok", "a null reference to an exception", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x60\1\x74\0"})
    yield "WO107", "a type that extends a final one", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x50\1\0\x60\0\0"})
    yield (
        "ok",
        "a thousand parameters",
        wasm.plugin({1: b"\5" + sections[1][1:] + b"\x60\xe8\7" + b"\x7f" * 1000 + b"\0"}),
    )
    yield "WO108", "more parameters", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x60\xe9\7" + b"\x7f" * 1001 + b"\0"})
    yield "WO108", "pages of another size", wasm.plugin({5: b"\1\x08\1\x00"})
    yield "WO108", "a shared table", wasm.plugin({4: b"\1\x70\3\1\2"})
    yield "WO107", "a shared memory without a maximum", wasm.plugin({5: b"\1\2\1"})
    yield "WO107", "more pages than an address reaches", wasm.plugin({5: b"\1\0\x81\x80\4"})
    yield "WO107", "a global of another type", wasm.plugin({6: b"\1\x7f\0\x42\0\x0b"})
    yield "WO107", "a global that calls", wasm.plugin({6: b"\1\x7f\0\x10\0\x0b"})
    yield "WO107", "a global that reads a mutable one", wasm.plugin({6: b"\2\x7f\1\x41\1\x0b\x7f\0\x23\0\x0b"})
    yield "WO107", "data for no memory", wasm.plugin({11: b"\1\2\1\x41\0\x0b\1x"})
    yield "WO107", "a function body without an end", wasm.plugin({10: sections[10][:1] + b"\2\0\1" + sections[10][4:]})
    yield (
        "ok",
        "a hundred thousand data segments",
        wasm.plugin({11: wasm.number(100_000) + b"\0\x41\0\x0b\0" * 100_000}),
    )
    yield "WO108", "one data segment more", wasm.plugin({11: wasm.number(100_001) + b"\0\x41\0\x0b\0" * 100_001})


@cache
def samples() -> tuple[Sample, ...]:
    """Give every module."""
    wasm = Wasm
    made = (*_broken(wasm), *_malformed(wasm), *_named(wasm))
    return (*_samples_of_text(wasmtime), *[Sample(name, data, code, code) for code, name, data in made])
