"""Scoring in shards: a run that was killed goes on, and ends with the bytes of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import training.shards as module
from features.signals import eligible_pairs
from marketplace.errors import FileError
from marketplace.simulator import simulate
from marketplace.state import state_folder
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import read_signer, save_bundle
from training import scoring
from training.priors.stated import stated_prior
from training.scoring import score_marketplace
from training.shards import SCORES, open_shards, shards_of

ROOT = Path(__file__).resolve().parents[2]
CAMPAIGNS = 12

# The command itself, with shards of two campaigns; says how many it has scored.
COMMAND = """
import sys
import training.scoring as scoring, training.shards as shards
from collabrank.cli import main

shards.CAMPAIGNS_AT_ONCE = 2
score, done = scoring.score_campaigns, []

def counted(*asked):
    done.append(1)
    print("scored", len(done), file=sys.stderr, flush=True)
    return score(*asked)

scoring.score_campaigns = counted
sys.argv[0] = "collabrank"
sys.exit(main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "market"
    simulate(path, creators=120, campaigns=CAMPAIGNS, days=120, seed=3)
    return path


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One home for this module's tests, so that the cache serves all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def champion(warm: None) -> None:
    save_bundle(replace(stated_prior("2025-03-01"), model_version="1"), state_folder("bundle"), read_signer())


def command(folder: Path, out: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    asked = [sys.executable, "-c", COMMAND, "score", str(folder), str(out)]
    return subprocess.Popen(asked, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def scored(told: str) -> int:
    return sum(line.startswith("scored ") for line in told.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(folder, champion, tmp_path, ending):
    whole = command(folder, tmp_path / f"whole{ending}")
    _, told = whole.communicate(timeout=120)
    assert (whole.returncode, scored(told)) == (0, CAMPAIGNS // 2), told
    out = tmp_path / f"scores{ending}"
    out.write_text("the old file")
    left = tmp_path / f".{out.name}.unfinished"
    killed = command(folder, out)
    until = time.monotonic() + 100
    while len(list(left.glob("shard_*"))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert out.read_text() == "the old file"
    there = len(list(left.glob("shard_*")))
    assert 2 <= there < CAMPAIGNS // 2
    again = command(folder, out)
    _, told = again.communicate(timeout=120)
    assert (again.returncode, scored(told)) == (0, CAMPAIGNS // 2 - there), told
    assert out.read_bytes() == (tmp_path / f"whole{ending}").read_bytes()
    assert not left.exists()


def made_up(bundle, _, campaign_ids):
    """Scores that say which model and campaign they are of, without the work."""
    rows = [
        (one, f"cr_{place}", place, 0.0, float(bundle.model_version), 0.5, 1.0)
        for one in campaign_ids
        for place in (1, 2)
    ]
    return pd.DataFrame(rows, columns=SCORES.names)


def interrupted(market, out, monkeypatch):
    """Score in shards of two, and fail after the first."""
    done = []

    def fails(*asked):
        if done:
            raise OSError("power cut")
        done.append(1)
        return made_up(*asked)

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "score_campaigns", fails)
        with pytest.raises(OSError, match="power cut"):
            score_marketplace(market, out)


@pytest.fixture
def cheap(champion: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAMPAIGNS_AT_ONCE", 2)
    monkeypatch.setattr(scoring, "score_campaigns", made_up)
    monkeypatch.setattr(scoring, "code_version", lambda _: "this")


def test_the_same_goes_on_and_another_model_starts_afresh(folder, cheap, tmp_path, monkeypatch, capsys):
    out = tmp_path / "scores.parquet"
    interrupted(folder, out, monkeypatch)
    score_marketplace(folder, out)
    assert "going on with" in capsys.readouterr().err
    pd.testing.assert_frame_equal(pd.read_parquet(out), score_marketplace(folder).to_frame())

    interrupted(folder, out, monkeypatch)
    before = out.read_bytes()
    save_bundle(replace(stated_prior("2025-03-01"), model_version="2"), state_folder("bundle"), read_signer())
    score_marketplace(folder, out)
    assert "starting afresh" in capsys.readouterr().err
    assert out.read_bytes() != before
    assert set(pd.read_parquet(out)["utility_usd"]) == {2.0}
    assert [file.name for file in tmp_path.iterdir()] == ["scores.parquet"]


def test_what_cannot_be_told_apart_is_not_gone_on_with(folder, cheap, tmp_path, monkeypatch):
    """Tables in memory have no fingerprint: nothing is left behind, and nothing taken up."""
    opened = open_marketplace(folder)
    frames = Marketplace.from_frames({name: opened.frame(name) for name in opened.present})
    interrupted(frames, tmp_path / "scores.parquet", monkeypatch)
    assert not list(tmp_path.iterdir())


def test_shards_are_held_to_their_size(folder, monkeypatch):
    market = open_marketplace(folder)
    ids = list(market.frame("campaigns", ["campaign_id"])["campaign_id"].drop_duplicates())
    assert shards_of(market, ids) == [ids]
    pairs = eligible_pairs(market, ids)["campaign_id"].value_counts()
    most = int(market.frame("creators", ["market"])["market"].value_counts().max())
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 2 * most)
    cut = shards_of(market, ids)
    assert [one for part in cut for one in part] == ids
    assert 2 <= len(cut) < len(ids)
    assert max(int(pairs[part].sum()) for part in cut) <= 2 * most
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 1)
    assert shards_of(market, ids) == [[one] for one in ids]
    assert shards_of(market, []) == []


@pytest.mark.slow
def test_shards_do_not_change_the_scores(folder, champion, monkeypatch):
    ids = list(open_marketplace(folder).frame("campaigns", ["campaign_id"])["campaign_id"][:4])
    together = score_marketplace(folder, campaigns=ids).to_frame()
    monkeypatch.setattr(module, "CAMPAIGNS_AT_ONCE", 1)
    pd.testing.assert_frame_equal(score_marketplace(folder, campaigns=ids).to_frame(), together)


def test_two_at_once_are_refused(tmp_path):
    with (
        open_shards(tmp_path / "scores.csv", {"a": 1}),
        pytest.raises(FileError, match="another process"),
        open_shards(tmp_path / "scores.csv", {"a": 1}),
    ):
        pass
