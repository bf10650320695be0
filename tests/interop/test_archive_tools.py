"""What the tools that people use for container images make of an archive."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci import PackagedImage

    from .peers import Peer

pytestmark = pytest.mark.interop

POLICY = "--insecure-policy"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob(directory: Path, digest: str) -> bytes:
    return (directory / digest.partition(":")[2]).read_bytes()


def module_in(layer: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        assert archive.getnames() == ["plugin.wasm", "runtime-config.json"]
        member = archive.extractfile("plugin.wasm")
        assert member is not None
        return member.read()


def test_skopeo_inspects_the_layout(skopeo: Peer, packaged: PackagedImage) -> None:
    raw = skopeo.run(POLICY, "inspect", "--raw", f"oci-archive:{packaged.archive}")
    assert sha256(raw) == packaged.manifest_digest
    # skopeo looks names up among OCI manifests alone; a layout's only manifest needs none.
    name = ":1.2.0" if packaged.format == "oci" else ""
    value: dict[str, Any] = json.loads(skopeo.run(POLICY, "inspect", f"oci-archive:{packaged.archive}{name}"))
    assert value["Digest"] == packaged.manifest_digest
    assert value["Layers"] == [packaged.layer_digest]
    assert (value["Architecture"], value["Os"]) == ("amd64", "linux")
    assert value["Labels"]["org.opencontainers.image.version"] == "1.2.0"


def test_skopeo_inspects_the_docker_archive(skopeo: Peer, packaged: PackagedImage) -> None:
    name = f"docker-archive:{packaged.archive}:{packaged.reference}"
    manifest = json.loads(skopeo.run(POLICY, "inspect", "--raw", name))
    assert manifest["config"]["digest"] == packaged.config_digest
    value: dict[str, Any] = json.loads(skopeo.run(POLICY, "inspect", name))
    assert value["Layers"] == [packaged.diff_id]
    assert (value["Architecture"], value["Os"]) == ("amd64", "linux")


def test_skopeo_copies_the_layout_as_it_is(
    skopeo: Peer, packaged: PackagedImage, module: bytes, tmp_path: Path
) -> None:
    target = tmp_path / "copy"
    skopeo.run(POLICY, "copy", "--preserve-digests", f"oci-archive:{packaged.archive}", f"dir:{target}")
    assert sha256((target / "manifest.json").read_bytes()) == packaged.manifest_digest
    assert sha256(blob(target, packaged.config_digest)) == packaged.config_digest
    assert module_in(blob(target, packaged.layer_digest)) == module


def test_skopeo_copies_the_docker_archive(skopeo: Peer, packaged: PackagedImage, module: bytes, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    skopeo.run(POLICY, "copy", f"docker-archive:{packaged.archive}", f"dir:{target}")
    (layer,) = json.loads((target / "manifest.json").read_bytes())["layers"]
    assert module_in(blob(target, layer["digest"])) == module


def test_umoci_unpacks_the_layout(umoci: Peer, oci: PackagedImage, module: bytes, tmp_path: Path) -> None:
    layout, bundle = tmp_path / "layout", tmp_path / "bundle"
    with tarfile.open(oci.archive) as archive:
        archive.extractall(layout, filter="data")
    rootless = () if os.geteuid() == 0 else ("--rootless",)
    umoci.run("unpack", *rootless, "--image", f"{layout}:1.2.0", bundle)
    assert (bundle / "rootfs" / "plugin.wasm").read_bytes() == module
    assert sorted(path.name for path in (bundle / "rootfs").iterdir()) == ["plugin.wasm", "runtime-config.json"]
    configuration = json.loads((bundle / "config.json").read_bytes())
    assert configuration["annotations"]["org.opencontainers.image.os"] == "linux"


def test_podman_loads_the_archive(
    request: pytest.FixtureRequest, podman: Peer, packaged: PackagedImage, module: bytes, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("podman mounts images for root alone")
    short = tempfile.mkdtemp(prefix="run")  # podman takes no --runroot of more than 50 characters
    request.addfinalizer(functools.partial(shutil.rmtree, short, ignore_errors=True))
    store = ("--root", tmp_path / "root", "--runroot", short, "--storage-driver", "vfs")
    usable = podman.attempt(*store, "info")
    if usable.returncode:
        pytest.skip(f"podman does not work on this machine: {usable.stderr.decode().strip()}")
    name = str(packaged.reference)
    podman.run(*store, "load", "--input", packaged.archive)
    (image,) = json.loads(podman.run(*store, "image", "inspect", name))
    assert f"sha256:{image['Id']}" == packaged.config_digest
    assert image["RootFS"]["Layers"] == [packaged.diff_id]
    place = podman.run(*store, "image", "mount", name).decode().strip()
    try:
        with open(os.path.join(place, "plugin.wasm"), "rb") as file:  # noqa: PTH118, PTH123 - podman's own path
            assert file.read() == module
    finally:
        podman.run(*store, "image", "unmount", name)
