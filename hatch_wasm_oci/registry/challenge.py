"""What a registry asks for when it answers 401: the `WWW-Authenticate` header, read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT = 16 * 1024
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's token, no secret
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}(?:[/:?=&%]*{_TOKEN})*))')
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))")
_SCHEME = re.compile(rf"({_TOKEN})(?=\s|,|$)")
_SPACE = re.compile(r"\s*")
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class Challenge:
    """One way in which a registry lets itself be asked (RFC 9110, 11.6.1).

    Args:
        scheme: The scheme, in lower case: `basic`, `bearer`.
        parameters: Its parameters, their names in lower case.
    """

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read a `WWW-Authenticate` header, which may hold several challenges, and commas in quoted texts.

    Args:
        header: The header's value, not trusted; several headers joined by commas.

    Returns:
        The challenges up to the first thing that can't be understood.
    """
    header = header[:_LIMIT]
    challenges: list[tuple[str, dict[str, str]]] = []
    position = 0
    while True:
        position = _end(_BETWEEN.match(header, position), position)
        if challenges and (parameter := _PARAMETER.match(header, position)):
            name, quoted, plain = parameter.groups()
            text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            challenges[-1][1].setdefault(name.lower(), text)
            position = parameter.end()
        elif scheme := _SCHEME.match(header, position):
            challenges.append((scheme[1].lower(), {}))
            position = scheme.end()
            # Negotiate's way: something of its own in place of parameters.
            if (blob := _TOKEN68.match(header, _end(_SPACE.match(header, position), position))) and "=" in blob[0]:
                position = blob.end()
        else:
            return tuple(Challenge(scheme, parameters) for scheme, parameters in challenges)


def _end(match: re.Match[str] | None, position: int) -> int:
    return match.end() if match else position
