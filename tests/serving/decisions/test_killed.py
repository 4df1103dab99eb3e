"""Two workers under load, all killed at once, started again: every answer that said it was logged is in the store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.decisions import opened_log
from serving.keys import create_key
from tests.serving.conftest import ROOT, free_port

CLIENTS = 8


def started(home: Path, port: int) -> subprocess.Popen[bytes]:
    with open(home / "service.log", "ab") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "collabrank", "serve", "--no-console", "--port", str(port), "--workers", "2"],
            env={**os.environ, "COLLABRANK_HOME": str(home)},
            cwd=ROOT,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    for _ in range(3600):
        assert running.poll() is None, (home / "service.log").read_text()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200:
                return running
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail("it did not become ready")


@pytest.mark.slow
def test_a_kill_loses_nothing_that_was_acknowledged(prepared: Path, home: Path, campaign: dict[str, Any]) -> None:
    shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
    _, key = create_key("load")
    port = free_port()
    running = started(home, port)
    ranked: dict[str, list[str]] = {}
    told: set[tuple[str, str, str]] = set()
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": key}, timeout=30) as client:
            try:
                while not over.is_set():
                    ask = {"campaign_id": campaign["campaign_id"], "top": 5, "explain": False}
                    answer = client.post("/rank", json=ask)
                    assert (answer.status_code, answer.headers["x-decision-logged"]) == (200, "yes"), answer.text
                    reply = answer.json()
                    ranked[reply["request_id"]] = [one["creator_id"] for one in reply["creators"]]
                    event = (reply["request_id"], reply["creators"][0]["creator_id"], "INVITED")
                    # Whichever worker is asked knows what the other one showed a moment ago.
                    names = ("request_id", "creator_id", "event")
                    answer = client.post("/feedback", json=dict(zip(names, event, strict=True)))
                    assert answer.status_code == 200, answer.text
                    told.add(event)
            except httpx.TransportError:
                pass

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    try:
        for client in clients:
            client.start()
        until = time.monotonic() + 60
        while len(told) < 60 and time.monotonic() < until:
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(timeout=30)
    finally:
        over.set()
        for client in clients:
            client.join(timeout=30)
    assert len(told) >= 60
    running = started(home, port)
    try:
        request, creator, event = sorted(told)[0]
        again = httpx.post(
            f"http://127.0.0.1:{port}/feedback",
            json={"request_id": request, "creator_id": creator, "event": event},
            headers={"X-API-Key": key},
            timeout=30,
        )
        assert (again.status_code, again.json()["repeated"]) == (200, True)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(timeout=30)
    with opened_log() as store:
        stored = {one["request_id"]: one for one in store.requests()}
        events = {(one["request_id"], one["creator_id"], one["event"]) for one in store.events()}
    assert {name: [one["creator_id"] for one in stored[name]["creators"]] for name in ranked} == ranked
    assert told <= events
    assert "Traceback" not in (home / "service.log").read_text()
