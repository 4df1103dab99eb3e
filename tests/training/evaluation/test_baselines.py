"""Baselines read off the matrix alone, and a shuffle that no row order can change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from features.signals.registry import SIGNALS
from marketplace.errors import TrainingError
from training.evaluation.baselines import BASELINES, baseline_scores, random_scores


def matrix(n: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"campaign_id": ["a"] * n, "creator_id": [f"k{i}" for i in range(n)]})
    return frame.assign(**{signal: rng.normal(size=n) for signal in BASELINES.values()})


def test_the_signals_that_baselines_sort_by_exist() -> None:
    assert set(BASELINES.values()) <= set(SIGNALS)


def test_each_baseline_is_its_signal_and_the_unknown_is_last() -> None:
    frame = matrix()
    frame.loc[3, BASELINES["followers"]] = np.nan
    scores = baseline_scores(frame)
    assert list(scores) == ["random", *BASELINES]
    assert scores["followers"][3] == -np.inf
    np.testing.assert_array_equal(scores["gmv"], frame[BASELINES["gmv"]])


def test_indices_only_is_their_mean_with_unknown_ones_at_fifty() -> None:
    indices = np.full((50, 8), 60.0)
    indices[0, :4] = np.nan
    scores = baseline_scores(matrix(), indices=indices)["indices_only"]
    assert scores[:2].tolist() == [(4 * 50 + 4 * 60) / 8, 60.0]


def test_a_missing_signal_is_named() -> None:
    with pytest.raises(TrainingError, match="follower_count"):
        baseline_scores(matrix().drop(columns=BASELINES["followers"]))


def test_random_is_a_property_of_the_pair_and_the_seed() -> None:
    pairs = pd.DataFrame({"campaign_id": ["a", "b"] * 2_000, "creator_id": [f"k{i}" for i in range(4_000)]})
    scores = random_scores(pairs, seed=7)
    mixed = np.random.default_rng(0).permutation(len(pairs))
    np.testing.assert_array_equal(random_scores(pairs.iloc[mixed], seed=7), scores[mixed])
    assert (random_scores(pairs, seed=8) != scores).mean() > 0.99
    assert kstest(scores, "uniform").pvalue > 0.01
