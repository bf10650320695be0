"""The modules of modules.txt, each with what the linter must say of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    name: str
    data: bytes
    old: str
    new: str


def samples_of_text(wasmtime: Any) -> Iterator[Sample]:
    """Compile the modules by the package wasmtime."""
    text = Path(__file__).with_name("modules.txt").read_text("utf-8")
    for entry in text.split("\n== ")[1:]:
        title, _, body = entry.partition("\n")
        codes, _, name = title.partition(" ")
        old, _, new = codes.partition("/")
        # The sign @ stands in the names of WASI 0.2's interfaces too.
        source = _text(body.replace("@0.2.0", "\0")).replace("\0", "@0.2.0")
        yield Sample(name, bytes(wasmtime.wat2wasm(source)), old, new or old)


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
