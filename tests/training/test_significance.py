"""The paired test is fair under the null, and finds what is there."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import kstest

from marketplace.errors import TrainingError
from training.significance import EXACT_UP_TO, cluster_bootstrap, paired_randomisation_test


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
    top, bottom = np.array([1.0, 4.0, np.nan]), np.array([2.0, 4.0, 1.0])
    interval = cluster_bootstrap(top, bottom)
    assert interval.estimate == pytest.approx(5 / 6)
    # Only two campaigns: the draws are 1/2, 5/6 and 1.
    assert (interval.low, interval.high) == (0.5, 1.0)
    assert np.isnan(cluster_bootstrap([np.nan]).estimate)


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(6).normal(size=20)
    assert cluster_bootstrap(values, seed=3) == cluster_bootstrap(values, seed=3)
    assert cluster_bootstrap(values, seed=3) != cluster_bootstrap(values, seed=4)
