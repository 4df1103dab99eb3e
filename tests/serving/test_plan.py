"""A plan over HTTP is the plan that planning makes of the same predictions, and says what it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from marketplace.errors import BriefError
from marketplace.tables import open_marketplace
from models.economics import Economics
from models.planning import Dependence, Limits, Offers, make_plan, usual_terms
from models.predict import predict
from serving.pair import Served, load_served
from serving.plan import SECONDS, WITHIN, plan_creators, work_of_plan
from serving.schema import PlanRequest
from serving.settings import Patience


@pytest.fixture(scope="module")
def pair(prepared: Path) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(prepared))
        yield load_served(prepared / "var" / "bundle", prepared / "var" / "snapshot")


def directly(pair: Served, campaign: str, limits: Limits, **more: Any) -> dict[str, Any]:
    brief = pair.snapshot.campaigns[campaign]
    part = pair.snapshot.of_market(brief.market)
    rows, _ = part.candidates(brief, {})
    told = predict(pair.bundle, part.matrix(brief, rows), Economics.of(brief))
    ids = np.asarray(part.creator_ids[rows])
    offers = Offers.of(told, Economics.of(brief), ids, brand_id=brief.brand_id, has_sample=brief.has_free_sample)
    dependence = Dependence.of(pair.bundle.calibration, offers)
    return make_plan(offers, limits, dependence=dependence, **more).as_dict()


def test_it_is_the_plan_of_the_same_offers(pair: Served, campaign: dict[str, Any]) -> None:
    name = campaign["campaign_id"]
    request = PlanRequest(campaign_id=name, budget=400, samples=10, invitations=15, terms=[])
    found = plan_creators(pair, request, request_id="0" * 32)
    sends = pair.snapshot.campaigns[name].has_free_sample
    expected = directly(pair, name, Limits(budget=400, samples=10 if sends else None, invitations=15))
    told = found.model_dump()
    for field in ("goal", "candidates", "worthwhile", "outlook", "bound", "proven", "method", "curve", "dependence"):
        assert told[field] == expected[field], field
    assert [one["creator_id"] for one in told["creators"]] == [one["creator_id"] for one in expected["creators"]]
    assert [one["profit"] for one in told["creators"]] == [one["profit"] for one in expected["creators"]]
    assert told["what_if"] == []
    assert len(told["notes"]) == 1, "the noise of lift alone is not known"
    assert found.outlook.spend.expected <= 400


def brief_of(pair: Served, campaign: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An inline brief of the campaign's brand, as of the snapshot's day."""
    known = pair.snapshot.campaigns[campaign["campaign_id"]]
    return {
        "brand_id": known.brand_id, "market": known.market, "category_id": known.category_id,
        "product_ids": list(known.product_ids), "commission_rate": 0.15, "price": 25.0, "has_free_sample": True,
    } | more  # fmt: skip


@pytest.mark.parametrize("caps", [{"per_creator": 1}, {"per_creator": 2, "per_brand": 60}, {"per_brand": 7}])
def test_caps_of_contacts_are_the_commands(
    pair: Served, prepared: Path, small_market: Path, campaign: dict[str, Any], caps: dict[str, int]
) -> None:
    """The same brief, by the command's function on the tables and over HTTP on the snapshot."""
    from training.planning import plan_brief

    brief = brief_of(pair, campaign)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(prepared))
        theirs = plan_brief(small_market, brief=brief, budget=2_000, terms=[], **caps).as_dict()
    asked = PlanRequest(brief=brief, budget=2_000, terms=[], **caps)  # type: ignore[arg-type]
    ours = plan_creators(pair, asked, request_id="0" * 32).model_dump()
    for field in ("limits", "candidates", "worthwhile", "outlook", "bound", "proven", "creators", "curve"):
        assert ours[field] == theirs[field], field
    assert not [one for one in ours["notes"] if "contacts" in one]


def test_caps_leave_out_whoever_was_invited_lately(pair: Served, small_market: Path, campaign: dict[str, Any]) -> None:
    """By hand, from the table of invitations."""
    part = pair.snapshot.of_market(campaign["market"])
    at = pd.Timestamp(pair.as_of)
    sent = open_marketplace(small_market).frame("invitations")
    sent = sent[(sent["known_at"] < at) & (sent["sent_at"] < at) & (sent["sent_at"] >= at - pd.Timedelta(days=30))]
    sent = sent[sent["origin"].fillna("") != "REQUESTED"].drop_duplicates("invitation_id")
    invited = sent["creator_id"].value_counts()
    assert part.contacts is not None
    here = set(part.creator_ids.tolist())
    told, _ = part.contacts.before(pair.as_of, part.creator_ids)
    assert told == {name: count for name, count in invited.to_dict().items() if name in here}
    brief = brief_of(pair, campaign, commission_rate=0.05)
    free = plan_creators(pair, PlanRequest(brief=brief, terms=[]), request_id="0" * 32)
    capped = plan_creators(pair, PlanRequest(brief=brief, terms=[], per_creator=1), request_id="0" * 32)
    chosen = {one.creator_id for one in free.creators}
    assert chosen & set(invited.index), "the cap binds somebody"
    assert {one.creator_id for one in capped.creators} == chosen - set(invited.index)
    nobody = plan_creators(pair, PlanRequest(brief=brief, terms=[], per_brand=0), request_id="0" * 32)
    assert nobody.outlook.invitations == 0


def test_contacts_are_those_before_the_brief_whatever_day_the_snapshot_is_of(
    pair: Served, small_market: Path, campaign: dict[str, Any]
) -> None:
    """A brief of an earlier day is not held against what came after it: its own invitations least of all."""
    sent = open_marketplace(small_market).frame("invitations")
    sent = sent[sent["origin"].fillna("") != "REQUESTED"].drop_duplicates("invitation_id")
    at = pd.Timestamp(pair.as_of) - pd.Timedelta(days=20)
    since = at - pd.Timedelta(days=30)
    before = set(sent.loc[(sent["known_at"] < at) & (sent["sent_at"] < at) & (sent["sent_at"] >= since), "creator_id"])
    brief = brief_of(pair, campaign, commission_rate=0.05, briefed_at=at.isoformat())
    free = plan_creators(pair, PlanRequest(brief=brief, terms=[]), request_id="0" * 32)
    capped = plan_creators(pair, PlanRequest(brief=brief, terms=[], per_creator=1), request_id="0" * 32)
    chosen = {one.creator_id for one in free.creators}
    later = set(sent.loc[sent["sent_at"] >= at, "creator_id"]) - before
    assert chosen & before, "the cap binds somebody"
    assert chosen & later, "somebody was invited after the brief's day alone"
    assert {one.creator_id for one in capped.creators} == chosen - before


def test_a_snapshot_that_knows_no_contacts_says_so(
    pair: Served, campaign: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = pair.snapshot.of_market
    monkeypatch.setattr(pair.snapshot, "of_market", lambda one: replace(opened(one), contacts=None))
    brief = brief_of(pair, campaign)
    asked = plan_creators(pair, PlanRequest(brief=brief, terms=[], per_creator=1), request_id="0" * 32)
    assert any("contacts already made are not counted" in one for one in asked.notes)
    unasked = plan_creators(pair, PlanRequest(brief=brief, terms=[]), request_id="0" * 32)
    assert not [one for one in unasked.notes if "contacts" in one]


def test_other_terms_are_foretold_anew(pair: Served, campaign: dict[str, Any]) -> None:
    brief = pair.snapshot.campaigns[campaign["campaign_id"]]
    usual = plan_creators(pair, PlanRequest(campaign_id=campaign["campaign_id"]), request_id="0" * 32)
    assert [(one.flat_fee, one.commission_rate) for one in usual.what_if] == usual_terms(brief)
    dear = plan_creators(
        pair, PlanRequest(campaign_id=campaign["campaign_id"], terms=[[1e6, 0.1]]), request_id="0" * 32
    )
    assert dear.what_if[0].outlook.invitations == 0


def test_whoever_is_filtered_out_is_not_planned(pair: Served, campaign: dict[str, Any]) -> None:
    name = campaign["campaign_id"]
    part = pair.snapshot.of_market(campaign["market"])
    some = [str(one) for one in part.creator_ids[:7]]
    asked = PlanRequest(campaign_id=name, terms=[], filters={"include_only_creator_ids": some})
    found = plan_creators(pair, asked, request_id="0" * 32)
    assert found.candidates == len(some)
    assert {one.creator_id for one in found.creators} <= set(some)
    # Foretold once, with the plan's own programme, one without a budget and the curve's ten.
    assert work_of_plan(pair, asked) == (20.0 * 1 + 20.0 * 12) * len(some)
    everyone = work_of_plan(pair, PlanRequest(campaign_id=name))
    assert everyone == (20.0 * 6 + 20.0 * 17) * len(part)
    assert work_of_plan(pair, PlanRequest(campaign_id="ca_none")) == 0


def test_what_cannot_be_planned_says_why(pair: Served, campaign: dict[str, Any]) -> None:
    with pytest.raises(BriefError) as refused:
        plan_creators(pair, PlanRequest(campaign_id="ca_none"), request_id="0" * 32)
    assert refused.value.status == 404
    wrong = PlanRequest(campaign_id=campaign["campaign_id"], terms=[[1, 0.1], [0, 1.5]])
    with pytest.raises(BriefError) as refused:
        plan_creators(pair, wrong, request_id="0" * 32)
    assert [one.field for one in refused.value.problems] == ["terms.1.1"]
    assert SECONDS < WITHIN < Patience().seconds / 2
