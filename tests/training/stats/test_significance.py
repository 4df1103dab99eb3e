"""The paired test is fair under the null, and finds what is there."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import bootstrap, kstest, permutation_test

from marketplace.errors import TrainingError
from training.stats.significance import (
    EXACT_UP_TO,
    LEAST_CAMPAIGNS,
    campaign_mean,
    cluster_bootstrap,
    holm,
    paired_randomisation_test,
    randomisation_interval,
)


def test_few_campaigns_are_counted_exactly() -> None:
    a, b = np.array([0.5, 0.7, 0.9, 0.4]), np.array([0.4, 0.5, 0.6, 0.45])
    d = a - b
    patterns = [abs(float(np.dot(signs, d))) for signs in product([-1, 1], repeat=4)]
    expected = np.mean([total >= abs(d.sum()) - 1e-9 for total in patterns])
    result = paired_randomisation_test(a, b)
    assert result.p == pytest.approx(expected)
    assert (result.wins, result.ties, result.losses) == (3, 0, 1)
    assert result.difference == pytest.approx(d.mean())


def test_all_wins_has_the_smallest_p_there_is() -> None:
    assert paired_randomisation_test(np.ones(5), np.zeros(5)).p == pytest.approx(2 / 2**5)


@pytest.mark.parametrize("campaigns", [EXACT_UP_TO, 40])
def test_p_is_uniform_under_the_null(campaigns: int) -> None:
    rng = np.random.default_rng(1)
    p = [
        paired_randomisation_test(rng.normal(size=campaigns), rng.normal(size=campaigns), draws=2_000, seed=i % 4).p
        for i in range(400)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_p_is_never_zero_and_sees_a_difference() -> None:
    rng = np.random.default_rng(2)
    base = rng.normal(size=60)
    result = paired_randomisation_test(base + 0.5 + rng.normal(0, 0.2, 60), base, draws=2_000)
    assert result.p == pytest.approx(1 / 2_001)


def test_sides_change_only_the_sign() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=30), rng.normal(size=30)
    there, back = paired_randomisation_test(a, b), paired_randomisation_test(b, a)
    assert there.difference == -back.difference
    assert (there.p, there.wins, there.losses) == (back.p, back.losses, back.wins)


def test_campaign_order_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    a, b, mixed = rng.normal(size=30), rng.normal(size=30), rng.permutation(30)
    assert paired_randomisation_test(a, b).p == paired_randomisation_test(a[mixed], b[mixed]).p


def test_missing_and_equal_campaigns() -> None:
    result = paired_randomisation_test([1.0, np.nan, 0.5], [1.0, 2.0, 0.5])
    assert (result.p, result.ties) == (1.0, 2)
    assert np.isnan(paired_randomisation_test([np.nan], [1.0]).difference)
    with pytest.raises(TrainingError):
        paired_randomisation_test([1.0, 2.0], [1.0])


def test_bootstrap_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for i in range(300):
        interval = cluster_bootstrap(rng.exponential(size=60), level=0.9, draws=500, seed=i % 3)
        inside += interval.low <= 1.0 <= interval.high
    assert 0.83 < inside / 300 < 0.95


def test_bootstrap_of_a_ratio() -> None:
    rng = np.random.default_rng(12)
    bottom = rng.lognormal(0.0, 0.5, 40)
    top = 2.0 * bottom + rng.exponential(size=40)
    interval = cluster_bootstrap(np.append(top, np.nan), np.append(bottom, 1.0), draws=20_000)
    assert interval.estimate == pytest.approx(top.sum() / bottom.sum())
    theirs = bootstrap(
        (top, bottom), lambda x, y, axis=-1: x.sum(axis=axis) / y.sum(axis=axis), paired=True, n_resamples=20_000,
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    assert [interval.low, interval.high] == pytest.approx([theirs.low, theirs.high], abs=0.01)


@pytest.mark.parametrize("draw", [lambda rng: rng.lognormal(0.0, 1.5, 30), lambda rng: rng.integers(0, 2, 12)])
def test_bca_agrees_with_scipy_to_the_error_of_the_draws(draw) -> None:
    values = np.asarray(draw(np.random.default_rng(13)), dtype=float)
    ours = cluster_bootstrap(values, level=0.9, draws=40_000)
    theirs = bootstrap(
        (values,), np.mean, confidence_level=0.9, n_resamples=40_000, rng=np.random.default_rng(1)
    ).confidence_interval
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=0.03 * values.std())


def test_few_campaigns_have_a_mean_and_no_interval() -> None:
    few, enough = np.arange(LEAST_CAMPAIGNS - 1.0), np.arange(float(LEAST_CAMPAIGNS))
    assert cluster_bootstrap(few).estimate == pytest.approx(few.mean())
    assert np.isnan([cluster_bootstrap(few).low, cluster_bootstrap(few).high]).all()
    assert cluster_bootstrap(enough).low < enough.mean() < cluster_bootstrap(enough).high
    assert np.isnan(cluster_bootstrap([np.nan]).estimate)
    same = cluster_bootstrap(np.full(20, 0.3))
    assert (same.low, same.estimate, same.high) == pytest.approx((0.3, 0.3, 0.3))


def test_a_mean_counts_every_known_campaign_once() -> None:
    assert campaign_mean([1.0, np.nan, 0.0, 0.5]) == pytest.approx(0.5)
    assert np.isnan(campaign_mean([np.nan]))
    assert (
        campaign_mean([1.0, 0.0]) - campaign_mean([0.5, 0.25])
        == paired_randomisation_test([1.0, 0.0], [0.5, 0.25]).difference
    )


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(6).normal(size=20)
    assert cluster_bootstrap(values, seed=3) == cluster_bootstrap(values, seed=3)
    assert cluster_bootstrap(values, seed=3) != cluster_bootstrap(values, seed=4)


def _mean_difference(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    return np.mean(a - b, axis=axis)


def _scipy_p(a: np.ndarray, b: np.ndarray, *, resamples: float, seed: int = 0) -> float:
    """The same test by scipy: paired samples change sides."""
    found = permutation_test(
        (a, b), _mean_difference, permutation_type="samples", vectorized=True, n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(found.pvalue)


@pytest.mark.parametrize(("campaigns", "shift"), [(4, 0.0), (9, 0.4), (12, 0.8), (EXACT_UP_TO, 0.3)])
def test_exact_p_agrees_with_scipy(campaigns: int, shift: float) -> None:
    rng = np.random.default_rng(campaigns)
    a = np.round(rng.normal(shift, 1.0, campaigns), 3)
    b = np.round(rng.normal(0.0, 1.0, campaigns), 3)
    # scipy doubles the smaller tail of a distribution that is symmetric, so the two ways must meet exactly.
    assert paired_randomisation_test(a, b).p == pytest.approx(_scipy_p(a, b, resamples=np.inf), abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.45])
def test_drawn_p_agrees_with_scipy_to_the_error_of_the_draws(shift: float) -> None:
    rng = np.random.default_rng(11)
    a, b = rng.normal(shift, 1.0, 50), rng.normal(0.0, 1.0, 50)
    ours, theirs = paired_randomisation_test(a, b).p, _scipy_p(a, b, resamples=20_000)
    # Two independent draws of 20,000; scipy's twice the smaller tail has twice a half's scatter at most.
    error = np.sqrt(ours * (1.0 - ours) / 20_000 + 2.0 * ours * (1.0 - ours / 2.0) / 20_000)
    assert abs(ours - theirs) < 4.0 * error + 2.0 / 20_000


def test_holm_by_hand() -> None:
    # Rising: .01 x 4, .02 x 3, .03 x 2, .04 x 1, none below the one before it.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    # A value that was not tested counts for nothing, and nothing goes above 1.
    assert holm([0.5, np.nan, 0.6]) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)


def test_holm_rejects_what_the_step_down_procedure_rejects() -> None:
    """Holm's own wording: from the smallest on, reject while p_(i) <= level / (m - i + 1); then stop."""
    rng = np.random.default_rng(8)
    for _ in range(200):
        p = np.round(rng.beta(0.4, 2.0, size=rng.integers(1, 9)), 4)
        for level in (0.01, 0.05, 0.1):
            rejected = np.zeros(len(p), dtype=bool)
            for step, place in enumerate(np.argsort(p, kind="stable")):
                if p[place] > level / (len(p) - step):
                    break
                rejected[place] = True
            # A hair of slack: p times a count against a level divided by it.
            assert (holm(p) <= level + 1e-12).tolist() == rejected.tolist()


def test_bounds_of_few_campaigns_by_hand() -> None:
    # All 7 means of subsets of 1, 2 and 6, and the empty one counts as the largest: p of a shift below 1 is 1/8.
    d = np.array([1.0, 2.0, 6.0])
    means = sorted([1.0, 2.0, 6.0, 1.5, 3.5, 4.0, 3.0])
    for k in (1, 2, 3):
        found = randomisation_interval(d, alpha=k / 8)
        assert (found.low, found.high) == pytest.approx((means[k - 1], means[7 - k]))
    assert np.isnan(randomisation_interval(d, alpha=0.12).low)


@pytest.mark.parametrize("campaigns", [10, 40])
def test_the_interval_holds_zero_where_the_test_does_not_refuse_it(campaigns: int) -> None:
    rng = np.random.default_rng(6)
    for shift in np.linspace(-0.8, 0.8, 33):
        d = rng.standard_t(3, campaigns) + shift
        test, interval = paired_randomisation_test(d, np.zeros(campaigns)), randomisation_interval(d, alpha=0.05)
        if abs(test.p / 2 - 0.05) > 0.004:
            assert (test.p / 2 < 0.05) == (interval.low > 0 or interval.high < 0)


@pytest.mark.parametrize(("campaigns", "draw"), [(9, "normal"), (30, "normal"), (30, "lottery")])
def test_the_interval_holds_the_mean_as_often_as_it_says(campaigns: int, draw: str) -> None:
    rng = np.random.default_rng(7)
    held = []
    for i in range(400):
        # A lottery on either side: the difference of two rankers whose posts sell by chance.
        d = rng.normal(size=campaigns) if draw == "normal" else np.subtract(*rng.lognormal(0.0, 1.5, (2, campaigns)))
        interval = randomisation_interval(d + 3.0, alpha=0.05, draws=2_000, seed=i % 4)
        held.append(interval.low <= 3.0 <= interval.high)
    assert 0.86 <= np.mean(held) <= 0.94


def test_where_all_campaigns_agree_the_bounds_do() -> None:
    found = randomisation_interval([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3, np.nan], alpha=0.1)
    assert found.low == found.estimate == found.high
