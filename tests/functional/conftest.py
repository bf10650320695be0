from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from . import wheelhouse as wheels
from .front_ends import FrontEnds, environment

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheelhouse of this test run; of pytest-xdist's workers, the first one to finish shares its own."""
    mine = tmp_path_factory.mktemp("wheels")
    try:
        wheels.build(mine, PROJECT)
    except LookupError as error:
        pytest.skip(f"isolated builds have nothing to install from: {error}; install the dependency group `builds`")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return mine
    shared = tmp_path_factory.getbasetemp().parent / "wheelhouse"
    try:
        mine.rename(shared)
    except OSError:
        shutil.rmtree(mine)
    return shared


@pytest.fixture(scope="session")
def front_ends(tmp_path_factory: pytest.TempPathFactory, wheelhouse: Path) -> FrontEnds:
    """The front ends, with one home for all tests of this worker."""
    return FrontEnds(environment(tmp_path_factory.mktemp("home"), wheelhouse))
