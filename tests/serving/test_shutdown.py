"""A service that is told to stop while clients ask: what it has taken it answers, then it is gone."""

from __future__ import annotations

import contextlib
import json
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

from serving.decisions import read_decisions
from serving.keys import create_key
from tests.serving.conftest import ROOT, free_port

CLIENTS = 8


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_under_load_loses_nothing_that_was_taken(
    prepared: Path, home: Path, campaign: dict[str, Any], workers: int
) -> None:
    shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
    _, key = create_key("load")
    port, log = free_port(), home / "service.log"
    environment = {**os.environ, "COLLABRANK_HOME": str(home), "COLLABRANK_LOG": "json"}
    command = [sys.executable, "-m", "collabrank", "serve", "--no-console", "--port", str(port)]
    command += ["--workers", str(workers)]
    with open(log, "wb") as out:
        running = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"
    answered: list[str] = []
    refused: list[Exception] = []
    over = threading.Event()

    def ask() -> None:
        body = {"campaign_id": campaign["campaign_id"], "top": 5}
        while not over.is_set():
            try:
                # A connection for each, so that none is closed between two requests, which no server can help.
                answer = httpx.post(f"{url}/rank", json=body, headers={"X-API-Key": key}, timeout=60)
            except httpx.TransportError as error:
                refused.append(error)
                return
            assert answer.status_code == 200, answer.text
            assert answer.json()["creators"]
            answered.append(answer.headers["x-request-id"])

    try:
        for _ in range(1200):
            assert running.poll() is None, log.read_text()
            try:
                if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        while len(answered) < 3 * CLIENTS:
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=60)
        for client in clients:
            client.join(timeout=60)
    finally:
        over.set()
        if running.poll() is None:
            running.kill()
            running.wait()
    # Every client was turned away in the end, and the service says of no request that the clients did not get.
    assert len(refused) == CLIENTS
    text = log.read_text()
    assert "Traceback" not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    taken = {line["request_id"]: line["status"] for line in lines if line.get("route") == "/rank"}
    assert set(taken.values()) == {200}
    assert set(taken) == set(answered)
    assert all(line["key_id"] for line in lines if line.get("route") == "/rank")
    assert key not in text
    # And what was answered is in the decision log.
    logged = {line["request_id"] for line in read_decisions(home / "var" / "decisions")}
    assert set(answered) <= logged


@pytest.mark.slow
def test_workers_do_not_outlive_a_parent_that_was_killed(prepared: Path, home: Path) -> None:
    shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
    port, log = free_port(), home / "service.log"
    command = [sys.executable, "-m", "collabrank", "serve", "--no-console", "--port", str(port), "--workers", "2"]
    with open(log, "wb") as out:
        running = subprocess.Popen(
            command, env={**os.environ, "COLLABRANK_HOME": str(home)}, cwd=ROOT, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}/readyz"
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                if httpx.get(url, timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                assert running.poll() is None, log.read_text()
            time.sleep(0.1)
        running.kill()
        running.wait()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                httpx.get(url, timeout=2)
            except httpx.ConnectError:
                break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        else:
            pytest.fail("somebody still listens")
        # The resource tracker of multiprocessing ends by itself a moment later.
        assert "Traceback" not in log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
