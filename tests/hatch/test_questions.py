from __future__ import annotations

import threading

import pytest

from hatch_wasm_oci.hatch.questions import Desk
from hatch_wasm_oci.registry.parallel import Interrupted
from hatch_wasm_oci.registry.progress import Progress


class Told(Progress):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def begin(self, name: str, size: int) -> None:
        self.calls.append(f"begin {name} {size}")

    def advance(self, count: int) -> None:
        self.calls.append(f"advance {count}")

    def end(self, name: str, outcome: str) -> None:
        self.calls.append(f"end {name} {outcome}")

    def close(self) -> None:
        self.calls.append("close")


def test_threads_ask_and_the_main_thread_answers() -> None:
    where = []

    def answer(text: str) -> bool:
        where.append(threading.current_thread())
        return text == "2"

    desk = Desk(answer, Progress())
    together = threading.Barrier(3, timeout=10)

    def work(number: int) -> bool:
        together.wait()
        return desk.ask(str(number))

    assert desk.run(work, [1, 2, 3], 3) == [False, True, False]
    assert where == [threading.main_thread()] * 3


def test_a_single_one_works_in_the_main_thread() -> None:
    desk = Desk(lambda _: True, Progress())
    assert desk.run(lambda _: (threading.current_thread(), desk.ask("?")), ["x"], 3) == [
        (threading.main_thread(), True)
    ]


def test_progress_is_shown_after_the_answer() -> None:
    told = Told()

    def note(_: str) -> bool:
        told.calls.append("asked")
        return True

    desk = Desk(note, told)

    def work(number: int) -> None:
        if number:
            desk.ask("?")
        desk.begin("x", 1)

    desk.run(work, [0, 1], 1)
    assert told.calls == ["begin x 1", "close", "asked", "begin x 1"]

    def answer(_: str) -> bool:
        desk.begin("blob", 5)
        desk.advance(5)
        desk.end("blob", "sent")
        told.calls.append("answered")
        return True

    told.calls.clear()
    desk = Desk(answer, told)
    assert desk.ask("?")
    assert told.calls == ["close", "answered", "begin blob 5", "advance 5", "end blob sent"]


def test_an_interruption_ends_those_who_ask_and_those_who_transfer() -> None:
    def answer(_: str) -> bool:
        raise KeyboardInterrupt

    desk = Desk(answer, Progress())
    ended = []
    together = threading.Barrier(4, timeout=10)

    def work(number: int) -> None:
        together.wait()
        try:
            if number in (1, 2):
                desk.ask("?")
            if number == 3:
                desk.sleep(60)
            while True:
                desk.advance(1)
        except BaseException as error:
            ended.append(type(error))
            raise

    with pytest.raises(KeyboardInterrupt):
        desk.run(work, [0, 1, 2, 3], 4)
    assert ended == [Interrupted] * 4
