"""Lists and their pages: tags, repositories (distribution-spec, "Listing Tags")."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from hatch_wasm_oci.testing.distribution.refusal import RefusedError, unknown_repository
from hatch_wasm_oci.testing.http1.message import Response, json_response

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.http1.message import Request
    from hatch_wasm_oci.testing.storage.memory import MemoryStorage


def list_tags(storage: MemoryStorage, request: Request, repository: str, page_size: int | None) -> Response:
    """Answer GET of a repository's tags, sorted."""
    tags = storage.tags(repository)
    if tags is None:
        raise unknown_repository(repository)
    names, headers = paginated(request, sorted(tags), page_size)
    return json_response(200, {"name": repository, "tags": names}, headers)


def list_repositories(storage: MemoryStorage, request: Request, page_size: int | None) -> Response:
    """Answer GET of the catalogue, which the specification only keeps for old clients."""
    names, headers = paginated(request, sorted(storage.repositories()), page_size)
    return json_response(200, {"repositories": names}, headers)


def paginated(request: Request, names: list[str], page_size: int | None) -> tuple[list[str], dict[str, str]]:
    """Cut a sorted list to the page that a request asks for.

    Args:
        request: Its `n` is the most entries wanted, its `last` the entry after which to begin.
        names: The whole list, sorted.
        page_size: The most entries that the registry gives; None for no limit of its own.

    Returns:
        The page, and a Link header where more follows.

    Raises:
        RefusedError: `n` is no number.
    """
    last, number = request.parameter("last"), request.parameter("n")
    if last is not None:
        names = [name for name in names if name > last]
    limit = len(names)
    if number is not None:
        if not (number.isascii() and number.isdigit() and len(number) < 10):  # noqa: PLR2004 - more is no page
            raise RefusedError(400, "UNSUPPORTED", "The query parameter n is no number of entries.")
        limit = int(number)
    if page_size is not None:
        limit = min(limit, page_size)
    page = names[:limit]
    if not page or len(page) == len(names):
        return page, {}
    query = {"n": str(limit), "last": page[-1]}
    if (wanted := request.parameter("artifactType")) is not None:
        query["artifactType"] = wanted
    return page, {"Link": f'<{quote(request.path)}?{urlencode(query)}>; rel="next"'}
