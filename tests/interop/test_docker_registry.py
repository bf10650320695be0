"""Images on their way through Debian's docker-registry (distribution 2.8), by skopeo and by this package."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hatch_wasm_oci
from hatch_wasm_oci.image import archive

if TYPE_CHECKING:
    from hatch_wasm_oci import PackagedImage

    from .peers import Peer

pytestmark = pytest.mark.interop

POLICY = "--insecure-policy"
COMMAND = str(Path(sys.executable).parent / "hatch-wasm-oci")


def own(*arguments: str | Path) -> dict[str, Any]:
    process = subprocess.run((COMMAND, *arguments, "--json"), capture_output=True, encoding="utf-8", check=False)
    assert process.returncode == 0, process.stderr
    value: dict[str, Any] = json.loads(process.stdout)
    return value


def manifest_digest(skopeo: Peer, reference: str) -> str:
    raw = skopeo.run(POLICY, "inspect", "--raw", "--tls-verify=false", f"docker://{reference}")
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def test_what_skopeo_pushed_keeps_its_digest_and_is_pulled(
    skopeo: Peer, registry: str, packaged: PackagedImage, module: bytes, tmp_path: Path
) -> None:
    reference = f"{registry}/by-skopeo/{packaged.format}:1.2.0"
    arguments = ("--preserve-digests", "--dest-tls-verify=false", f"oci-archive:{packaged.archive}")
    skopeo.run(POLICY, "copy", *arguments, f"docker://{reference}")
    assert manifest_digest(skopeo, reference) == packaged.manifest_digest

    pulled = own("pull", reference, "-o", tmp_path / "pulled.tar")
    assert pulled["digest"] == packaged.manifest_digest
    assert archive.read(tmp_path / "pulled.tar").image == packaged.image
    own("pull", f"{registry}/by-skopeo/{packaged.format}@{packaged.manifest_digest}", "-o", tmp_path / "pulled.wasm")
    assert (tmp_path / "pulled.wasm").read_bytes() == module


def test_what_this_package_pushed_is_pulled_by_skopeo(
    skopeo: Peer, registry: str, packaged: PackagedImage, tmp_path: Path
) -> None:
    repository = f"{registry}/by-us/{packaged.format}"
    receipt = own("push", packaged.archive, f"{repository}:1.2.0", f"{repository}:latest")
    assert receipt["digest"] == packaged.manifest_digest
    for name in ("1.2.0", "latest"):
        assert manifest_digest(skopeo, f"{repository}:{name}") == packaged.manifest_digest
    assert manifest_digest(skopeo, f"{repository}@{packaged.manifest_digest}") == packaged.manifest_digest

    target = tmp_path / "pulled.tar"
    arguments = ("--preserve-digests", "--src-tls-verify=false", f"docker://{repository}:1.2.0")
    skopeo.run(POLICY, "copy", *arguments, f"oci-archive:{target}:1.2.0")
    assert archive.read(target).image == packaged.image


def test_a_second_push_sends_no_blob_again(registry: str, packaged: PackagedImage) -> None:
    reference = f"{registry}/twice/{packaged.format}:1.2.0"
    first = hatch_wasm_oci.push(packaged, reference)
    second = hatch_wasm_oci.push(packaged, reference)
    assert len(first.uploaded) == 2
    assert second.unchanged
    assert second.requests == 1
    assert (second.uploaded, second.mounted, second.present) == ((), (), ())
    assert second.digest == first.digest == packaged.manifest_digest


def test_the_artifact_goes_through(skopeo: Peer, registry: str, project: Path, module: bytes) -> None:
    packaged = hatch_wasm_oci.package(project, directory="build/artifact", format="artifact")
    reference = f"{registry}/artifact/filter:1.2.0"
    assert hatch_wasm_oci.push(packaged, reference).digest == packaged.manifest_digest
    assert manifest_digest(skopeo, reference) == packaged.manifest_digest
    pulled = hatch_wasm_oci.pull(reference)
    assert pulled == packaged.image
    assert bytes(pulled.module().data) == module
