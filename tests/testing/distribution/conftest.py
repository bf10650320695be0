"""What the tests of the specification's endpoints share: a client of either storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Client


@pytest.fixture(params=["memory", "disk"])
def client(
    request: pytest.FixtureRequest,
    make_registry: Callable[..., EmbeddedRegistry],
    make_client: Callable[..., Client],
    tmp_path: Path,
) -> Client:
    return make_client(make_registry(directory=tmp_path / "registry" if request.param == "disk" else None))
