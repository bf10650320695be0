"""Whole images to registries and back, so that no tag ever names an incomplete one."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from hatch_wasm_oci.consumers.candidate import Candidate, resolve
from hatch_wasm_oci.errors import ImageError, InvalidReferenceError, RefusedError, RegistryError
from hatch_wasm_oci.image.descriptor import verify
from hatch_wasm_oci.image.extraction import BLOB_LIMIT
from hatch_wasm_oci.image.index import choose
from hatch_wasm_oci.image.manifest import Image, Manifest
from hatch_wasm_oci.registry import referrers
from hatch_wasm_oci.registry.client import Repository
from hatch_wasm_oci.registry.connection import Connection
from hatch_wasm_oci.registry.parallel import in_parallel
from hatch_wasm_oci.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hatch_wasm_oci.image.descriptor import Blob, Buffer, Descriptor
    from hatch_wasm_oci.image.reference import Reference
    from hatch_wasm_oci.registry.referrers import Attach

T = TypeVar("T")


@dataclass(frozen=True)
class PushReceipt:
    """What a push did, or would do.

    Args:
        references: What names the image: one for each tag, or one by digest.
        digest: The manifest's digest.
        size: The size of the manifest and its blobs together, in bytes.
        uploaded: The digests of the blobs that were sent.
        mounted: The digests of the blobs that the registry took from another of its repositories.
        present: The digests of the blobs that were there already.
        moved: Tags that named another image before, and its digest.
        requests: How many requests it took, those for tokens included.
        dry_run: Whether nothing was sent.
        written: The tags, or the digest, under which the manifest was written: those that did not name it already.
    """

    references: tuple[str, ...]
    digest: str
    size: int
    uploaded: tuple[str, ...] = ()
    mounted: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    requests: int = 0
    dry_run: bool = False
    written: tuple[str, ...] = ()

    @property
    def pinned_reference(self) -> str:
        """The first reference with the digest, for a WasmPlugin's `url`."""
        first = self.references[0]
        return first if "@" in first else f"{first}@{self.digest}"

    @property
    def unchanged(self) -> bool:
        """Whether all was there already, tags included."""
        return not (self.dry_run or self.written)

    def to_json(self) -> dict[str, Any]:
        """Return the receipt's fields by name, `moved` as an object, and `pinned_reference`."""
        return {**asdict(self), "moved": dict(self.moved), "pinned_reference": self.pinned_reference}


def push(
    image: Image,
    references: Sequence[Reference],
    connection: Connection | None = None,
    *,
    mount_from: str | None = None,
    may_move: Callable[[str, str], bool] = lambda _tag, _digest: True,
    dry_run: bool = False,
    pushed: Callable[[Reference, Image, PushReceipt, Attach], None] | None = None,
) -> PushReceipt:
    """Push an image: blobs first, then the manifest, under one tag after the other.

    Args:
        image: The image.
        references: Where to: references of one repository, with a tag each; one without tag pushes by digest alone.
        connection: How to talk to the registry.
        mount_from: The path of a repository of the same registry that may have the blobs.
        may_move: Asked, with a tag and the digest that it names now, before anything is sent, for each tag that names
            another image.
        dry_run: Whether to send nothing, and ask nothing.
        pushed: Is called when all is there, with what may attach artifacts to the image.

    Raises:
        RegistryError: The registry can't be reached, or refuses; or a tag must not be moved.
        InvalidReferenceError: The references are of several repositories.
    """
    first = references[0]
    if any(reference.name != first.name for reference in references):
        raise InvalidReferenceError("The references are of several repositories.", "Push to one at a time.")
    if any(reference.digest not in (None, image.digest) for reference in references):
        raise InvalidReferenceError(
            f"{next(one for one in references if one.digest not in (None, image.digest))} is not the image's digest.",
            f"It is {image.digest}: name a tag, or nothing.",
        )
    tags = list(dict.fromkeys(reference.tag for reference in references if reference.tag))
    names = tuple(str(first.with_tag(tag)) for tag in tags) or (f"{first.name}@{image.digest}",)
    size = len(image.manifest.data) + sum(blob.descriptor.size for blob in image.blobs)
    if dry_run:
        return PushReceipt(names, image.digest, size, dry_run=True)
    with Transport(first.registry, first.repository, connection or Connection()) as transport:
        repository = Repository(transport, first.repository)
        found = {target: repository.find_manifest(target, push=True) for target in tags or [image.digest]}
        moved = [(tag, digest) for tag, digest in found.items() if digest not in (None, "", image.digest)]
        for tag, digest in moved:
            if not may_move(tag, str(digest)):
                raise RegistryError(
                    f"The tag {tag} of {first.name} names another image already: {digest}.",
                    "Raise the version, or allow it to be overwritten.",
                )
        outcomes: dict[str, str] = {}
        if image.digest not in found.values():
            outcomes = _put_blobs(transport, repository, image.blobs, mount_from)
        for target, known in found.items():
            if known != image.digest:
                repository.put_manifest(target, image.manifest.media_type, image.manifest.data)
        by_outcome = {
            outcome: tuple(digest for digest, one in outcomes.items() if one == outcome)
            for outcome in ("sent", "mounted", "there already")
        }
        receipt = PushReceipt(
            names,
            image.digest,
            size,
            by_outcome["sent"],
            by_outcome["mounted"],
            by_outcome["there already"],
            tuple((tag, str(digest)) for tag, digest in moved),
            transport.requests,
            written=tuple(target for target, known in found.items() if known != image.digest),
        )
        if pushed is not None:
            attach = functools.partial(referrers.attach, repository, image.manifest.descriptor)
            pushed(first.with_digest(image.digest), image, receipt, attach)
        return receipt


@contextmanager
def look(reference: Reference, connection: Connection | None = None) -> Iterator[Candidate]:
    """Look at an image as a consumer does: what its name stands for, and of its blobs those that are asked for.

    Args:
        reference: The image, by digest or by tag.
        connection: How to talk to the registry.

    Yields:
        The image, as long as the connection lasts.

    Raises:
        RegistryError: The registry can't be reached, or refuses; or there is no such image.
        ImageError: What came is not what its digest says.
        InvalidReferenceError: The reference has neither tag nor digest.
    """
    target = _target(reference)
    with Transport(reference.registry, reference.repository, connection or Connection()) as transport:
        repository = Repository(transport, reference.repository)

        def fetch(child: Descriptor) -> bytes:
            data = repository.get_manifest(child.digest)
            verify(data, child.digest, child.size, f"manifest {child.digest}")
            return data

        def content(descriptor: Descriptor) -> Buffer:
            return _fetch(transport, repository, descriptor).data

        try:
            candidate = resolve(repository.get_manifest(target), fetch, content, reference)
        except RefusedError as error:
            candidate = Candidate(None, None, content, reference, fault=error)
        yield replace(candidate, challenges=tuple(transport.challenges), with_credential=transport.with_credential)


def pull(reference: Reference, connection: Connection | None = None) -> Image:
    """Pull an image, every digest and size verified; of an index, the image for linux/amd64.

    Args:
        reference: The image, by digest or by tag.
        connection: How to talk to the registry.

    Raises:
        RegistryError: The registry can't be reached, or refuses.
        ImageError: The image is malformed, or not what its digests say.
        InvalidReferenceError: The reference has neither tag nor digest.
    """
    target = _target(reference)
    with Transport(reference.registry, reference.repository, connection or Connection()) as transport:
        repository = Repository(transport, reference.repository)
        data = repository.get_manifest(target)
        if child := choose(data):
            data = repository.get_manifest(child.digest)
            verify(data, child.digest, child.size, f"manifest {child.digest}")
        manifest = Manifest.parse(data)
        descriptors = list({one.digest: one for one in (manifest.config, *manifest.layers)}.values())
        total = sum(descriptor.size for descriptor in descriptors)
        if total > 2 * BLOB_LIMIT:
            raise ImageError(f"The image has {total} bytes.", f"More than {2 * BLOB_LIMIT} is no Wasm plugin.")
        fetch = functools.partial(_fetch, transport, repository)
        blobs = in_parallel(fetch, descriptors, transport.connection.parallel, transport.interrupted)
    return Image(manifest, tuple(blobs))


def _target(reference: Reference) -> str:
    target = reference.digest or reference.tag
    if target is None:
        raise InvalidReferenceError(f"{reference} names no image.", "Add a tag or a digest: `:1.0` or `@sha256:…`.")
    return target


def _fetch(transport: Transport, repository: Repository, descriptor: Descriptor) -> Blob:
    name = f"{repository.name} {descriptor.digest[:19]}"
    transport.connection.progress.begin(name, descriptor.size)
    blob = repository.get_blob(descriptor, BLOB_LIMIT)
    transport.connection.progress.end(name, "fetched")
    return blob


def _put_blobs(
    transport: Transport, repository: Repository, blobs: Sequence[Blob], mount_from: str | None
) -> dict[str, str]:
    progress = transport.connection.progress

    def put(blob: Blob) -> str:
        name = f"{repository.name} {blob.descriptor.digest[:19]}"
        progress.begin(name, blob.descriptor.size)
        if repository.has_blob(blob.descriptor, push=True):
            outcome = "there already"
        else:
            outcome = repository.put_blob(blob, mount_from)
        if outcome != "sent":
            progress.advance(blob.descriptor.size)
        progress.end(name, outcome)
        return outcome

    outcomes = in_parallel(put, blobs, transport.connection.parallel, transport.interrupted)
    return dict(zip((blob.descriptor.digest for blob in blobs), outcomes, strict=True))
