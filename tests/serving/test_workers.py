"""The parent of several workers: a worker that cannot start ends the service at its beginning, and never later."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import SIGNALS

from serving import workers
from serving.workers import PAUSE, Workers


class Fake:
    """A worker that is what the test says."""

    made: list[Fake] = []  # noqa: RUF012

    def __init__(self, *_: Any) -> None:
        self.pid, self.exitcode, self.ready = 1000 + len(Fake.made), None, False
        Fake.made.append(self)

    def start(self) -> None: ...

    def kill(self) -> None:
        self.exitcode = -signal.SIGKILL if self.exitcode is None else self.exitcode

    def join(self) -> None: ...

    def is_alive(self, timeout: float) -> bool:
        return self.exitcode is None and timeout > 0

    def is_ready(self, timeout: float) -> bool:
        return self.ready and timeout > 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [100.0]
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    Fake.made.clear()
    monkeypatch.setattr(workers, "Process", Fake)
    monkeypatch.setattr("uvicorn.supervisors.multiprocess.Process", Fake)
    try:
        made = Workers(Config("nobody:application", workers=2), sockets=[])
        made.init_processes()
        yield made
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_at_the_beginning_a_worker_that_cannot_start_ends_the_service(parent: Workers, clock: Any) -> None:
    Fake.made[0].exitcode = STARTUP_FAILURE
    parent.keep_subprocess_alive()
    assert parent.should_exit.is_set()
    assert len(Fake.made) == 2


def test_later_it_is_tried_again_for_as_long_as_it_takes(parent: Workers, clock: Any) -> None:
    Fake.made[1].ready = True
    parent.keep_subprocess_alive()
    Fake.made[0].exitcode = -signal.SIGKILL
    parent.keep_subprocess_alive()
    assert len(Fake.made) == 3, "one that was killed is replaced at once"
    for failures in range(1, 6):
        Fake.made[-1].exitcode = STARTUP_FAILURE
        parent.keep_subprocess_alive()
        clock(PAUSE - 0.1)
        parent.keep_subprocess_alive()
        assert len(Fake.made) == 2 + failures, "it waits"
        clock(0.2)
        parent.keep_subprocess_alive()
        assert len(Fake.made) == 3 + failures
    parent.keep_subprocess_alive()
    assert not parent.should_exit.is_set()
    assert parent.processes == [Fake.made[-1], Fake.made[1]]
    assert parent.processes[1].exitcode is None, "who answers goes on"


def test_one_that_hangs_is_killed_and_replaced(parent: Workers, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Fake.made[0].ready = True
    hung = Fake.made[1]
    monkeypatch.setattr(hung, "is_alive", lambda timeout: timeout < 0)
    parent.keep_subprocess_alive()
    assert hung.exitcode == -signal.SIGKILL
    assert parent.processes == [Fake.made[0], Fake.made[2]]
