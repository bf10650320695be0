"""What a manifest says, checked: media type, descriptors, subject (image-spec, "Image Manifest" and "Image Index")."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hatch_wasm_oci.testing.storage.names import is_digest

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MEDIA_TYPES = frozenset({IMAGE, INDEX, ARTIFACT, DOCKER_IMAGE, DOCKER_LIST})

_MAXIMUM_DESCRIPTORS = 10_000


class InvalidManifestError(ValueError):
    """A manifest that breaks the image specification; the message says where."""


@dataclass(frozen=True)
class Descriptor:
    """A reference to content.

    Args:
        media_type: Its media type.
        digest: Its digest.
        size: Its bytes.
        elsewhere: Whether it is to be fetched from `urls` of its own, and so may be missing here.
    """

    media_type: str
    digest: str
    size: int
    elsewhere: bool = False


@dataclass(frozen=True)
class Manifest:
    """What the registry has to know of a manifest.

    Args:
        media_type: One of `MEDIA_TYPES`.
        blobs: The blobs that it is made of.
        children: The manifests that an index lists.
        subject: What it refers to.
        artifact_type: Its own type; for an image without one, the type of its config.
        annotations: Its annotations.
    """

    media_type: str
    blobs: tuple[Descriptor, ...]
    children: tuple[Descriptor, ...]
    subject: Descriptor | None
    artifact_type: str
    annotations: dict[str, str]


def parse_manifest(data: bytes, media_type: str) -> Manifest:
    """Parse and check a manifest.

    Args:
        data: Its bytes.
        media_type: The media type that it was sent with.

    Returns:
        What it says.

    Raises:
        InvalidManifestError: It is not what its media type says.
    """
    value = _load(data)
    if media_type not in MEDIA_TYPES:
        raise InvalidManifestError(f"Content-Type {media_type!r} is no manifest that this registry knows")
    if (_text(value, "mediaType") or media_type) != media_type:
        raise InvalidManifestError("mediaType differs from Content-Type")
    if media_type != ARTIFACT and value.get("schemaVersion") != 2:  # noqa: PLR2004 - the one version there is
        raise InvalidManifestError("schemaVersion is not 2")
    blobs: list[Descriptor] = []
    children: list[Descriptor] = []
    artifact_type = _text(value, "artifactType")
    if media_type in {INDEX, DOCKER_LIST}:
        if "layers" in value or "config" in value:
            raise InvalidManifestError("an index can't have config or layers")
        children = _descriptors(value, "manifests")
    elif media_type == ARTIFACT:
        blobs = _descriptors(value, "blobs") if "blobs" in value else []
    else:
        if "manifests" in value:
            raise InvalidManifestError("an image can't have manifests")
        config = _descriptor(value.get("config"), "config")
        blobs = [config, *_descriptors(value, "layers")]
        artifact_type = artifact_type or config.media_type
    subject = _descriptor(value["subject"], "subject") if value.get("subject") is not None else None
    return Manifest(media_type, tuple(blobs), tuple(children), subject, artifact_type, _annotations(value))


def _load(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InvalidManifestError("the body is no JSON") from None
    if not isinstance(value, dict):
        raise InvalidManifestError("the body is no JSON object")
    return value


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key) or ""
    if not isinstance(text, str):
        raise InvalidManifestError(f"{key} is no text")
    return text


def _annotations(value: dict[str, Any]) -> dict[str, str]:
    annotations = value.get("annotations") or {}
    if not isinstance(annotations, dict) or not all(isinstance(text, str) for text in annotations.values()):
        raise InvalidManifestError("annotations is no map of texts")
    return annotations


def _descriptors(value: dict[str, Any], key: str) -> list[Descriptor]:
    entries = value.get(key)
    if not isinstance(entries, list) or len(entries) > _MAXIMUM_DESCRIPTORS:
        raise InvalidManifestError(f"{key} is no list, or has more than {_MAXIMUM_DESCRIPTORS} entries")
    return [_descriptor(entry, f"{key}[{position}]") for position, entry in enumerate(entries)]


def _descriptor(value: Any, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise InvalidManifestError(f"{where} is no descriptor")
    media_type, digest, size, urls = (value.get(key) for key in ("mediaType", "digest", "size", "urls"))
    if not isinstance(media_type, str) or not media_type:
        raise InvalidManifestError(f"{where}.mediaType is missing")
    if not isinstance(digest, str) or not is_digest(digest):
        raise InvalidManifestError(f"{where}.digest is no digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise InvalidManifestError(f"{where}.size is no number of bytes")
    return Descriptor(media_type, digest, size, elsewhere=isinstance(urls, list) and bool(urls))
