"""The published OpenAPI files, where they are, and a stand-in for the API that is served from them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.marketplace.sources.tiktok_shop.mock import SECRETS

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="session")
def openapi() -> Path:
    """The folder of TikTok Shop's OpenAPI files: beside the repository, or where COLLABRANK_TIKTOK_OPENAPI says."""
    told = os.environ.get("COLLABRANK_TIKTOK_OPENAPI")
    folder = Path(told) if told else ROOT.parent / "shared" / "tiktok_shop" / "openapi"
    if not (folder / "affiliate_seller.json").is_file():
        pytest.skip("no OpenAPI files of TikTok Shop here")
    return folder


@dataclass
class Served:
    """A stand-in that is running, and how the command is run against it."""

    port: int
    folder: Path

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def control(self, now: str | None = None) -> dict[str, Any]:
        """What was counted; or move the clock to ``now``."""
        body = None if now is None else json.dumps({"now": now}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.host}/control", data=body), timeout=60) as answer:
            told: dict[str, Any] = json.loads(answer.read())
        return told

    def start(self, out: Path, *, since: str, until: str | None = None) -> subprocess.Popen[str]:
        """`collabrank ingest tiktok-shop` in a process of its own."""
        keys = self.folder / "keys.json"
        if not keys.exists():
            keys.touch(mode=0o600)
            keys.write_text(json.dumps(SECRETS))
        command = [sys.executable, "-m", "collabrank", "ingest", "tiktok-shop", str(out), "--since", since, "--json"]
        command += ["--keys", str(keys), "--host", self.host, "--auth-host", self.host, "--per-second", "10000"]
        command += [] if until is None else ["--until", until]
        environment = {**os.environ, "COLLABRANK_HOME": str(self.folder), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )

    def ingest(self, out: Path, *, since: str, until: str | None = None) -> dict[str, Any]:
        """The command's report, after it has ended well."""
        told, errors = self.start(out, since=since, until=until).communicate(timeout=1_800)
        assert told, errors[-2_000:]
        for secret in SECRETS.values():
            assert secret not in told + errors
        report: dict[str, Any] = json.loads(told)
        return report

    def kill_after(self, requests: int, out: Path, *, since: str, until: str | None = None) -> None:
        """Begin the command and end it with SIGKILL once it has made so many requests more."""
        aim = self.control()["stats"].get("requests", 0) + requests
        process = self.start(out, since=since, until=until)
        while self.control()["stats"].get("requests", 0) < aim:
            assert process.poll() is None, process.communicate()[1][-2_000:]
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL


@pytest.fixture
def serve(openapi: Path, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Serve a marketplace's folder: ``serve(folder, "--faults", "0.1")``; it ends with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def run(market: Path, *options: str) -> Served:
        ready = tmp_path / "ready"
        module = "tests.marketplace.sources.tiktok_shop.mock"
        command = [sys.executable, "-m", module, str(market), str(openapi), str(ready), *options]
        running.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}))
        for _ in range(3_000):
            if ready.exists():
                return Served(int(ready.read_text()), tmp_path)
            assert running[-1].poll() is None
            time.sleep(0.1)
        raise AssertionError("the stand-in did not begin to serve")

    yield run
    for process in running:
        process.kill()
        process.wait()
