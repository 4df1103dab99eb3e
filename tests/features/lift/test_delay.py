"""How late captured sales are missing: read off all products, and counted with what is foretold of a lift."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.lift import LiftEvidence, attributed_days, estimate_lift, gather_evidence, within_window
from features.lift.delay import DELAY_DAYS, DELAYS, delayed, fit_delay
from features.lift.empirical_bayes import Block, Hyperprior, Late, fit_prior, posterior
from features.lift.sums import pair_lifts, sum_lifts
from features.time import days_of
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace
from tests.training.lift.test_report import END, TREATED, shop

COUNT = len(DELAYS)


def told(delay: np.ndarray, *, captured: float, days: int, seed: int = 0) -> np.ndarray:
    """The delay that is found where ``captured`` is missing by ``delay`` from ``days`` noisy days."""
    rng = np.random.default_rng(seed)
    sold = rng.gamma(0.3, 1.0, days)
    missing = np.stack([np.convolve(sold, one)[:days] for one in DELAYS], axis=1)
    y = -captured * np.convolve(sold, delay)[:days] + rng.normal(0.0, 0.2, days)
    return fit_delay(missing.T @ missing / 0.04, missing.T @ y / 0.04) @ DELAYS


def test_the_delay_that_sales_were_taken_with_is_found() -> None:
    for true in (DELAYS[0], DELAYS[3], 0.4 * DELAYS[0] + 0.6 * DELAYS[4]):
        found = told(true, captured=0.5, days=4_000)
        assert found.sum() == pytest.approx(1.0)
        assert found[0] == pytest.approx(true[0], abs=0.05)
        assert found @ np.arange(DELAY_DAYS + 1) == pytest.approx(true @ np.arange(DELAY_DAYS + 1), abs=0.5)


def test_days_that_say_nothing_leave_what_was_thought_before() -> None:
    none = fit_delay(np.zeros((COUNT, COUNT)), np.zeros(COUNT))
    assert none.tolist() == np.eye(COUNT)[0].tolist()
    # Even odds of no delay; else any share and half-life alike: .55 of it late on average.
    vague = fit_delay(np.eye(COUNT) + 1.0, np.zeros(COUNT))
    assert vague[0] == pytest.approx(0.5 + 0.5 * 0.45)
    # Sales that grow after posts are no delay, however surely they do.
    grown = fit_delay(np.eye(COUNT) + 1.0, np.full(COUNT, 1e3))
    assert grown == pytest.approx(vague)


@given(st.integers(1, 5), st.integers(0, len(DELAYS) - 1), st.integers(0, 2**32 - 1))
def test_what_is_delayed_is_all_there(count: int, which: int, seed: int) -> None:
    shapes = np.random.default_rng(seed).dirichlet(np.ones(ATTRIBUTION_DAYS), count)
    late = delayed(shapes)[which]
    for one, other in zip(late, shapes, strict=True):
        np.testing.assert_allclose(one, np.convolve(other, DELAYS[which]), atol=1e-15)
    np.testing.assert_allclose(late.sum(axis=1), 1.0)


def test_what_is_foretold_may_show_on_other_days_than_the_rest() -> None:
    """Against the joint normal of coefficients and lifts, solved at once."""
    rng = np.random.default_rng(3)
    hyperprior = Hyperprior(np.array([0.5, 0.1]), np.array([0.3, 0.2]), np.array([100.0]))
    blocks, dense = [], []
    for b in range(6):
        count, days = 5, 3
        place = np.array([0, 1, 2, 0, 1])
        own, late = rng.normal(size=(2, 30, days))
        z = rng.gamma(1.0, 100.0, (count, 2))
        taken = rng.gamma(1.0, 50.0, days)
        by_day = np.array([z[place == day].sum(axis=0) for day in range(days)])
        # What is left of the days once ``taken`` is off them, in the shape of what is foretold.
        y = late @ (by_day @ [0.4, 0.3] - taken) + own @ rng.normal(0.0, 10.0, days) + rng.normal(0.0, 20.0, 30)
        weight = 1.0 / 400.0
        reach = weight * own.T @ late @ by_day
        seen, heard = weight * by_day.T @ late.T @ late @ by_day, weight * by_day.T @ late.T @ (y + late @ taken)
        foretold = Late(weight * own.T @ (y + late @ taken), reach, seen, heard)
        pull = weight * own.T @ y + weight * own.T @ own @ taken
        row = np.arange(count * b, count * (b + 1))
        blocks.append(Block(weight * own.T @ own, pull, z, np.ones((count, 1)), row, place, foretold))
        dense.append((own[:, place], late @ by_day, y + late @ taken))
    prior = fit_prior(blocks, hyperprior)
    mean, variance = posterior(blocks, prior, 30)

    design = np.zeros((180, 32))
    for b, (own, foretold_x, _) in enumerate(dense):
        rows = slice(30 * b, 30 * (b + 1))
        design[rows, :2], design[rows, 2 + 5 * b : 7 + 5 * b] = foretold_x, own
    before = np.concatenate([hyperprior.sd**-2.0, np.full(30, 1.0 / prior.variance[0])])
    precision = design.T @ design / 400.0 + np.diag(before)
    centre = np.concatenate([hyperprior.mean * hyperprior.sd**-2.0, np.zeros(30)])
    at_once = np.linalg.solve(precision, design.T @ np.concatenate([y for *_, y in dense]) / 400.0 + centre)
    np.testing.assert_allclose(prior.rho, at_once[:2], rtol=1e-8)
    lifts = np.column_stack([np.concatenate([block.z for block in blocks]), np.eye(30)])
    np.testing.assert_allclose(mean, lifts @ at_once, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(variance, np.diag(lifts @ np.linalg.solve(precision, lifts.T)), rtol=1e-7)


def gathered(market: Marketplace) -> tuple[pd.DataFrame, pd.DataFrame, LiftEvidence]:
    deliveries = market.frame("deliveries")
    rows = deliveries[["invitation_id", "campaign_id", "creator_id", "content_id", "posted_at"]]
    attributed = attributed_days(market, END)
    posted = rows.assign(posted_day=days_of(rows["posted_at"]))
    evidence = gather_evidence(market, posted, within_window(posted, attributed), day=END, attributed=attributed)
    assert evidence is not None
    return rows, attributed, evidence


def test_sales_that_are_missing_a_little_later_are_hardly_lift(monkeypatch: pytest.MonkeyPatch) -> None:
    market = shop(late=DELAYS[3])
    rows, attributed, evidence = gathered(market)
    assert evidence.delay[0] < 0.3
    assert 2.0 < evidence.delay @ np.arange(DELAY_DAYS + 1) < 12.0
    found = estimate_lift(market, rows, END, attributed=attributed)
    assert abs(found["lift_usd"].sum()) < 0.25 * found["attributed_usd"].sum()
    with monkeypatch.context() as patched:
        patched.setattr("features.lift.evidence.fit_delay", lambda *_: np.eye(COUNT)[0])
        at_once = estimate_lift(market, rows, END, attributed=attributed)
    assert found["lift_usd"].sum() < 0.6 * at_once["lift_usd"].sum()
    # Where nothing is missing all of it is lift still.
    kept = estimate_lift(shop(), rows, END, attributed=attributed)
    assert kept["lift_usd"].sum() == pytest.approx(1_500.0 * TREATED, rel=0.15)


def test_sums_are_those_of_single_lifts_where_sales_are_late() -> None:
    rows, _, evidence = gathered(shop(late=0.5 * DELAYS[4]))
    hyperprior = Hyperprior(np.full(5, 0.1), np.full(5, 0.3), np.array([0.5, 0.2, 0.005, 2e-4]))
    prior = fit_prior(evidence.blocks, hyperprior)
    mean, variance = posterior(evidence.blocks, prior, len(rows))
    np.testing.assert_allclose(pair_lifts(evidence, prior), mean[evidence.pairs["row"]], rtol=1e-8)
    ((summed, sd),) = sum_lifts(evidence, prior, [np.arange(len(rows))])
    np.testing.assert_allclose(summed, mean, rtol=1e-8)
    assert (sd >= np.sqrt(variance) * (1.0 - 1e-9)).all()
