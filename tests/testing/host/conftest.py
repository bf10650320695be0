"""Modules for tests of the host, written by what they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .probe import Ask, Callback, module_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

YES = {"vm_start": (1,), "configure": (1,), "done": (1,)}


@pytest.fixture(scope="session")
def compiled() -> Callable[[str], bytes]:
    """Compile WebAssembly's text format."""
    wasmtime: Any = pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")
    return lambda text: bytes(wasmtime.wat2wasm(text))


@pytest.fixture(scope="session")
def module(compiled: Callable[[str], bytes]) -> Callable[..., bytes]:
    """Make a module: what each callback asks, by its name without `proxy_on_`, and what it answers."""

    def make(answers: dict[str, Sequence[int]] | None = None, extra: str = "", **asks: Sequence[Ask]) -> bytes:
        returned = {**YES, **(answers or {})}
        names = dict.fromkeys([*asks, *(answers or {})])
        callbacks = {f"proxy_on_{name}": Callback(asks.get(name, ()), returned.get(name, (0,))) for name in names}
        return compiled(module_text(callbacks, extra=extra))

    return make
