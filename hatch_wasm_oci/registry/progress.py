"""What travels to and from registries, told to whoever wants to show it."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

_REDRAW = 0.1
_BAR = 24
_SURE = 0.5  # seconds; a rate of less is a guess, and so would be the time that remains


class Progress:
    """Is told of transfers; this one shows nothing. Its methods are called from several threads."""

    def begin(self, name: str, size: int) -> None:
        """A transfer begins.

        Args:
            name: What travels.
            size: Its size in bytes.
        """

    def advance(self, count: int) -> None:
        """Some of it has travelled; a negative number takes back what must travel again.

        Args:
            count: How many bytes.
        """

    def end(self, name: str, outcome: str) -> None:
        """A transfer is over.

        Args:
            name: What travelled.
            outcome: How it ended: `sent`, `fetched`, `there already`, `mounted`.
        """

    def close(self) -> None:
        """All is over."""


class Lines(Progress):
    """One plain line for each transfer that ended, for logs.

    Args:
        stream: Where they go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def end(self, name: str, outcome: str) -> None:
        """Print how a transfer ended; see `Progress.end`."""
        with self._lock:
            print(f"{name} {outcome}", file=self._stream, flush=True)


class Bar(Lines):
    """A live bar with rate and remaining time, for a terminal, and a line for each transfer that ended.

    Args:
        stream: The terminal.
        clock: Tells seconds on a clock that only goes forward.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._started = clock()
        self._drawn = 0.0
        self._size = self._done = 0

    def begin(self, name: str, size: int) -> None:  # noqa: ARG002 - the signature is Progress's
        """Count a transfer's size in; see `Progress.begin`."""
        with self._lock:
            self._size += size

    def advance(self, count: int) -> None:
        """Count what has travelled, and draw; see `Progress.advance`."""
        with self._lock:
            self._done += count
            now = self._clock()
            if now - self._drawn >= _REDRAW:
                self._drawn = now
                self._draw(now - self._started)

    def end(self, name: str, outcome: str) -> None:
        """Print how a transfer ended above the bar; see `Progress.end`."""
        with self._lock:
            self._wipe()
            print(f"{name} {outcome}", file=self._stream, flush=True)

    def close(self) -> None:
        """Wipe the bar away."""
        with self._lock:
            self._wipe()

    def _draw(self, seconds: float) -> None:
        part = min(self._done / self._size, 1.0) if self._size else 1.0
        rate = self._done / seconds if seconds else 0.0
        remaining = f"{(self._size - self._done) / rate:.0f} s left" if rate > 0 and seconds >= _SURE else ""
        bar = ("#" * round(part * _BAR)).ljust(_BAR)
        text = f"[{bar}] {part:4.0%}  {rate / 1e6:.1f} MB/s  {remaining}"
        self._stream.write(f"\r{text[: shutil.get_terminal_size().columns - 1]}\x1b[K")
        self._stream.flush()

    def _wipe(self) -> None:
        self._stream.write("\r\x1b[K")
        self._stream.flush()


def progress_for(stream: TextIO, *, quiet: bool) -> Progress:
    """Choose how to show progress.

    Args:
        stream: Where it would go.
        quiet: Whether it is unwanted.

    Returns:
        A live bar on a terminal, plain lines elsewhere, nothing where it is unwanted.
    """
    if quiet:
        return Progress()
    return Bar(stream) if stream.isatty() else Lines(stream)
