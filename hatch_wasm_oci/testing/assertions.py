"""The proof that an image comes back from a registry as it was built."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import WasmOciError
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.testing.differences import differences
from hatch_wasm_oci.testing.wasm_image import WasmImage, image_of, in_format

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.project.report import PackagedImage
    from hatch_wasm_oci.registry.transfer import PushReceipt
    from hatch_wasm_oci.testing.namespace import RegistryNamespace


def assert_image_round_trips(
    image: WasmImage | PackagedImage | Image | str | os.PathLike[str],
    registry: RegistryNamespace,
    formats: Iterable[str] | None = None,
) -> tuple[PushReceipt, ...]:
    """Push an image, pull it by tag and by digest, and prove that what came back is what was pushed.

    Manifest, config and layers must be the same, byte for byte, under the same digests, and so must the module that is
    taken out of them; and a push of the pulled image must find all of it there already.

    Args:
        image: An image, what `hatch_wasm_oci.package` returned, or the path of an archive.
        registry: The registry; the test's own by default, where this is the fixture.
        formats: Names of formats, such as `("oci", "docker", "artifact")`, in each of which the image's module and
            metadata then make the round trip instead of the image as it is.

    Returns:
        What the first push of each did.

    Raises:
        AssertionError: It is not so; the message shows the differences side by side.
        WasmOciError: The image can't be read, or not be made in one of the formats.
    """
    __tracebackhide__ = True
    whole = image_of(image)
    if formats is None:
        expected = image.module.data if isinstance(image, WasmImage) else whole.module().data
        return (_round_trip(whole, expected, registry, "image"),)
    chosen = (formats,) if isinstance(formats, str) else tuple(formats)
    made = [(name, in_format(whole, name)) for name in chosen]
    module = whole.module().data
    receipts = []
    for name, one in made:  # not a generator: it would show up in the traceback
        receipts.append(_round_trip(one, module, registry, name))
    return tuple(receipts)


def assert_istio_accepts(image: WasmImage | PackagedImage | Image | str | os.PathLike[str]) -> None:
    """Prove that Istio would take an image, as `hatch_wasm_oci.verify` says it.

    The last layer must be of the one type that Istio takes, and hold `plugin.wasm`, a core module that names its
    proxy-wasm ABI, under the limit of 256 MiB; or the image must be an artifact.

    Args:
        image: An image, what `hatch_wasm_oci.package` returned, or the path of an archive.

    Raises:
        AssertionError: It would not; the message says why, what to do, and what Istio would log.
        WasmOciError: The image can't be read.
    """
    __tracebackhide__ = True
    from hatch_wasm_oci.consumers.candidate import Candidate
    from hatch_wasm_oci.consumers.rules import CONSUMERS

    whole = image_of(image)
    refused = CONSUMERS["istio"].judge("istio", Candidate.of(whole)).problems
    if refused:
        lines = [f"  {problem}\n  Istio logs: {problem.line or 'nothing'}" for problem in refused]
        raise AssertionError("\n\n".join([f"Istio would refuse the image {whole.digest}.", *lines]))


def _round_trip(image: Image, module: memoryview, registry: RegistryNamespace, name: str) -> PushReceipt:
    __tracebackhide__ = True
    from hatch_wasm_oci.registry import transfer

    connection = registry.connection()
    tagged = Reference.parse(registry.reference(f"round-trip/{name}", image.digest.replace(":", "-")[:24]))
    pinned = replace(tagged, tag=None, digest=image.digest)
    receipt: PushReceipt = _step(f"push to {tagged}", lambda: transfer.push(image, [tagged], connection))
    pulled = image
    for reference in (tagged, pinned):
        pulled = _step(f"pull of {reference}", _pull, reference, connection)
        if not _same(image, pulled):
            raise AssertionError(
                f"What was pulled as {reference} is not what was pushed.\n\n{differences(image, pulled)}"
            )
    came = _step(f"reading the module of {pinned}", pulled.module)
    if bytes(came.data) != bytes(module):
        raise AssertionError(
            f"The module in {pinned} is not the one that the image was made of.\n\n"
            f"  made of: {_of_module(module)}\n  pulled:  sha256:{came.sha256}, {came.size} bytes"
        )
    again: PushReceipt = _step(
        f"push of the pulled image to {tagged}", lambda: transfer.push(pulled, [tagged], connection)
    )
    # Blobs are looked for only where the tag does not name the image already.
    if again.uploaded or again.mounted or again.present or again.moved:
        raise AssertionError(
            f"A push of the pulled image to {tagged} should find all of it there, but it changed the registry.\n\n"
            + "\n".join(f"  {line}" for line in _changes(again))
        )
    return receipt


def _same(left: Image, right: Image) -> bool:
    # As bytes, which are compared much faster than views of them.
    return left.manifest.data == right.manifest.data and all(
        bytes(left.blob(one).data) == bytes(right.blob(one).data) for one in left.references
    )


def _pull(reference: Reference, connection: Any) -> Image:
    from hatch_wasm_oci.registry import transfer

    return transfer.pull(reference, connection)


def _step(what: str, action: Callable[..., Any], *arguments: Any) -> Any:
    __tracebackhide__ = True
    try:
        return action(*arguments)
    except WasmOciError as error:
        raise AssertionError(f"The {what} failed: {error}") from error


def _of_module(module: memoryview) -> str:
    from hatch_wasm_oci.image.descriptor import sha256

    return f"{sha256(module)}, {len(module)} bytes"


def _changes(receipt: PushReceipt) -> list[str]:
    lines = [f"sent {digest}" for digest in receipt.uploaded]
    lines += [f"mounted {digest}" for digest in receipt.mounted]
    lines += [f"moved the tag {tag} away from {digest}" for tag, digest in receipt.moved]
    return lines or ["found every blob, but not the manifest, and sent it again"]
