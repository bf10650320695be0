"""Modules that ask the host: each callback makes host calls, and logs what came back, line by line.

A line is `callback: label=CODE`, with the bytes or number that the host gave behind it. Real Envoy and the host in this
package run the same module, and must log the same lines.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.wasm.envoy_tables import callback_signature, host_functions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OUT = 64  # where results go: four slots of 16 bytes
LINE = 1024
"""Where a line is put together: it begins with the callback's name."""
_TEXTS = 8192
_HEAP = 131_072
_PAGES = 16

ALLOCATE = '(func (export "proxy_on_memory_allocate") (param $n i32) (result i32) (local $at i32)\n'
ALLOCATE += "  (local.set $at (global.get $heap)) (global.set $heap (i32.add (local.get $at) (i32.and"
ALLOCATE += " (i32.add (local.get $n) (i32.const 15)) (i32.const -16)))) (local.get $at))"

_LIBRARY = f"""
(func $char (param $c i32) (i32.store8 (global.get $end) (local.get $c))
  (global.set $end (i32.add (global.get $end) (i32.const 1))))
(func $text (param $at i32) (param $n i32)
  (memory.copy (global.get $end) (local.get $at) (local.get $n))
  (global.set $end (i32.add (global.get $end) (local.get $n))))
(func $number (param $n i64)
  (if (i64.ge_u (local.get $n) (i64.const 10)) (then (call $number (i64.div_u (local.get $n) (i64.const 10)))))
  (call $char (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 10))))))
(func $printable (param $at i32) (param $n i32) (local $c i32)
  (block $out (loop $more
    (br_if $out (i32.eqz (local.get $n)))
    (local.set $c (i32.load8_u (local.get $at)))
    (if (i32.or (i32.lt_u (local.get $c) (i32.const 32)) (i32.gt_u (local.get $c) (i32.const 126)))
      (then (call $char (i32.const 92)) (call $number (i64.extend_i32_u (local.get $c))) (call $char (i32.const 59)))
      (else (call $char (local.get $c))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
    (br $more))))
(func $begin (global.set $end (i32.const {LINE})))
(func $flush (drop (call $proxy_log (i32.const 2) (i32.const {LINE})
  (i32.sub (global.get $end) (i32.const {LINE})))))
"""


@dataclass(frozen=True)
class Long:
    """An argument of 64 bits."""

    value: int


@dataclass(frozen=True)
class Out:
    """The address of a result's slot, 0 to 3."""

    slot: int


@dataclass(frozen=True)
class At:
    """The address of some bytes, without their size."""

    data: bytes


@dataclass(frozen=True)
class Loaded:
    """A number that an earlier call left in a kept slot."""

    slot: int


@dataclass(frozen=True)
class Kept:
    """The address of a slot that stays: for tokens and identifiers that later calls take."""

    slot: int


@dataclass(frozen=True)
class Ask:
    """One host call.

    Args:
        label: What the line is called.
        function: The host function.
        arguments: Numbers; texts, which become an address and a size; `Long`, `Out`, `Kept` and `Loaded`.
        shows: `bytes` for address and size in slots 0 and 1, `u32` or `u64` for a number in slot 0, `kept` for one in
            a kept slot, empty for the code alone.
        module: The function's module.
    """

    label: str
    function: str
    arguments: tuple[Any, ...] = ()
    shows: str = ""
    module: str = "env"


@dataclass(frozen=True)
class Callback:
    """What one callback does.

    Args:
        asks: Its host calls, in order.
        answers: What it returns, by how often it was called; the last again and again.
    """

    asks: Sequence[Ask] = ()
    answers: Sequence[int] = (0,)


@dataclass
class _Texts:
    data: bytearray = field(default_factory=bytearray)
    places: dict[bytes, int] = field(default_factory=dict)

    def place(self, text: str | bytes) -> tuple[int, int]:
        raw = text if isinstance(text, bytes) else text.encode("latin-1")
        if raw not in self.places:
            self.places[raw] = _TEXTS + len(self.data)
            self.data += raw + bytes(-len(raw) % 8)
        return self.places[raw], len(raw)


def pairs(entries: Sequence[tuple[str, str]]) -> bytes:
    """Write a list of pairs as the ABI has it."""
    sizes = b"".join([struct.pack("<II", len(key), len(value)) for key, value in entries])
    return struct.pack("<I", len(entries)) + sizes + "".join([f"{key}\0{value}\0" for key, value in entries]).encode()


def _argument(value: Any, texts: _Texts) -> str:  # noqa: PLR0911 - one form for each kind
    if isinstance(value, (str, bytes)):
        at, size = texts.place(value)
        return f"(i32.const {at}) (i32.const {size})"
    if isinstance(value, At):
        return f"(i32.const {texts.place(value.data)[0]})"
    if isinstance(value, Long):
        return f"(i64.const {value.value})"
    if isinstance(value, Out):
        return f"(i32.const {_OUT + 16 * value.slot})"
    if isinstance(value, Kept):
        return f"(i32.const {_OUT + 128 + 16 * value.slot})"
    if isinstance(value, Loaded):
        return f"(i32.load (i32.const {_OUT + 128 + 16 * value.slot}))"
    return f"(i32.const {value})"


def _put(text: str, texts: _Texts) -> str:
    at, size = texts.place(text)
    return f"(call $text (i32.const {at}) (i32.const {size}))"


def _ask(name: str, ask: Ask, texts: _Texts) -> str:
    arguments = " ".join([_argument(each, texts) for each in ask.arguments])
    results = host_functions()[ask.module, ask.function].signature.results
    call = f"(call ${ask.function} {arguments})"
    if not results:
        call = f"{call} (i32.const 0)"
    shown = {
        "": "",
        "bytes": f"(call $char (i32.const 32)) (call $printable (i32.load (i32.const {_OUT}))"
        f" (i32.load (i32.const {_OUT + 16})))",
        "u32": f"(call $char (i32.const 32)) (call $number (i64.extend_i32_u (i32.load (i32.const {_OUT}))))",
        "u64": f"(call $char (i32.const 32)) (call $number (i64.load (i32.const {_OUT})))",
        "kept": f"(call $char (i32.const 32)) (call $number (i64.extend_i32_u (i32.load (i32.const {_OUT + 128}))))",
    }[ask.shows]
    return (
        f"(memory.fill (i32.const {_OUT}) (i32.const 0) (i32.const 128)) (call $begin) {_put(f'{name}: ', texts)}"
        f"{_put(f'{ask.label}=', texts)} {call} (local.set $code) (call $number (i64.extend_i32_u (local.get $code)))"
        f"{shown} (call $flush)\n"
    )


def _answers(name: str, answers: Sequence[int]) -> str:
    text = f"(i32.const {answers[-1]})"
    for index in reversed(range(len(answers) - 1)):
        text = (
            f"(if (result i32) (i32.eq (global.get $times_{name}) (i32.const {index + 1}))"
            f" (then (i32.const {answers[index]})) (else {text}))"
        )
    return text


def _callback(name: str, callback: Callback, abi: str, texts: _Texts) -> str:
    signature = callback_signature(name, abi)
    if signature is None:
        raise ValueError(name)
    params = " ".join([f"(param $p{index} i32)" for index in range(len(signature.params))])
    head = f"(call $begin) {_put(f'{name}(', texts)}"
    # The first parameter is the context: counted on from the start of the process, so it stays out.
    for index in range(1, len(signature.params)):
        head += "(call $char (i32.const 32))" * (index > 1)
        head += f"(call $number (i64.extend_i32_u (local.get $p{index})))"
    head += f"{_put(')', texts)} (call $flush)\n"
    asks = "".join([_ask(name.removeprefix("proxy_on_"), each, texts) for each in callback.asks])
    result = f"(result {signature.results[0]})" if signature.results else ""
    answer = _answers(name, callback.answers) if signature.results else ""
    return (
        f'(global $times_{name} (mut i32) (i32.const 0))\n(func (export "{name}") {params} {result} (local $code i32)\n'
        f"(global.set $times_{name} (i32.add (global.get $times_{name}) (i32.const 1)))\n"
        f"(global.set $context (local.get $p0)) (global.set $heap (i32.const {_HEAP})) {head} {asks} {answer})\n"
    )


def module_text(callbacks: Mapping[str, Callback], abi: str = "0.2.1", extra: str = "") -> str:
    """Write the module that does this in its callbacks, in WebAssembly's text format.

    Args:
        callbacks: What each callback does, by name.
        abi: The ABI version.
        extra: Further definitions.
    """
    texts = _Texts()
    used = {("env", "proxy_log")}
    used |= {(ask.module, ask.function) for each in callbacks.values() for ask in each.asks}
    imports = []
    for module, name in sorted(used):
        signature = host_functions()[module, name].signature
        params = " ".join([f"(param {each})" for each in signature.params])
        results = "".join([f"(result {each})" for each in signature.results])
        imports.append(f'(import "{module}" "{name}" (func ${name} {params} {results}))')
    bodies = "".join([_callback(name, each, abi, texts) for name, each in callbacks.items()])
    data = "".join([f"\\{byte:02x}" for byte in texts.data])
    return (
        f'(module {" ".join(imports)}\n(memory (export "memory") {_PAGES})\n'
        f'(func (export "proxy_abi_version_{abi.replace(".", "_")}"))\n'
        f"(global $heap (mut i32) (i32.const {_HEAP})) (global $end (mut i32) (i32.const 0))"
        f" (global $context (mut i32) (i32.const 0))\n"
        f'{ALLOCATE}\n{_LIBRARY}\n{bodies}\n{extra}\n(data (i32.const {_TEXTS}) "{data}"))'
    )
