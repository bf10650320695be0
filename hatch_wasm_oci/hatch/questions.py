"""Several pushes at once, which may have to ask the user: threads work, and the main thread alone asks."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hatch_wasm_oci.registry.parallel import GRACE, Interrupted
from hatch_wasm_oci.registry.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")


class _Question(NamedTuple):
    text: str
    answer: Future[bool]


class Desk(Progress):
    """Where threads ask, and the progress that holds its breath while the user thinks.

    Args:
        answer: Asks the user; called in the main thread.
        progress: The progress that is shown.
    """

    def __init__(self, answer: Callable[[str], bool], progress: Progress) -> None:
        self._answer = answer
        self._progress = progress
        self._lock = threading.Lock()
        self._held: list[tuple[Callable[..., None], tuple[Any, ...]]] | None = None
        self._inbox: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def ask(self, text: str) -> bool:
        """Ask the user, from any thread.

        Args:
            text: The question.

        Raises:
            Interrupted: The user has interrupted the work.
        """
        if threading.current_thread() is threading.main_thread():
            return self._put_to_user(text)
        question = _Question(text, Future())
        self._inbox.put(question)
        if self._stopped.is_set():
            raise Interrupted
        return question.answer.result()

    def run(self, work: Callable[[T], R], items: Sequence[T], bound: int) -> list[R]:
        """Do the same for several things at once, and answer what is asked meanwhile.

        Args:
            work: What to do; it reports its failures as results.
            items: With what.
            bound: How many at the same time.

        Returns:
            The results, in the order of the items.
        """
        if len(items) == 1:
            return [work(items[0])]  # where the main thread works itself, an interruption reaches it directly
        futures: list[Future[R]] = [Future() for _ in items]
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in range(len(items)):
            waiting.put(index)

        def take_turns() -> None:
            while not self._stopped.is_set():
                try:
                    index = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    futures[index].set_result(work(items[index]))
                except BaseException as error:  # noqa: BLE001 - it goes on in the main thread
                    futures[index].set_exception(error)
                self._inbox.put(None)

        # Not a pool: at the process's end it would wait for a registry that says nothing.
        threads = [
            threading.Thread(target=take_turns, name="image", daemon=True) for _ in range(min(bound, len(items)))
        ]
        for thread in threads:
            thread.start()
        try:
            self._attend(len(futures))
        except BaseException:
            self._stop()
            end = time.monotonic() + GRACE
            for thread in threads:
                thread.join(max(end - time.monotonic(), 0.0))
            raise
        return [future.result() for future in futures]

    def sleep(self, seconds: float) -> None:
        """Wait, such as before another attempt.

        Args:
            seconds: How long.

        Raises:
            Interrupted: The user has interrupted the work.
        """
        if self._stopped.wait(seconds):
            raise Interrupted

    def begin(self, name: str, size: int) -> None:
        """Pass it on; see `Progress.begin`."""
        self._tell(self._progress.begin, name, size)

    def advance(self, count: int) -> None:
        """Pass it on, or end the work of a thread after an interruption; see `Progress.advance`."""
        if self._stopped.is_set():
            raise Interrupted
        self._tell(self._progress.advance, count)

    def end(self, name: str, outcome: str) -> None:
        """Pass it on; see `Progress.end`."""
        self._tell(self._progress.end, name, outcome)

    def close(self) -> None:
        """Pass it on; see `Progress.close`."""
        self._tell(self._progress.close)

    def _tell(self, method: Callable[..., None], *arguments: Any) -> None:
        with self._lock:
            if self._held is None:
                method(*arguments)
            else:
                self._held.append((method, arguments))

    def _attend(self, running: int) -> None:
        while running:
            question = self._inbox.get()
            if question is None:
                running -= 1
            else:
                try:
                    question.answer.set_result(self._put_to_user(question.text))
                except BaseException:
                    question.answer.set_exception(Interrupted())
                    raise

    def _put_to_user(self, text: str) -> bool:
        with self._lock:
            self._progress.close()
            self._held = []
        try:
            return self._answer(text)
        finally:
            with self._lock:
                held, self._held = self._held, None
                for method, arguments in held:
                    method(*arguments)

    def _stop(self) -> None:
        # In this order: who asks after the inbox was emptied sees that all is over.
        self._stopped.set()
        while not self._inbox.empty():
            if question := self._inbox.get():
                question.answer.set_exception(Interrupted())
