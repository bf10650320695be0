"""A map of headers as Envoy keeps it: names in lower case, several values of a name, pseudo-headers first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

_HOST = "host"
_AUTHORITY = ":authority"
Kind = Literal["", "request", "response", "response-trailers"]
"""What a map is of; decides which headers it has one entry of alone."""
HeaderSource = Mapping[str, Any] | Iterable[tuple[str, str]] | None
"""What a map of headers is made of: a mapping (a list stands for several values), pairs, or nothing."""


class Headers(Mapping[str, str]):
    """Headers or trailers.

    As a mapping it gives the first value of each name, as a plugin sees it. Equal to another map or to a plain mapping
    with the same names and values, in whichever order the names stand.

    Args:
        source: A mapping, whose values may be lists; or pairs of name and value.
        kind: What they are of, where that matters.
    """

    def __init__(self, source: HeaderSource = None, kind: Kind = "") -> None:
        self._kind = kind
        self._pairs: list[tuple[str, str]] = []
        entries = source.pairs if isinstance(source, Headers) else source
        for name, value in entries.items() if isinstance(entries, Mapping) else entries or ():
            for each in value if isinstance(value, (list, tuple)) else (value,):
                self.add(name, str(each))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All names and values, in order."""
        return list(self._pairs)

    @property
    def byte_size(self) -> int:
        """The bytes of all names and values."""
        return sum(len(encode(name)) + len(encode(value)) for name, value in self._pairs)

    @property
    def count(self) -> int:
        """The number of entries, several of one name counted each."""
        return len(self._pairs)

    def every(self, name: str) -> list[str]:
        """Give every value of a name, in order."""
        name = self._name(name)
        return [value for each, value in self._pairs if each == name]

    def add(self, name: str, value: str) -> None:
        """Add a value; a header of which there is only one gets it behind a comma."""
        name = self._name(name)
        if self._kind in _joined().get(name, ()):
            for index, (each, old) in enumerate(self._pairs):
                if each == name:
                    self._pairs[index] = (name, f"{old},{value}")
                    return
        if name.startswith(":"):
            place = next((index for index, each in enumerate(self._pairs) if each[0][:1] != ":"), len(self._pairs))
            self._pairs.insert(place, (name, value))
        else:
            self._pairs.append((name, value))

    def replace(self, name: str, value: str) -> None:
        """Set the only value of a name; it comes to stand last, as it does in Envoy."""
        self.remove(name)
        self.add(name, value)

    def remove(self, name: str) -> None:
        """Remove every value of a name, if it has any."""
        name = self._name(name)
        self._pairs = [each for each in self._pairs if each[0] != name]

    def set_all(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Replace everything."""
        self._pairs = []
        for name, value in pairs:
            self.add(name, value)

    def copy(self) -> Headers:
        """Make a map that changes on its own."""
        return Headers(self.pairs, self._kind)

    def _name(self, name: str) -> str:
        name = name.lower()
        return _AUTHORITY if name == _HOST and self._kind == "request" else name

    def __getitem__(self, name: str) -> str:
        values = self.every(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name for name, _ in self._pairs})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.every(name))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        theirs = other if isinstance(other, Headers) else Headers(other, self._kind)
        return {name: self.every(name) for name in self} == {name: theirs.every(name) for name in theirs}

    __hash__ = None  # type: ignore[assignment] # it changes

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"


@cache
def _joined() -> dict[str, tuple[str, ...]]:
    text = Path(__file__).with_name("joined_headers.txt").read_text("utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {name: tuple(kinds.split(",")) for name, kinds in rows}


def encode(text: str) -> bytes:
    """Give the bytes of a name or value."""
    return text.encode("utf-8", "surrogateescape")


def decode(raw: bytes) -> str:
    """Give a name or value that came as bytes; bytes that are no UTF-8 can be given back as they were."""
    return raw.decode("utf-8", "surrogateescape")
