"""An index, which names images for several platforms: the one that consumers of Wasm plugins take."""

from __future__ import annotations

from collections.abc import Mapping

from hatch_wasm_oci.errors import ImageError, RefusedError, shown
from hatch_wasm_oci.image.descriptor import DOCKER_INDEX, OCI_INDEX, Descriptor
from hatch_wasm_oci.image.json_document import parse_json
from hatch_wasm_oci.image.manifest import MANIFEST_LIMIT

_CHILDREN = 1024
_SHOWN = 8


def choose(data: bytes) -> Descriptor | None:
    """Choose the image of an index as Istio and Envoy Gateway do: for linux/amd64, whatever the host.

    A child without a platform counts as one for linux/amd64 (go-containerregistry, pkg/v1/remote).

    Args:
        data: A manifest or an index, not trusted.

    Returns:
        The child's descriptor; None where this is no index.

    Raises:
        RefusedError: It has no child for linux/amd64.
        ImageError: It is malformed.
    """
    value = parse_json(data, "manifest", MANIFEST_LIMIT)
    if value.get("mediaType") not in (OCI_INDEX, DOCKER_INDEX) and "manifests" not in value:
        return None
    children = value.get("manifests")
    if not isinstance(children, list) or len(children) > _CHILDREN:
        raise ImageError("The index has no list of manifests that can be read.", "Push the image again.")
    platforms = []
    for position, child in enumerate(children):
        descriptor = Descriptor.from_json(child, f"index.manifests[{position}]")
        platform = child.get("platform")
        if platform is None:
            return descriptor
        if not isinstance(platform, Mapping):
            raise ImageError(f"index.manifests[{position}].platform is {shown(platform)}.", "Push the image again.")
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return descriptor
        platforms.append(shown(f"{platform.get('os')}/{platform.get('architecture')}"))
    raise RefusedError(
        f"The index has no child with platform linux/amd64, only {', '.join(platforms[:_SHOWN]) or 'nothing'}.",
        "Push a single image, or one for linux/amd64: Istio and Envoy Gateway take no other.",
        code="no-platform",
        said=["no child with platform linux/amd64 in index"],
    )
