"""A home with a tiny signed bundle and the snapshot of the small marketplace, and the service on top of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from features.snapshot.disk import save_snapshot
from models.bundle.disk import save_bundle
from tests.once import once

ROOT = Path(__file__).resolve().parents[2]


def tiny_bundle(version: str = "1", *, seed: int = 7) -> Any:
    """A bundle over all signals, fitted on random data: what it says is of no use, how it is served is."""
    from features.signals.registry import SIGNALS
    from models.bundle.model import Bundle
    from models.bundle.words import signals_sha256, words_of
    from models.calibration.scale import fit_money, fit_probability
    from models.funnel import APART

    rng = np.random.default_rng(seed)
    n, k = 400, len(SIGNALS)
    X = rng.lognormal(size=(n, k)) * (rng.random((n, k)) > 0.1)
    grade = np.clip(np.digitize(X[:, :8].sum(axis=1) + rng.normal(size=n), [8, 11, 13, 16]), 0, 4)
    settings = {"objective": "lambdarank", "num_leaves": 7, "verbosity": -1, "seed": seed, "num_threads": 1}
    groups = [40] * 10
    heads = {
        name: lgb.train(settings, lgb.Dataset(X, label, group=groups, feature_name=list(SIGNALS)), 12)
        for name, label in (("success", grade), ("lift", rng.permutation(grade)))
    }
    success, lift = (heads[name].predict(X, raw_score=True) for name in ("success", "lift"))
    money = 80.0 * grade + rng.normal(size=n)
    return Bundle(
        ranker="lambdarank",
        funnel=APART,
        signals=tuple(SIGNALS),
        heads=heads,
        calibration={
            "success": fit_probability("success", success, label=(grade >= 2).astype(float)),
            "accept": fit_probability("success", success, label=(grade >= 1).astype(float)),
            "lift": fit_money("lift", lift, label=money),
            "attributed": fit_money("lift", lift, label=1.5 * money),
        },
        as_of="2026-01-01",
        model_version=version,
        words=words_of(SIGNALS.values()),
        contract_sha256=signals_sha256(SIGNALS.values()),
        golden=X[:8],
    )


@pytest.fixture(autouse=True)
def _trial_at_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services inside the test's process try pairs out there too: a process for each takes seconds.

    Tests of the trial itself are marked ``real_trial``; services in processes of their own do as they do.
    """
    from serving.trial import pass_through

    if request.node.get_closest_marker("real_trial") is None:
        monkeypatch.setattr("serving.store.try_out", lambda bundle, snapshot, **_: pass_through(bundle, snapshot))


@pytest.fixture(scope="session")
def bundles() -> Callable[..., Any]:
    return tiny_bundle


@pytest.fixture(scope="session")
def prepared(small_market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with bundle, keys and snapshot; copied for each test that may change it."""
    from features.snapshot import build_behind, build_snapshot
    from features.time import day_number
    from marketplace.signature import read_signer
    from marketplace.tables import open_marketplace

    def prepare(home: Path) -> None:
        signer = read_signer(home / "var" / "keys")
        save_bundle(tiny_bundle(), home / "var" / "bundle", signer)
        market = open_marketplace(small_market)
        snapshot = build_snapshot(market)
        behind = build_behind(market, snapshot.creator_ids, day_number(snapshot.as_of))
        save_snapshot(replace(snapshot, behind=behind), home / "var" / "snapshot", signer)

    return once(tmp_path_factory, "prepared", prepare)


@pytest.fixture
def served_home(prepared: Path, home: Path) -> Path:
    """A home of one test's own, with everything that serving takes."""
    shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
    return home


@pytest.fixture(scope="session")
def campaigns(small_market: Path) -> list[dict[str, Any]]:
    """The rows of all campaigns, in the order of their ids."""
    from marketplace.tables import open_marketplace

    return open_marketplace(small_market).frame("campaigns").sort_values("campaign_id").to_dict("records")


@pytest.fixture(scope="session")
def campaign(campaigns: list[dict[str, Any]]) -> dict[str, Any]:
    """The latest campaign's row."""
    return max(campaigns, key=lambda one: (one["briefed_at"], one["campaign_id"]))


@pytest.fixture(scope="session")
def brand(campaigns: list[dict[str, Any]]) -> str:
    """The brand with the most campaigns."""
    named = [one["brand_id"] for one in campaigns]
    return str(max(sorted(set(named)), key=named.count))


def promote(home: Path, bundle: Any) -> None:
    """Write ``bundle`` into the home as `collabrank promote` does."""
    from marketplace.signature import read_signer

    save_bundle(bundle, home / "var" / "bundle", read_signer(home / "var" / "keys"))


@pytest.fixture
def promoted(served_home: Path) -> Callable[[str], None]:
    """Promotes a bundle of the version given."""
    return lambda version: promote(served_home, replace(tiny_bundle(seed=int(version)), model_version=version))


@dataclass
class Running:
    """A service process of its own."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def process(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """``collabrank serve`` with two workers, ready, in a home of its own."""
    with started(prepared, tmp_path_factory.mktemp("process")) as running:
        yield running


@contextmanager
def started(prepared: Path, home: Path, *, workers: int = 2) -> Iterator[Running]:
    """``collabrank serve`` with so many workers, ready, in ``home``, into which ``prepared`` is copied."""
    shutil.copytree(prepared / "var", home / "var", dirs_exist_ok=True)
    environment = {**os.environ, "COLLABRANK_HOME": str(home)}
    command = [sys.executable, "-m", "collabrank"]
    made = subprocess.run(
        [*command, "keys", "create", "tests"], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    port = free_port()
    log = home / "service.log"
    with open(log, "wb") as out:
        running = subprocess.Popen(
            [*command, "serve", "--no-console", "--port", str(port), "--workers", str(workers)],
            env=environment,
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1_800):
            if running.poll() is not None:
                pytest.fail(f"the service stopped: {log.read_text()}")
            try:
                urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        else:
            pytest.fail(f"the service did not become ready: {log.read_text()}")
        yield Running(url, made.stdout.strip(), running, log)
    finally:
        running.terminate()
        running.wait(timeout=180)
