"""Reading at every step: no more false alarms than alpha, real differences found, brands counted and not requests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from serving.experiment.sequences import LEAST_BRANDS, RHO, compare_arms, mean_of_clusters


def readings(
    *, runs: int, brands: int, steps: int, seed: int, between: float, effect: float = 0.0, share: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs side by side, one request a step each, read at every step.

    Brands differ in their rate (gamma, coefficient of variation ``between``) and very much in how often they ask.
    Whether each run's p ever fell to .05; whether its interval ever left the true difference out; and the same for
    a plain test of two means over requests, read as often.
    """
    rng = np.random.default_rng(seed)
    treated = rng.random((runs, brands)) < share
    rate = rng.gamma(1 / between**2, between**2, (runs, brands)) if between else np.ones((runs, brands))
    often = rng.pareto(1.5, (runs, brands)) + 0.2
    which = (often / often.sum(axis=1, keepdims=True)).cumsum(axis=1)
    sums = np.zeros((3, runs, brands))
    at = np.arange(runs)
    alarm, missed, plain = (np.zeros(runs, dtype=bool) for _ in range(3))
    for step in range(steps):
        brand = np.minimum((rng.random((runs, 1)) > which).sum(axis=1), brands - 1)
        came = rng.poisson(rate[at, brand] * (1 + effect * treated[at, brand])).astype(float)
        sums[:, at, brand] += np.array([np.ones(runs), came, came**2])
        reading = compare_arms(*sums, treated)
        alarm |= reading.p <= 0.05
        missed |= (reading.low > effect) | (reading.high < effect)
        if step >= 30:
            n, total, squares = (np.stack([(one * treated).sum(axis=1), (one * ~treated).sum(axis=1)]) for one in sums)
            mean = total / np.maximum(n, 1)
            error = np.sqrt(((squares / np.maximum(n, 1) - mean**2) / np.maximum(n, 1)).sum(axis=0))
            plain |= np.abs(mean[0] - mean[1]) > 1.96 * error
    return alarm, missed, plain


@pytest.mark.slow
@pytest.mark.parametrize(
    ("brands", "steps", "between", "share"), [(40, 500, 1.0, 0.5), (24, 400, 0.0, 0.5), (80, 400, 1.5, 0.2)]
)
def test_a_thousand_runs_without_a_difference_read_at_every_step(
    brands: int, steps: int, between: float, share: float
) -> None:
    alarm, missed, plain = readings(runs=1_000, brands=brands, steps=steps, seed=11, between=between, share=share)
    assert alarm.mean() <= 0.05
    assert missed.mean() <= 0.05
    # What is read in the same way without counting brands, or looks, cries wolf most of the time.
    assert plain.mean() > 0.3


def test_runs_without_a_difference_and_with_one() -> None:
    alarm, missed, plain = readings(runs=200, brands=30, steps=200, seed=5, between=1.0)
    assert alarm.mean() <= 0.05
    assert missed.mean() <= 0.05
    assert plain.mean() > 0.3
    alarm, missed, _ = readings(runs=60, brands=120, steps=900, seed=6, between=0.5, effect=1.0)
    assert alarm.mean() >= 0.8
    assert missed.mean() <= 0.05


def test_by_hand_where_every_brand_asks_once() -> None:
    """Then the estimate is the difference of means, its variance Welch's, and t is Student's."""
    rng = np.random.default_rng(1)
    y = np.concatenate((rng.normal(2.0, 1.0, 20), rng.normal(0.0, 1.0, 30)))
    treated = np.arange(50) < 20
    reading = compare_arms(np.ones(50), y, y**2, treated)
    first, second = y[:20], y[20:]
    assert float(reading.estimate) == pytest.approx(first.mean() - second.mean())
    pooled = (19 * first.var(ddof=1) + 29 * second.var(ddof=1)) / 48
    parts = [max(one.var(ddof=1), pooled) / one.size for one in (first, second)]
    error = np.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 19 + parts[1] ** 2 / 29)
    z = stats.norm.isf(stats.t.sf(float(reading.estimate) / error, freedom))
    t = pooled / error**2
    evidence = np.sqrt(RHO / (t + RHO)) * np.exp(z**2 * t / (2 * (t + RHO)))
    assert float(reading.p) == pytest.approx(1 / evidence)
    bound = np.sqrt((t + RHO) / t * np.log((t + RHO) / (RHO * 0.05**2)))
    reach = stats.t.isf(stats.norm.sf(bound), freedom) * error
    assert (float(reading.low), float(reading.high)) == pytest.approx(
        (float(reading.estimate) - reach, float(reading.estimate) + reach)
    )


def test_the_interval_leaves_zero_out_exactly_where_p_is_below_alpha() -> None:
    rng = np.random.default_rng(2)
    n = rng.integers(1, 9, (400, 40)).astype(float)
    treated = rng.random((400, 40)) < 0.5
    y = rng.poisson(n * (1 + rng.uniform(0, 2, (400, 1)) * treated)).astype(float)
    reading = compare_arms(n, y, y + y**2 / n, treated)
    told = ~np.isnan(reading.p)
    assert told.sum() > 300
    outside = (reading.low > 0) | (reading.high < 0)
    assert (outside[told] == (reading.p[told] <= 0.05)).all()
    assert 0.2 < outside[told].mean() < 0.95


def test_a_brand_that_asks_a_thousand_times_is_one_brand() -> None:
    rng = np.random.default_rng(3)
    rate = rng.gamma(1.0, 1.0, 20)
    treated = np.arange(20) < 10
    few, many = (
        compare_arms(n, rate * n, rate**2 * n + rate * n, treated) for n in (np.full(20, 10.0), np.full(20, 10_000.0))
    )
    width_few, width_many = (float(one.high - one.low) for one in (few, many))
    # A thousand times the requests of the same brands: the brands' own differences stay.
    assert width_many > 0.5 * width_few


def test_below_a_few_brands_and_without_any_variation_nothing_is_told() -> None:
    n = np.ones(30)
    y = np.arange(30.0)
    treated = np.arange(30) < LEAST_BRANDS - 1
    assert np.isnan(compare_arms(n, y, y**2, treated).p)
    assert np.isnan(compare_arms(n, n, n, np.arange(30) < 15).p)
    assert np.isnan(compare_arms(np.zeros(30), n * 0, n * 0, np.arange(30) < 15).low)
    assert np.isnan(mean_of_clusters([], []).estimate)
    assert np.isnan(mean_of_clusters(y[:5], n[:5]).low)


def test_a_ratio_over_clusters_is_covered_at_every_reading() -> None:
    rng = np.random.default_rng(4)
    runs, clusters = 300, 40
    missed = np.zeros(runs, dtype=bool)
    for run in range(runs):
        level = rng.gamma(2.0, 0.5, clusters)
        weights = rng.integers(1, 20, clusters).astype(float)
        values = rng.poisson(level * weights)
        for seen in range(10, clusters + 1, 3):
            reading = mean_of_clusters(values[:seen], weights[:seen], count=float(weights[:seen].sum()))
            missed[run] |= not reading.low <= 1.0 <= reading.high
    assert missed.mean() <= 0.05
