"""The same work for several things at once, in threads for which an interruption does not wait long."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GRACE = 3.0
"""How long, in seconds, an interruption waits for uploads to be cancelled."""

T = TypeVar("T")
R = TypeVar("R")


class Interrupted(Exception):  # noqa: N818 - it is no error: the user wanted it
    """Ends the work of a thread after another one failed, or was interrupted by the user."""


def in_parallel(work: Callable[[T], R], items: Sequence[T], bound: int, stop: threading.Event) -> list[R]:
    """Do the same for several things at once; the first that fails, or an interruption, ends the others.

    Args:
        work: What to do; it looks at `stop` and raises `Interrupted` when it is set.
        items: With what.
        bound: How many at the same time.
        stop: Is set to end the work.

    Returns:
        The results, in the order of the items.

    Raises:
        Exception: What the first that failed has raised.
    """
    if len(items) == 1 or bound == 1:
        return [work(item) for item in items]
    futures: list[Future[R]] = [Future() for _ in items]
    turns: queue.SimpleQueue[tuple[Future[R], T]] = queue.SimpleQueue()
    for turn in zip(futures, items, strict=True):
        turns.put(turn)
    try:
        # Not a pool: at the process's end it would wait for a registry that says nothing.
        for _ in range(min(bound, len(items))):
            threading.Thread(target=_take_turns, args=(work, turns, stop), name="blob", daemon=True).start()
        wait(futures, return_when=FIRST_EXCEPTION)
        if any(future.done() and future.exception() for future in futures):
            stop.set()
        wait(futures)
    except BaseException:
        stop.set()
        wait(futures, timeout=GRACE)
        raise
    errors = [error for future in futures if (error := future.exception())]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, Interrupted))
    return [future.result() for future in futures]


def _take_turns(work: Callable[[T], R], turns: queue.SimpleQueue[tuple[Future[R], T]], stop: threading.Event) -> None:
    while True:
        try:
            future, item = turns.get_nowait()
        except queue.Empty:
            return
        try:
            if stop.is_set():
                raise Interrupted
            future.set_result(work(item))
        except BaseException as error:  # noqa: BLE001 - it goes on in the thread that waits
            future.set_exception(error)
