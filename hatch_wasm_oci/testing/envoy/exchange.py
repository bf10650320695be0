"""What goes over the wire in a test: a request that an upstream got, and an answer, Envoy's or an upstream's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hatch_wasm_oci.testing.http1.head import Headers


@dataclass(frozen=True)
class HttpRequest:
    """A request as an upstream got it, with all that Envoy and the plugins did to it.

    Args:
        method: The method.
        path: The path as sent, without the query.
        query: The query, still encoded, without its question mark.
        headers: The fields, looked up without regard to case; `headers.every(name)` gives repeated ones apart.
        body: The body.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, init=False)
class HttpResponse:
    """An answer: what Envoy gave to a test, or what a test's upstream gives to Envoy.

    Args:
        status: The HTTP status.
        headers: The fields: a mapping, or pairs where a name comes more than once.
        body: The body; a text is sent as UTF-8.
    """

    status: int
    headers: Headers
    body: bytes

    def __init__(
        self,
        status: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str = b"",
    ) -> None:
        pairs = headers.fields if isinstance(headers, Headers) else pairs_of(headers)
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "headers", Headers(pairs))
        object.__setattr__(self, "body", body.encode() if isinstance(body, str) else bytes(body))

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)


def pairs_of(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return header fields as pairs.

    Args:
        headers: A mapping, or pairs.
    """
    return tuple(headers.items() if isinstance(headers, Mapping) else headers)
