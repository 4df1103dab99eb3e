"""SIGHUP to a service of its own: it looks at once and goes on; a key beyond its budget is told when to come back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from marketplace.errors import CollabrankError
from serving.arms import SettingsFile
from serving.hangup import held_back
from serving.process import run
from serving.store import Store
from tests.serving.conftest import Running, started

WORK_PER_SECOND = 400.0


def seen_within(seconds: float, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def test_a_store_that_is_hurried_does_not_wait_for_its_next_look(
    served_home: Path, promoted: Callable[[str], None]
) -> None:
    store = Store(seconds=3600.0)
    store.start()
    try:
        promoted("2")
        time.sleep(0.3)
        assert store.served.bundle.model_version == "1"
        store.hurry()
        assert seen_within(30.0, lambda: store.served.bundle.model_version == "2")
    finally:
        began = time.monotonic()
        store.close()
        assert time.monotonic() - began < 5.0, "closing does not wait for the next look either"


def test_what_was_refused_is_tried_once_more_when_told_to(served_home: Path, promoted: Callable[[str], None]) -> None:
    outcomes: list[str] = []
    store = Store(seconds=3600.0, on_load=outcomes.append)
    store.start()
    try:
        good = served_home / "good"
        shutil.copytree(served_home / "var" / "bundle", good)
        (served_home / "var" / "bundle" / "signature").write_bytes(b"nobody's")
        store.hurry()
        assert seen_within(30.0, lambda: outcomes == ["taken", "refused"])
        assert store.served.bundle.model_version == "1"
        store.hurry()
        assert seen_within(30.0, lambda: outcomes == ["taken", "refused", "refused"]), "although nothing has changed"
        shutil.copyfile(good / "signature", served_home / "var" / "bundle" / "signature")
        store.hurry()
        assert seen_within(30.0, lambda: outcomes[-1] == "taken")
        assert store.refusal is None
        store.hurry()
        time.sleep(0.5)
        assert outcomes.count("taken") == 2, "what is served already is not loaded again"
    finally:
        store.close()


def test_settings_are_looked_at_with_the_next_request(tmp_path: Path) -> None:
    path = tmp_path / "exploration.toml"
    path.write_text("[exploration]\nshare = 0.2\n")
    held = SettingsFile(path, seconds=3600.0)
    assert held.now.share == 0.2
    path.write_text("[exploration]\nshare = 0.3\n# longer\n")
    assert held.now.share == 0.2
    held.hurry()
    assert held.now.share == 0.3


def test_a_process_started_while_it_is_held_back_outlives_the_signal(request: pytest.FixtureRequest) -> None:
    # Under nohup the signal is ignored from the start, by whatever is started here too.
    request.addfinalizer(partial(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_DFL)))
    code = "import os, signal; os.kill(os.getpid(), signal.SIGHUP); print('alive')"
    with held_back():
        kept = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (kept.returncode, kept.stdout) == (0, "alive\n")
    killed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGHUP, "the block is over"


def test_a_service_that_does_not_come_up_leaves_the_signal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path))
    before = signal.getsignal(signal.SIGHUP)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with pytest.raises(CollabrankError):
        run(host="127.0.0.1", port=0, workers=1, wait=False)
    assert signal.getsignal(signal.SIGHUP) is before


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def frugal(request: pytest.FixtureRequest, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service whose keys have little to spend."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_WORK_PER_SECOND", str(WORK_PER_SECOND))
        patch.setenv("COLLABRANK_WORK_BURST", "4000")
        with started(prepared, tmp_path_factory.mktemp("frugal"), workers=request.param) as running:
            yield running, request.param


def workers_of(parent: int) -> set[int]:
    """The service's processes that answer: the parent itself, or its children but for Python's resource tracker."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(told[1]) == parent and b"spawn_main" in command:
                found.add(int(entry.name))
    return found or {parent}


@pytest.mark.slow
def test_a_key_beyond_its_budget_is_refused_until_the_time_that_it_is_told(frugal: Any, campaign: Any) -> None:
    running: Running = frugal[0]
    body = {"campaign_id": campaign["campaign_id"], "top": 20}
    with httpx.Client(base_url=running.url, headers={"X-API-Key": running.key}, timeout=30) as client:
        answers = []
        while len(answers) < 60:
            answers.append(client.post("/rank", json=body))
            if answers[-1].status_code == 429:
                break
        refused = answers[-1]
        assert [one.status_code for one in answers[:-1]] == [200] * (len(answers) - 1)
        assert refused.status_code == 429
        assert refused.json()["expected"] == "a request within the key's budget of work"
        wait = int(refused.headers["Retry-After"])
        # The work is 50 for each of 20 returned with reasons, and one for each considered.
        work = 50 * 20 + answers[0].json()["considered"]
        assert 1 <= wait <= work / WORK_PER_SECOND + 1
        assert client.post("/rank", json=body).status_code == 429, "whichever worker is asked"
        assert client.get("/creators", params={"username": "x"}).status_code == 200, "what scores nobody is not refused"
        time.sleep(wait)
        assert client.post("/rank", json=body).status_code == 200


@pytest.mark.slow
def test_sighup_has_every_worker_look_and_none_end(frugal: Any) -> None:
    running, count = frugal
    workers = workers_of(running.process.pid)
    assert len(workers) == count
    for time_told in (1, 2):
        os.kill(running.process.pid, signal.SIGHUP)
        assert seen_within(
            20.0, lambda so_far=time_told: running.log.read_text().count("(SIGHUP)") == count * so_far
        ), running.log.read_text()
    assert running.process.poll() is None
    assert workers_of(running.process.pid) == workers
    assert httpx.get(f"{running.url}/readyz").status_code == 200
