"""Registries that end with the test, and connections that wait for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.registry.connection import Connection, Retry
from hatch_wasm_oci.testing import EmbeddedRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def make_registry() -> Iterator[Callable[..., EmbeddedRegistry]]:
    registries = []

    def make(**options: Any) -> EmbeddedRegistry:
        registries.append(EmbeddedRegistry(**options).start())
        return registries[-1]

    yield make
    for registry in registries:
        registry.stop()


@pytest.fixture
def registry(make_registry: Callable[..., EmbeddedRegistry]) -> EmbeddedRegistry:
    return make_registry()


@pytest.fixture
def waits() -> list[float]:
    """How long a connection of `connect` would have waited."""
    return []


@pytest.fixture
def connect(waits: list[float]) -> Callable[..., Connection]:
    def make(**options: Any) -> Connection:
        retry = Retry(attempts=4, sleep=waits.append, jitter=lambda longest: longest)
        return Connection(**{"retry": retry, "parallel": 1, "read_timeout": 5.0, **options})

    return make
