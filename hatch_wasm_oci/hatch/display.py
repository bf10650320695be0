"""What the doors into hatch print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_wasm_oci.errors import WasmOciError
    from hatch_wasm_oci.project.report import PackagedImage
    from hatch_wasm_oci.registry.transfer import PushReceipt


def packaged(app: Any, image: PackagedImage) -> None:
    """Show what a build made.

    Args:
        app: Hatchling's application.
        image: The image.
    """
    state = "unchanged" if image.unchanged else f"{size(image.module_size)} → {size(image.layer_size)}"
    app.display_info(f"wasm-oci: {image.archive.name} {image.manifest_digest} ({state})")
    for finding in image.findings:
        app.display_warning(f"wasm-oci: {finding.severity} {finding}")


def pushed(receipt: PushReceipt) -> list[str]:
    """Say what a push did, and how to use what it pushed.

    Args:
        receipt: What the push did.

    Returns:
        Lines; a WasmPlugin's `spec.sha256` is the manifest's digest (Istio, WasmPlugin reference).
    """
    names = ", ".join(receipt.references)
    if receipt.dry_run:
        return [f"would push {names}", f"as {receipt.digest} ({size(receipt.size)}); nothing was sent"]
    if receipt.unchanged:
        lines = [f"unchanged: nothing was sent, all is there already: {names}"]
    else:
        counts = (("sent", receipt.uploaded), ("mounted", receipt.mounted), ("there already", receipt.present))
        blobs = ", ".join(f"{len(digests)} {words}" for words, digests in counts if digests)
        lines = [f"pushed {names} ({f'blobs: {blobs}' if blobs else 'the image was there already'})"]
        lines += [f"moved {tag}, which named {digest}" for tag, digest in receipt.moved]
    return [
        *lines,
        f"pinned: {receipt.pinned_reference}",
        "to put into a WasmPlugin's spec:",
        f"  url: oci://{receipt.pinned_reference}",
        f"  sha256: {receipt.digest.partition(':')[2]}",
    ]


def error(problem: WasmOciError) -> str:
    """Write an error as hatch's users see it.

    Args:
        problem: The error.
    """
    return "\n".join(f"wasm-oci: {line}" for line in str(problem).splitlines() if line)


def size(count: int) -> str:
    """Write a number of bytes for a reader.

    Args:
        count: The number of bytes.
    """
    if count < 1000:  # noqa: PLR2004 - SI
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"  # noqa: PLR2004 - SI
