"""Reading and deleting blobs (distribution-spec, "Pulling blobs", "Deleting Blobs")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.distribution.ranges import UnsatisfiableRangeError, parse_range
from hatch_wasm_oci.testing.distribution.refusal import RefusedError
from hatch_wasm_oci.testing.http1.message import Response

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.http1.message import Content, Request
    from hatch_wasm_oci.testing.storage.memory import MemoryStorage


def unknown_blob(digest: str) -> RefusedError:
    """Return the refusal for a blob that is not in the repository."""
    return RefusedError(404, "BLOB_UNKNOWN", "The blob is not in this repository.", detail={"digest": digest})


def get_blob(storage: MemoryStorage, request: Request, repository: str, digest: str) -> Response:
    """Answer GET or HEAD of a blob: whole, a range of it, or 304."""
    content = storage.blob(repository, digest)
    if content is None:
        raise unknown_blob(digest)
    return content_response(request, content, digest, "application/octet-stream")


def delete_blob(storage: MemoryStorage, repository: str, digest: str) -> Response:
    """Answer DELETE of a blob."""
    if not storage.delete_blob(repository, digest):
        raise unknown_blob(digest)
    return Response(202)


def content_response(request: Request, content: Content, digest: str, media_type: str) -> Response:
    """Answer GET or HEAD of anything that is named by its digest, with conditions and ranges (RFC 9110 section 13)."""
    tag = f'"{digest}"'
    headers = {"Docker-Content-Digest": digest, "ETag": tag, "Accept-Ranges": "bytes", "Content-Type": media_type}
    if _matches(request.headers.get("if-none-match"), tag):
        return Response(304, {"Docker-Content-Digest": digest, "ETag": tag})
    wanted = request.headers.get("range") if request.method == "GET" else None
    if wanted is None or request.headers.get("if-range", tag) != tag:
        return Response(200, headers, content)
    try:
        found = parse_range(wanted, content.size)
    except UnsatisfiableRangeError:
        raise RefusedError(
            416,
            "SIZE_INVALID",
            f"The range lies outside of the {content.size} bytes.",
            headers={"Content-Range": f"bytes */{content.size}"},
        ) from None
    if found is None:
        return Response(200, headers, content)
    start, size = found
    headers["Content-Range"] = f"bytes {start}-{start + size - 1}/{content.size}"
    return Response(206, headers, content.part(start, size))


def _matches(condition: str | None, tag: str) -> bool:
    if condition is None:
        return False
    wanted = {part.strip().removeprefix("W/") for part in condition.split(",")}
    return tag in wanted or "*" in wanted
