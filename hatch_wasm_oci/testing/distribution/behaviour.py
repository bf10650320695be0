"""In what a registry may differ from others, within the specification and outside of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Behaviour:
    """How the registry behaves where registries differ.

    Args:
        read_only: Refuse every write with 405.
        deletes: Whether tags, manifests and blobs can be deleted; else 405, as distribution's default.
        referrers: Whether there is a referrers API; else 404, so that clients fall back on the referrers tag.
        mounts: Whether blobs are mounted from other repositories; else a mount opens an upload.
        single_post: Whether POST with a digest and a body stores the blob; else it opens an upload, as in distribution.
        absolute_locations: Whether Location is a whole URL, with the host that the client asked for.
        upload_state: Whether an upload's Location carries a state that changes with each request and must come back,
            as in distribution; an old Location then gives 404.
        redirect_blobs: Whether blobs are served from a second port, by 307, as cloud registries do.
        strict_accept: Whether a manifest whose type is not in Accept gives 404, as distribution does for OCI types.
        sparse: Whether a manifest is taken although parts of it are not there, as the specification allows.
        chunk_minimum: Least bytes of an upload's chunk, the last one excepted; announced as OCI-Chunk-Min-Length.
        page_size: Most entries in one answer of a listing; None for no limit of its own.
        maximum_blob: Most bytes of a blob.
        maximum_manifest: Most bytes of a manifest; the specification asks for at least 4 MiB.
    """

    read_only: bool = False
    deletes: bool = True
    referrers: bool = True
    mounts: bool = True
    single_post: bool = True
    absolute_locations: bool = False
    upload_state: bool = False
    redirect_blobs: bool = False
    strict_accept: bool = False
    sparse: bool = False
    chunk_minimum: int = 0
    page_size: int | None = None
    maximum_blob: int = 4 * 1024**3
    maximum_manifest: int = 4 * 1024**2
