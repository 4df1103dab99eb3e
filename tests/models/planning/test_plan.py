"""Plans: what they choose, tell and print, whatever the order of the candidates."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from marketplace.errors import BriefError
from models.economics import Economics
from models.planning import (
    Dependence,
    Limits,
    Noise,
    Offers,
    break_even_commission,
    break_even_fee,
    choose,
    make_plan,
    priced,
)
from models.planning.plan import LEAST
from models.predict import predict
from tests.models.planning.worlds import random_offers

LIMITS = Limits(budget=300.0, samples=6, invitations=15)


@pytest.fixture(scope="module")
def offers():
    return random_offers(
        np.random.default_rng(11), 120, creators=120, brands=1, flat_fee_usd=30.0, sample_cost_usd=12.0
    )


@pytest.fixture(scope="module")
def plan(offers):
    return make_plan(
        offers, LIMITS, dependence=Dependence(0.03, 0.03, 0.1), terms=[(30.0, 0.1), (0.0, 0.1), (30.0, 0.6)],
        noise=Noise(500.0, 200.0, 0.05, 80), usernames={"c1": "ann"},
    )  # fmt: skip


def test_it_keeps_its_limits_and_says_so(plan, offers):
    told = plan.outlook
    assert plan.proven
    assert told.invitations == len(plan.offers) <= 15
    assert told.spend.expected <= 300.0 + 1e-6
    assert told.samples.expected <= 6.0 + 1e-6
    assert plan.bound == pytest.approx(told.profit.expected)
    assert sum(one.profit for one in plan.offers) == pytest.approx(told.profit.expected)
    assert [one.profit for one in plan.offers] == sorted((one.profit for one in plan.offers), reverse=True)
    worst = make_plan(offers, replace(LIMITS, spend="worst"), budgets=[])
    assert len(worst.offers) <= 6
    assert worst.outlook.over_budget == worst.outlook.over_samples == 0.0
    assert worst.outlook.profit.expected <= told.profit.expected


def test_the_order_of_candidates_changes_nothing(plan, offers):
    shuffled = offers.take(np.random.default_rng(1).permutation(len(offers)))
    again = make_plan(
        shuffled, LIMITS, dependence=Dependence(0.03, 0.03, 0.1), terms=[(30.0, 0.1), (0.0, 0.1), (30.0, 0.6)],
        noise=Noise(500.0, 200.0, 0.05, 80), usernames={"c1": "ann"},
    )  # fmt: skip
    assert again == plan


def test_the_curve_rises_and_holds_the_plan(plan):
    frame = plan.curve_frame()
    assert (frame["profit"].diff().dropna() >= -1e-9).all()
    assert (frame["spend"] <= frame.index + 1e-6).all()
    assert frame["proven"].all()
    at = [one for one in plan.curve if one.budget == 300.0]
    assert at[0].outlook.profit == plan.outlook.profit


def test_other_terms_are_told_and_free_is_better_where_answers_stay(plan):
    same, free, dear = plan.what_if
    assert same.outlook.profit == plan.outlook.profit
    assert free.outlook.profit.expected > same.outlook.profit.expected > dear.outlook.profit.expected


def test_at_the_break_even_fee_and_commission_nothing_is_left(offers):
    fees, rates = break_even_fee(offers), break_even_commission(offers)
    at_fee = replace(offers, flat_fee_usd=fees)
    assert at_fee.profit == pytest.approx(np.zeros(len(offers)), abs=1e-9)
    at_rate = replace(offers, commission_rate=rates)
    assert at_rate.profit == pytest.approx(np.zeros(len(offers)), abs=1e-9)
    more = replace(at_fee, accept=offers.accept * 1.5, success=offers.success * 1.5)
    assert more.profit == pytest.approx(np.zeros(len(offers)), abs=1e-9)  # acceptance cancels


def test_the_break_even_fee_by_hand():
    one = random_offers(
        np.random.default_rng(0), 1, creators=1, brands=1, accept=np.array([0.5]), deliver=np.array([0.4]),
        success=np.array([0.2]), lift=np.array([400.0]), attributed=np.array([500.0]), margin_rate=0.5,
        commission_rate=0.1, flat_fee_usd=20.0, sample_cost_usd=12.0,
    )  # fmt: skip
    assert break_even_fee(one)[0] == pytest.approx(0.5 * 400 - 0.1 * 500 - 12 / 0.4)
    assert break_even_commission(one)[0] == pytest.approx((0.5 * 400 - 20 - 12 / 0.4) / 500)
    never = replace(one, deliver=0.0, success=0.0)
    assert break_even_fee(never)[0] == -np.inf


def test_it_prints_and_is_json(plan):
    text = str(plan)
    assert "proven: no other choice is expected to bring more profit" in text
    assert "10 % case" in text
    assert "Telling it from noise" in text
    assert json.loads(json.dumps(plan.as_dict(), allow_nan=False))["proven"] is True
    assert list(plan.to_frame().index) == [one.creator_id for one in plan.offers]
    assert "<table" in plan._repr_html_()


def test_with_nobody_worth_inviting_the_plan_is_empty(offers):
    plan = make_plan(replace(offers, lift=0.0 * offers.lift), LIMITS)
    assert (plan.offers, plan.curve, plan.worthwhile) == ((), (), 0)
    assert plan.outlook.profit.expected == 0.0
    assert "Invite 0 of 120" in str(plan)


def test_contacts_already_made_count(offers):
    best = make_plan(offers, LIMITS, budgets=[]).offers[0].creator_id
    capped = make_plan(offers, replace(LIMITS, per_creator=2, creator_contacts={best: 2}), budgets=[])
    assert best not in {one.creator_id for one in capped.offers}
    brand = make_plan(offers, replace(LIMITS, per_brand=10, brand_contacts={"b0": 7}), budgets=[])
    assert len(brand.offers) == 3


def test_offers_are_those_of_the_predictions(value_bundle, world):
    terms = Economics(np.float64(0.5), np.float64(0.1), np.float64(25.0), np.float64(8.0))
    told = predict(value_bundle, world.X[:50], terms)
    offers = Offers.of(told, terms, [f"c{i}" for i in range(50)], brand_id="b")
    assert offers.profit == pytest.approx(told.utility)
    assert offers.samples.tolist() == [1.0] * 50
    dearer = priced(offers, fee=100.0)
    assert dearer.profit == pytest.approx(told.utility - told.success_probability * 75.0)
    with pytest.raises(BriefError, match="one creator_id"):
        Offers.of(told, terms, ["c1"])
    with pytest.raises(BriefError, match="fee"):
        priced(offers, commission=1.5)


def test_what_all_programmes_may_take_is_shared_by_them(offers, monkeypatch):
    asked: list[float] = []

    def noting(value, limits, *, seconds):
        asked.append(seconds)
        return choose(value, limits, seconds=seconds)

    monkeypatch.setattr("models.planning.plan.choose", noting)
    terms = [(0.0, 0.1), (5.0, 0.2)]
    make_plan(offers, Limits(budget=50.0), terms=terms, seconds=1.5, within=2.8)
    own, *others = asked
    assert own == 1.5
    assert len(others) >= 12, "one without a budget, ten of the curve, and one for each pair of terms"
    assert max(others) <= 2.8 / (12 + len(terms)) + 1e-9
    asked.clear()
    make_plan(offers, Limits(budget=50.0), terms=terms, seconds=1.5, within=0.0)
    assert set(asked[1:]) == {LEAST}
    asked.clear()
    make_plan(offers, Limits(budget=50.0), terms=terms, seconds=1.5)
    assert set(asked) == {1.5}
