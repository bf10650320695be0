"""What a plugin logged."""

from __future__ import annotations

from typing import NamedTuple


class LogLine(NamedTuple):
    """One line of a plugin's log."""

    level: str
    """`trace`, `debug`, `info`, `warn`, `error` or `critical`."""
    message: str
    """The text; bytes that are no UTF-8 are replaced."""

    def __str__(self) -> str:
        return f"{self.level:<8} {self.message}"
