"""The plan of a marketplace's campaign, by Python and by the command line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from collabrank.cli import app
from features.briefs import read_briefs
from features.contacts import CONTACT_DAYS
from features.snapshot import build_snapshot
from marketplace.errors import BriefError, BundleError
from marketplace.signature import read_signer
from marketplace.simulator import simulate
from marketplace.state import state_folder
from marketplace.tables import open_marketplace
from models.bundle.disk import save_bundle
from models.economics import Economics
from models.predict import predict
from training.planning import plan_brief, read_terms
from training.priors.stated import stated_prior


@pytest.fixture(scope="module")
def wee_folder(tmp_path_factory):
    """150 creators, 24 campaigns, 130 days. Read only."""
    folder = tmp_path_factory.mktemp("wee") / "market"
    simulate(folder, creators=150, campaigns=24, days=130, seed=4)
    return folder


@pytest.fixture(scope="module")
def opened(wee_folder):
    """Opened once: what is built of it is built once."""
    return open_marketplace(wee_folder)


@pytest.fixture
def market(home, opened):
    save_bundle(stated_prior("2025-05-01"), state_folder("bundle"), read_signer())
    return opened


@pytest.fixture
def campaign(market):
    campaigns = market.frame("campaigns").sort_values(["briefed_at", "campaign_id"])
    return campaigns[campaigns["has_free_sample"]].iloc[-1]


def test_a_campaign_is_planned_from_its_own_brief(market, campaign):
    name = campaign["campaign_id"]
    plan = plan_brief(market, campaign=name, budget=300, samples=6, invitations=12, terms=[(40, 0.2)])
    assert plan.proven
    assert len(plan.offers) <= 12
    assert plan.outlook.samples.expected <= 6 + 1e-6
    brief = read_briefs(market, [name])[name]
    snapshot = build_snapshot(market, brief.briefed_at)
    rows, _ = snapshot.candidates(brief)
    told = predict(stated_prior("2025-05-01"), snapshot.matrix(brief, rows), Economics.of(brief))
    utility = dict(zip(snapshot.creator_ids[rows].tolist(), told.utility.tolist(), strict=True))
    assert {one.creator_id: one.profit for one in plan.offers} == pytest.approx(
        {one.creator_id: utility[one.creator_id] for one in plan.offers}
    )
    assert len(plan.what_if) == 1
    assert plan.about["campaign_id"] == name


def test_contacts_of_the_last_days_count(market, campaign):
    at = campaign["briefed_at"].normalize()
    sent = market.frame("invitations")
    sent = sent[
        (sent["known_at"] < at) & (sent["sent_at"] < at) & (sent["sent_at"] >= at - pd.Timedelta(days=CONTACT_DAYS))
    ]
    sent = sent[sent["origin"].fillna("") != "REQUESTED"].drop_duplicates("invitation_id")
    contacted = sent["creator_id"].value_counts()
    free = plan_brief(market, campaign=campaign["campaign_id"], terms=[])
    once = plan_brief(market, campaign=campaign["campaign_id"], per_creator=1, terms=[])
    chosen = {one.creator_id for one in free.offers}
    assert {one.creator_id for one in once.offers} == {one for one in chosen if contacted.get(one, 0) < 1}


def test_the_command_prints_the_plan(market, campaign, wee_folder):
    asked = ["plan", str(wee_folder), "--campaign", campaign["campaign_id"], "--budget", "200", "--terms", "0:0.1"]
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 0
    assert said.stdout.startswith("Invite ")
    assert "What other budgets bring" in said.stdout
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert told["limits"]["budget"] == 200.0
    assert [one["flat_fee"] for one in told["what_if"]] == [0.0]
    assert told["outlook"]["spend"]["expected"] <= 200.0 + 1e-6


def test_what_cannot_be_planned_is_refused(market, wee_folder):
    with pytest.raises(BriefError, match="neither"):
        plan_brief(market)
    for wrong in ("50", "a:b", "-1:0.1", "5:2", "nan:0.1"):
        with pytest.raises(BriefError, match="FEE:RATE"):
            read_terms(wrong)
    assert read_terms("50:0.15") == (50.0, 0.15)
    assert np.isfinite(read_terms("0:0")).all()


def test_without_a_champion_nothing_is_planned(home, wee_folder):
    with pytest.raises(BundleError):
        plan_brief(wee_folder, campaign="ca_0001")
