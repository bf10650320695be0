"""The head of a request, from bytes that anyone may have written to a value that can be trusted.

The rules are those of RFC 9110 and RFC 9112. Where they leave a server the choice between guessing and refusing, this
one refuses: two readers that guess differently are what request smuggling lives on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

MAXIMUM_TARGET = 16 * 1024
MAXIMUM_FIELDS = 200
CHUNKED = -1

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-~]+) HTTP/([0-9])\.([0-9])")
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(rb"[\t -~\x80-\xff]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SECRETS = frozenset({"authorization", "proxy-authorization", "cookie"})


class MalformedRequestError(Exception):
    """A request that can't be read as HTTP; it is answered once, and its connection closed.

    Args:
        status: The HTTP status to answer with.
        reason: What is wrong, in a few words.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Headers(Mapping[str, str]):
    """The fields of a message, looked up without regard to case; fields of one name are joined with a comma.

    The representation hides credentials, so that a failed assertion does not print them.

    Args:
        fields: Names and values in the order in which they came.
    """

    __slots__ = ("_joined", "fields")

    def __init__(self, fields: tuple[tuple[str, str], ...] = ()) -> None:
        self.fields = fields
        joined: dict[str, str] = {}
        for name, value in fields:
            key = name.lower()
            joined[key] = f"{joined[key]}, {value}" if key in joined else value
        self._joined = joined

    def __getitem__(self, name: str) -> str:
        return self._joined[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined)

    def __len__(self) -> int:
        return len(self._joined)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._joined

    def __repr__(self) -> str:
        shown = {name: "…" if name in _SECRETS else value for name, value in self._joined.items()}
        return f"Headers({shown!r})"

    def every(self, name: str) -> list[str]:
        """Return the values of every field of this name, unjoined."""
        return [value for field, value in self.fields if field.lower() == name.lower()]


@dataclass(frozen=True)
class RequestHead:
    """What stands before the body of a request.

    Args:
        method: As sent; methods are case-sensitive.
        path: The decoded path, beginning with a slash.
        query: The query, still encoded, without its question mark.
        keep_alive: Whether the client wants the connection to stay open.
        headers: The fields.
        body_length: Bytes of the body, or `CHUNKED`.
        expects_continue: Whether the client waits for `100 Continue` before it sends the body.
    """

    method: str
    path: str
    query: str
    keep_alive: bool
    headers: Headers
    body_length: int = 0
    expects_continue: bool = False


def parse_head(data: bytes, split_target: Callable[[str], tuple[str, str]] | None = None) -> RequestHead:
    """Parse the head of a request, strictly.

    Args:
        data: Everything from the request line to the empty line, both included.
        split_target: What makes path and query of the request's target; `parse_target` where not given.

    Returns:
        The head; its framing is decided and unambiguous.

    Raises:
        MalformedRequestError: Anything that RFC 9112 forbids, and what this server does not support.
    """
    lines = data.split(b"\r\n")
    if b"\n" in data.replace(b"\r\n", b"") or lines[-2:] != [b"", b""]:
        raise MalformedRequestError(400, "a line that does not end in CR LF")
    match = _REQUEST_LINE.fullmatch(lines[0])
    if match is None:
        raise MalformedRequestError(400, "a malformed request line")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise MalformedRequestError(505, "a version of HTTP other than 1.0 and 1.1")
    if len(target) > MAXIMUM_TARGET:
        raise MalformedRequestError(414, f"a request target of more than {MAXIMUM_TARGET} bytes")
    headers = Headers(parse_fields(lines[1:-2]))
    modern = minor != b"0"
    hosts = headers.every("host")
    if len(hosts) > 1 or (modern and not hosts) or (hosts and hosts[0] and not _HOST.fullmatch(hosts[0])):
        raise MalformedRequestError(400, "no valid Host field, or more than one")
    path, query = (split_target or parse_target)(target.decode("ascii"))
    connection = {option.strip().lower() for option in headers.get("connection", "").split(",")}
    return RequestHead(
        method=method.decode("ascii"),
        path=path,
        query=query,
        keep_alive=modern and "close" not in connection,
        headers=headers,
        body_length=_framing(headers, modern=modern),
        expects_continue=modern and _expects_continue(headers),
    )


def parse_fields(lines: list[bytes]) -> tuple[tuple[str, str], ...]:
    """Parse header or trailer fields, one per line.

    Args:
        lines: The lines without their ends.

    Returns:
        Names and values; values are decoded as Latin-1, as RFC 9110 section 5.5 has it.

    Raises:
        MalformedRequestError: A line that is no field, is folded, or one too many.
    """
    if len(lines) > MAXIMUM_FIELDS:
        raise MalformedRequestError(431, f"more than {MAXIMUM_FIELDS} header fields")
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise MalformedRequestError(400, "a malformed header field")
        fields.append((name.decode("ascii"), value.strip(b" \t").decode("latin-1")))
    return tuple(fields)


def parse_target(target: str) -> tuple[str, str]:
    """Split a request target into its decoded path and its query.

    Args:
        target: Origin form (`/v2/`) or absolute form (`http://host/v2/`).

    Returns:
        The path, decoded as UTF-8, and the query, still encoded.

    Raises:
        MalformedRequestError: A path that leads elsewhere than it seems to: dot segments, encoded slashes, NUL.
    """
    if "#" in target:
        raise MalformedRequestError(400, "a fragment in the request target")
    if target.lower().startswith(("http://", "https://")):
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    if not path.startswith("/") or _BAD_ESCAPE.search(path):
        raise MalformedRequestError(400, "a malformed request target")
    try:
        segments = [unquote_to_bytes(segment).decode("utf-8") for segment in path.split("/")]
    except UnicodeDecodeError:
        raise MalformedRequestError(400, "a path that is not UTF-8") from None
    for segment in segments:
        if segment in {".", ".."} or "/" in segment or "\\" in segment or not segment.isprintable():
            raise MalformedRequestError(400, "a path with dot segments, encoded separators or control characters")
    return "/".join(segments), query


def _framing(headers: Headers, *, modern: bool) -> int:
    lengths, codings = headers.every("content-length"), headers.every("transfer-encoding")
    if codings:
        if lengths:
            raise MalformedRequestError(400, "both Transfer-Encoding and Content-Length")
        if not modern:
            raise MalformedRequestError(400, "Transfer-Encoding in HTTP/1.0")
        if len(codings) > 1 or codings[0].lower() != "chunked":
            raise MalformedRequestError(501, "a transfer coding other than chunked")
        return CHUNKED
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise MalformedRequestError(400, "a Content-Length that is no number, or more than one")
    return int(lengths[0])


def _expects_continue(headers: Headers) -> bool:
    expectation = headers.get("expect")
    if expectation is None:
        return False
    if expectation.lower() != "100-continue":
        raise MalformedRequestError(417, "an expectation other than 100-continue")
    return True
