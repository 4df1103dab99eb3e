"""What is expected before outcomes: against every outcome there can be, and against many that were drawn."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score

from models.drift import expected_performance


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_expectations_over_all_outcomes(chances):
    p = np.array(chances)
    brier = success = wins = pairs = accuracy = 0.0
    for outcome in itertools.product((0, 1), repeat=len(p)):
        y = np.array(outcome)
        weight = float(np.where(y, p, 1 - p).prod())
        success += weight * y.mean()
        brier += weight * float(((p - y) ** 2).mean())
        accuracy += weight * float(((p >= 0.5) == y).mean())
        for i, j in itertools.product(np.flatnonzero(y == 1), np.flatnonzero(y == 0)):
            wins += weight * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
            pairs += weight
    found = expected_performance(p)
    assert found.success == pytest.approx(success, abs=1e-9)
    assert found.brier == pytest.approx(brier, abs=1e-9)
    assert found.accuracy == pytest.approx(accuracy, abs=1e-9)
    if pairs > 1e-6:
        assert found.roc_auc == pytest.approx(wins / pairs, abs=1e-6)


def test_against_drawn_outcomes():
    rng = np.random.default_rng(8)
    p = rng.beta(1.5, 4, size=4000)
    found = expected_performance(p)
    drawn = [rng.random(len(p)) < p for _ in range(60)]
    assert found.roc_auc == pytest.approx(np.mean([roc_auc_score(y, p) for y in drawn]), abs=0.004)
    assert found.brier == pytest.approx(np.mean([brier_score_loss(y, p) for y in drawn]), abs=0.002)
    assert found.accuracy == pytest.approx(np.mean([accuracy_score(y, p >= 0.5) for y in drawn]), abs=0.003)
    inside = [found.success_low <= y.mean() <= found.success_high for y in drawn]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.12)


def test_nothing_shown_and_nothing_unsure():
    assert expected_performance([]).rows == 0
    assert math.isnan(expected_performance([]).success)
    certain = expected_performance([1.0, 1.0])
    assert (certain.success, certain.brier, certain.accuracy) == (1.0, 0.0, 1.0)
    assert math.isnan(certain.roc_auc)
    assert expected_performance([]).as_dict()["success"] is None
