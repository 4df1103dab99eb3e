"""Foretelling lift from randomised partnerships: what is learned, from whom, and how much each counts."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.pie import foretell


def test_the_share_is_learned_from_those_drawn_alone() -> None:
    rng = np.random.default_rng(3)
    n = 600
    X, attributed = rng.normal(size=(n, 3)), np.exp(rng.normal(6.0, 1.0, n))
    drawn = np.arange(n) < 300
    # Those drawn lift by 30 % where the first signal is low and by 90 % where it is high; what the others say is false.
    share = np.where(X[:, 0] > 0, 0.9, 0.3)
    raw = np.where(drawn, share, 9.0) * attributed
    told = foretell(X, attributed, raw, np.full(n, 1.0), drawn, seed=1)
    assert told["ratio"] / attributed == pytest.approx(np.full(n, 0.6), abs=0.05)
    errors = {way: np.abs(values / attributed - share)[~drawn].mean() for way, values in told.items()}
    assert errors["pie"] < errors["ratio"] / 2


def test_an_unsure_estimate_hardly_counts() -> None:
    n = 100
    attributed = np.full(n, 100.0)
    unsure = np.arange(n) < 50
    raw = np.where(unsure, 5_000.0, 50.0)
    told = foretell(np.zeros((n, 1)), attributed, raw, np.where(unsure, 1e6, 1.0), np.ones(n, dtype=bool), seed=1)
    assert told["ratio"] == pytest.approx(np.full(n, 50.0), rel=1e-3)


def test_no_estimate_of_those_not_drawn_is_read() -> None:
    rng = np.random.default_rng(4)
    n = 80
    X, attributed, drawn = rng.normal(size=(n, 2)), np.full(n, 10.0), np.arange(n) < 40
    raw = rng.normal(8.0, 2.0, n)
    first, second = (
        foretell(X, attributed, np.where(drawn, raw, other), np.ones(n), drawn, seed=1) for other in (0.0, 1e6)
    )
    for way, values in first.items():
        assert (values == second[way]).all(), way
