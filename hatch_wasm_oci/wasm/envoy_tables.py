"""What Envoy offers and wants: the tables beside this file, read when first needed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm.value_types import FunctionType

_TYPES = {"i": "i32", "I": "i64"}
_WASI_MODULES = ("wasi_unstable", "wasi_snapshot_preview1")
_ALL = "*"
Version = tuple[int, int]
MAIN_VOID_SINCE: Version = (1, 39)
"""The first Envoy that looks for `__main_void` beside `main`."""
_NEVER: Version = (1 << 30, 0)
_OLDEST: Version = (0, 0)


class HostFunction(NamedTuple):
    """A function that Envoy offers.

    Args:
        signature: Its type.
        abis: The ABI versions that have it; empty for all.
        since: The first Envoy that has it.
        start: Whether a call from a start section crashes Envoy: `always`, `maybe` (by its arguments) or `never`.
        memory: Whether a call from a module without a memory does; likewise.
        initialize: The first Envoy that allows the call in `_initialize` and `_start`.
    """

    signature: FunctionType
    abis: frozenset[str]
    since: Version
    start: str
    memory: str
    initialize: Version


def envoy_version(text: str) -> Version:
    """Read an Envoy version such as `1.36` or `v1.36.4`.

    Raises:
        SettingsError: If it is none.
    """
    parts = text.strip().removeprefix("v").split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        raise SettingsError([f'envoy: {text!r} is no Envoy version. Give one such as "1.36".']) from None


def _lines(name: str) -> list[list[str]]:
    text = Path(__file__).with_name(name).read_text("utf-8")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def _signature(text: str) -> FunctionType:
    params, _, results = text.partition(">")
    return FunctionType(tuple([_TYPES[each] for each in params]), tuple([_TYPES[each] for each in results]))


def _abis(text: str) -> frozenset[str]:
    return frozenset() if text == _ALL else frozenset([f"0.{each}" for each in text.split(",")])


def _since(text: str) -> Version:
    if text == "never":
        return _NEVER
    return _OLDEST if text == _ALL else envoy_version(text)


@cache
def host_functions() -> dict[tuple[str, str], HostFunction]:
    """Give every function that some Envoy offers, by its module and name."""
    table: dict[tuple[str, str], HostFunction] = {}
    for module, name, signature, abis, since, start, memory, initialize in _lines("envoy_host_functions.txt"):
        found = HostFunction(_signature(signature), _abis(abis), _since(since), start, memory, _since(initialize))
        for each in _WASI_MODULES if module == "wasi" else (module,):
            table[each, name] = found
    return table


@cache
def callbacks() -> dict[str, dict[str, FunctionType]]:
    """Give the exports that Envoy calls, by name, with their signature for each ABI version (empty for all)."""
    table: dict[str, dict[str, FunctionType]] = {}
    for name, signature, abis in _lines("envoy_callbacks.txt"):
        for each in _abis(abis) or {""}:
            table.setdefault(name, {})[each] = _signature(signature)
    return table


def callback_signature(name: str, abi: str) -> FunctionType | None:
    """Give the signature that Envoy wants of a callback under an ABI version; None if it does not call it."""
    by_abi = callbacks().get(name, {})
    return by_abi.get(abi) or by_abi.get("")
