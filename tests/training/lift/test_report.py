"""Sums of lifts, imputation, placebo, siblings, sensitivity and synthetic differences, on panels that are known."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.lift.anchor import Anchor
from features.lift.empirical_bayes import fit_prior, posterior
from features.lift.estimate import HYPERPRIOR, attributed_days
from features.lift.evidence import LiftEvidence, gather_evidence, within_window
from features.lift.imputation import AFTER_SHIFTS, impute
from features.lift.sums import pair_lifts, sum_lifts
from features.time import days_of
from features.time.entities import known_until
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.errors import ConvergenceWarning, DateError, TrainingError
from marketplace.simulator import simulate
from marketplace.simulator.worlds.families import WORLDS
from marketplace.tables import Marketplace, open_marketplace
from training.lift.checks.confounding import sensitivity
from training.lift.checks.placebo import LEAD, SHIFTS, placebo_tests
from training.lift.checks.siblings import sibling_check
from training.lift.checks.synthetic_did import simplex_least_squares, synthetic_did
from training.lift.report import LEVEL, MISLED, Estimate, LiftReport, averaged, doubted, lift_report
from training.lift.run import measure_lift
from training.lift.text import lift_text, save_lift_figures
from training.lift.truth import lift_truth

START = pd.Timestamp("2025-01-01", tz="UTC")
DAYS, PRODUCTS, TREATED = 170, 50, 12
KERNEL = 2.0 ** (-np.arange(ATTRIBUTION_DAYS) / 3.0)
KERNEL /= KERNEL.sum()


def shop(
    *,
    lift: float = 1_500.0,
    surge: float = 0.0,
    back: float = 0.0,
    siblings: float = 0.0,
    late: Sequence[float] = (),
    seed: int = 0,
) -> Marketplace:
    """50 products at 500 USD a day, 3 of each of 12 brands; the first of each has a partnership.

    ``surge``: share by which the campaign's product sells more from its brief on, in odd campaigns, and less in even
    ones. ``back``: share of the lift missing in the 20 days after. ``siblings``: what a brand's others sell besides for
    1 USD of lift. ``late``: shares of it missing so many days after it was sold, none, one, two, …
    """
    rng = np.random.default_rng(seed)
    week = 1.0 + 0.3 * np.sin(2 * np.pi * np.arange(DAYS) / 7)
    gmv = 500.0 * week * (1.0 + 0.08 * rng.normal(size=(PRODUCTS, DAYS)))
    deliveries, contents, orders, campaigns = [], [], [], []
    for n in range(TREATED):
        posted = 70 + 2 * (n % 6)
        path = np.zeros(DAYS)
        path[posted : posted + ATTRIBUTION_DAYS] = lift * KERNEL
        path[posted + ATTRIBUTION_DAYS : posted + ATTRIBUTION_DAYS + 20] = -back * lift / 20
        for days, share in enumerate(late):
            path[posted + days : posted + days + ATTRIBUTION_DAYS] -= share * lift * KERNEL
        gmv[n] += path
        for other in (n + TREATED, n + 2 * TREATED):
            gmv[other] += siblings * path / 2
        gmv[n, posted - 8 : posted + 20] *= 1.0 + (surge if n % 2 else -surge)
        when = START + pd.Timedelta(days=posted)
        ids = {"creator_id": f"k{n}", "campaign_id": f"c{n:02d}", "content_id": f"v{n}"}
        deliveries.append(
            {"delivery_id": f"d{n}", "invitation_id": f"i{n:02d}", "posted_at": when, "known_at": when, **ids}
        )
        contents.append({**ids, "product_ids": [f"p{n:02d}"], "published_at": when, "known_at": when})
        campaigns.append(
            {
                "campaign_id": f"c{n:02d}", "brand_id": f"b{n}", "product_ids": [f"p{n:02d}"],
                "briefed_at": when - pd.Timedelta(days=10), "starts_at": when - pd.Timedelta(days=8),
                "ends_at": when + pd.Timedelta(days=19), "known_at": when - pd.Timedelta(days=10),
            }
        )  # fmt: skip
        for age in range(ATTRIBUTION_DAYS):
            day = when + pd.Timedelta(days=age, hours=1)
            orders.append(
                {
                    "order_id": f"{n}-{age}", "sku_id": "x", "product_id": f"p{n:02d}", "status": "COMPLETED", **ids,
                    "quantity": 1, "refunded_quantity": 0, "price": max(lift, 900.0) * KERNEL[age],
                    "ordered_at": day, "known_at": day, "currency": "USD",
                }
            )  # fmt: skip
    product, day = np.divmod(np.arange(PRODUCTS * DAYS), DAYS)
    days = START + pd.to_timedelta(day, unit="D")
    shop_days = pd.DataFrame({"product_id": [f"p{p:02d}" for p in product], "day": days.date, "units_sold": 25})
    shop_days = shop_days.assign(gmv=gmv[product, day], currency="USD", known_at=days + pd.Timedelta(days=1))
    products = pd.DataFrame({"product_id": [f"p{p:02d}" for p in range(PRODUCTS)], "category_id": "beauty"})
    products["brand_id"] = [f"b{p % TREATED if p < 3 * TREATED else p}" for p in range(PRODUCTS)]
    invitations = pd.DataFrame(deliveries)[["invitation_id", "campaign_id", "creator_id"]].assign(
        decision="ACCEPT",
        sent_at=START + pd.Timedelta(days=62),
        replied_at=START + pd.Timedelta(days=63),
        decided_at=START + pd.Timedelta(days=63),
        known_at=START + pd.Timedelta(days=63),
    )
    invitations["sent_at"] = [row["briefed_at"] + pd.Timedelta(days=1) for row in campaigns]
    invitations["known_at"] = invitations["sent_at"] + pd.Timedelta(days=1)
    deliveries_frame = pd.DataFrame(deliveries).assign(brief_compliance=0.9)
    deliveries_frame["due_at"] = deliveries_frame["posted_at"] + pd.Timedelta(days=5)
    return Marketplace.from_frames(
        {
            "product_days": shop_days,
            "products": products,
            "campaigns": pd.DataFrame(campaigns),
            "invitations": invitations,
            "orders": pd.DataFrame(orders),
            "deliveries": deliveries_frame,
            "contents": pd.DataFrame(contents),
        }
    )


END = START + pd.Timedelta(days=DAYS)


def gather(
    market: Marketplace, *, shifts: tuple[int, ...] = (), briefs: bool = False, kin: bool = False
) -> LiftEvidence:
    deliveries = market.frame("deliveries")
    rows = deliveries[["invitation_id", "campaign_id", "creator_id", "content_id"]].assign(
        posted_day=days_of(deliveries["posted_at"])
    )
    attributed = attributed_days(market, END)
    sales = within_window(rows, attributed)
    found = gather_evidence(market, rows, sales, day=END, attributed=attributed, shifts=shifts, briefs=briefs, kin=kin)
    assert found is not None
    return found


def test_a_sum_of_one_is_that_partnerships_own_posterior_and_sums_add_up() -> None:
    evidence = gather(shop())
    prior = fit_prior(evidence.blocks, HYPERPRIOR)
    mean, variance = posterior(evidence.blocks, prior, TREATED)
    alone, everything = sum_lifts(evidence, prior, [np.arange(TREATED), np.zeros(TREATED, dtype=np.int64)])
    assert alone[0] == pytest.approx(mean)
    # One product a partnership: the errors that products share are within its own drift already.
    assert alone[1] == pytest.approx(np.sqrt(variance))
    assert everything[0][0] == pytest.approx(mean.sum())
    assert pair_lifts(evidence, prior) == pytest.approx(mean)
    # The lifts lean on the same prior and index: together they are less sure than if they did not.
    assert everything[1][0] > np.sqrt(variance.sum())


def test_sums_count_errors_that_products_share() -> None:
    evidence = gather(shop())
    prior = fit_prior(evidence.blocks, HYPERPRIOR)
    ((_, before),) = sum_lifts(evidence, prior, [np.zeros(TREATED, dtype=np.int64)])
    shared = [(codes, variance + 0.01) for codes, variance in evidence.baseline.shared]
    shaken = replace(evidence, baseline=replace(evidence.baseline, shared=shared))
    ((_, after),) = sum_lifts(shaken, prior, [np.zeros(TREATED, dtype=np.int64)])
    assert after[0] > 2.0 * before[0]


def test_sales_brought_forward_are_missing_afterwards() -> None:
    kept = impute(gather(shop(back=0.0), shifts=AFTER_SHIFTS), np.ones(TREATED, dtype=bool))
    moved = impute(gather(shop(back=1.0), shifts=AFTER_SHIFTS), np.ones(TREATED, dtype=bool))
    true = 1_500.0 * TREATED
    assert len(kept.rows) == len(moved.rows) == TREATED
    for found in (kept, moved):
        assert abs(found.window[0] - true) < 3 * found.window[1]
    assert abs(kept.net[0] - true) < 3 * kept.net[1]
    assert abs(moved.net[0]) < 3 * moved.net[1]
    assert moved.after[0] < -3 * moved.after[1]
    assert kept.net[0] == pytest.approx(kept.window[0] + kept.after[0])


def test_a_partnership_that_is_not_over_ends_what_is_imputed() -> None:
    ripe = np.arange(TREATED) != 3
    found = impute(gather(shop(), shifts=AFTER_SHIFTS), ripe)
    assert found.rows.tolist() == np.flatnonzero(ripe).tolist()


def test_placebos_are_zero_where_nothing_was_posted() -> None:
    tests = placebo_tests(gather(shop(), shifts=SHIFTS, briefs=True), np.ones(TREATED, dtype=bool))
    assert [test.name for test in tests] == ["back 21 days", "back 42 days", LEAD]
    assert [test.campaigns for test in tests] == [TREATED] * 3
    for test in tests:
        assert abs(test.z) < 3
        assert test.excluded <= 0.34
        assert test.spread < 0.06


def test_a_surge_with_the_brief_shows_in_the_lead_alone() -> None:
    evidence = gather(shop(surge=0.3), shifts=SHIFTS, briefs=True)
    back, further, lead = placebo_tests(evidence, np.ones(TREATED, dtype=bool))
    assert lead.excluded > 0.9
    assert lead.spread == pytest.approx(0.3, abs=0.07)
    assert lead.p_spread < 1e-6
    assert max(back.excluded, further.excluded) < 0.4


def test_siblings_that_lose_or_gain_are_found() -> None:
    found = {}
    for share in (-0.6, 0.0, 0.6):
        market = shop(siblings=share)
        check = sibling_check(market, gather(market, kin=True), np.full(TREATED, 1_500.0))
        assert check is not None
        assert check.siblings == 2 * TREATED
        found[share] = check
        assert abs(check.share - share) < 3.5 * check.se
    assert found[-0.6].z < -3
    assert found[0.6].z > 3


def test_without_siblings_there_is_no_check() -> None:
    market = shop()
    frames = {name: market.frame(name) for name in market.present}
    frames["products"]["brand_id"] = frames["products"]["product_id"]
    lonely = Marketplace.from_frames(frames)
    assert sibling_check(lonely, gather(lonely, kin=True), np.full(TREATED, 1_500.0)) is None


def test_sensitivity_by_hand() -> None:
    tests = placebo_tests(gather(shop(), shifts=SHIFTS, briefs=True), np.ones(TREATED, dtype=bool))[:2]
    pair = [replace(tests[0], share=0.02), replace(tests[1], share=-0.04)]
    low, expected = np.array([50.0, 10.0, -5.0]), np.array([1_000.0, 1_000.0, 1_000.0])
    found = sensitivity((300.0, 50.0, 1_000.0), (low, expected), pair, z=2.0)
    assert found.share == pytest.approx(0.3)
    assert found.explains_away == pytest.approx((300 - 2 * 50) / 1_000)
    assert found.worst == 0.04
    assert found.breakdown == pytest.approx(0.2 / 0.04)
    # 50 - 40 > 0, 10 - 40 < 0.
    assert (found.campaigns_above, found.campaigns_robust) == (2, 1)
    assert sensitivity((30.0, 50.0, 1_000.0), (low, expected), pair, z=2.0).explains_away == 0.0


def sums(estimate: float, se: float) -> Estimate:
    return Estimate("all", 10, 2_000.0, estimate, se, 10_000.0)


def test_the_overall_estimate_by_hand() -> None:
    # Apart by 0: the odds that attribution misleads are the densities' ratio at 0, 30 / 50 (a 3-4-5 triangle).
    misled, found = averaged(sums(1_000.0, 60.0), sums(900.0, 90.0), apart=0.0, apart_se=30.0, scale=40.0)
    assert misled == pytest.approx(3 / 8)
    assert found.estimate == pytest.approx(1_000.0 - 3 / 8 * 100.0)
    assert found.se == pytest.approx(math.sqrt(5 / 8 * 60.0**2 + 3 / 8 * 90.0**2 + 15 / 64 * 100.0**2))
    assert (found.attributed, found.expected, found.partnerships) == (2_000.0, 10_000.0, 10)


def test_a_campaign_shares_the_doubt_of_all_by_hand() -> None:
    # 900 and -100 of 800 in all, brought to 400; 500 is reported: what is unsure of all is 100 apart and 120^2 - 80^2.
    parts = [replace(sums(900.0, 60.0), name="a"), replace(sums(-100.0, 20.0), name="b")]
    found = doubted(parts, Anchor(0.5, 0.1), learned=sums(800.0, 80.0), overall=sums(500.0, 120.0))
    assert [one.estimate for one in found] == [450.0, -50.0]
    common = math.sqrt(120.0**2 - 80.0**2 + 100.0**2)
    assert [one.se for one in found] == pytest.approx([math.hypot(30.0, 0.9 * common), math.hypot(10.0, 0.1 * common)])
    # Where nothing is known of all but the factor, the doubt about it alone.
    found = doubted(parts, Anchor(0.5, 0.1), learned=sums(800.0, 80.0), overall=sums(400.0, 80.0))
    assert [one.se for one in found] == pytest.approx([math.hypot(30.0, 72.0), math.hypot(10.0, 8.0)])
    nothing = [replace(one, estimate=0.0) for one in parts]
    assert [one.se for one in doubted(nothing, Anchor(), learned=sums(0.0, 80.0), overall=sums(0.0, 90.0))] == [60, 20]


def test_one_campaign_is_as_unsure_as_all() -> None:
    alone, overall = sums(800.0, 80.0), sums(800.0, 120.0)
    (found,) = doubted([alone], Anchor(), learned=alone, overall=overall)
    assert found.se == pytest.approx(overall.se)


@given(
    apart=st.floats(-500.0, 500.0),
    other=st.floats(-500.0, 500.0),
    net=st.floats(-1_000.0, 1_000.0),
    se=st.floats(1.0, 200.0),
    scale=st.floats(1.0, 500.0),
)
def test_nothing_switches(apart: float, other: float, net: float, se: float, scale: float) -> None:
    learned, imputed = sums(500.0, 40.0), sums(net, 80.0)
    (weight, found), (further, _) = (
        averaged(learned, imputed, apart=gap, apart_se=se, scale=scale) for gap in (apart, other)
    )
    assert 0.0 <= weight <= 1.0
    assert min(500.0, net) - 1e-9 <= found.estimate <= max(500.0, net) + 1e-9
    assert found.se**2 >= (1 - weight) * 40.0**2 + weight * 80.0**2 - 1e-6
    # The chance grows with the distance, and its slope is bounded: a logistic curve of a parabola.
    if abs(apart) <= abs(other):
        assert weight <= further + 1e-12
    assert abs(further - weight) <= 0.25 * abs(other - apart) * max(abs(apart), abs(other)) / se**2 + 1e-12


def test_the_overall_interval_holds_what_it_says_under_either_case() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(4_000):
        true = rng.normal(0.0, 500.0)
        bias = rng.normal(0.0, 300.0) if rng.random() < MISLED else 0.0
        own, noise = rng.normal(0.0, 40.0), rng.normal(0.0, 90.0)
        net = true + noise
        learned = true + bias + own
        _, found = averaged(
            sums(learned, 40.0), sums(net, 90.0), apart=net - learned, apart_se=math.hypot(40.0, 90.0), scale=300.0
        )
        held.append(found.low <= true <= found.high)
    assert np.mean(held) == pytest.approx(LEVEL, abs=0.04)


def test_simplex_least_squares_finds_the_mixture_and_ridge_evens_it() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(60, 5))
    target = 3.0 + columns @ np.array([0.7, 0.3, 0.0, 0.0, 0.0])
    found = simplex_least_squares(columns, target, ridge=1e-9)
    assert found == pytest.approx([0.7, 0.3, 0.0, 0.0, 0.0], abs=1e-3)
    assert found.sum() == pytest.approx(1.0)
    assert simplex_least_squares(columns, target, ridge=1e9) == pytest.approx(np.full(5, 0.2), abs=1e-3)


def test_simplex_least_squares_says_when_it_has_not_settled() -> None:
    rng = np.random.default_rng(2)
    # Columns that hardly differ but for one far direction: a step that suits that one creeps along all others.
    columns = rng.normal(size=(40, 12))
    columns[0] *= 1e4
    target = columns @ np.r_[0.5, 0.5, np.zeros(10)]
    target[0] = 0.0
    with pytest.warns(ConvergenceWarning, match="300 steps"):
        simplex_least_squares(columns, target, ridge=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        simplex_least_squares(columns[1:], target[1:], ridge=0.0)


def test_synthetic_did_finds_an_effect_where_a_plain_difference_does_not() -> None:
    rng = np.random.default_rng(1)
    trend = np.cumsum(rng.normal(0, 0.1, 60))
    exposure = np.concatenate([np.full(10, 1.0), np.zeros(20)])
    donors = 1.0 + exposure[:, None] * trend + 0.02 * rng.normal(size=(30, 60))
    treated = 1.3 + trend + 0.02 * rng.normal(size=60)
    treated[46:] += 0.5
    effect = synthetic_did(treated, donors, 46)
    assert effect == pytest.approx(0.5, abs=0.05)
    plain = (treated[46:].mean() - treated[:46].mean()) - (donors[:, 46:].mean() - donors[:, :46].mean())
    assert abs(effect - 0.5) < abs(plain - 0.5)


def test_nothing_ripe_is_refused() -> None:
    with pytest.raises(TrainingError, match="ripe"):
        lift_report(shop(), START + pd.Timedelta(days=85))


def test_partnerships_for_very_many_products_are_summed_without_checks() -> None:
    market = shop()
    frames = {name: market.frame(name) for name in market.present}
    everything = sorted(frames["products"]["product_id"])
    frames["contents"] = frames["contents"].assign(product_ids=[everything] * TREATED)
    frames["products"] = frames["products"].assign(currency="USD")
    found = lift_report(Marketplace.from_frames(frames), END)
    assert found.learned.partnerships == TREATED
    assert np.isfinite(found.overall.estimate)
    assert (found.imputation, found.placebos, found.siblings, found.synthetic) == (None, [], None, None)
    assert "none possible" in lift_text(found)
    assert "No check was possible" in lift_text(found)


def test_campaigns_that_sold_on_sales_days_are_told() -> None:
    """Three campaigns' products are reduced for the whole of their windows, and sell three times as much."""
    market = shop()
    days = market.frame("product_days")
    place = (pd.to_datetime(days["day"], utc=True) - START).dt.days
    sale = days["product_id"].isin(["p00", "p01", "p02"]) & place.between(60, 110)
    days = days.assign(gmv=days["gmv"].where(~sale, 3.0 * days["gmv"]), discount_rate=np.where(sale, 0.3, 0.0))
    frames = {name: market.frame(name) for name in market.present}
    found = lift_report(Marketplace.from_frames({**frames, "product_days": days}), END, sample=10)
    assert [one.read for one in found.campaigns] == [0.0] * 3 + [1.0] * 9
    assert found.learned.read == pytest.approx(0.75)
    assert found.flags["sales days"].startswith(f"3 of {TREATED} campaigns sold for the most part on days")
    assert "share of usual sales outside sales days" in lift_text(found)
    # Of them nothing is known but what partnerships usually sell, and that is said.
    assert all(abs(one.estimate - 1_500.0) < 500.0 for one in found.campaigns)
    own = found.partnerships.set_index("campaign_id")["lift_se_usd"].loc[[one.name for one in found.campaigns]].tolist()
    assert min(own[:3]) > 1.3 * max(own[3:])
    # A campaign's counts what is unsure of all besides.
    assert all(one.se > error for one, error in zip(found.campaigns, own, strict=True))
    assert min(one.se for one in found.campaigns[:3]) > max(one.se for one in found.campaigns[3:])
    unmarked = lift_report(Marketplace.from_frames({**frames, "product_days": days.assign(discount_rate=0.0)}), END)
    assert "sales days" not in unmarked.flags
    assert "outside sales days" not in lift_text(unmarked)
    assert max(one.estimate for one in unmarked.campaigns) > 5_000.0


@pytest.fixture(scope="module")
def report(small_market: Path) -> LiftReport:
    market = open_marketplace(small_market)
    return lift_report(market, known_until(market), sample=40)


def test_the_report_adds_up(report: LiftReport) -> None:
    assert sum(one.partnerships for one in report.campaigns) == report.learned.partnerships == len(report.partnerships)
    for name in ("attributed", "estimate"):
        parts = sum(getattr(one, name) for one in report.campaigns)
        assert parts == pytest.approx(getattr(report.learned, name))
    assert report.partnerships["lift_usd"].sum() == pytest.approx(report.learned.estimate, abs=0.01 * 400)
    assert report.learned.low < report.learned.estimate < report.learned.high
    assert {test.name for test in report.placebos} == {"back 21 days", "back 42 days", LEAD}


def test_the_truth_is_near(report: LiftReport, small_market: Path) -> None:
    truth = lift_truth(small_market, report)
    assert truth is not None
    assert abs(report.learned.estimate - truth.overall) < 4 * report.learned.se
    assert report.learned.attributed > 1.2 * truth.overall
    assert 0.7 < truth.coverage <= 1.0
    assert truth.overall == pytest.approx(sum(truth.campaigns.values()))


def test_what_is_measured_has_json_text_tables_and_figures(small_market: Path, tmp_path: Path) -> None:
    found = measure_lift(small_market, sample=40)
    text = str(found)
    again = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert again["overall"]["low_usd"] < again["overall"]["incremental_usd"] < again["overall"]["high_usd"]
    assert again["truth"]["campaigns_usd"].keys() == {row["name"] for row in again["campaigns"]}
    assert f"All {again['overall']['partnerships']} partnerships" in text
    assert "Placebo" in text
    assert "truth" in text
    assert found.to_frame()["incremental_usd"].sum() == pytest.approx(found.report.learned.estimate)
    assert found.to_frame()["truth_usd"].to_dict() == again["truth"]["campaigns_usd"]
    assert len(found.partnerships) == found.overall.partnerships
    files = save_lift_figures(found.report, tmp_path / "figures", found.truth)
    assert [file.stem for file in files] == list(found.figures())
    assert len(list((tmp_path / "figures").glob("*.png"))) == 3
    with pytest.raises(DateError, match="2025-02-01"):
        measure_lift(small_market, as_of="soon")


def test_no_truth_no_word_of_it(report: LiftReport, tmp_path: Path) -> None:
    assert lift_truth(tmp_path, report) is None
    assert "truth" not in lift_text(report)


@pytest.mark.slow
def test_hidden_confounding_shows_in_the_lead(tmp_path: Path) -> None:
    world = replace(WORLDS["confounded"], hunch_demand=0.3)
    simulate(tmp_path / "m", creators=800, campaigns=60, days=200, seed=11, world=world)
    market = open_marketplace(tmp_path / "m")
    found = lift_report(market, known_until(market), sample=20)
    assert "lead" in found.flags
    lead = next(test for test in found.placebos if test.name == LEAD)
    assert lead.excluded > 0.25


@pytest.mark.slow
def test_where_nothing_lifts_the_reported_interval_holds_zero_or_a_check_fails(tmp_path: Path) -> None:
    simulate(tmp_path / "m", creators=800, campaigns=60, days=200, seed=12, world=WORLDS["null"])
    market = open_marketplace(tmp_path / "m")
    found = lift_report(market, known_until(market), sample=60)
    assert found.overall.low <= 0.0 <= found.overall.high or found.flags
    assert found.overall.estimate < 0.5 * found.overall.attributed
