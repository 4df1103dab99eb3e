"""Scaled odds, and money moved by a level that is unsure, by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from marketplace.errors import BundleError
from models.calibration.curves import Blend, Linear, LogLinear, Platt
from models.calibration.intervals import MoneySpread, ProbabilitySpread, spread_from_dict
from models.calibration.scale import Calibration, Scale, Term

RATE = Term("rate", 0.01, 0.99, 0.1, odds=True)


def test_a_rate_that_scales_even_odds_is_the_chance():
    chance = Calibration({"accept": 1.0}, Platt(1.0, 0.0), ProbabilitySpread((0.5,), (9.0,)), Scale((RATE,)))
    X = np.array([[0.2], [0.75], [np.nan], [0.0], [1.0]])
    factor = chance.scale.of(X, ("rate",))
    np.testing.assert_allclose(factor[:2], [0.25, 3.0])
    found = chance.value(np.zeros(5), factor)
    np.testing.assert_allclose(found, [0.2, 0.75, 0.1, 0.01, 0.99])
    np.testing.assert_allclose(chance.variance(np.zeros(5), factor), found * (1 - found) / 10.0)
    low, high = chance.interval(np.zeros(5), factor)
    assert ((low < found) & (found < high)).all()
    assert Calibration.from_dict(chance.as_dict()) == chance
    # Two to one by the score, three to one by the rate: six to one.
    twice = Calibration({"accept": 1.0}, Platt(1.0, math.log(2.0)), chance.spread, chance.scale)
    assert twice.value(np.zeros(1), np.array([3.0]))[0] == pytest.approx(6 / 7)


@pytest.mark.parametrize(("high", "log"), [(1.0, True), (0.9, False)])
def test_odds_need_values_below_one_and_their_logarithm(high, log):
    with pytest.raises(BundleError, match="below 1"):
        Term("rate", 0.01, high, 0.1, log=log, odds=True)


@pytest.mark.parametrize(
    "curve", [LogLinear(0.5, 1.0, 4.0), Linear(2.0, -3.0), Blend(Linear(1.0, 0.0), Linear(3.0, 1.0))]
)
def test_a_curve_times_a_number_is_so_everywhere(curve):
    score = np.linspace(-3.0, 6.0, 20)
    np.testing.assert_allclose(curve.times(2.5)(score), 2.5 * curve(score), rtol=1e-12)


def test_chances_are_not_multiplied():
    with pytest.raises(BundleError, match="no money"):
        Platt(1.0, 0.0).times(2.0)


def test_a_level_that_is_sure_only_changes_the_unit():
    spread = MoneySpread((1.0, 4.0), (1.0, 9.0), z_low=-1.0, z_high=1.5, z_low_90=-1.2, z_high_90=2.0)
    moved = spread.moved(3.0, 0.0)
    value = np.array([0.5, 1.0, 2.0, 4.0])
    for level in (0.8, 0.9):
        np.testing.assert_allclose(moved.interval(3 * value, level), 3 * np.array(spread.interval(value, level)))


def test_doubt_of_the_level_widens_the_upper_end_on_the_logarithmic_scale():
    spread = MoneySpread((100.0,), (100.0**2,), z_low=-1.0, z_high=1.0, z_low_90=-1.0, z_high_90=2.0)
    moved = spread.moved(1.0, 0.5)
    low, high = moved.interval(np.array([100.0]))
    assert low[0] == pytest.approx(0.0, abs=1e-9)
    # Nothing lies below nothing: the upper end alone leaves out a fifth of the levels.
    assert high[0] == pytest.approx(100 * math.exp(math.hypot(math.log(2.0), 0.8416212335729143 * 0.5)))
    both = dataclasses.replace(spread, z_low=-0.5, z_low_90=-0.5).moved(1.0, 0.5).interval(np.array([100.0]))
    assert both[0][0] == pytest.approx(50 * math.exp(-1.2815515655446004 * 0.5))
    assert both[1][0] == pytest.approx(100 * math.exp(math.hypot(math.log(2.0), 1.2815515655446004 * 0.5)))
    assert moved.variance_at(np.array([100.0]))[0] == pytest.approx(100.0**2 * (1 + 0.25))
    assert moved.shared == (0.0, 0.0, 0.25)
    assert spread_from_dict(moved.as_dict()) == moved
