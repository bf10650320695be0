"""Images as other tools make them, good and bad, and a way to put them where consumers come upon them."""

from __future__ import annotations

import gzip
import io
import tarfile
import urllib.request
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.image.descriptor import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Blob,
    Descriptor,
    sha256,
)
from hatch_wasm_oci.image.json_document import to_json
from hatch_wasm_oci.image.tar import END, header, padding
from tests.samples import core_module

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci.testing import EmbeddedRegistry

COMPONENT = b"\0asm\x0d\0\x01\0"
MODULE = core_module(size=3000)
CONFIG = Blob.of(OCI_CONFIG, b"{}")
REG, DIR, SYM, LNK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def tar(*entries: tuple[str, bytes, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, data in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(data), "elsewhere"
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def layer(*entries: tuple[str, bytes, bytes], media_type: str = OCI_LAYER) -> Blob:
    return Blob.of(media_type, gzip.compress(tar(*entries), mtime=0))


def plugin(data: bytes = MODULE, name: str = "plugin.wasm", media_type: str = OCI_LAYER) -> Blob:
    return layer((name, REG, data), media_type=media_type)


class Stored:
    """A manifest or index, and all that it names, before it is anywhere."""

    def __init__(self, value: dict[str, Any], *parts: Blob | Stored) -> None:
        self.data = to_json(value)
        self.media_type = str(value.get("mediaType", OCI_MANIFEST))
        self.parts = parts

    @property
    def digest(self) -> str:
        return sha256(self.data)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.data))

    def pushed(self, registry: EmbeddedRegistry, target: str = "1.0", repository: str = "acme/filter") -> str:
        for part in self.parts:
            if isinstance(part, Stored):
                part.pushed(registry, part.digest, repository)
            else:
                url = f"{registry.url}/v2/{repository}/blobs/uploads/?digest={part.descriptor.digest}"
                self._send("POST", url, bytes(part.data), "application/octet-stream")
        self._send("PUT", f"{registry.url}/v2/{repository}/manifests/{target}", self.data, self.media_type)
        return f"{registry.host}/{repository}{'@' if ':' in target else ':'}{target}"

    def archived(self, directory: Path) -> Path:
        files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
        files["index.json"] = to_json({"schemaVersion": 2, "manifests": [self.descriptor.to_json()]})
        for part in self._all():
            digest = part.descriptor.digest if isinstance(part, Blob) else part.digest
            files[f"blobs/{digest.replace(':', '/')}"] = bytes(part.data)
        path = directory / "image.tar"
        content = b"".join(header(name, len(data), 0) + data + padding(len(data)) for name, data in files.items())
        path.write_bytes(content + END)
        return path

    def _all(self) -> list[Blob | Stored]:
        found: list[Blob | Stored] = [self]
        for part in self.parts:
            found += part._all() if isinstance(part, Stored) else [part]
        return found

    def _send(self, method: str, url: str, data: bytes, kind: str) -> None:
        request = urllib.request.Request(url, data, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request) as response:
            assert response.status == 201


def image(*layers: Blob, media_type: str | None = OCI_MANIFEST) -> Stored:
    kind = {} if media_type is None else {"mediaType": media_type}
    descriptors = [layer.descriptor.to_json() for layer in layers]
    value = {"schemaVersion": 2, **kind, "config": CONFIG.descriptor.to_json(), "layers": descriptors}
    return Stored(value, CONFIG, *layers)


def index(*children: tuple[Stored, dict[str, str] | None], media_type: str = OCI_INDEX) -> Stored:
    entries = [
        {**child.descriptor.to_json(), **({"platform": platform} if platform is not None else {})}
        for child, platform in children
    ]
    return Stored(
        {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}, *(child for child, _ in children)
    )


AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64"}
UNKNOWN = {"os": "unknown", "architecture": "unknown"}
