"""Work that is shared by threads: each piece is done once, by whoever is free, and nothing that went wrong is lost."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.scoring import share
from models.scoring.scorer import _helpers


@pytest.mark.parametrize("threads", [1, 2, 3, 50])
@pytest.mark.parametrize("pieces", [0, 1, 2, 40])
def test_each_piece_is_done_once(threads: int, pieces: int) -> None:
    done: Counter[int] = Counter()
    share(lambda start: done.update([start]), range(pieces), threads=threads)
    assert done == Counter(range(pieces))


def test_it_is_done_by_as_many_threads_as_are_told() -> None:
    together = threading.Barrier(3, timeout=30)
    share(lambda _: together.wait() and None, range(3), threads=3)


@pytest.mark.parametrize("bad", [0, 1, 7])
def test_what_goes_wrong_in_any_thread_is_raised_and_the_others_end_first(bad: int) -> None:
    running: Counter[str] = Counter()

    def work(start: int) -> None:
        running["now"] += 1
        try:
            if start == bad:
                raise ValueError(str(start))
        finally:
            running["now"] -= 1

    with pytest.raises(ValueError, match=str(bad)):
        share(work, range(8), threads=3)
    assert running["now"] == 0


def test_it_waits_for_no_helper_that_others_hold() -> None:
    let_go = threading.Event()
    held = [_helpers().submit(let_go.wait, 30) for _ in range(64)]
    try:
        done: list[int] = []
        share(done.append, range(5), threads=4)
        assert done == list(range(5))
    finally:
        let_go.set()
    assert all(one.result() for one in held)


def test_many_share_at_once() -> None:
    def one(number: int) -> int:
        done: list[int] = []
        share(done.append, range(number), threads=3)
        return sum(done)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(60))) == [sum(range(number)) for number in range(60)]
