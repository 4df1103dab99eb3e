"""Lift against panels whose lift is known, and against the simulator's truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.lift import empirical_bayes
from features.lift.empirical_bayes import Block, Hyperprior, fit_prior, posterior, unshrunk
from features.lift.estimate import attributed_days, estimate_lift, sales_kernel
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace, open_marketplace, read_truth
from training.data.labels import build_labels

START = pd.Timestamp("2025-01-01", tz="UTC")
KERNEL = 2.0 ** (-np.arange(ATTRIBUTION_DAYS) / 3.0)
KERNEL /= KERNEL.sum()
DAYS = 120


def shop(lift: dict[str, float], *, attributed: float = 1.0, noise: float = 0.05, seed: int = 0) -> Marketplace:
    """40 products at 1,000 USD a day with a week's swing; the first ones have a partnership with the given lift.

    The orders of a partnership come to ``attributed`` times its lift.
    """
    rng = np.random.default_rng(seed)
    week = 1.0 + 0.3 * np.sin(2 * np.pi * np.arange(DAYS) / 7)
    gmv = 1_000.0 * week * (1.0 + noise * rng.normal(size=(40, DAYS)))
    orders, deliveries, contents = [], [], []
    for n, (name, worth) in enumerate(lift.items()):
        posted = 50 + 3 * (n % 7)
        gmv[n, posted : posted + ATTRIBUTION_DAYS] += worth * KERNEL
        when = START + pd.Timedelta(days=posted)
        ids = {"creator_id": name, "campaign_id": "c1", "content_id": f"v_{name}"}
        deliveries.append({"delivery_id": name, "invitation_id": name, "posted_at": when, "known_at": when, **ids})
        contents.append({**ids, "product_ids": [f"p{n:02d}"], "published_at": when, "known_at": when})
        for age in range(ATTRIBUTION_DAYS):
            day = when + pd.Timedelta(days=age, hours=1)
            money = {"quantity": 1, "refunded_quantity": 0, "price": max(worth, 0.0) * KERNEL[age] * attributed}
            key = {"order_id": f"{name}-{age}", "sku_id": "x", "product_id": f"p{n:02d}", "status": "COMPLETED"}
            orders.append({**key, **ids, **money, "ordered_at": day, "known_at": day, "currency": "USD"})
    product, day = np.divmod(np.arange(40 * DAYS), DAYS)
    days = START + pd.to_timedelta(day, unit="D")
    product_days = pd.DataFrame({"product_id": [f"p{p:02d}" for p in product], "day": days.date, "units_sold": 50})
    product_days = product_days.assign(gmv=gmv[product, day], currency="USD", known_at=days + pd.Timedelta(days=1))
    products = pd.DataFrame({"product_id": [f"p{p:02d}" for p in range(40)], "category_id": "beauty"})
    campaign = pd.DataFrame({"campaign_id": ["c1"], "product_ids": [["p00"]]})
    frames = {"product_days": product_days, "products": products, "campaigns": campaign}
    frames |= {"orders": pd.DataFrame(orders), "deliveries": pd.DataFrame(deliveries)}
    return Marketplace.from_frames({**frames, "contents": pd.DataFrame(contents)})


LONG_AFTER = START + pd.Timedelta(days=365)


def lifts(market: Marketplace, *, as_of: pd.Timestamp = LONG_AFTER) -> pd.DataFrame:
    attributed = attributed_days(market, as_of)
    return estimate_lift(market, market.frame("deliveries"), as_of, attributed=attributed).set_index("invitation_id")


def test_lift_is_found_and_zero_and_negative_are_too() -> None:
    true = {"a": 2_000.0, "b": 0.0, "c": -900.0, "d": 4_000.0}
    found = lifts(shop(true))
    error = found["lift_raw_usd"] - pd.Series(true)
    assert (error.abs() < 3.5 * found["lift_raw_se_usd"]).all()
    assert (found["lift_raw_se_usd"] < 300).all()
    assert found.loc["c", "lift_raw_usd"] < -300
    assert found.loc["c", "lift_usd"] < 0


def test_attributed_sales_that_are_captured_are_not_lift() -> None:
    # Orders say five times what the shop's days show.
    true = {f"k{n:02d}": 400.0 for n in range(20)}
    found = lifts(shop(true, attributed=5.0))
    assert found["attributed_usd"].mean() == pytest.approx(2_000, rel=0.01)
    assert abs(found["lift_usd"].mean() - 400) < 200


def test_intervals_cover_what_they_say() -> None:
    inside, total = 0, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        true = {f"k{n:02d}": float(value) for n, value in enumerate(rng.gamma(1.0, 800.0, 25))}
        found = lifts(shop(true, noise=0.1, seed=seed))
        z = (found["lift_raw_usd"] - pd.Series(true)) / found["lift_raw_se_usd"]
        inside, total = inside + int((z.abs() < 1.2816).sum()), total + len(z)
    assert 0.70 < inside / total < 0.92


def test_partnerships_on_one_product_are_told_apart() -> None:
    market = shop({"a": 3_000.0, "b": 0.0})
    contents = market.frame("contents")
    contents["product_ids"] = [["p00"], ["p00"]]
    frames = {name: market.frame(name) for name in market.present} | {"contents": contents}
    found = lifts(Marketplace.from_frames(frames))
    assert found.loc["a", "lift_raw_usd"] > 1_500
    assert abs(found.loc["b", "lift_raw_usd"]) < 3 * found.loc["b", "lift_raw_se_usd"]


def test_without_product_days_there_is_no_lift() -> None:
    market = shop({"a": 100.0})
    frames = {name: market.frame(name) for name in market.present if name != "product_days"}
    found = lifts(Marketplace.from_frames(frames))
    assert found["lift_usd"].isna().all()
    assert found["attributed_usd"].notna().all()


def test_without_contents_the_campaigns_products_are_used() -> None:
    market = shop({"a": 3_000.0})
    frames = {name: market.frame(name) for name in market.present if name != "contents"}
    found = lifts(Marketplace.from_frames(frames))
    assert found.loc["a", "lift_raw_usd"] == pytest.approx(3_000, abs=700)


def test_what_is_not_known_yet_changes_nothing() -> None:
    market = shop({"a": 2_000.0, "b": 500.0})
    as_of = START + pd.Timedelta(days=80)
    frames = {name: market.frame(name) for name in market.present}
    for name in ("product_days", "orders"):
        frames[name] = frames[name][frames[name]["known_at"] < as_of]
    before = lifts(Marketplace.from_frames(frames), as_of=as_of)
    pd.testing.assert_frame_equal(before, lifts(market, as_of=as_of))


def test_row_order_changes_nothing() -> None:
    market = shop({"a": 2_000.0, "b": 500.0, "c": 0.0})
    frames = {name: market.frame(name).sample(frac=1.0, random_state=1) for name in market.present}
    mixed = lifts(Marketplace.from_frames(frames)).sort_index()
    pd.testing.assert_frame_equal(mixed, lifts(market).sort_index(), rtol=1e-9)


def test_kernel_is_a_share_and_follows_the_orders() -> None:
    flat = sales_kernel(np.arange(ATTRIBUTION_DAYS), np.full(ATTRIBUTION_DAYS, 1e6))
    assert flat.sum() == pytest.approx(1.0)
    assert flat == pytest.approx(np.full(ATTRIBUTION_DAYS, 1 / ATTRIBUTION_DAYS), rel=1e-3)
    assert sales_kernel(np.array([], dtype=np.int64), np.array([])) == pytest.approx(KERNEL)


def test_empirical_bayes_finds_the_prior_it_was_drawn_from() -> None:
    rng = np.random.default_rng(0)
    blocks, true = [], []
    for b in range(400):
        z = rng.gamma(1.0, 100.0, (2, 1))
        lift = 0.6 * z[:, 0] + rng.normal(0.0, 20.0, 2)
        design = rng.normal(size=(30, 2))
        seen = design @ lift + rng.normal(0.0, 50.0, 30)
        row = np.array([2 * b, 2 * b + 1])
        blocks.append(
            Block(design.T @ design / 50.0**2, design.T @ seen / 50.0**2, z, np.full((2, 1), 1.0), row, np.arange(2))
        )
        true.extend(lift)
    hyperprior = Hyperprior(np.array([0.0]), np.array([1.0]), np.array([100.0]))
    prior = fit_prior(blocks, hyperprior)
    assert prior.rho[0] == pytest.approx(0.6, abs=4 * prior.covariance[0, 0] ** 0.5)
    assert prior.variance[0] == pytest.approx(400.0, rel=0.3)
    mean, variance = posterior(blocks, prior, 800)
    z = (mean - np.array(true)) / np.sqrt(variance)
    assert np.mean(np.abs(z) < 1.2816) == pytest.approx(0.8, abs=0.05)
    raw, _ = unshrunk(blocks, 800)
    assert np.mean((mean - true) ** 2) < np.mean((raw - true) ** 2)
    assert np.polyfit(mean, true, 1)[0] == pytest.approx(1.0, abs=0.05)


def test_empirical_bayes_gives_the_closed_form_for_one_lift() -> None:
    # Information 4 (variance 1/4), estimate 10, prior N(2 * 3, 1).
    block = Block(
        np.array([[4.0]]), np.array([40.0]), np.array([[3.0]]), np.array([[1.0]]), np.array([0]), np.array([0])
    )
    hyperprior = Hyperprior(np.array([2.0]), np.array([1e-9]), np.array([1.0]))
    prior = fit_prior([block], hyperprior)
    tau = prior.variance[0]
    mean, variance = posterior([block], prior, 1)
    assert mean[0] == pytest.approx((4 * 10 + 6 / tau) / (4 + 1 / tau), rel=1e-6)
    assert variance[0] == pytest.approx(1 / (4 + 1 / tau), rel=1e-6)


def test_a_prior_that_has_not_converged_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    block = Block(
        np.array([[4.0]]), np.array([40.0]), np.array([[3.0]]), np.array([[1.0]]), np.array([0]), np.array([0])
    )
    hyperprior = Hyperprior(np.array([2.0]), np.array([0.5]), np.array([1.0]))
    assert fit_prior([block], hyperprior).converged
    assert not capsys.readouterr().err
    monkeypatch.setattr(empirical_bayes, "_EVALUATIONS", 3)
    assert not fit_prior([block], hyperprior).converged
    assert "has not converged after 3 evaluations" in capsys.readouterr().err


def test_on_a_simulated_marketplace_it_is_near_the_truth(small_market: Path) -> None:
    market = open_marketplace(small_market)
    truth = read_truth(small_market, "outcomes")
    assert truth is not None
    end = market.frame("orders", ["ordered_at"])["ordered_at"].max()
    labels = build_labels(market, end)
    rows = labels[labels["lift_usd"].notna()].merge(truth, on=["campaign_id", "creator_id"])
    rows = rows[rows["incremental_gmv_realised"].notna()]
    assert len(rows) > 100
    estimate, true = rows["lift_usd"], rows["incremental_gmv_realised"]
    assert np.corrcoef(estimate, true)[0, 1] > 0.9
    assert np.polyfit(estimate, true, 1)[0] == pytest.approx(1.0, abs=0.2)
    # Nearer than what is attributed, which is what marketplaces report.
    assert ((estimate - true) ** 2).mean() < 0.6 * ((rows["attributed_usd"] - true) ** 2).mean()
    covered = ((estimate - true).abs() < 1.2816 * rows["lift_se_usd"]).mean()
    assert 0.6 < covered < 0.95
