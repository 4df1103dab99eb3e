"""Shadow rankings wait for nobody: what is too much is dropped and counted, what fails ends nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter

from serving.arms.shadow import Shadows


def waiting_for(outcomes: Counter[str], total: int) -> None:
    for _ in range(500):
        if outcomes.total() >= total:
            return
        time.sleep(0.01)


def test_too_much_is_dropped_at_once_and_counted() -> None:
    outcomes: Counter[str] = Counter()
    gate, under_way = threading.Event(), threading.Event()

    def work() -> None:
        under_way.set()
        gate.wait(10)

    shadows = Shadows(longest=2, after=0.0, count=lambda outcome: outcomes.update([outcome]))
    assert shadows.offer(work)
    assert under_way.wait(10)
    began = time.monotonic()
    assert [shadows.offer(work) for _ in range(5)] == [True, True, False, False, False]
    assert time.monotonic() - began < 0.5
    gate.set()
    waiting_for(outcomes, 6)
    assert outcomes == {"dropped": 3, "ranked": 3}
    shadows.close()


def test_one_that_fails_ends_none_of_the_others() -> None:
    outcomes: Counter[str] = Counter()
    shadows = Shadows(after=0.0, count=lambda outcome: outcomes.update([outcome]))
    done = threading.Event()
    shadows.offer(lambda: 1 // 0)  # type: ignore[arg-type,return-value]
    shadows.offer(done.set)
    assert done.wait(10)
    waiting_for(outcomes, 2)
    assert outcomes == {"failed": 1, "ranked": 1}
    shadows.close()


def test_closing_drops_what_waits() -> None:
    outcomes: Counter[str] = Counter()
    shadows = Shadows(after=5.0, count=lambda outcome: outcomes.update([outcome]))
    shadows.offer(lambda: None)
    shadows.offer(lambda: None)
    began = time.monotonic()
    shadows.close()
    assert time.monotonic() - began < 3
    assert outcomes == {"dropped": 2}
