from __future__ import annotations

import signal
import threading

import pytest

from hatch_wasm_oci.registry import parallel
from hatch_wasm_oci.registry.parallel import Interrupted, in_parallel


def test_results_come_in_the_order_of_the_items() -> None:
    assert in_parallel(lambda item: item * 2, list(range(50)), 4, threading.Event()) == [2 * item for item in range(50)]


@pytest.mark.parametrize("bound", [1, 2, 4])
def test_no_more_than_the_bound_work_at_once(bound: int) -> None:
    lock, working, most = threading.Lock(), 0, 0

    def work(_item: int) -> None:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        with lock:
            working -= 1

    in_parallel(work, list(range(20)), bound, threading.Event())
    assert 1 <= most <= bound


def test_the_first_failure_ends_the_others_and_is_told() -> None:
    stop = threading.Event()

    def work(item: int) -> None:
        if item == 1:
            raise KeyError(item)
        assert stop.wait(30)
        raise Interrupted

    with pytest.raises(KeyError):
        in_parallel(work, [0, 1, 2, 3, 4, 5], 2, stop)


def test_an_interruption_does_not_wait_for_what_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "GRACE", 0.05)
    stop, silent = threading.Event(), threading.Event()
    main = threading.main_thread().ident
    assert main == threading.get_ident()

    def work(item: int) -> None:
        if item == 1:
            signal.pthread_kill(main, signal.SIGINT)
        silent.wait(60)

    with pytest.raises(KeyboardInterrupt):
        in_parallel(work, [0, 1], 2, stop)
    assert stop.is_set()
    silent.set()
