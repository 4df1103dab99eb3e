"""The calibration tests of predicted lifts: fair where the model is right, and seeing what is wrong where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.effects import GROUPS, check_effects


def lifts(seed: int, *, campaigns: int = 25, size: int = 8, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray, list]:
    """True lifts of dear and cheap products, estimates of them with an error of their own size, campaign ids."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.lognormal(5.0, 1.0, campaigns), size)
    truth = level * rng.lognormal(0.0, 0.6, campaigns * size)
    estimate = truth + noise * level * rng.standard_normal(campaigns * size)
    return truth, estimate, np.repeat([f"c{i:02d}" for i in range(campaigns)], size).tolist()


def test_a_model_that_is_right_has_slope_one_and_is_seldom_accused() -> None:
    found = [check_effects(*lifts(seed)) for seed in range(200)]
    assert np.mean([one.slope for one in found]) == pytest.approx(1.0, abs=0.05)
    assert np.mean([one.low <= 1.0 <= one.high for one in found]) > 0.83
    assert np.mean([one.p_zero < 0.01 for one in found]) > 0.95
    assert np.mean([one.p < 0.05 for one in found]) < 0.10
    assert all(len(one.groups) == GROUPS for one in found)


def test_exaggerated_differences_halve_the_slope() -> None:
    truth, estimate, campaigns = lifts(1, campaigns=200, noise=0.3)
    mean = np.repeat(truth.reshape(200, 8).mean(axis=1), 8)
    found = check_effects(mean + 2.0 * (truth - mean), estimate, campaigns)
    assert found.slope == pytest.approx(0.5, abs=0.08)
    assert found.p_one < 0.001


def test_a_model_that_knows_the_level_and_nothing_of_creators() -> None:
    rng = np.random.default_rng(2)
    p = []
    for seed in range(200):
        truth, estimate, campaigns = lifts(seed)
        mean = np.repeat(truth.reshape(25, 8).mean(axis=1), 8)
        p.append(check_effects(mean * rng.lognormal(0.0, 0.3, 200), estimate, campaigns).p_zero)
    assert 0.02 <= np.mean(np.array(p) < 0.10) <= 0.18


def test_a_wrong_level_is_seen_by_the_groups_and_not_by_the_slope() -> None:
    truth, estimate, campaigns = lifts(4, campaigns=100, noise=0.5)
    right, high = check_effects(truth, estimate, campaigns), check_effects(1.5 * truth, estimate, campaigns)
    assert right.p > 0.01
    assert high.p < 1e-6
    assert high.p_zero < 1e-6
    assert all(group.predicted > group.observed for group in high.groups)


def test_too_little_says_nothing() -> None:
    truth, estimate, campaigns = lifts(4, campaigns=2, size=3)
    assert np.isnan(check_effects(truth, estimate, campaigns).slope)
    assert check_effects(truth, np.full(6, np.nan), campaigns).rows == 0
    some = check_effects(*lifts(5, campaigns=4, size=5))
    assert np.isfinite(some.slope)
    assert some.groups == ()
    # A constant prediction orders nobody.
    assert np.isnan(check_effects(np.ones(6), estimate, campaigns).slope)
