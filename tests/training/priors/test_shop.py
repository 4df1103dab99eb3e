"""A shop with few outcomes through the commands: train, promote, rank, a prior of another marketplace, refusals."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collabrank import cli
from marketplace.errors import BundleError, GateError
from marketplace.signature import read_signer
from marketplace.state import state_folder
from models.bundle.champion import load_champion
from models.bundle.disk import bundle_folder, save_bundle
from training.commands import app
from training.pipeline import train
from training.priors.stated import stated_prior
from training.tracking.promotion import promote
from training.tracking.registry import BASIS, CHAMPION, aliased, newest
from training.tracking.store import open_store


@pytest.fixture(scope="module")
def shop_home(three_campaigns: Path, empty_database: Path, tmp_path_factory: pytest.TempPathFactory):
    """A home in which the shop of three campaigns was trained on and promoted, by the commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        (state_folder("mlflow")).mkdir()
        shutil.copy(empty_database, state_folder("mlflow", "mlflow.db"))
        trained = CliRunner().invoke(app, ["train", str(three_campaigns), "--json"])
        assert trained.exit_code == 0, trained.output
        promoted = CliRunner().invoke(app, ["promote", "--json"])
        assert promoted.exit_code == 0, promoted.output
        yield json.loads(trained.stdout), json.loads(promoted.stdout)


def test_a_shop_of_three_campaigns_gets_a_champion_that_says_what_it_is(shop_home):
    trained, promoted = shop_home
    said = (
        "of indices and shrunk rates: 10 of 100 labelled invitations, 0 of 30 deliveries; 90 and 30 more for the next "
        "stage, heads of its own"
    )
    assert trained["basis"] == said
    assert [one["name"] for one in trained["rankers"]] == ["shrunk_rates"]
    assert promoted["forced"] is False
    assert [check["passed"] for check in promoted["checks"]] == [True]
    bundle = load_champion()
    assert bundle.basis is not None
    assert bundle.basis.text == said
    version = newest(open_store())
    assert version.tags[BASIS] == said
    assert said[1:] in version.description


def test_who_accepts_and_who_sells_rank_first(shop_home, three_campaigns):
    answer = CliRunner().invoke(app, ["rank", str(three_campaigns), "--campaign", "ca_2", "--json"])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert found["basis"].startswith("of indices and shrunk rates: 10 of 100")
    # Creators 0 to 2 accepted before; among those who accept alike, who sold more stands first.
    assert [one["creator_id"] for one in found["creators"]] == [f"cr_{i}" for i in (2, 1, 0, 7, 6, 5, 4, 3)]
    first = found["creators"][0]
    assert first["utility"]["low"] < first["utility"]["expected"] < first["utility"]["high"]
    assert any("Raises the chance of acceptance" in reason["text"] for reason in first["reasons"])


def test_a_version_on_a_basis_takes_the_place_of_another_and_of_none_with_heads(shop_home, three_campaigns):
    store = open_store()
    before = aliased(store, CHAMPION)
    for _ in range(2):
        train(three_campaigns)
    done = promote(before.number + 1)
    assert done.previous == before.number
    assert "on a basis too" in done.checks[0].figures
    # Had the champion heads of its own, the gate would weigh the two, and the shop has nothing to be weighed by.
    served, signer = load_champion(), read_signer(state_folder("keys"))
    save_bundle(dataclasses.replace(served, basis=None), bundle_folder(), signer)
    with pytest.raises(GateError):
        promote()
    assert aliased(store, CHAMPION).number == done.version
    save_bundle(served, bundle_folder(), signer)


def test_another_bundle_may_be_the_prior_and_one_of_other_signals_is_refused(
    shop_home, three_campaigns, tmp_path, capsys, monkeypatch
):
    prior = dataclasses.replace(stated_prior("2024-01-01"), model_version="3")
    save_bundle(prior, tmp_path / "prior", read_signer())
    answer = CliRunner().invoke(app, ["train", str(three_campaigns), "--prior", str(tmp_path / "prior"), "--json"])
    assert answer.exit_code == 0, answer.output
    trained = json.loads(answer.stdout)
    assert trained["basis"].startswith("of the heads of another marketplace's bundle (version 3, shrunk_rates, until")
    assert [one["name"] for one in trained["rankers"]] == ["prior"]
    save_bundle(dataclasses.replace(prior, contract_sha256="0" * 64), tmp_path / "other", read_signer())
    with pytest.raises(BundleError, match="signals of contract"):
        train(three_campaigns, prior=tmp_path / "other")
    for wrong in ("other", "nothing"):
        monkeypatch.setattr(
            sys, "argv", ["collabrank", "train", str(three_campaigns), "--prior", str(tmp_path / wrong)]
        )
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 2
        assert "BundleError" in capsys.readouterr().err


def test_lightgbm_says_nothing_on_standard_error():
    code = """
import numpy as np
from marketplace.errors import TrainingError
from training.heads import CampaignRegressor, fit_booster, quasi_poisson
for y, params in (
    (np.arange(20.0) % 2, {"objective": quasi_poisson(np.ones(20)), "min_data_in_leaf": 30}),
    (np.arange(20.0) - 5, {"objective": "poisson"}),
):
    try:
        fit_booster(np.random.default_rng(1).normal(size=(20, 3)), y, params=params, rounds=2)
    except TrainingError as reason:
        print(reason.received)
regressor = CampaignRegressor(objective="regression", n_estimators=2, min_data_in_leaf=30, more={"verbosity": 1})
regressor.fit(np.zeros((20, 2)), np.arange(20.0))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["20 rows, which no signal splits into 30 and more", "one of -5"]
    assert "LightGBM" not in done.stderr
