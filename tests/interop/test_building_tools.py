"""Images that buildah, podman, skopeo and umoci really build and push: what the consumers make of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import hatch_wasm_oci
from hatch_wasm_oci import ImageError
from hatch_wasm_oci.image import archive
from hatch_wasm_oci.testing import EmbeddedRegistry
from tests.samples import core_module, section

from . import peers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_wasm_oci import Acceptance, PackagedImage

    from .peers import Peer

pytestmark = pytest.mark.interop

POLICY = "--insecure-policy"
TO, FROM = "--dest-tls-verify=false", "--src-tls-verify=false"


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture
def host(embedded: EmbeddedRegistry, request: pytest.FixtureRequest) -> str:
    """The registry, and a part of it that no other test uses."""
    return f"{embedded.host}/{request.node.originalname.replace('_', '-')}"


@pytest.fixture(scope="module")
def buildah() -> Iterator[Peer]:
    with peers.storage("buildah") as peer:
        yield peer


@pytest.fixture(scope="module")
def podman() -> Iterator[Peer]:
    with peers.storage("podman") as peer:
        yield peer


@pytest.fixture
def module(request: pytest.FixtureRequest) -> bytes:
    """A module that no other test has: these tools know layers again, and push one as it lies in the registry."""
    name = request.node.name.encode()
    return core_module(size=3000) + section(0, b"\x04test" + name)


@pytest.fixture
def context(tmp_path: Path, module: bytes) -> Path:
    """A directory to build from: the module, and a file that is none."""
    directory = tmp_path / "context"
    directory.mkdir()
    (directory / "plugin.wasm").write_bytes(module)
    (directory / "README").write_text("Read me.\n")
    return directory


@pytest.fixture
def container(buildah: Peer, context: Path) -> str:
    """A container of buildah's with nothing but the module in it."""
    name = buildah.run("from", "scratch").decode().strip()
    buildah.run("copy", name, context / "plugin.wasm", "./")
    return name


@pytest.fixture
def archived(buildah: Peer, container: str, tmp_path: Path) -> Path:
    """The image as buildah writes it to a file, which does not compress it."""
    buildah.run("commit", "-q", container, f"oci-archive:{tmp_path / 'image.tar'}:1")
    return tmp_path / "image.tar"


def judged(source: str | Path) -> list[Acceptance]:
    found = list(hatch_wasm_oci.verify(source))
    assert [one.consumer for one in found] == ["istio", "envoy-gateway"]
    return found


def assert_accepted(source: str | Path, module: bytes, digest: str | None = None) -> None:
    for one in judged(source):
        assert one.accepted, one.problems
        assert digest in (None, one.digest)
    image = hatch_wasm_oci.pull(source) if isinstance(source, str) else archive.read(source).image
    assert bytes(image.module().data) == module


def assert_refused(source: str | Path, code: str, words: str) -> None:
    for one in judged(source):
        assert (one.accepted, one.problems[0].code) == (False, code)
        assert words in one.problems[0].words


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_what_buildah_commits_to_a_registry_is_accepted(
    buildah: Peer, container: str, host: str, form: str, module: bytes
) -> None:
    buildah.run("commit", "-q", "--format", form, container, form)
    reference, file = f"{host}/{form}:1", buildah.home / "digest"
    buildah.run("push", "-q", "--tls-verify=false", "--digestfile", file, form, f"docker://{reference}")
    assert_accepted(reference, module, file.read_text())
    buildah.run("commit", "-q", "--format", form, "--tls-verify=false", container, f"docker://{host}/{form}:2")
    assert_accepted(f"{host}/{form}:2", module)


def test_what_buildah_commits_to_a_file_is_refused(archived: Path) -> None:
    assert_refused(archived, "layer-type", "invalid media type application/vnd.oci.image.layer.v1.tar (expect")
    assert "not compressed" in judged(archived)[0].problems[0].remedy


def test_skopeo_compresses_it_on_its_way_to_a_registry(skopeo: Peer, archived: Path, host: str, module: bytes) -> None:
    skopeo.run(POLICY, "copy", "-q", TO, f"oci-archive:{archived}:1", f"docker://{host}/a:1")
    assert_accepted(f"{host}/a:1", module)
    skopeo.run(POLICY, "copy", "-q", "--preserve-digests", TO, f"oci-archive:{archived}:1", f"docker://{host}/b:1")
    assert_refused(f"{host}/b:1", "layer-type", "invalid media type application/vnd.oci.image.layer.v1.tar (expect")


def test_skopeo_compresses_it_into_another_file(skopeo: Peer, archived: Path, tmp_path: Path, module: bytes) -> None:
    target = tmp_path / "compressed.tar"
    skopeo.run(POLICY, "copy", "-q", "--dest-compress", f"oci-archive:{archived}:1", f"oci-archive:{target}:1")
    assert_accepted(target, module)


def test_zstd_is_refused(skopeo: Peer, archived: Path, host: str) -> None:
    options = ("--dest-compress-format", "zstd", TO)
    skopeo.run(POLICY, "copy", "-q", *options, f"oci-archive:{archived}:1", f"docker://{host}/a:1")
    assert_refused(f"{host}/a:1", "layer-type", "invalid media type application/vnd.oci.image.layer.v1.tar+zstd")


def test_the_layer_of_the_last_line_counts(buildah: Peer, context: Path, host: str, module: bytes) -> None:
    for name, files in {"last": ("README", "plugin.wasm"), "first": ("plugin.wasm", "README")}.items():
        lines = ["FROM scratch", *(f"COPY {file} ./" for file in files)]
        (context / name).write_text("\n".join(lines))
        for layers in ("true", "false"):
            options = (f"--layers={layers}", "--isolation", "chroot", "-f", context / name)
            buildah.run("build", "-q", *options, "-t", f"{name}-{layers}", context)
            reference = f"{host}/{name}-{layers}:1"
            buildah.run("push", "-q", "--tls-verify=false", f"{name}-{layers}", f"docker://{reference}")
    for name in ("last-true", "last-false", "first-false"):
        assert_accepted(f"{host}/{name}:1", module)
    assert_refused(f"{host}/first-true:1", "no-plugin-wasm", "plugin.wasm not found in the archive")


def test_an_index_is_looked_through(buildah: Peer, container: str, host: str, tmp_path: Path, module: bytes) -> None:
    options, file = ("--tls-verify=false", "--digestfile", tmp_path / "digest"), tmp_path / "digest"
    image = f"docker://{host}/a:1"
    buildah.run("commit", "-q", container, "one")
    buildah.run("push", "-q", *options, "one", image)
    digest = file.read_text()
    buildah.run("manifest", "create", "both")
    buildah.run("manifest", "add", "--tls-verify=false", "--arch", "arm64", "both", image)
    buildah.run("manifest", "push", "--all", "--tls-verify=false", "both", f"docker://{host}/a:arm")
    assert_refused(f"{host}/a:arm", "no-platform", "no child with platform linux/amd64")
    buildah.run("manifest", "annotate", "--arch", "amd64", "both", digest)
    buildah.run("manifest", "push", "--all", *options, "both", f"docker://{host}/a:both")
    assert_accepted(f"{host}/a:both", module, digest)
    index = file.read_text()
    assert index != digest
    assert_refused(f"{host}/a@{index}", "pinned-index", f"which does not match: {index.partition(':')[2]}")
    assert_accepted(f"{host}/a@{digest}", module, digest)


def test_what_podman_builds_is_accepted(podman: Peer, context: Path, host: str, tmp_path: Path, module: bytes) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY plugin.wasm ./\n")
    podman.run("build", "-q", "--isolation", "chroot", "-t", "plugin", context)
    for form in ("oci", "v2s2"):
        podman.run("push", "-q", "--tls-verify=false", "--format", form, "plugin", f"docker://{host}/{form}:1")
        assert_accepted(f"{host}/{form}:1", module)
    podman.run("save", "-q", "--format", "oci-archive", "-o", tmp_path / "oci.tar", "plugin")
    assert_accepted(tmp_path / "oci.tar", module)
    podman.run("save", "-q", "--format", "docker-archive", "-o", tmp_path / "docker.tar", "plugin")
    with pytest.raises(ImageError, match=r"it has no index\.json\. .*podman save --format oci-archive"):
        hatch_wasm_oci.verify(tmp_path / "docker.tar")


def test_podman_pushes_zstd_where_it_is_asked_to(podman: Peer, context: Path, host: str) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY plugin.wasm ./\n")
    podman.run("build", "-q", "--isolation", "chroot", "-t", "zstd", context)
    options = ("--tls-verify=false", "--format", "oci", "--compression-format", "zstd")
    podman.run("push", "-q", *options, "zstd", f"docker://{host}/a:1")
    assert_refused(f"{host}/a:1", "layer-type", "invalid media type application/vnd.oci.image.layer.v1.tar+zstd")


def test_what_umoci_inserts_is_accepted(umoci: Peer, skopeo: Peer, context: Path, host: str, module: bytes) -> None:
    layout = context / "layout"
    umoci.run("init", "--layout", layout)
    umoci.run("new", "--image", f"{layout}:1")
    umoci.run("insert", "--rootless", "--image", f"{layout}:1", context / "plugin.wasm", "/plugin.wasm")
    skopeo.run(POLICY, "copy", "-q", "--preserve-digests", TO, f"oci:{layout}:1", f"docker://{host}/a:1")
    assert_accepted(f"{host}/a:1", module)


def test_what_skopeo_converts_stays_accepted(skopeo: Peer, packaged: PackagedImage, host: str) -> None:
    source = f"oci-archive:{packaged.archive}"
    for form in ("oci", "v2s2"):
        skopeo.run(POLICY, "copy", "-q", "--format", form, TO, source, f"docker://{host}/{packaged.format}-{form}:1")
        for one in judged(f"{host}/{packaged.format}-{form}:1"):
            assert one.accepted
            raw = skopeo.run(
                POLICY, "inspect", "--raw", "--tls-verify=false", f"docker://{host}/{packaged.format}-{form}:1"
            )
            assert json.loads(raw)["layers"][0]["digest"] == packaged.layer_digest


def test_a_real_registry_gives_the_same(buildah: Peer, container: str, registry: str, module: bytes) -> None:
    for form in ("oci", "docker"):
        target = f"{registry}/buildah/{form}:1"
        buildah.run("commit", "-q", "--format", form, "--tls-verify=false", container, f"docker://{target}")
        assert_accepted(target, module)
