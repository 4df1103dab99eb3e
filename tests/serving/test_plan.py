"""A plan over HTTP is the plan that planning makes of the same predictions, and says what it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketplace.errors import BriefError
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
    assert len(told["notes"]) == 2
    assert found.outlook.spend.expected <= 400


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
