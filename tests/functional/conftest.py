from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from . import wheelhouse as wheels
from .front_ends import FrontEnds, environment

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheelhouse of this test run; of pytest-xdist's workers, the first one to finish shares its own."""
    installed = {distribution.name.lower() for distribution in metadata.distributions() if distribution.name}
    if missing := {"build", "hatch", "pip", "uv"} - installed:
        pytest.skip(f"builds need what is not installed here: pip install {' '.join(sorted(missing))}")
    mine = tmp_path_factory.mktemp("wheels")
    wheels.build(mine, PROJECT)
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
