"""From a request to the endpoint that answers it, past whoever guards it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from hatch_wasm_oci.testing.authentication import Access
from hatch_wasm_oci.testing.distribution.blobs import delete_blob, get_blob, unknown_blob
from hatch_wasm_oci.testing.distribution.listings import list_repositories, list_tags
from hatch_wasm_oci.testing.distribution.manifests import Manifests
from hatch_wasm_oci.testing.distribution.refusal import RefusedError, invalid_digest, unsupported
from hatch_wasm_oci.testing.distribution.uploads import Uploads
from hatch_wasm_oci.testing.http1.message import Response, error_response, json_response
from hatch_wasm_oci.testing.storage.names import is_digest, is_repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing.authentication import Authentication
    from hatch_wasm_oci.testing.distribution.behaviour import Behaviour
    from hatch_wasm_oci.testing.http1.message import Request
    from hatch_wasm_oci.testing.storage.memory import MemoryStorage

_ROUTE = re.compile(
    r"/v2/(?P<name>.+)/(?:"
    r"(?P<tags>tags/list)|(?P<uploads>blobs/uploads)/?|blobs/uploads/(?P<upload>[^/]+)|"
    r"blobs/(?P<blob>[^/]+)|manifests/(?P<manifest>[^/]+)|referrers/(?P<referrers>[^/]+))"
)
_READS = frozenset({"GET", "HEAD"})
_METHODS = {
    "tags": "GET, HEAD",
    "referrers": "GET, HEAD",
    "uploads": "POST",
    "upload": "GET, HEAD, PATCH, PUT, DELETE",
    "blob": "GET, HEAD, DELETE",
    "manifest": "GET, HEAD, PUT, DELETE",
}


class Endpoints:
    """The distribution protocol over a storage.

    Args:
        storage: The state.
        behaviour: Where registries differ.
        authentication: Who may do what; None lets everybody.
        blob_host: Returns the URL of the second host, for `redirect_blobs`.
    """

    def __init__(
        self,
        storage: MemoryStorage,
        behaviour: Behaviour,
        authentication: Authentication | None = None,
        blob_host: Callable[[], str] | None = None,
    ) -> None:
        self._storage = storage
        self._behaviour = behaviour
        self._authentication = authentication
        self._blob_host = blob_host
        self._uploads = Uploads(storage, behaviour)
        self._manifests = Manifests(storage, behaviour)

    def answer(self, request: Request) -> Response:
        """Answer a request to the registry."""
        try:
            response = self._answer(request)
        except RefusedError as refused:
            response = refused.response
        response.headers.setdefault("Docker-Distribution-Api-Version", "registry/2.0")
        return response

    def answer_blob_host(self, request: Request) -> Response:
        """Answer a request to the second host: blobs alone, for anybody who has the link."""
        match = _ROUTE.fullmatch(request.path)
        if match is None or not match["blob"] or request.method not in _READS:
            return error_response(404, "NAME_UNKNOWN", "Only blobs are served here.")
        try:
            return get_blob(self._storage, request, match["name"], match["blob"])
        except RefusedError as refused:
            return refused.response

    def _answer(self, request: Request) -> Response:
        if self._authentication is not None:
            token = self._authentication.token_response(request)
            if token is not None:
                return token
        if request.path == "/v2":
            return Response(301, {"Location": "/v2/"})
        if request.path == "/v2/":
            self._authorize(request, [])
            self._allow(request, "GET, HEAD")
            return json_response(200, {})
        if request.path == "/v2/_catalog":
            self._authorize(request, [Access("registry", "catalog", frozenset({"*"}))])
            self._allow(request, "GET, HEAD")
            return list_repositories(self._storage, request, self._behaviour.page_size)
        match = _ROUTE.fullmatch(request.path)
        if match is None:
            raise RefusedError(404, "NAME_UNKNOWN", "There is nothing at this path.")
        return self._endpoint(request, match["name"], str(match.lastgroup), str(match[str(match.lastgroup)]))

    def _endpoint(self, request: Request, name: str, kind: str, target: str) -> Response:
        if not is_repository(name):
            raise RefusedError(400, "NAME_INVALID", "The repository's name is not valid.", detail={"name": name})
        self._allow(request, _METHODS[kind])
        reading = request.method in _READS and kind != "upload"
        self._authorize(request, self._accesses(request, name, kind))
        if self._behaviour.read_only and not reading:
            raise unsupported("The registry is read-only.", "GET, HEAD")
        if kind == "tags":
            return list_tags(self._storage, request, name, self._behaviour.page_size)
        if kind == "referrers":
            if not self._behaviour.referrers:
                raise RefusedError(404, "UNSUPPORTED", "The registry has no referrers API.")
            return self._manifests.referrers(request, name, target)
        if kind in {"blob", "manifest"} and request.method == "DELETE" and not self._behaviour.deletes:
            raise unsupported("Deletes are switched off.", "GET, HEAD")
        if kind == "blob":
            return self._blob(request, name, target)
        if kind == "manifest":
            return self._manifest(request, name, target)
        return self._upload(request, name, "" if kind == "uploads" else target)

    def _blob(self, request: Request, name: str, digest: str) -> Response:
        if not is_digest(digest):
            raise invalid_digest(digest)
        if request.method == "DELETE":
            return delete_blob(self._storage, name, digest)
        if not self._behaviour.redirect_blobs or self._blob_host is None:
            return get_blob(self._storage, request, name, digest)
        if self._storage.blob(name, digest) is None:
            raise unknown_blob(digest)
        location = f"{self._blob_host()}{quote(request.path)}?signature=embedded"
        return Response(307, {"Location": location, "Docker-Content-Digest": digest})

    def _manifest(self, request: Request, name: str, reference: str) -> Response:
        if request.method == "PUT":
            return self._manifests.put(request, name, reference)
        if request.method == "DELETE":
            return self._manifests.delete(name, reference)
        return self._manifests.get(request, name, reference)

    def _upload(self, request: Request, name: str, identifier: str) -> Response:
        if not identifier:
            return self._uploads.begin(request, name, lambda source: self._may_read(request, source))
        if request.method == "PATCH":
            return self._uploads.patch(request, name, identifier)
        if request.method == "PUT":
            return self._uploads.put(request, name, identifier)
        if request.method == "DELETE":
            return self._uploads.cancel(request, name, identifier)
        return self._uploads.status(request, name, identifier)

    def _accesses(self, request: Request, name: str, kind: str) -> list[Access]:
        if request.method == "DELETE" and kind != "upload":
            return [Access("repository", name, frozenset({"delete"}))]
        if request.method in _READS and kind != "upload":
            return [Access("repository", name, frozenset({"pull"}))]
        accesses = [Access("repository", name, frozenset({"pull", "push"}))]
        source = request.parameter("from")
        if kind == "uploads" and source is not None and source != name and is_repository(source):
            accesses.append(Access("repository", source, frozenset({"pull"})))
        return accesses

    def _authorize(self, request: Request, accesses: list[Access]) -> None:
        if self._authentication is not None:
            refusal = self._authentication.refusal(request, accesses)
            if refusal is not None:
                raise RefusedError(
                    401, "UNAUTHORIZED", refusal.message, headers={"WWW-Authenticate": refusal.challenge}
                )

    def _may_read(self, request: Request, repository: str) -> bool:
        access = Access("repository", repository, frozenset({"pull"}))
        return self._authentication is None or self._authentication.refusal(request, [access]) is None

    def _allow(self, request: Request, methods: str) -> None:
        if request.method not in methods.split(", "):
            raise unsupported("The method is not one that this path has.", methods)
