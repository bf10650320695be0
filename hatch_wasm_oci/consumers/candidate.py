"""An image as a consumer comes upon it: under a name, behind an index perhaps, not known yet to be any good."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_wasm_oci.errors import ImageError, RefusedError
from hatch_wasm_oci.image.descriptor import WASM_CONFIG, Buffer, Descriptor, sha256, text_mapping
from hatch_wasm_oci.image.extraction import extract
from hatch_wasm_oci.image.index import choose
from hatch_wasm_oci.image.json_document import parse_json
from hatch_wasm_oci.image.layer import RUNTIME_CONFIG_LIMIT, RUNTIME_CONFIG_NAME, runtime_config
from hatch_wasm_oci.image.manifest import MANIFEST_LIMIT, Image
from hatch_wasm_oci.wasm.envoy_scan import Scan, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_wasm_oci.image.reference import Reference

_NESTED = 4
"""The most indexes that lie within one another: go-containerregistry follows them all."""


class Payload(NamedTuple):
    """What the consumers' fetchers take out of an image.

    Args:
        data: What they take for the module; None where they take nothing.
        fault: Why they take nothing; None where they take something.
    """

    data: memoryview | None
    fault: RefusedError | None


@dataclass(frozen=True)
class Candidate:
    """An image as a consumer comes upon it.

    Args:
        root: What the name stands for: a manifest or an index, as it was written; None where it is too large.
        manifest: The manifest that consumers choose: of an index, that of its child; None where there is none.
        content: Gives the bytes of a blob, verified, when asked with its descriptor.
        reference: The name under which it was found; None where it has none.
        challenges: The `WWW-Authenticate` of each 401 that the registry answered on the way.
        with_credential: Whether it was fetched with a credential.
        fault: Why there is no manifest, where there is none.
    """

    root: bytes | None
    manifest: bytes | None
    content: Callable[[Descriptor], Buffer] = field(repr=False)
    reference: Reference | None = None
    challenges: tuple[str, ...] = ()
    with_credential: bool = False
    fault: RefusedError | None = None

    @classmethod
    def of(cls, image: Image, reference: Reference | None = None) -> Candidate:
        """Take an image that is at hand for one that a consumer comes upon.

        Args:
            image: The image.
            reference: The name that it is to have, if any.
        """
        data = image.manifest.data
        return cls(data, data, lambda descriptor: image.blob(descriptor).data, reference)

    @property
    def digest(self) -> str | None:
        """The manifest's digest, which consumers compare with the one pinned: the child's, where there is an index."""
        return sha256(self.manifest) if self.manifest is not None else None

    @property
    def url(self) -> str:
        """How a WasmPlugin would name it."""
        return f"oci://{self.reference}" if self.reference else "oci://…"

    @functools.cached_property
    def payload(self) -> Payload:
        """What the fetchers take out of it, read once for all consumers.

        Raises:
            ImageError: A blob is not what its digest says.
            RegistryError: A blob can't be fetched.
        """
        if self.manifest is None:
            return Payload(None, self.fault)
        try:
            media_type, layers = _layers(self.manifest)
        except ImageError as error:
            return Payload(None, _fault(error))
        try:
            return Payload(extract(media_type, layers, self.content).data, None)
        except RefusedError as error:
            return Payload(None, error)

    def runtime_config(self) -> Mapping[str, Any]:
        """Read the runtime configuration beside the module (solo-io/wasm, spec.md); empty where there is none.

        Raises:
            ImageError: A blob is not what its digest says.
            RegistryError: A blob can't be fetched.
        """
        if self.payload.data is None or self.manifest is None:
            return {}
        _, layers = _layers(self.manifest)
        apart = next((layer for layer in layers if layer.media_type == WASM_CONFIG), None)
        if apart is None:
            data = runtime_config(self.content(layers[-1]))
        else:
            data = bytes(self.content(apart)) if apart.size <= RUNTIME_CONFIG_LIMIT else None
        try:
            return parse_json(data or b"{}", RUNTIME_CONFIG_NAME, RUNTIME_CONFIG_LIMIT)
        except ImageError:
            return {}  # no consumer looks at it

    @functools.cached_property
    def scan(self) -> Scan:
        """What Envoy reads of the module before its engine does; empty where there is none."""
        return Scan() if self.payload.data is None else scan(self.payload.data)


def resolve(
    root: bytes,
    fetch: Callable[[Descriptor], bytes],
    content: Callable[[Descriptor], Buffer],
    reference: Reference | None = None,
) -> Candidate:
    """Find the manifest that consumers choose: of an index, that for linux/amd64, whatever the host.

    Args:
        root: A manifest or an index, not trusted.
        fetch: Gives the bytes of a child of an index, verified.
        content: Gives the bytes of a blob, verified.
        reference: The name under which the root was found.
    """
    manifest = root
    fault = RefusedError("The index names indexes that name no image.", "Push a single image.", code="no-platform")
    for _ in range(_NESTED):
        try:
            child = choose(manifest)
        except ImageError as error:
            fault = _fault(error)
            break
        if child is None:
            return Candidate(root, manifest, content, reference)
        try:
            manifest = fetch(child)
        except RefusedError as error:  # any other: it can't be had, or is not what its digest says
            fault = error
            break
    return Candidate(root, None, content, reference, fault=fault)


def _fault(error: ImageError) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    # What Go says of the JSON stands behind it.
    said = () if "index" in error.problem.partition(" has ")[0] else ("could not retrieve manifest",)
    return RefusedError(error.problem, error.remedy, code="malformed", said=said)


def _layers(manifest: bytes) -> tuple[str, list[Descriptor]]:
    # Laxer than for a push: the consumers look at nothing else, and take any type for an OCI manifest.
    value = parse_json(manifest, "manifest", MANIFEST_LIMIT)
    media_type = value.get("mediaType")
    layers = value.get("layers") or []
    if not isinstance(layers, list):
        raise ImageError("The manifest's layers are no list.", "Build the image again.")
    text_mapping(value.get("annotations"), "manifest.annotations")
    found = [Descriptor.from_json(layer, f"manifest.layers[{index}]") for index, layer in enumerate(layers)]
    return media_type if isinstance(media_type, str) else "", found
