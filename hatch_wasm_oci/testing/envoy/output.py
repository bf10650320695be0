"""What Envoy writes: read as it comes, kept within a limit, and taken apart into entries."""

from __future__ import annotations

import os
import re
import select
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["trace", "debug", "info", "warning", "error", "critical"]

FORMAT = "%l|%n|%v"
"""Envoy's option `--log-format`: level, logger, message."""

LIMIT = 8 << 20
_PIECE = 1 << 16
_PIECES = 64
_ENTRY = re.compile(r"(trace|debug|info|warning|error|critical)\|([a-z0-9_]+)\|(.*)", re.DOTALL)
_BY_PLUGIN = re.compile(r"wasm log(?: ([^\n]*?))?: (.*)", re.DOTALL)
_GRAVE = ("warning", "error", "critical")
_FAILED = "Wasm VM failed "
_SHOWN = 100


@dataclass(frozen=True)
class PluginLine:
    """What a plugin logged.

    Args:
        level: The level that it chose.
        message: The message; may have several lines.
        source: What Envoy names it by: the plugin's name and root id while it serves a request, the root id alone while
            it is configured; may be empty.
    """

    level: Level
    message: str
    source: str = ""


@dataclass(frozen=True)
class Entry:
    """One entry of Envoy's log; `level` and `logger` are empty for what a dying Envoy writes past its log."""

    level: str
    logger: str
    message: str


class Output:
    """The reading end of a process's output; a thread reads it, so that the process never waits.

    Args:
        descriptor: The pipe's reading end, which `close` closes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = bytearray()
        self._ended = False
        self._lock = threading.Lock()
        os.set_blocking(descriptor, False)
        self._thread = threading.Thread(target=self._follow, name="envoy-output", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """All that was written until now; of more than 8 MiB, the end.

        What the process wrote before it answered a request is there when the answer is.
        """
        with self._lock:
            self._drain()
            return self._kept.decode("utf-8", "replace")

    def finish(self) -> str:
        """Wait until an ended process's output has come to its end, and return it."""
        self._thread.join()
        return self.text

    def close(self) -> str:
        """Return an ended process's output, and close the pipe."""
        text = self.finish()
        os.close(self._descriptor)
        return text

    def _follow(self) -> None:
        # A process with a thread of its own may have more descriptors than select takes; poll takes any.
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        while not self._ended:
            waiting.poll()
            with self._lock:
                self._drain()

    def _drain(self) -> None:
        for _ in range(_PIECES):  # and not for ever, where the process never stops
            if self._ended:
                return
            try:
                data = os.read(self._descriptor, _PIECE)
            except BlockingIOError:
                return
            if not data:
                self._ended = True
            self._kept += data
            if len(self._kept) > LIMIT:
                del self._kept[: len(self._kept) - LIMIT // 2]
            if len(data) < _PIECE:
                return


def entries(text: str) -> list[Entry]:
    """Take a log apart.

    Args:
        text: What Envoy wrote, in `FORMAT`.
    """
    found: list[Entry] = []
    for line in text.splitlines():
        match = _ENTRY.fullmatch(line)
        if match:
            found.append(Entry(match[1], match[2], match[3]))
        elif found and found[-1].logger not in ("", "backtrace"):
            found[-1] = replace(found[-1], message=f"{found[-1].message}\n{line}")
        else:
            found.append(Entry("", "", line))
    return found


def plugin_lines(log: Iterable[Entry]) -> tuple[PluginLine, ...]:
    """Return what plugins logged.

    Args:
        log: The log.
    """
    found = []
    for entry in log:
        match = _BY_PLUGIN.fullmatch(entry.message) if entry.logger == "wasm" else None
        if match:
            level: Level = entry.level  # type: ignore[assignment] # the pattern has these alone
            found.append(PluginLine(level, match[2], match[1] or ""))
    return tuple(found)


def shown_lines(log: Iterable[Entry]) -> list[str]:
    """Return what a person wants to see when something fails: the plugins' own lines, and Envoy's of Wasm and crashes.

    Lines that Envoy's threads repeat are left out, and of very many the first ones.

    Args:
        log: The log.
    """
    found: list[str] = []
    for entry in log:
        if entry.logger == "wasm" and (entry.level in _GRAVE or entry.message.startswith("wasm log")):
            line = f"{entry.level}: {entry.message.removeprefix(_FAILED)}"
        elif (entry.logger, entry.message[:6]) == ("backtrace", "Caught") or (entry.logger, entry.message[:2]) == (
            "",
            "# ",
        ):
            line = entry.message
        else:
            continue
        if line not in found[-_SHOWN:]:
            found.append(line)
    left_out = len(found) - _SHOWN
    return [f"({left_out} earlier lines)", *found[-_SHOWN:]] if left_out > 0 else found


def other_errors(log: Iterable[Entry]) -> list[str]:
    """Return the errors of Envoy's that have nothing to do with Wasm, such as in a cluster's configuration.

    Args:
        log: The log.
    """
    log = list(log)
    found = [entry.message for entry in log if entry.level in ("error", "critical")]
    return found[-5:] or [entry.message for entry in log[-5:]]
