"""The commands: snapshot and card, with what the champion beside them stands on."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collabrank.cli import app
from features.indices.declare import INDEX_NAMES
from features.snapshot.parts import load_snapshot
from marketplace.errors import ContractError, SignalError
from marketplace.signature import read_signer
from marketplace.simulator import simulate
from marketplace.state import state_folder
from marketplace.tables import open_marketplace
from models.bundle.basis import Basis
from models.bundle.champion import champion_basis
from models.bundle.disk import save_bundle
from serving.store import Served
from training.priors.stated import stated_prior

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wee_folder(tmp_path_factory):
    """A simulated marketplace: 60 creators, 12 campaigns, 100 days, seed 3. Read only."""
    folder = tmp_path_factory.mktemp("wee") / "market"
    simulate(folder, creators=60, campaigns=12, days=100, seed=3)
    return folder


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_snapshot_is_kept_at_home_and_card_shows_a_creator(home, wee_folder):
    told = json.loads(run("snapshot", wee_folder, "--as-of", "2025-04-01", "--json"))
    folder = home / "var" / "snapshot"
    snapshot = load_snapshot(folder)
    assert told == {
        "folder": str(folder), "creators": len(snapshot), "as_of": "2025-04-01T00:00:00+00:00", "basis": None,
        "bytes": (size := sum(file.stat().st_size for file in folder.glob("*.bin"))),
        "bytes_per_creator": round(size / len(snapshot), 1),
    }  # fmt: skip
    creator = str(snapshot.creator_ids[0])
    card = json.loads(run("card", wee_folder, creator, "--as-of", "2025-04-01", "--json"))
    assert card == snapshot.card(creator) | {"basis": None}


def test_where_the_champion_stands_on_a_basis_snapshot_card_and_service_say_so(home, wee_folder, monkeypatch):
    bundle = dataclasses.replace(stated_prior("2025-03-01"), basis=Basis(37, 9, 100, 30), model_version="1")
    save_bundle(bundle, state_folder("bundle"), read_signer())
    said = bundle.basis.text
    assert champion_basis() == said
    assert json.loads(run("snapshot", wee_folder, "--as-of", "2025-04-01", "--json"))["basis"] == said
    snapshot = load_snapshot(state_folder("snapshot"))
    creator = str(snapshot.creator_ids[0])
    monkeypatch.setattr("features.snapshot.score_card_of", lambda *asked: snapshot.card(asked[1]))
    shown = run("card", wee_folder, creator)
    assert shown.rstrip().endswith(f"rankings beside this card are {said}")
    for index in INDEX_NAMES[:3]:
        assert f"\n{index} " in shown
    assert "category_influence[" in shown
    served = Served(bundle, snapshot).card(creator)
    assert served["basis"] == said
    assert served["indices"] == snapshot.card(creator)["indices"]
    # What cannot be opened ranks nobody, and a card is shown without it.
    (state_folder("bundle") / "signature").write_text("none")
    assert champion_basis() is None
    assert "rankings beside" not in run("card", wee_folder, creator)


def test_a_card_of_nobody_is_refused(home, wee_folder):
    with pytest.raises(SignalError, match="nobody"):
        run("card", wee_folder, "nobody")


def test_a_folder_that_is_no_marketplace_is_refused(home, tmp_path):
    with pytest.raises(ContractError):
        run("snapshot", tmp_path)


@pytest.mark.slow
def test_a_card_opens_by_username_and_is_written_as_a_page(home, wee_folder, tmp_path):
    creators = open_marketplace(wee_folder).frame("creators")
    creator, username = creators.loc[0, ["creator_id", "username"]]
    file = tmp_path / "card.html"
    full = json.loads(run("card", wee_folder, username.upper(), "--html", file, "--json"))
    assert full["creator_id"] == creator
    assert {"events", "left_out", "partnerships", "history"} <= set(full)
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert username in page


def test_a_card_that_the_cache_knows_loads_no_engine_and_no_learner(home, wee_folder, monkeypatch):
    """What makes it fast: a card is read, and what learns, solves and asks databases is not even imported."""
    monkeypatch.setenv("COLLABRANK_CACHE", "on")
    run("snapshot", wee_folder)
    creator = str(open_marketplace(wee_folder).frame("creators").loc[0, "creator_id"])
    asked = (
        "import sys; from collabrank.cli import app\n"
        f"app(['card', {str(wee_folder)!r}, {creator!r}], standalone_mode=False)\n"
        "heavy = {'lightgbm', 'sklearn', 'scipy.stats', 'scipy.optimize', 'mlflow', 'ibis.backends.duckdb'}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    for _ in range(2):  # the first writes down as of which day
        told = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert creator in told.stdout
    assert told.stdout.splitlines()[-1] == "LOADED []"
