"""The time that a plugin sees: it stands still until a test moves it."""

from __future__ import annotations

_START = 1_767_225_600 * 10**9  # 2026-01-01T00:00:00Z
_SECOND = 10**9


class Clock:
    """A clock that stands still.

    Args:
        now: The first time, in nanoseconds since 1970.
    """

    def __init__(self, now: int = _START) -> None:
        self.started = now
        self.now = now
        """The present time in nanoseconds since 1970; may be set."""

    @property
    def monotonic(self) -> int:
        """Nanoseconds that only grow, for the other clock of WASI."""
        return self.now - self.started + _SECOND

    def move(self, seconds: float) -> None:
        """Move the time on."""
        self.now += round(seconds * _SECOND)
