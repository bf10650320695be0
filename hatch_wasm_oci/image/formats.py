"""The formats of images: a module and what is known of it, made into an image."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

# A build that finds its image unchanged knows the formats, but makes none: what they need is imported when they do.
from hatch_wasm_oci.image.json_document import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_wasm_oci.image.descriptor import Blob
    from hatch_wasm_oci.image.layer import Layer
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.wasm.module import Module

DEFAULT_TIME = 1580601600
"""The time that stands where SOURCE_DATE_EPOCH gives none, in seconds since 1970: hatchling's own."""


@dataclass(frozen=True)
class ImageContents:
    """All that an image is made of; what a format is given.

    Args:
        module: The module.
        runtime_config: The runtime configuration, JSON; None where there is none.
        annotations: Annotations for the manifest.
        labels: Labels for the image's config.
        time: When it was made, as far as outputs say: seconds since 1970.
        compression: `deflate` or `store`.
    """

    module: Module
    runtime_config: bytes | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    time: int = DEFAULT_TIME
    compression: str = "deflate"


@dataclass(frozen=True)
class ImageFormat:
    """One way of making an image.

    Args:
        build: Makes the image.
        suffix: What its archive's name ends with, such as `.oci.tar`.
    """

    build: Callable[[ImageContents], Image]
    suffix: str = ".oci.tar"


def rfc3339(time: int) -> str:
    """Write a time as manifests and configs have it (RFC 3339), in UTC.

    Args:
        time: Seconds since 1970.
    """
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(seconds=time)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def compat_oci(contents: ImageContents) -> Image:
    """Make a compat image with an OCI manifest (solo-io/wasm, spec-compat.md; OCI image-spec 1.1).

    Args:
        contents: What goes into it.

    Raises:
        ImageError: See `hatch_wasm_oci.image.layer.pack`.
    """
    from hatch_wasm_oci.image.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Blob

    layer = _layer(contents, OCI_LAYER)
    config = Blob.of(OCI_CONFIG, to_json(_config(contents, layer)))
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [layer.blob.descriptor.to_json()],
        "annotations": _sorted({"module.wasm.image/variant": "compat", **contents.annotations}),
    }
    return _image(manifest, config, layer.blob)


def compat_docker(contents: ImageContents) -> Image:
    """Make a compat image with a Docker manifest (solo-io/wasm, spec-compat.md; Docker manifest v2, schema 2).

    Docker's manifests have no annotations: what is known of the image stands in its labels.

    Args:
        contents: What goes into it.

    Raises:
        ImageError: See `hatch_wasm_oci.image.layer.pack`.
    """
    from hatch_wasm_oci.image.descriptor import DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, Blob

    layer = _layer(contents, DOCKER_LAYER)
    config = Blob.of(DOCKER_CONFIG, to_json(_config(contents, layer)))
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [layer.blob.descriptor.to_json()],
    }
    return _image(manifest, config, layer.blob)


def artifact(contents: ImageContents) -> Image:
    """Make the artifact of two layers: runtime configuration, then the module as it is (solo-io/wasm, spec.md).

    Args:
        contents: What goes into it; without a runtime configuration, one that names the module's ABI is made.
    """
    from hatch_wasm_oci.image.descriptor import OCI_MANIFEST, WASM_CONFIG, WASM_CONTENT, Blob
    from hatch_wasm_oci.image.layer import MODULE_NAME, RUNTIME_CONFIG_NAME

    config = Blob.of(WASM_CONFIG, contents.runtime_config or to_json(_runtime_config(contents.module)))
    content = Blob.of(WASM_CONTENT, contents.module.data)
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.descriptor.to_json(),
        "layers": [_titled(config, RUNTIME_CONFIG_NAME), _titled(content, MODULE_NAME)],
    }
    if contents.annotations:
        manifest["annotations"] = _sorted(contents.annotations)
    return _image(manifest, config, content)


FORMATS: Mapping[str, ImageFormat] = {
    "oci": ImageFormat(compat_oci),
    "docker": ImageFormat(compat_docker, ".docker.tar"),
    "artifact": ImageFormat(artifact),
}
"""The formats that this package itself registers, by the name that the setting `format` has."""


def _image(manifest: Mapping[str, Any], *blobs: Blob) -> Image:
    from hatch_wasm_oci.image.manifest import Image

    return Image.of(manifest, *blobs)


def _layer(contents: ImageContents, media_type: str) -> Layer:
    from hatch_wasm_oci.image.layer import pack

    return pack(
        contents.module,
        contents.runtime_config,
        media_type=media_type,
        time=contents.time,
        compression=contents.compression,
    )


def _config(contents: ImageContents, layer: Layer) -> dict[str, Any]:
    # amd64/linux is what every consumer and every tool takes, though nothing in the image depends on either.
    created = rfc3339(contents.time)
    return {
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": _sorted(contents.labels)} if contents.labels else {},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created": created, "created_by": "hatch-wasm-oci"}],
    }


def _runtime_config(module: Module) -> dict[str, Any]:
    versions = [module.abi_version] if module.abi_version else []
    return {"type": "envoy_proxy", "abiVersions": versions, "config": {}}


def _titled(blob: Blob, title: str) -> dict[str, Any]:
    return {**blob.descriptor.to_json(), "annotations": {"org.opencontainers.image.title": title}}


def _sorted(texts: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(texts.items()))
