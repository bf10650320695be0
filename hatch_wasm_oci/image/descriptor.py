"""Digests, descriptors and the media types that images of Wasm plugins are made of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hatch_wasm_oci.errors import ImageError, shown

Buffer: TypeAlias = "bytes | bytearray | memoryview"

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
WASM_CONFIG = "application/vnd.module.wasm.config.v1+json"
WASM_CONTENT = "application/vnd.module.wasm.content.layer.v1+wasm"

_MEDIA_TYPE_LIMIT = 255  # RFC 6838, 4.2: 127 characters on either side of the slash
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def _is_media_type(text: str) -> bool:
    # Laxer than RFC 6838, which nobody holds others to; but no text that does harm where it is shown.
    return 0 < len(text) <= _MEDIA_TYPE_LIMIT and text.isprintable()


def sha256(*parts: Buffer) -> str:
    """Return the digest of the parts as if they stood one after another.

    Args:
        parts: Bytes-like objects.

    Returns:
        `sha256:` and 64 lower-case hexadecimal characters.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def is_digest(text: object) -> bool:
    """Tell whether a value is a digest of a registered algorithm (OCI image-spec, descriptor.md, Digests).

    Args:
        text: Any value.
    """
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def verify(data: Buffer, digest: str, size: int, what: str) -> None:
    """Check that bytes are the ones that a descriptor promises.

    Args:
        data: The bytes that came.
        digest: The digest promised.
        size: The size promised, in bytes.
        what: What the bytes are, for the error: `layer sha256:…`.

    Raises:
        ImageError: The size or the digest differs.
    """
    if len(data) != size:
        raise ImageError(
            f"The {what} has {len(data)} bytes where its descriptor says {size}.", "Fetch or build it again."
        )
    algorithm, _, expected = digest.partition(":")
    actual = hashlib.new(algorithm, data).hexdigest()
    if actual != expected:
        raise ImageError(f"The {what} has the digest {algorithm}:{actual}, not {digest}.", "Fetch or build it again.")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A typed, sized and verifiable pointer to a blob (OCI image-spec, descriptor.md).

    Args:
        media_type: The type of the content.
        digest: The digest of the content.
        size: The content's size in bytes.
        annotations: Annotations of the descriptor itself.
    """

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the descriptor as it stands in a manifest: `mediaType`, `digest`, `size`, `annotations` if any."""
        value: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.annotations:
            value["annotations"] = dict(sorted(self.annotations.items()))
        return value

    @classmethod
    def from_json(cls, value: object, where: str) -> Descriptor:
        """Read a descriptor out of a parsed manifest or index.

        Args:
            value: The JSON value, not trusted.
            where: Its place, for the error: `manifest.layers[0]`.

        Raises:
            ImageError: A field is missing or of the wrong kind.
        """
        if not isinstance(value, Mapping):
            raise ImageError(
                f"{where} is no descriptor but {type(value).__name__}.", "The image is malformed: build it again."
            )
        media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
        if not isinstance(media_type, str) or not _is_media_type(media_type):
            raise ImageError(f"{where}.mediaType is {shown(media_type)}.", "The image is malformed: build it again.")
        if not is_digest(digest):
            raise ImageError(
                f"{where}.digest is {shown(digest)}, which is no digest.", "The image is malformed: build it again."
            )
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ImageError(
                f"{where}.size is {shown(size)}, which is no size in bytes.", "The image is malformed: build it again."
            )
        return cls(media_type, str(digest), size, text_mapping(value.get("annotations"), f"{where}.annotations"))


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes together with the descriptor that names them.

    Args:
        descriptor: What the bytes are.
        data: The bytes.
    """

    descriptor: Descriptor
    data: Buffer = field(repr=False)

    @classmethod
    def of(cls, media_type: str, data: Buffer, **annotations: str) -> Blob:
        """Describe bytes that are at hand.

        Args:
            media_type: The type of the content.
            data: The content.
            annotations: Annotations of the descriptor.
        """
        return cls(Descriptor(media_type, sha256(data), len(data), annotations), data)


def text_mapping(value: object, where: str) -> dict[str, str]:
    """Read a JSON object whose values are all text, such as annotations or labels.

    Args:
        value: The JSON value, not trusted; None stands for an empty object.
        where: Its place, for the error.

    Raises:
        ImageError: It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise ImageError(f"{where} is not a mapping of text to text.", "The image is malformed: build it again.")
    return dict(value)
