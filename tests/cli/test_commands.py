from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.cli import main
from hatch_wasm_oci.image import archive
from hatch_wasm_oci.image.descriptor import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Blob, sha256
from hatch_wasm_oci.image.formats import DEFAULT_TIME, artifact, compat_docker, compat_oci
from hatch_wasm_oci.image.json_document import to_json
from hatch_wasm_oci.image.manifest import Image
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.registry.transfer import pull, push
from hatch_wasm_oci.testing import BasicAuthentication, EmbeddedRegistry
from hatch_wasm_oci.wasm.module import Module
from tests.samples import contents, core_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "s3cr3t-0f-the-test"
MODULE = core_module(size=5000)
IMAGE = compat_oci(contents(module=Module(MODULE)))


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none.json"))
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"HATCH_WASM_OCI_{name}", raising=False)


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    path = tmp_path / "image.oci.tar"
    path.write_bytes(b"".join(map(bytes, archive.write(IMAGE, [], DEFAULT_TIME))))
    return path


class Command:
    """Runs a command in this process; what is printed must be JSON, or nothing but one line of error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Any:
        status = main([*map(str, arguments), "--json"])
        output, errors = self._capsys.readouterr()
        assert (status, errors) == (0, "")
        return json.loads(output)

    def fails(self, *arguments: str | Path) -> str:
        status = main([*map(str, arguments)])
        output, errors = self._capsys.readouterr()
        assert (status, output) == (1, "")
        (line,) = errors.splitlines()
        assert line.startswith("hatch-wasm-oci: ")
        assert PASSWORD not in line
        return str(line)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_push_tells_what_it_did(registry: EmbeddedRegistry, command: Command, packed: Path, tmp_path: Path) -> None:
    name = f"{registry.host}/acme/filter"
    receipt = command("push", packed, f"{name}:1.0", "-t", "latest", "--digest-file", tmp_path / "digest")
    assert receipt["references"] == [f"{name}:1.0", f"{name}:latest"]
    assert receipt["digest"] == IMAGE.digest
    assert receipt["pinned_reference"] == f"{name}:1.0@{IMAGE.digest}"
    assert (tmp_path / "digest").read_text() == f"{IMAGE.digest}\n"
    assert command("push", packed, f"{name}:1.0")["requests"] == 1


def test_a_dry_run_sends_nothing(registry: EmbeddedRegistry, command: Command, packed: Path) -> None:
    receipt = command("push", packed, f"{registry.host}/acme/filter:1.0", "--dry-run")
    assert (receipt["dry_run"], receipt["digest"]) == (True, IMAGE.digest)
    assert not registry.log


def test_lines_for_readers(
    registry: EmbeddedRegistry, packed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = f"{registry.host}/acme/filter:1.0"
    assert main(["push", str(packed), name]) == 0
    output, errors = capsys.readouterr()
    pinned = f"pin it as {name}@{IMAGE.digest}"
    assert output.splitlines() == [f"pushed {name}", "blobs: 2 sent", pinned]
    assert sorted(line.rpartition(" ")[2] for line in errors.splitlines()) == ["sent", "sent"]
    assert main(["push", str(packed), name]) == 0
    assert capsys.readouterr().out.splitlines() == [f"pushed {name}", "the registry had all of it already", pinned]
    for words in (["pull", name], ["inspect", name], ["copy", name, "x.tar"]):
        assert main([*words, "-q"]) == 0
        assert capsys.readouterr() == ("", "")
    assert main(["inspect", name]) == 0
    assert "ABI 0.2.1" in capsys.readouterr().out


def test_a_tag_is_not_moved_against_the_users_word(registry: EmbeddedRegistry, command: Command, packed: Path) -> None:
    name = Reference(registry.host, "acme/filter", "1.0")
    push(compat_oci(contents()), [name])
    push(artifact(contents()), [name])
    assert "names another image already" in command.fails("push", packed, str(name), "--no-overwrite")
    assert list(command("push", packed, str(name))["moved"]) == ["1.0"]


def test_copy_goes_in_all_four_directions(
    registry: EmbeddedRegistry, command: Command, packed: Path, tmp_path: Path
) -> None:
    first, second = (f"{registry.host}/acme/{name}:1.0" for name in ("first", "second"))
    other = tmp_path / "other.tar"
    assert command("copy", packed, first)["digest"] == IMAGE.digest
    assert len(command("copy", first, second, "--digest-file", tmp_path / "digest")["mounted"]) == 2
    assert command("copy", second, other)["digest"] == IMAGE.digest
    assert command("copy", other, tmp_path / "again.tar")["output"] == str(tmp_path / "again.tar")
    assert archive.read(tmp_path / "again.tar").image == IMAGE
    assert (tmp_path / "digest").read_text() == f"{IMAGE.digest}\n"
    with EmbeddedRegistry() as elsewhere:
        assert command("copy", first, f"{elsewhere.host}/x:1")["digest"] == IMAGE.digest
        assert command("inspect", f"{elsewhere.host}/x:1") == command("inspect", packed)


def by_buildah() -> Image:
    """Make an image as buildah does: a layer of two gzip members, the module deeper in the tree, no annotations."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("etc/motd", "./plugin.wasm"):
            data = MODULE if name.endswith("wasm") else b"hello"
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    data = buffer.getvalue()
    layer = Blob.of(OCI_LAYER, gzip.compress(data[:3000]) + gzip.compress(data[3000:]))
    value = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha256(data)]}}
    config = Blob.of(OCI_CONFIG, to_json(value))
    descriptors = {"config": config.descriptor.to_json(), "layers": [layer.descriptor.to_json()]}
    return Image.of({"schemaVersion": 2, "mediaType": OCI_MANIFEST, **descriptors}, config, layer)


@pytest.mark.parametrize("form", ["oci", "docker", "artifact", "buildah", "index"])
def test_pull_takes_the_module_out_of_any_image(
    registry: EmbeddedRegistry, command: Command, tmp_path: Path, form: str
) -> None:
    made = contents(module=Module(MODULE))
    forms: dict[str, Callable[[Any], Image]] = {
        "docker": compat_docker,
        "artifact": artifact,
        "buildah": lambda _made: by_buildah(),
    }
    image = forms.get(form, compat_oci)(made)
    name = Reference(registry.host, "acme/filter", "1.0")
    push(image, [name])
    if form == "index":
        child = {**image.manifest.descriptor.to_json(), "platform": {"os": "linux", "architecture": "amd64"}}
        index = to_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]})
        registry.faults.add(path="*/manifests/1.0", status=200, body=index)
    pulled = command("pull", str(name), "-o", tmp_path / "plugin.wasm", "--digest-file", tmp_path / "digest")
    assert (tmp_path / "plugin.wasm").read_bytes() == MODULE
    assert (tmp_path / "digest").read_text() == f"{image.digest}\n"
    assert pulled["module"]["size"] == len(MODULE)
    assert command("pull", str(name))["output"] == "filter-1.0.oci.tar"
    assert archive.read(tmp_path / "filter-1.0.oci.tar").image == pull(name)


def test_what_holds_no_module_is_not_written(registry: EmbeddedRegistry, command: Command, tmp_path: Path) -> None:
    blob = Blob.of("text/plain", b"hello")
    value = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": blob.descriptor.to_json()}
    image = Image.of({**value, "layers": [blob.descriptor.to_json()]}, blob)
    push(image, [Reference(registry.host, "acme/text", "1.0")])
    for words in (["pull", "-o", "x.tar"], ["copy", "x.tar"]):
        reference = f"{registry.host}/acme/text:1.0"
        line = command.fails(words[0], reference, *words[1:], "-q")
        assert "where Istio and Envoy Gateway take" in line
    assert not list(tmp_path.glob("x.*"))


def test_a_password_comes_from_standard_input(command: Command, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedRegistry(authentication=BasicAuthentication({"user": PASSWORD})) as registry:
        name = f"{registry.host}/acme/filter:1.0"
        options = ("--username", "user", "--password-stdin")
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\r\n"))
        assert command("push", packed, name, *options)["digest"] == IMAGE.digest
        monkeypatch.setattr("sys.stdin", io.StringIO("wrong\n"))
        line = command.fails("inspect", name, *options)
        assert "UNAUTHORIZED" in line
        assert "came from the options (user 'user')" in line
        monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
        assert "There is no password on standard input" in command.fails("inspect", name, *options)
        monkeypatch.setattr("sys.stdin", None)
        assert "There is no password on standard input" in command.fails("inspect", name, *options)
        assert "none.json (not there)" in command.fails("inspect", name)
        assert "needs a password" in command.fails("inspect", name, "--username", "user")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("push", "none.tar", "a.example/x:1"), "none.tar can't be read"),
        (("push", "image.oci.tar"), "Nothing says where to push"),
        (("push", "image.oci.tar", "filter:1"), "names no registry"),
        (("push", "image.oci.tar", f"a.example/x@{IMAGE.digest}"), "not for choosing"),
        (("pull", "a.example/x"), "names no image"),
        (("inspect", "none"), "There is no archive none"),
        (("copy", "none.tar", "a.example/x:1"), "none.tar can't be read"),
        (("copy", "image.oci.tar", "image.oci.tar/x.tar"), "image.oci.tar can't be written"),
    ],
)
def test_failures_are_one_line_and_status_1(command: Command, packed: Path, words: tuple[str, ...], told: str) -> None:
    assert told in command.fails(*words)


@pytest.mark.parametrize(
    "words",
    [(), ("fly",), ("push",), ("push", "x", "--chunk-size", "-5"), ("pull",), ("copy", "x"), ("inspect", "--x")],
)
def test_wrong_usage_is_status_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: hatch-wasm-oci" in capsys.readouterr().err


def test_an_interruption_is_status_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hatch_wasm_oci.registry.transfer.pull", interrupt)
    assert main(["inspect", "127.0.0.1:1/x:1"]) == 130
    assert capsys.readouterr().err == "hatch-wasm-oci: interrupted\n"
