"""What an hour may bring, in a minute: swaps, a killed worker, a full disk, a greedy client, all under load.

As many things go wrong as in a bad hour, one after the other, while clients never rest. Whatever happens an answer is
one pair's own, only 429, 503 and 507 refuse, and what was acknowledged is in the store when all is over.
``COLLABRANK_HOUR_SECONDS=600`` spreads the same over ten minutes.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.snapshot import load_snapshot
from marketplace.signature import read_public_key
from serving.decisions import opened_log
from serving.keys import create_key
from serving.schema import RankRequest
from tests.serving.conftest import Running, started
from tests.serving.pairs import Pair, Shown, answers_by_pair, asked_of_both, copy_signed, made_stages, shown

SECONDS = float(os.environ.get("COLLABRANK_HOUR_SECONDS", "60"))
CLIENTS = 6
PATIENCE = 120.0
STARTED = "Service collabrank initialized"
REFUSALS = {429, 503, 507}


class Hour:
    """The clients, and all that they were told."""

    def __init__(self, service: Running, asked: RankRequest, expected: dict[Pair, Shown], keys: list[str]) -> None:
        self._service, self._expected = service, expected
        self._body = asked.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        self.latest: dict[Pair, float] = {}
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.cut: list[float] = []
        self.ranked: dict[str, list[str]] = {}
        self.told: set[tuple[str, str, str]] = set()
        self.lately: dict[int, float] = {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(key,), daemon=True) for key in keys[:-1]]
        self._threads.append(threading.Thread(target=self._greedy, args=(keys[-1],), daemon=True))

    def __enter__(self) -> Hour:
        self.began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=90)

    def _post(self, path: str, key: str, body: dict[str, Any]) -> httpx.Response | None:
        # A connection of its own each time, so that both workers are asked.
        try:
            answer = httpx.post(self._service.url + path, json=body, headers={"X-API-Key": key}, timeout=60)
        except httpx.HTTPError:
            self.cut.append(time.monotonic())
            return None
        self.statuses[answer.status_code] += 1
        self.lately[answer.status_code] = time.monotonic()
        if answer.status_code == 200:
            return answer
        if answer.status_code not in REFUSALS:
            self.wrong.append(f"{path}: {answer.status_code} {answer.text}")
        elif answer.status_code in (429, 503) and int(answer.headers["retry-after"]) < 1:
            self.wrong.append(f"{path}: {answer.status_code} without a time to come back")
        return None

    def _ask(self, key: str) -> None:
        number = 0
        while not self._stop.is_set():
            answer = self._post("/rank", key, self._body)
            if answer is None:
                time.sleep(0.05)
                continue
            reply = answer.json()
            pair = reply["model_version"], reply["as_of"]
            if self._expected.get(pair) != shown(reply):
                self.wrong.append(f"another answer than that of {pair}")
            if answer.headers["x-decision-logged"] != "yes":
                self.wrong.append("an answer that is not in the log, where the log is required")
            self.latest[pair] = time.monotonic()
            self.ranked[reply["request_id"]] = [one["creator_id"] for one in reply["creators"]]
            number += 1
            if number % 3 == 0:
                event = (reply["request_id"], reply["creators"][0]["creator_id"], "INVITED")
                body = dict(zip(("request_id", "creator_id", "event"), event, strict=True))
                if self._post("/feedback", key, body) is not None:
                    self.told.add(event)

    def _greedy(self, key: str) -> None:
        body = {**self._body, "top": 1000, "explain": True, "exploration": False}
        while not self._stop.is_set():
            self._post("/rank", key, body)
            self._stop.wait(0.1)

    def until(self, share: float) -> None:
        """Until so much of the time is over."""
        time.sleep(max(0.0, self.began + share * SECONDS - time.monotonic()))
        assert self.wrong == []

    def until_served(self, pair: Pair) -> None:
        self._until(lambda began: self.latest.get(pair, 0.0) >= began, f"{pair} is not served")

    def until_answered(self, status: int) -> None:
        self._until(lambda began: self.lately.get(status, 0.0) >= began, f"nobody is answered with {status}")

    def _until(self, holds: Any, said: str) -> None:
        began = time.monotonic()
        while not holds(began):
            assert self.wrong == []
            assert time.monotonic() - began < PATIENCE, f"{said}; {sorted(self.latest)}, {self.statuses}"
            time.sleep(0.05)


def workers_of(parent: int) -> list[int]:
    """The processes that answer."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(told[1]) == parent and b"spawn_main" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return sorted(found)


@contextmanager
def full_disk(workers: list[int]) -> Iterator[None]:
    """The kernel lets no file of these processes grow (EFBIG), as a full disk does."""
    before = {worker: resource.prlimit(worker, resource.RLIMIT_FSIZE) for worker in workers}
    for worker, (_, hard) in before.items():
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for worker, limits in before.items():
            resource.prlimit(worker, resource.RLIMIT_FSIZE, limits)


@pytest.mark.slow
def test_an_hour_of_trouble_loses_nothing_and_tells_nothing_wrong(
    small_market: Path, prepared: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = made_stages(small_market, prepared, tmp_path_factory.mktemp("stages"))
    asked = asked_of_both(stages, prepared)
    expected = answers_by_pair(stages, prepared, asked)
    public = read_public_key(prepared / "var" / "keys" / "public_key.pem")
    days = {
        number: load_snapshot(stages / f"snapshot{number}", public).as_of.isoformat().replace("+00:00", "Z")
        for number in range(2)
    }
    first = load_snapshot(prepared / "var" / "snapshot", public).as_of.isoformat().replace("+00:00", "Z")
    home = tmp_path_factory.mktemp("hour")
    monkeypatch.setenv("COLLABRANK_LOG_REQUIRED", "true")
    monkeypatch.setenv("COLLABRANK_WORK_PER_SECOND", "5000")
    monkeypatch.setenv("COLLABRANK_WORK_BURST", "20000")
    monkeypatch.delenv("COLLABRANK_DECISIONS", raising=False)
    with started(prepared, home) as service:
        monkeypatch.setenv("COLLABRANK_HOME", str(home))
        keys = [create_key(f"client {number}")[1] for number in range(CLIENTS + 1)]
        var = home / "var"
        with Hour(service, asked, expected, keys) as hour:
            hour.until_served(("1", first))
            hour.until(0.1)
            copy_signed(stages / "bundle0", var / "bundle")
            hour.until_served(("20", first))
            hour.until(0.2)
            copy_signed(stages / "snapshot1", var / "snapshot")
            hour.until_served(("20", days[1]))
            hour.until(0.3)
            copy_signed(stages / "bundle1", var / "bundle")
            hour.until_served(("21", days[1]))
            hour.until(0.45)
            before = service.log.read_text().count(STARTED)
            killed = time.monotonic()
            os.kill(workers_of(service.process.pid)[0], signal.SIGKILL)
            while service.log.read_text().count(STARTED) == before:
                assert time.monotonic() - killed < PATIENCE, "a killed worker is not replaced"
                time.sleep(0.1)
            hour.until(0.55)
            with full_disk(workers_of(service.process.pid)):
                hour.until_answered(507)
                assert httpx.get(f"{service.url}/healthz").status_code == 200
                hour.until(0.65)
            hour.until_served(("21", days[1]))
            hour.until(0.75)
            copy_signed(stages / "bundle2", var / "bundle")
            hour.until_served(("22", days[1]))
            hour.until(0.85)
            copy_signed(stages / "snapshot0", var / "snapshot")
            hour.until_served(("22", days[0]))
            hour.until(1.0)
    assert hour.wrong == []
    assert hour.statuses[200] > 4 * SECONDS, hour.statuses
    assert hour.statuses[429] > 0, "the greedy one is told to come back"
    assert hour.statuses[507] > 0
    assert {"1", "20", "21", "22"} == {version for version, _ in hour.latest}
    # A worker that is killed takes with it what it was about to answer, and nothing else is ever cut off.
    assert len(hour.cut) <= 2 * CLIENTS
    assert all(killed <= at < killed + 30 for at in hour.cut), [at - killed for at in hour.cut]
    with opened_log() as store:
        stored = {one["request_id"]: [it["creator_id"] for it in one["creators"]] for one in store.requests()}
        events = {(one["request_id"], one["creator_id"], one["event"]) for one in store.events()}
    lost = {request for request, creators in hour.ranked.items() if stored.get(request) != creators}
    assert not lost, f"{len(lost)} of {len(hour.ranked)} that were acknowledged"
    assert hour.told <= events
