"""One blob on its way to a registry: in one piece, in chunks, and on from where it broke off."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.registry.body import Body

if TYPE_CHECKING:
    import requests

    from hatch_wasm_oci.image.descriptor import Blob
    from hatch_wasm_oci.registry.transport import Transport

CHUNK = 5 * 1024 * 1024
"""The size of a chunk, in bytes, where nobody says which: the least that cloud storage takes."""

_CREATED, _ACCEPTED, _NO_CONTENT, _NOT_FOUND, _TOO_LARGE, _BAD_RANGE = 201, 202, 204, 404, 413, 416
_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")
_COUNT = re.compile(r"[0-9]{1,18}")
_BINARY = {"Content-Type": "application/octet-stream"}


class Upload:
    """An upload session (OCI distribution-spec, Pushing blobs).

    Args:
        transport: The requests to the repository.
        blob: The blob.
        started: The answer that began the session.
        scopes: What the requests need.

    Raises:
        RegistryError: The answer names no place to upload to.
    """

    def __init__(self, transport: Transport, blob: Blob, started: requests.Response, scopes: tuple[str, ...]) -> None:
        self._transport = transport
        self._blob = blob
        self._data = memoryview(blob.data)
        self._scopes = scopes
        self._location = ""
        self._offset = 0
        self._moved(started, started.url)
        if not self._location:
            raise RegistryError("The registry's answer to an upload's begin has no Location.", "Ask its operator.")
        least = started.headers.get("OCI-Chunk-Min-Length", "")
        self._least = int(least) if _COUNT.fullmatch(least) else 0
        self.resumed = False
        """Whether it went on from where it had broken off: then the registry may have put it together wrongly."""

    def run(self) -> None:
        """Send the blob.

        Raises:
            RegistryError: The registry refuses it, the session is lost, or it broke off too often.
        """
        connection = self._transport.connection
        chunk = max(connection.chunk_size, self._least) if connection.chunk_size else 0
        for attempt in range(1, connection.retry.attempts + 1):
            try:
                if chunk:
                    self._send_chunks(chunk)
                self._finish()
            except RegistryError as error:
                too_large = error.status == _TOO_LARGE and not chunk and len(self._data) > CHUNK
                broken = error.status is None or error.status == _BAD_RANGE
                if attempt == connection.retry.attempts or not (too_large or broken):
                    raise
                if not too_large:
                    connection.retry.sleep(connection.retry.backoff(attempt))
                if not self._find_out_offset(error):
                    raise
                chunk = max(connection.chunk_size or CHUNK, self._least)
            else:
                return

    def cancel(self) -> None:
        """Tell the registry to forget the session, as far as it can be told."""
        accepted = (_NO_CONTENT, _NOT_FOUND)
        with contextlib.suppress(RegistryError):
            self._transport.send(
                "DELETE", self._location, scopes=self._scopes, accepted=accepted, again=False, last=True
            )

    def _finish(self) -> None:
        """Close the session by the digest; where nothing has been sent before, this sends all of it."""
        rest = self._data[self._offset :]
        url = _with_query(self._location, "digest", self._blob.descriptor.digest)
        headers = dict(_BINARY)
        if self._offset and len(rest):
            headers["Content-Range"] = f"{self._offset}-{len(self._data) - 1}"
        self._transport.send(
            "PUT",
            url,
            scopes=self._scopes,
            headers=headers,
            body=Body(rest, self._advance),
            accepted=(_CREATED, _NO_CONTENT),
            again=False,
        )

    def _send_chunks(self, size: int) -> None:
        while self._offset < len(self._data):
            piece = self._data[self._offset : self._offset + size]
            end = self._offset + len(piece)
            answer = self._transport.send(
                "PATCH",
                self._location,
                scopes=self._scopes,
                headers={**_BINARY, "Content-Range": f"{self._offset}-{end - 1}"},
                body=Body(piece, self._advance),
                accepted=(_ACCEPTED, _NO_CONTENT),
                again=False,
            )
            self._moved(answer, answer.url)
            self._offset = end

    def _find_out_offset(self, error: RegistryError) -> bool:
        """Ask how much has arrived; false where the session is lost."""
        answer = self._transport.send(
            "GET", self._location, scopes=self._scopes, accepted=(_ACCEPTED, _NO_CONTENT, _NOT_FOUND, 200, 400, 405)
        )
        arrived = _RANGE.fullmatch(answer.headers.get("Range", ""))
        # `0-0` is what some registries say of nothing, and others of a single byte.
        offset = int(arrived[1]) + 1 if arrived and int(arrived[1]) > 0 else 0
        if answer.status_code not in (_ACCEPTED, _NO_CONTENT, 200) or offset > len(self._data):
            return False
        self._moved(answer, answer.url)
        if offset:
            self.resumed = True
        elif error.status is None:
            return False  # nothing has arrived: a new session is as good
        self._offset = offset
        return True

    def _moved(self, answer: requests.Response, url: str) -> None:
        location = answer.headers.get("Location", "")
        if location:
            self._location = self._transport.target(url, location)

    def _advance(self, count: int) -> None:
        self._transport.check_interrupted()
        self._transport.connection.progress.advance(count)


def _with_query(url: str, name: str, value: str) -> str:
    """Add a value to a URL's query; the registry's own part of it goes back exactly as it came."""
    parts = urlsplit(url)
    kept = parts.query
    if name in dict(parse_qsl(kept, keep_blank_values=True)):
        kept = "&".join(part for part in kept.split("&") if part.partition("=")[0] != name)
    joint = "&" if kept else ""
    return urlunsplit(parts._replace(query=f"{kept}{joint}{name}={quote(value, safe='')}"))
