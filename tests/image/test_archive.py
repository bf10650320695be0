from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ImageError
from hatch_wasm_oci.image import archive, tar
from hatch_wasm_oci.image.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Blob, Descriptor
from hatch_wasm_oci.image.formats import FORMATS
from hatch_wasm_oci.image.manifest import Image
from hatch_wasm_oci.wasm.module import Module
from tests.samples import contents, core_module

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatch_wasm_oci.image.archive import ArchivedImage

NAMES = ("ghcr.io/acme/demo:1.0", "ghcr.io/acme/demo:latest")
SMALL = FORMATS["oci"].build(contents(module=Module(core_module())))
FIXTURE_IS_OVERWRITTEN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(image: Image = SMALL, names: tuple[str, ...] = NAMES) -> bytes:
    return b"".join(archive.write(image, names, 0))


def read(tmp_path: Path, data: bytes) -> ArchivedImage:
    path = tmp_path / "image.tar"
    path.write_bytes(data)
    return archive.read(path)


def files_of(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as file:
        return {entry.name: content.read() for entry in file if (content := file.extractfile(entry))}


def tar_of(files: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as file:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("names", [(), NAMES])
@pytest.mark.parametrize("form", FORMATS)
def test_what_was_written_is_read(tmp_path: Path, form: str, names: tuple[str, ...]) -> None:
    image = FORMATS[form].build(contents())
    data = written(image, names)
    assert data == written(FORMATS[form].build(contents()), names)
    again = read(tmp_path, data)
    assert again.image.manifest == image.manifest
    assert [bytes(blob.data) for blob in again.image.blobs] == [bytes(blob.data) for blob in image.blobs]
    # What no docker can load is not offered to it, and takes no names along.
    assert again.names == (() if form == "artifact" else names)


def test_an_archive_is_a_layout_and_loads_in_docker() -> None:
    files = files_of(written())
    assert list(files)[:3] == ["oci-layout", "index.json", "manifest.json"]
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (descriptor,) = json.loads(files["index.json"])["manifests"]
    assert descriptor == {
        **SMALL.manifest.descriptor.to_json(),
        "annotations": {"io.containerd.image.name": NAMES[0], "org.opencontainers.image.ref.name": "1.0"},
    }
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == list(NAMES)
    for path in (entry["Config"], *entry["Layers"]):
        assert path in files
    assert json.loads(files_of(written(names=()))["manifest.json"])[0]["RepoTags"] is None


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_other_tools_are_read(tmp_path: Path, form: int) -> None:
    files = {f"./{name}": data for name, data in reversed(files_of(written()).items())}
    assert read(tmp_path, tar_of(files, form)).image.manifest == SMALL.manifest
    del files["./manifest.json"]
    assert read(tmp_path, tar_of(files, form)).names == ()


def layer_path(image: Image = SMALL) -> str:
    return "blobs/" + image.manifest.layers[-1].digest.replace(":", "/")


def changed(path: str, data: bytes | None) -> bytes:
    files = files_of(written())
    if data is None:
        del files[path]
    else:
        files[path] = data
    return tar_of(files)


def index_with(**changes: Any) -> bytes:
    index = json.loads(files_of(written())["index.json"])
    index.update(changes)
    return changed("index.json", json.dumps(index).encode())


ROOT = SMALL.manifest.descriptor.to_json()
FAULTY = {
    "digest": (changed(layer_path(), b"x" * SMALL.manifest.layers[-1].size), "has the digest sha256:"),
    "size": (changed(layer_path(), b"x"), "has 1 bytes where its descriptor says"),
    "missing blob": (changed(layer_path(), None), "it lacks blobs/sha256/"),
    "no index": (changed("index.json", None), "it has no index.json"),
    "index no json": (changed("index.json", b"{"), "The index.json is no JSON"),
    "two manifests": (index_with(manifests=[ROOT, ROOT]), "names 2 manifests where there must be one"),
    "no manifest": (index_with(manifests=[]), "names 0 manifests"),
    "no list": (index_with(manifests=5), "names no list of manifests"),
    "size lies": (index_with(manifests=[{**ROOT, "size": 1}]), "where its descriptor says 1"),
    "path escapes": (index_with(manifests=[{**ROOT, "digest": "../../etc/passwd"}]), "which is no digest"),
    "manifest.json": (changed("manifest.json", b"["), "The manifest.json is no JSON"),
    "no tar": (b"hello", "The tar archive is damaged"),
    "empty": (b"", "The tar archive is damaged"),
    "negative size": (tar_of({"x": b""}).replace(b"00000000000\0", b"\xff" * 12, 1), "is no archive of an image"),
}


@pytest.mark.parametrize(("data", "said"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_archive_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(ImageError) as caught:
        read(tmp_path, data)
    assert caught.value.problem.startswith(f"{tmp_path / 'image.tar'} is no archive of an image: ")
    assert said in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize("content", [b"[]", b"{}", b"[5]", b'[{"RepoTags":5}]', b'[{"RepoTags":[5,"a:b"]}]'])
def test_odd_names_are_passed_over(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, changed("manifest.json", content)).names in ((), ("a:b",))


def test_a_negative_size_in_an_archive_is_refused(tmp_path: Path) -> None:
    block = bytearray(tar.header("index.json", 0, 0))
    block[124:136] = b"\xff" * 12
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:]))
    with pytest.raises(ImageError):
        read(tmp_path, bytes(block) + written())


def test_an_archive_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    data = written()
    assert read(tmp_path, data[: -len(tar.END)]).image.manifest == SMALL.manifest
    content_ends = len(data) - len(tar.END) - len(tar.padding(SMALL.manifest.layers[-1].size))
    for end in [*range(0, content_ends, 97), content_ends - 1]:
        with pytest.raises(ImageError):
            read(tmp_path, data[:end])


@FIXTURE_IS_OVERWRITTEN
@given(st.data())
def test_flipped_bytes_are_refused_or_change_nothing(tmp_path: Path, data: st.DataObject) -> None:
    spoilt = bytearray(written())
    for position in data.draw(st.lists(st.integers(0, len(spoilt) - 1), min_size=1, max_size=3)):
        spoilt[position] ^= data.draw(st.integers(1, 255))
    try:
        image = read(tmp_path, bytes(spoilt)).image
    except ImageError:
        return
    assert image.manifest.layers == SMALL.manifest.layers
    assert image.module() == SMALL.module()


@FIXTURE_IS_OVERWRITTEN
@given(st.binary(max_size=1500))
def test_hostile_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ImageError):
        read(tmp_path, data)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    claimed = tar.header("index.json", 5 * 2**20, 0) + bytes(5 * 2**20) + tar.END
    with pytest.raises(ImageError, match=r"its index\.json has 5242880 bytes, over the limit of 4194304"):
        read(tmp_path, claimed)


def test_what_can_not_be_opened_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ImageError, match="can't be read"):
            archive.read(path)


def test_an_image_with_names_too_long_for_the_archive_is_refused() -> None:
    layer = Blob(Descriptor(OCI_LAYER, "sha512:" + "0" * 128, 1), b"x")
    config = Blob.of(OCI_CONFIG, b"{}")
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [layer.descriptor.to_json()],
    }
    with pytest.raises(ImageError, match="too long a name"):
        written(Image.of(manifest, config, layer))
