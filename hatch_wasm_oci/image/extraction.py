"""Taking the module out of an image by the rules of the consumers: which layer, of which type, read in which form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hatch_wasm_oci.errors import RefusedError, shown
from hatch_wasm_oci.image.descriptor import (
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_LAYER,
    WASM_CONTENT,
    Buffer,
    Descriptor,
)
from hatch_wasm_oci.image.layer import MODULE_NAME, unpack
from hatch_wasm_oci.wasm.module import MODULE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BLOB_LIMIT = MODULE_LIMIT + 1024 * 1024
"""The largest blob, in bytes, that is read: a stored layer of the largest module, and room for its framing."""

TRUNCATED = "truncated"
"""The code of an artifact so large that Istio reads a part of it, and Envoy Gateway nothing."""

_ARTIFACT_LAYERS = 2
_TYPE = re.compile(r"[!-~]{1,200}")
_REMEDIES = (
    (
        "zstd",
        "Build it again with gzip: docker buildx takes `--output type=image,compression=gzip,force-compression=true`.",
    ),
    (
        ".tar",
        "The layer is not compressed: push with buildah or skopeo to a registry, or `skopeo copy --dest-compress`.",
    ),
    ("nondistributable", "Build it from scratch, without a base image whose layers may not be passed on."),
    (DOCKER_LAYER, "Manifest and layer are of different kinds: convert the image by `skopeo copy --format oci`."),
    (OCI_LAYER, "Manifest and layer are of different kinds: convert the image by `skopeo copy --format v2s2`."),
)


class Extracted(NamedTuple):
    """What consumers take for the module.

    Args:
        data: Its bytes; not looked at yet.
        place: Where they stood, for errors.
    """

    data: memoryview
    place: str


def extract(media_type: str, layers: Sequence[Descriptor], content: Callable[[Descriptor], Buffer]) -> Extracted:
    """Take the module out of an image, as Istio (pkg/wasm/imagefetcher.go) and Envoy Gateway (internal/wasm) do.

    A Docker manifest is read as a compat image. Any other is tried as a compat image (solo-io/wasm, spec-compat.md),
    then as the artifact of two layers (spec.md). The config is never looked at.

    Args:
        media_type: The manifest's type, as its body states it.
        layers: The descriptors of the layers.
        content: Gives the bytes of a layer, verified; it is asked for those alone that are looked into.

    Raises:
        RefusedError: The consumers take no module out of it.
        ImageError: What `content` raises.
    """
    if media_type == DOCKER_MANIFEST:
        try:
            return _compat(layers, DOCKER_LAYER, content)
        except RefusedError as error:
            where = "could not extract Wasm file from the image as Docker container "
            raise _saying(error, [where + words for words in error.said]) from None
    try:
        return _compat(layers, OCI_LAYER, content)
    except RefusedError as error:
        if not error.said:  # they read an empty file, and are content
            raise
        compat = error
    try:
        return _artifact(layers, content)
    except RefusedError as error:
        told = error if any(layer.media_type == WASM_CONTENT for layer in layers) else compat
        words = [f"could not parse as compat variant: {' '.join(compat.said)}"]
        words += [f"could not parse as oci variant: {text}" for text in error.said]
        raise _saying(told, words) from None


def _compat(layers: Sequence[Descriptor], expected: str, content: Callable[[Descriptor], Buffer]) -> Extracted:
    if not layers:
        raise RefusedError(
            "The image has no layers.",
            f"Build it again with {MODULE_NAME} in it.",
            code="no-layers",
            said=["number of layers must be greater than zero"],
        )
    last = layers[-1]
    if last.media_type != expected:
        # A usual one is shown as it is; it comes from outside, and may be anything.
        kind = last.media_type if _TYPE.fullmatch(last.media_type) else shown(last.media_type)
        raise RefusedError(
            f"The last layer is of type {kind}, where Istio and Envoy Gateway take {expected}.",
            next((words for mark, words in _REMEDIES if _is_like(last.media_type, mark)), "Build the image again."),
            code="layer-type",
            said=[f"invalid media type {kind} (expect {expected})"],
        )
    if last.size > BLOB_LIMIT:
        raise RefusedError(
            f"The layer has {last.size} bytes, over the limit of {BLOB_LIMIT}.",
            "Put nothing but the module into it, and make that smaller.",
            code="too-large",
            said=[f"could not extract wasm binary: failed to read {MODULE_NAME}: unexpected EOF"],
        )
    try:
        return Extracted(unpack(content(last)), f"the layer's {MODULE_NAME}")
    except RefusedError as error:
        raise _saying(error, [f"could not extract wasm binary: {words}" for words in error.said]) from None


def _artifact(layers: Sequence[Descriptor], content: Callable[[Descriptor], Buffer]) -> Extracted:
    if len(layers) != _ARTIFACT_LAYERS:
        raise RefusedError(
            f"The artifact has {len(layers)} layers, where Istio and Envoy Gateway take exactly two.",
            'Build it again with format = "artifact", or as a compat image with format = "oci".',
            code="layer-count",
            said=[f"number of layers must be {_ARTIFACT_LAYERS} but got {len(layers)}"],
        )
    layer = next((layer for layer in layers if layer.media_type == WASM_CONTENT), None)
    if layer is None:
        raise RefusedError(
            f"No layer is of type {WASM_CONTENT}.",
            "Build the image again in one of the formats that Istio and Envoy Gateway take.",
            code="layer-type",
            said=[f"could not find the layer of type {WASM_CONTENT}"],
        )
    if layer.size > MODULE_LIMIT:
        raise RefusedError(
            f"The content layer has {layer.size} bytes, over the limit of {MODULE_LIMIT}; "
            "Istio reads no more, and goes on with a module that is cut off.",
            "Strip debug sections or optimise the module for size.",
            code=TRUNCATED,
            said=[f"wasm layer size exceeds maximum size {MODULE_LIMIT}"],  # Envoy Gateway alone
        )
    return Extracted(memoryview(content(layer)).toreadonly(), "the content layer")


def _is_like(media_type: str, mark: str) -> bool:
    return media_type == mark or (
        not mark.startswith("application/")
        and (media_type.endswith(mark) if mark.startswith(".") else mark in media_type)
    )


def _saying(error: RefusedError, said: Sequence[str]) -> RefusedError:
    return RefusedError(error.problem, error.remedy, code=error.code, said=said)
