"""A service process of its own, two workers, a challenger in place: split, shadow and settings over real sockets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from marketplace.signature import read_signer
from marketplace.tables import open_marketplace
from models.bundle.disk import save_bundle
from serving.arms.plan import deal
from serving.arms.settings import read_settings
from serving.decisions import read_decisions
from tests.serving.conftest import free_port

ROOT = Path(__file__).resolve().parents[3]

SETTINGS = """
[exploration]
share = 0.2
[split]
name = "process"
challenger = 0.5
[shadow]
challenger = 0.5
"""


@pytest.fixture
def client(prepared: Path, bundles: Callable[..., Any], home: Path) -> Iterator[httpx.Client]:
    shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
    save_bundle(bundles("2", seed=9), home / "var" / "challenger", read_signer(home / "var" / "keys"))
    (home / "var" / "exploration.toml").write_text(SETTINGS)
    environment = {**os.environ, "COLLABRANK_HOME": str(home)}
    command = [sys.executable, "-m", "collabrank"]
    key = subprocess.run(
        [*command, "keys", "create", "tests"], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    port = free_port()
    with open(home / "service.log", "wb") as out:
        running = subprocess.Popen(
            [*command, "serve", "--no-console", "--port", str(port), "--workers", "2"],
            env=environment,
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-Key": key}, timeout=60) as client:
            for _ in range(600):
                assert running.poll() is None, (home / "service.log").read_text()
                try:
                    if client.get("/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            yield client
    finally:
        running.terminate()
        running.wait(timeout=30)


@pytest.mark.slow
def test_every_brand_meets_one_ranker_whichever_worker_answers(
    client: httpx.Client, home: Path, small_market: Path
) -> None:
    campaigns = open_marketplace(small_market).frame("campaigns", ["campaign_id", "brand_id"])
    settings = read_settings(home / "var" / "exploration.toml")
    met: dict[str, set[str]] = {}
    for campaign_id, brand_id in campaigns.head(24).itertuples(index=False):
        for _ in range(2):
            answer = client.post("/rank", json={"campaign_id": campaign_id, "top": 10, "explain": False})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            met.setdefault(brand_id, set()).add(told["model_version"])
            if told["considered"] > 10:
                assert [one["position"] for one in told["creators"] if one["slot"] == "explored"] == [5, 9]
    arms = {one: deal(settings, request_id="", brand_id=one, challenger=True).arm for one in met}
    assert met == {one: {"2" if arm == "challenger" else "1"} for one, arm in arms.items()}
    assert set(arms.values()) == {"champion", "challenger"}
    lines: list[dict[str, Any]] = []
    for _ in range(100):
        lines = [line for line in read_decisions() if line["kind"] == "rank"]
        if any(line["shadow"] for line in lines) and sum(not line["shadow"] for line in lines) == 48:
            break
        time.sleep(0.1)
    shown = {line["request_id"]: line for line in lines if not line["shadow"]}
    assert len(shown) == 48
    for line in lines:
        if line["shadow"]:
            assert shown[line["request_id"]]["arm"] == "champion"
            assert line["model_version"] == "2"
    # A mistake in the settings changes nothing and stops nothing; taking the challenger away does, with no restart.
    (home / "var" / "exploration.toml").write_text("[split]\nchallenger = 7\n")
    (home / "var" / "challenger").rename(home / "elsewhere")
    time.sleep(4.5)
    answers = [client.post("/rank", json={"campaign_id": one, "top": 10}).json() for one in campaigns.campaign_id[:12]]
    assert {one["model_version"] for one in answers} == {"1"}
    assert any(one["slot"] == "explored" for answer in answers for one in answer["creators"])
    assert "challenger is a number from 0 to 1, not 7" in (home / "service.log").read_text()
