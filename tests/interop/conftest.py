from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hatch_wasm_oci

from . import peers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci import PackagedImage

    from .peers import Peer

PROJECT = Path(__file__).parents[1] / "packages" / "header-filter"
SETTINGS = """
compile = ["{python}", "compile.py"]
repository = "registry.example/filters/header-filter"
runtime-config = { type = "envoy_proxy", abiVersions = ["v0-2-1"], config = {} }
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project, its module compiled."""
    root = tmp_path_factory.mktemp("project") / "header-filter"
    shutil.copytree(PROJECT, root)
    with (root / "pyproject.toml").open("a") as file:
        file.write(SETTINGS)
    return root


@pytest.fixture(scope="session")
def oci(project: Path) -> PackagedImage:
    return hatch_wasm_oci.package(project, directory="build/oci")


@pytest.fixture(scope="session")
def docker(project: Path) -> PackagedImage:
    return hatch_wasm_oci.package(project, directory="build/docker", format="docker")


@pytest.fixture(params=["oci", "docker"])
def packaged(request: pytest.FixtureRequest) -> PackagedImage:
    """The sample project's image, in each format that container tools take."""
    image: PackagedImage = request.getfixturevalue(request.param)
    return image


@pytest.fixture
def module(project: Path, oci: PackagedImage) -> bytes:
    """What the compile command wrote."""
    return (project / "plugin.wasm").read_bytes()


@pytest.fixture
def skopeo(tmp_path: Path) -> Peer:
    return peers.find("skopeo", tmp_path)


@pytest.fixture
def umoci(tmp_path: Path) -> Peer:
    return peers.find("umoci", tmp_path)


@pytest.fixture
def podman(tmp_path: Path) -> Peer:
    return peers.find("podman", tmp_path)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host and port of a docker-registry of this worker's own."""
    directory = tmp_path_factory.mktemp("docker-registry")
    with peers.docker_registry(peers.find("docker-registry", directory), directory) as host:
        yield host
