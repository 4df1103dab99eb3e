"""What may come of a choice: means to the digit, spreads against exact sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from marketplace.errors import BriefError
from models.planning import INDEPENDENT, Dependence, latent_correlation, look_ahead
from models.planning.lottery import lift_points
from tests.models.planning.worlds import random_offers


def poisson_binomial(chances):
    """The exact distribution of how many of independent events come true, by convolution."""
    law = np.ones(1)
    for p in chances:
        law = np.convolve(law, [1.0 - p, p])
    return law


def test_independent_counts_have_the_exact_distribution():
    offers = random_offers(np.random.default_rng(1), 30, creators=30, brands=1)
    (found,) = look_ahead(offers, [np.arange(30)], samples=8, draws=60_000)
    accepted = poisson_binomial(offers.accept)
    assert found.over_samples == pytest.approx(accepted[9:].sum(), abs=0.01)
    law = np.cumsum(poisson_binomial(offers.success))
    assert found.content.low == np.searchsorted(law, 0.1)
    assert found.content.high == np.searchsorted(law, 0.9)
    assert found.content.expected == pytest.approx(float(offers.success.sum()))


def test_what_is_expected_is_the_sum_by_hand():
    offers = random_offers(
        np.random.default_rng(0), 2, creators=2, brands=1, accept=np.array([0.5, 0.2]), deliver=np.array([0.8, 0.5]),
        success=np.array([0.4, 0.1]), lift=np.array([300.0, 1_000.0]), attributed=np.array([400.0, 900.0]),
        margin_rate=0.5, commission_rate=0.1, flat_fee_usd=20.0, sample_cost_usd=10.0,
    )  # fmt: skip
    (found,) = look_ahead(offers, [np.array([0, 1])])
    assert found.sales.expected == pytest.approx(0.4 * 300 + 0.1 * 1_000)
    assert found.spend.expected == pytest.approx(0.4 * 20 + 0.5 * 10 + 0.1 * 20 + 0.2 * 10)
    assert found.commission.expected == pytest.approx(0.1 * (0.4 * 400 + 0.1 * 900))
    assert found.profit.expected == pytest.approx(0.5 * 220 - 17 - 25)
    assert found.profit.low <= found.profit.expected


def test_what_is_common_does_not_average_out():
    offers = random_offers(np.random.default_rng(4), 40, creators=40, brands=1, flat_fee_usd=30.0)
    deep = Dependence(accept=0.1, deliver=0.1, lift=0.2)
    for dependence in (INDEPENDENT, deep):
        (found,) = look_ahead(offers, [np.arange(40)], dependence=dependence, draws=100_000)
        for sums in (found.accepted, found.content, found.sales, found.spend, found.profit):
            assert sums.low <= sums.expected <= sums.high
    whole = look_ahead(offers, [np.arange(40)], draws=100_000)[0].profit
    tied = look_ahead(offers, [np.arange(40)], dependence=deep, draws=100_000)[0].profit
    assert tied.high - tied.low > 1.1 * (whole.high - whole.low)


def test_draws_belong_to_the_creator():
    offers = random_offers(np.random.default_rng(2), 12, creators=12, brands=1)
    few, many = look_ahead(offers, [np.array([3, 5]), np.array([1, 3, 5, 7])])
    alone = look_ahead(offers.take(np.array([5, 3])), [np.array([1, 0])])[0]
    assert few == alone
    assert many.content.high >= few.content.high
    assert look_ahead(offers, [np.array([3, 5])], seed=1)[0] != few


@settings(max_examples=60, deadline=None)
@given(
    lift=st.floats(-500, 5_000),
    below=st.tuples(st.floats(0, 2_000), st.floats(0, 500)),
    above=st.tuples(st.floats(0, 5_000), st.floats(0, 3_000)),
)
def test_the_law_of_lift_keeps_the_mean_and_never_falls(lift, below, above):
    offers = random_offers(
        np.random.default_rng(0), 1, creators=1, brands=1, lift=np.array([lift]),
        lift_low=np.array([lift - below[0]]), lift_low_90=np.array([lift - sum(below)]),
        lift_high=np.array([lift + above[0]]), lift_high_90=np.array([lift + sum(above)]),
    )  # fmt: skip
    values = lift_points(offers, 0)
    assert (np.diff(values) >= -1e-9).all()
    shares = np.linspace(0, 1, 20_001)
    drawn = np.interp(shares, [0.0, 0.05, 0.10, 0.50, 0.90, 0.95, 1.0], values)
    assert np.trapezoid(drawn, shares) == pytest.approx(lift, abs=1e-3 * (1 + abs(lift) + sum(above) + sum(below)))


@pytest.mark.parametrize(("chance", "correlation"), [(0.1, 0.05), (0.3, 0.2), (0.7, 0.02)])
def test_latent_correlation_gives_the_correlation_of_answers(chance, correlation):
    latent = latent_correlation(chance, correlation)
    line = norm.ppf(chance)
    both = multivariate_normal([0, 0], [[1, latent], [latent, 1]]).cdf([line, line])
    assert (both - chance**2) / (chance * (1 - chance)) == pytest.approx(correlation, abs=1e-4)


def test_certain_and_impossible_creators_are_drawn_as_such():
    offers = random_offers(
        np.random.default_rng(0), 2, creators=2, brands=1, accept=np.array([1.0, 0.0]), deliver=np.array([1.0, 1.0]),
        success=np.array([1.0, 0.0]),
    )  # fmt: skip
    (found,) = look_ahead(offers, [np.array([0, 1])])
    assert (found.content.low, found.content.expected, found.content.high) == (1.0, 1.0, 1.0)


def test_a_correlation_beyond_one_is_refused():
    with pytest.raises(BriefError, match="between 0 and 1"):
        Dependence(accept=1.5)


def test_the_dependence_is_what_a_bundle_was_calibrated_to(value_bundle, world):
    offers = random_offers(np.random.default_rng(0), 20, creators=20, brands=1)
    found = Dependence.of(value_bundle.calibration, offers)
    accept = value_bundle.calibration["accept"].spread
    assert found.accept == pytest.approx(float((1 / (accept.concentration_at(offers.accept) + 1)).mean()))
    assert 0 <= found.lift <= 1
    assert Dependence.of({}, offers) == INDEPENDENT
