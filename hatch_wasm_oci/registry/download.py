"""Bytes on their way from a registry: bounded, hashed while they come, and on from where they broke off."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, TypeVar

import requests
import urllib3

from hatch_wasm_oci.errors import ImageError, RegistryError
from hatch_wasm_oci.registry.failure import redacted, unreachable
from hatch_wasm_oci.registry.reading import pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.registry.connection import Retry

_PARTIAL = 206
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/(?:[0-9]{1,18}|\*)")

T = TypeVar("T")


class BrokenOffError(RegistryError):
    """An answer broke off in its body: asking again may help."""


class Download:
    """What has come of something so far.

    Args:
        what: What it is, for errors.
        limit: The most bytes that it may have.
        digest: Its digest, where it is known.
        advance: Is told how many bytes have come; a negative number when they must come again.
    """

    def __init__(
        self, what: str, limit: int, digest: str = "", advance: Callable[[int], None] = lambda _count: None
    ) -> None:
        self.data = bytearray()
        self._what = what
        self._limit = limit
        self._advance = advance
        self._digest = digest
        self._hash = hashlib.new(digest.partition(":")[0]) if digest else None

    @property
    def range(self) -> dict[str, str]:
        """The header that asks for what is still to come; none at the start."""
        return {"Range": f"bytes={len(self.data)}-"} if self.data else {}

    def read(self, response: requests.Response, patience: float, clock: Callable[[], float]) -> None:
        """Take in an answer's body.

        Args:
            response: The answer; released when it was read whole, closed otherwise.
            patience: How many seconds may pass beyond what the least rate allows.
            clock: Tells seconds on a clock that only goes forward.

        Raises:
            BrokenOffError: It broke off.
            ImageError: It has more bytes than it may.
        """
        self._place(response)
        try:
            # One byte more than it may have is asked for: that much tells an endless body.
            for piece in pieces(response, self._limit + 1 - len(self.data), patience, clock):
                self.data += piece
                if self._hash:
                    self._hash.update(piece)
                if len(self.data) > self._limit:
                    raise ImageError(
                        f"The {self._what} has more than the {self._limit} bytes that it may have.",
                        "The registry or something on the way is broken: ask its operator.",
                    )
                self._advance(len(piece))
        except (urllib3.exceptions.HTTPError, requests.RequestException, OSError) as error:
            response.close()
            if self._hash and len(self.data) == self._limit:
                return  # a wrong Content-Length: all is there, as its digest will tell
            cause = unreachable("GET", response.url, error)
            raise BrokenOffError(cause.problem, cause.remedy) from error
        except BaseException:
            response.close()
            raise
        response.raw.release_conn()

    def verify(self) -> None:
        """Check what has come against its digest.

        Raises:
            ImageError: It differs.
        """
        if self._hash and self._hash.hexdigest() != self._digest.partition(":")[2]:
            raise ImageError(
                f"The {self._what} came with other bytes than its digest says.",
                "The registry or something on the way is broken: try again, or push the image anew.",
            )

    def _place(self, response: requests.Response) -> None:
        """Make sure that an answer goes on where the last one broke off, or begin anew with it."""
        if not self.data:
            return
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code == _PARTIAL and found and int(found[1]) == len(self.data):
            return
        self._advance(-len(self.data))
        self.data.clear()
        if self._hash:
            self._hash = hashlib.new(self._digest.partition(":")[0])
        if response.status_code == _PARTIAL:
            response.close()
            raise BrokenOffError(f"{redacted(response.url)} gave another part than was asked for.", "Try again.")


def again(retry: Retry, fetch: Callable[[], T]) -> T:
    """Fetch something, and again where it broke off, within bounds.

    Args:
        retry: The bounds.
        fetch: Sends the request and reads the answer's body.

    Raises:
        BrokenOffError: It broke off to the end.
    """
    deadline = retry.clock() + retry.total
    attempt = 1
    while True:
        try:
            return fetch()
        except BrokenOffError:
            wait = retry.backoff(attempt)
            if attempt >= retry.attempts or retry.clock() + wait > deadline:
                raise
            retry.sleep(wait)
            attempt += 1
