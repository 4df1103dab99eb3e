"""Shrinkage by hand: every formula of indices.md with its expected value written as arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from features.indices.shrinkage import (
    confidence,
    decayed_exposure,
    effective_n,
    estimate_prior,
    event_weight,
    index_interval,
    interval,
    mid_rank,
    shrink,
    weighted_index,
)

floats = st.floats(0, 100, allow_nan=False)


def test_event_weight_halves_every_45_days():
    assert event_weight([0, 45, 90]).tolist() == [1.0, 0.5, 0.25]


def test_decayed_exposure_sums_the_days_watched():
    expected = sum(2 ** (-a / 45) for a in range(1, 11))
    assert decayed_exposure([0, -3, 10, 500], 10) == pytest.approx([0.0, 0.0, expected, expected])


def test_effective_n():
    assert effective_n(np.array([1.5, 0.0]), np.array([1.25, 0.0])).tolist() == [1.5 * 1.5 / 1.25, 0.0]


def test_rate_is_beta_binomial():
    # r = (sum w*s + m*mu) / (sum w + m)
    value = shrink(0.6, 5.0, np.array([3.0, 0.0, 0.0]), np.array([4.0, 4.0, 0.0]))
    assert value.tolist() == [(3 + 5 * 0.6) / (4 + 5), (0 + 5 * 0.6) / (4 + 5), 0.6]


def test_count_is_gamma_poisson():
    # (N + alpha) / (T + beta), alpha = mu * beta
    alpha, beta = 2.0 * 1.5, 1.5
    assert shrink(2.0, 1.5, np.array([7.0]), np.array([3.0])).tolist() == [(7 + alpha) / (3 + beta)]


def test_mean_is_weighed_by_effective_n():
    # (n_e * xbar + k * mu) / (n_e + k)
    value = shrink(3.0, 2.0, np.array([8.0]), np.array([2.0]), np.array([1.6]))
    assert value.tolist() == [(1.6 * 4.0 + 2.0 * 3.0) / (1.6 + 2.0)]


def test_prior_of_a_rate_by_moments():
    successes, trials = np.array([9.0, 1.0, 8.0, 2.0]), np.array([10.0, 10.0, 10.0, 10.0])
    mu = 20 / 40
    spread = 10 * (0.4**2 + 0.4**2 + 0.3**2 + 0.3**2)
    tau2 = (spread - 3 * mu * (1 - mu)) / (40 - 4 * 100 / 40)
    prior = estimate_prior("rate", successes, trials)
    assert prior.mean == pytest.approx(mu)
    assert prior.strength == pytest.approx(max(3.0, mu * (1 - mu) / tau2 - 1))


def test_rate_strength_is_clipped_to_3_and_50():
    alike = estimate_prior("rate", np.full(50, 5.0), np.full(50, 10.0))
    apart = estimate_prior("rate", np.tile([0.0, 100.0], 25), np.full(50, 100.0))
    assert (alike.strength, apart.strength) == (50.0, 3.0)


def test_prior_of_a_count_by_moments():
    counts, exposure = np.array([2.0, 10.0, 30.0]), np.array([2.0, 2.0, 2.0])
    mu = 42 / 6
    spread = 2 * ((1 - mu) ** 2 + (5 - mu) ** 2 + (15 - mu) ** 2)
    tau2 = (spread - 2 * mu) / (6 - 12 / 6)
    prior = estimate_prior("count", counts, exposure)
    assert prior.mean == pytest.approx(mu)
    assert prior.strength == pytest.approx(mu / tau2)


def test_prior_of_a_mean_by_moments():
    # three creators with two events each: (1, 3), (5, 7), (3, 5)
    total, weight = np.array([4.0, 12.0, 8.0]), np.full(3, 2.0)
    squares = np.array([1 + 9.0, 25 + 49.0, 9 + 25.0])
    within = (2 + 2 + 2) / (1 + 1 + 1)
    tau2 = (2 * (4 + 4 + 0) - 2 * within) / (6 - 12 / 6)
    prior = estimate_prior("mean", total, weight, squares=squares)
    assert (prior.mean, prior.dispersion) == (4.0, within)
    assert prior.strength == pytest.approx(max(1.0, within / tau2))


def test_beta_prior_is_recovered_from_simulated_creators():
    rng = np.random.default_rng(3)
    trials = rng.integers(1, 40, 20_000).astype(float)
    successes = rng.binomial(trials.astype(int), rng.beta(0.7 * 8, 0.3 * 8, trials.size)).astype(float)
    prior = estimate_prior("rate", successes, trials)
    assert prior.mean == pytest.approx(0.7, abs=0.01)
    assert prior.strength == pytest.approx(8.0, rel=0.1)


def test_nobody_has_evidence():
    prior = estimate_prior("rate", np.zeros(4), np.zeros(4))
    value = shrink(prior.mean, prior.strength, np.zeros(2), np.zeros(2))
    assert np.isnan(value).all()
    assert mid_rank(value, np.array([])).tolist() == [50.0, 50.0]


def test_interval_is_the_posterior_of_each_kind():
    n = np.array([4.0])
    low, high = interval("rate", np.array([0.6]), n, strength=6.0, dispersion=1.0)
    assert (low[0], high[0]) == pytest.approx(tuple(stats.beta(6, 4).ppf([0.1, 0.9])))
    low, high = interval("count", np.array([2.0]), n, strength=6.0, dispersion=1.0)
    assert (low[0], high[0]) == pytest.approx(tuple(stats.gamma(20, scale=1 / 10).ppf([0.1, 0.9])))
    low, high = interval("mean", np.array([2.0]), n, strength=6.0, dispersion=5.0)
    assert (low[0], high[0]) == pytest.approx(tuple(stats.norm(2, (5 / 10) ** 0.5).ppf([0.1, 0.9])))


def test_mid_rank_by_hand():
    reference = np.array([1.0, 2.0, 2.0, 3.0])
    assert mid_rank(np.array([0.0, 1.0, 2.0, 2.5, 9.0]), reference).tolist() == [0.0, 12.5, 50.0, 75.0, 100.0]
    assert mid_rank(np.array([1.0]), reference, less_is_better=True).tolist() == [87.5]


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=floats))
def test_mid_ranks_of_the_reference_average_50(values: np.ndarray):
    assert mid_rank(values, np.sort(values)).mean() == pytest.approx(50.0)


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=floats), floats, floats)
def test_mid_rank_is_monotone_and_mirrors(reference: np.ndarray, first: float, second: float):
    pair = np.sort(np.array([first, second]))
    low, high = mid_rank(pair, np.sort(reference))
    assert low <= high
    assert mid_rank(pair, np.sort(reference), less_is_better=True) == pytest.approx([100 - low, 100 - high])


@given(st.floats(0, 1), st.floats(3, 50), st.floats(0, 30), st.floats(0, 30), st.floats(0, 5))
def test_one_more_success_never_lowers_a_rate(mu: float, m: float, successes: float, failures: float, more: float):
    before = shrink(mu, m, np.array([successes]), np.array([successes + failures]))
    after = shrink(mu, m, np.array([successes + more]), np.array([successes + failures + more]))
    assert after[0] >= before[0] - 1e-12


@given(hnp.arrays(np.float64, (5, 3), elements=floats), hnp.arrays(np.float64, 3, elements=st.floats(0.1, 1)), floats)
def test_an_index_is_monotone_in_every_component(percentiles: np.ndarray, weights: np.ndarray, more: float):
    raised = percentiles.copy()
    raised[:, 1] = np.minimum(raised[:, 1] + more, 100)
    assert (weighted_index(raised, weights) >= weighted_index(percentiles, weights) - 1e-9).all()


def test_a_missing_component_takes_50():
    assert weighted_index(np.array([[80.0, np.nan]]), np.array([0.75, 0.25])).tolist() == [0.75 * 80 + 0.25 * 50]


def test_index_interval_adds_half_widths_in_squares():
    low, high = index_interval(
        np.array([50.0]), np.array([[50.0, 50.0]]), np.array([[20.0, 10.0]]), np.array([[60.0, 50.0]]),
        np.array([0.5, 0.5]),
    )  # fmt: skip
    assert low[0] == pytest.approx(50 - ((0.5 * 30) ** 2 + (0.5 * 40) ** 2) ** 0.5)
    assert high[0] == pytest.approx(50 + 0.5 * 10)


def test_confidence_by_hand():
    n, m, a = np.array([[4.0, 1.0]]), np.array([[4.0, 3.0]]), np.array([[1.0, 0.6]])
    weights = np.array([0.7, 0.3])
    expected = 100 * (0.7 * 1 * 4 / 8 + 0.3 * 0.6 * 1 / 4) * 2 ** (-30 / 60)
    assert confidence(n, m, a, weights, np.array([30.0]))[0] == pytest.approx(expected)
    assert confidence(n, m, a, weights, np.array([np.inf]))[0] == 0.0
