"""One worker's log: promised is kept, whatever the store does; what is not promised says so at once."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.decisions import DecisionLog, log_required, opened_log, read_decisions
from serving.decisions.ahead import framed, segments_in
from serving.decisions.store import open_store
from tests.postgres import database
from tests.serving.decisions.conftest import no_file_beyond

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def outcomes() -> Counter[str]:
    return Counter()


@pytest.fixture
def log(tmp_path: Path, outcomes: Counter[str]) -> Iterator[DecisionLog]:
    opened = DecisionLog(tmp_path, count=lambda outcome: outcomes.update([outcome]))
    yield opened
    opened.close()


def numbers(folder: Path) -> list[int]:
    return [int(line["request_id"], 16) for line in read_decisions(folder)]


def test_vectors_read_back_to_the_same_bits(log: DecisionLog, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    vector = np.concatenate([rng.normal(size=50) * 10.0 ** rng.integers(-300, 300, 50), [-0.0, 5e-324, np.nan, np.inf]])
    assert log.keep({"kind": "rank", "request_id": "1", "creators": [{"creator_id": "c1", "vector": vector}]})
    (under_way,) = read_decisions(tmp_path)
    assert log.settle()
    (stored,) = read_decisions(tmp_path)
    for read in (under_way, stored):
        assert read["creators"][0]["vector"].tobytes() == vector.tobytes()


def test_lines_of_many_threads_are_all_kept_with_few_waits_for_the_disk(
    log: DecisionLog, tmp_path: Path, outcomes: Counter[str], line: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), time.sleep(0.01), real(handle)))
    kept: list[bool] = []
    threads = [
        threading.Thread(target=lambda start=start: kept.extend(log.keep(line(start + i)) for i in range(20)))
        for start in range(0, 320, 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept == [True] * 320
    # Sixteen wait at a time, so that a wait serves many: 320 lines, one a wait, would be 320.
    assert len(synced) < 160
    assert log.settle()
    assert numbers(tmp_path) == list(range(320))
    assert outcomes == {"written": 320, "stored": 320}


def test_lines_that_are_handed_over_together_share_one_wait(
    log: DecisionLog, tmp_path: Path, line: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert log.keep(line(0))
    assert log.settle()
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    assert log.keep_all([line(number) for number in range(1, 101)]) == [True] * 100
    assert len(synced) < 10
    assert log.settle()
    assert numbers(tmp_path) == list(range(101))


def test_infinities_and_strange_text_come_back_as_null_and_as_they_were(log: DecisionLog, tmp_path: Path) -> None:
    log.keep({"kind": "rank", "request_id": "1", "high": math.inf, "nested": [-math.inf], "text": 'ä\n\u2028"\0'})
    assert log.settle()
    (read,) = read_decisions(tmp_path)
    assert (read["high"], read["nested"], read["text"]) == (None, [None], 'ä\n\u2028"\0')


def test_a_line_that_the_store_cannot_take_is_set_aside_and_holds_up_no_other(
    log: DecisionLog, tmp_path: Path, outcomes: Counter[str], line: Make
) -> None:
    assert log.keep({**line(0), "creators": [{"creator_id": 5}]})
    assert log.keep(line(1))
    assert log.settle()
    with opened_log(tmp_path) as store:
        assert [int(one["request_id"], 16) for one in store.requests()] == [1]
    assert (outcomes["set aside"], outcomes["stored"]) == (1, 1)
    assert f"{0:032x}" in (tmp_path / "ahead" / "aside").read_text()


def test_what_is_promised_waits_on_disk_while_the_store_is_away(tmp_path: Path, postgres: str, line: Make) -> None:
    address = database(postgres, "later").replace("/later", "/not_there_yet")
    log = DecisionLog(tmp_path, address=address)
    try:
        assert all(log.keep(line(n)) for n in range(5))
        assert log.creators_shown(line(3)["request_id"]) == {"cr_1", "cr_2", "cr_3"}
        wait_for(lambda: log.store_trouble is not None)
        assert log.trouble is None
        assert log.behind > 0
        database(postgres, "not_there_yet")
        assert log.settle(30)
        assert log.store_trouble is None
    finally:
        log.close()
    store = open_store(address)
    assert [int(one["request_id"], 16) for one in store.requests()] == list(range(5))
    store.close()


def wait_for(ready: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)


def test_while_the_disk_stands_still_only_the_first_wait(
    log: DecisionLog, line: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert log.keep(line(0))
    still = threading.Event()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (still.wait(20), real(handle)))
    assert not log.keep(line(1), seconds=0.2)
    began = time.monotonic()
    assert not any(log.keep(line(n), seconds=5.0) for n in range(2, 50))
    assert time.monotonic() - began < 2.0
    assert log.trouble == "the disk does not answer"
    still.set()
    wait_for(lambda: log.trouble is None)
    assert log.keep(line(50))
    assert log.settle()
    assert {0, 50} <= set(numbers(tmp_path))


def test_a_store_that_is_full_keeps_nothing_more_until_it_is_purged(
    tmp_path: Path, line: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABRANK_DECISIONS_LIMIT", "0.4MB")
    monkeypatch.setattr("serving.decisions.moving.LOOK_SECONDS", 0.05)
    log = DecisionLog(tmp_path)
    try:
        for number in range(100):
            if not log.keep(line(number, text="x" * 20_000)):
                break
            assert log.settle()
            time.sleep(0.02)
        assert 10 < number < 60
        assert "bytes" in (log.trouble or "")
        from datetime import UTC, datetime

        with opened_log(tmp_path) as store:
            store.purge(datetime(2100, 1, 1, tzinfo=UTC))
        wait_for(lambda: log.trouble is None)
        assert log.keep(line(1000))
    finally:
        log.close()


def test_on_a_full_disk_what_says_it_is_kept_is_kept_and_the_rest_says_it_is_not(
    log: DecisionLog, tmp_path: Path, line: Make
) -> None:
    assert log.keep(line(0))
    assert log.settle()
    with no_file_beyond(150_000):
        # The store has no room for them, and each write-ahead file for some.
        kept = [number for number in range(1, 60) if log.keep(line(number, text="x" * 9000))]
        assert 40 < len(kept) < 59
        wait_for(lambda: log.store_trouble is not None)
    with no_file_beyond(4_000):
        assert not any(log.keep(line(number, text="x" * 9000)) for number in range(60, 70))
        assert log.trouble == "File too large"
        assert log.said()["kept"] is False
        assert log.creators_shown(line(kept[-1])["request_id"]) == {"cr_1", "cr_2", "cr_3"}
    wait_for(lambda: log.trouble is None)
    assert log.keep(line(100))
    assert log.settle(30)
    with opened_log(tmp_path) as store:
        assert {int(one["request_id"], 16) for one in store.requests()} == {0, *kept, 100}


def test_the_next_start_takes_over_what_a_killed_worker_left(tmp_path: Path, line: Make) -> None:
    from serving.decisions.lines import packed

    folder = tmp_path / "ahead"
    folder.mkdir()
    whole = b"".join(framed(packed(line(n))) for n in range(3))
    (folder / "dead-000001.wal").write_bytes(whole)
    (folder / "dead-000002.wal").write_bytes(framed(packed(line(2))) + framed(packed(line(3)))[:-7])
    (folder / "dead.lock").touch()
    log = DecisionLog(tmp_path)
    wait_for(lambda: not segments_in(folder))
    log.close()
    assert numbers(tmp_path) == [0, 1, 2], "the last line was never whole, so it was never promised"
    assert not list(folder.glob("*.lock"))


def test_whether_the_log_is_required_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, meant in (("true", True), ("no", False), ("", False), (" ON ", True)):
        monkeypatch.setenv("COLLABRANK_LOG_REQUIRED", said)
        assert log_required() is meant
    monkeypatch.setenv("COLLABRANK_LOG_REQUIRED", "perhaps")
    with pytest.raises(Exception, match="true or false"):
        log_required()
