"""The one file that every tool loads: an OCI image layout and a docker-archive in the same tar."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from hatch_wasm_oci.errors import ImageError
from hatch_wasm_oci.image import tar
from hatch_wasm_oci.image.descriptor import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    Blob,
    Buffer,
    Descriptor,
    verify,
)
from hatch_wasm_oci.image.extraction import BLOB_LIMIT
from hatch_wasm_oci.image.json_document import load_json, parse_json, to_json
from hatch_wasm_oci.image.manifest import MANIFEST_LIMIT, Image, Manifest

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_LAYOUT = "oci-layout"
_INDEX = "index.json"
_DOCKER = "manifest.json"
_LOADABLE = {OCI_CONFIG: OCI_LAYER, DOCKER_CONFIG: DOCKER_LAYER}


class ArchivedImage(NamedTuple):
    """An image out of an archive, and the names under which tools load it."""

    image: Image
    names: tuple[str, ...]


def write(image: Image, names: Sequence[str], time: int) -> Iterator[Buffer]:
    """Write an image as an archive: the same bytes from the same arguments.

    Args:
        image: The image.
        names: The names under which it is loaded, `repository:tag`; the first one and its tag name it in the layout.
        time: The time of the entries, in seconds since 1970.

    Yields:
        The archive's bytes, piece by piece; nothing is copied.
    """
    for name, content in _files(image, names):
        yield tar.header(name, len(content), time)
        yield content
        yield tar.padding(len(content))
    yield tar.END


def read(path: Path) -> ArchivedImage:
    """Read the image out of an archive, every digest and size verified.

    Args:
        path: An OCI image layout in a tar, written by this package or any other tool.

    Raises:
        ImageError: It can't be read, is malformed, names several images, or a blob is not what its digest says.
    """
    with _opened(path) as members:
        manifest = Manifest.parse(members.blob(members.root(), MANIFEST_LIMIT))
        blobs = {
            descriptor.digest: Blob(descriptor, members.blob(descriptor, BLOB_LIMIT))
            for descriptor in (manifest.config, *manifest.layers)
        }
        return ArchivedImage(Image(manifest, tuple(blobs.values())), members.names())


class Archive:
    """An archive as it lies there, nothing in it believed yet.

    Args:
        path: Its file.

    Raises:
        ImageError: It can't be read, or is no archive of one image.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _opened(path) as members:
            self._root = members.root()
            self.names = members.names()
            """The names under which tools load the image."""

    def root(self) -> bytes:
        """Return what the archive holds: a manifest, or an index, as `docker buildx` writes one for provenance.

        Raises:
            ImageError: It is too large, or not what its digest says.
        """
        return self.manifest(self._root)

    def manifest(self, descriptor: Descriptor) -> bytes:
        """Return a manifest, or an index, verified.

        Args:
            descriptor: Its descriptor.

        Raises:
            ImageError: It is missing, too large, or not what its digest says.
        """
        with _opened(self._path) as members:
            return members.blob(descriptor, MANIFEST_LIMIT)

    def blob(self, descriptor: Descriptor) -> bytes:
        """Return a blob, verified.

        Args:
            descriptor: Its descriptor.

        Raises:
            ImageError: It is missing, too large, or not what its digest says.
        """
        with _opened(self._path) as members:
            return members.blob(descriptor, BLOB_LIMIT)


@contextmanager
def _opened(path: Path) -> Iterator[_Members]:
    try:
        with path.open("rb") as file:
            yield _Members(file)
    except OSError as error:
        raise ImageError(f"{path} can't be read: {error.strerror}.", "Check the path and its permissions.") from None
    except ImageError as error:
        raise ImageError(f"{path} is no archive of an image: {error.problem}", error.remedy) from None


def _files(image: Image, names: Sequence[str]) -> Iterable[tuple[str, Buffer]]:
    manifest = image.manifest
    descriptor = manifest.descriptor.to_json()
    if names:
        # umoci and skopeo select by the short name; podman and containerd name what they load by the whole one.
        annotations = {"io.containerd.image.name": names[0]}
        descriptor["annotations"] = {**annotations, "org.opencontainers.image.ref.name": names[0].rpartition(":")[2]}
    yield _LAYOUT, to_json({"imageLayoutVersion": "1.0.0"})
    yield _INDEX, to_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]})
    layer_type = _LOADABLE.get(manifest.config.media_type)
    if all(layer.media_type == layer_type for layer in manifest.layers):
        entry = {
            "Config": _blob_path(manifest.config),
            "RepoTags": list(names) or None,
            "Layers": [_blob_path(layer) for layer in manifest.layers],
        }
        yield _DOCKER, to_json([entry])
    yield _blob_path(manifest.descriptor), manifest.data
    for blob in image.blobs:
        yield _blob_path(blob.descriptor), blob.data


def _blob_path(descriptor: Descriptor) -> str:
    return f"blobs/{descriptor.digest.replace(':', '/')}"


class _Members:
    """The files of an archive, found once and read when asked for."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._places = {
            entry.name.removeprefix("./"): (entry.offset_data, entry.size)
            for entry in tar.entries(file)
            if entry.isreg() and not entry.issparse()
        }
        if _INDEX not in self._places:
            raise ImageError(
                f"it has no {_INDEX}.",
                "Write it with `hatch build`, `skopeo copy … oci-archive:FILE` or `podman save --format oci-archive`.",
            )

    def root(self) -> Descriptor:
        index = parse_json(self.content(_INDEX, MANIFEST_LIMIT), _INDEX, MANIFEST_LIMIT)
        manifests = index.get("manifests")
        if not isinstance(manifests, list) or len(manifests) != 1:
            count = len(manifests) if isinstance(manifests, list) else "no list of"
            raise ImageError(
                f"its {_INDEX} names {count} manifests where there must be one.", "Archive a single image."
            )
        return Descriptor.from_json(manifests[0], f"{_INDEX}: manifests[0]")

    def content(self, path: str, limit: int) -> bytes:
        if path not in self._places:
            raise ImageError(f"it lacks {path}.", "Build the archive again.")
        offset, size = self._places[path]
        if size > limit:
            raise ImageError(f"its {path} has {size} bytes, over the limit of {limit}.", "Build the archive again.")
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) != size:
            raise ImageError(f"its {path} is cut off.", "Build the archive again.")
        return data

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        data = self.content(_blob_path(descriptor), limit)
        verify(data, descriptor.digest, descriptor.size, f"blob {descriptor.digest}")
        return data

    def names(self) -> tuple[str, ...]:
        if _DOCKER not in self._places:
            return ()
        images = load_json(self.content(_DOCKER, MANIFEST_LIMIT), _DOCKER, MANIFEST_LIMIT)
        first = images[0] if isinstance(images, list) and images else None
        tags = first.get("RepoTags") if isinstance(first, dict) else None
        return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
