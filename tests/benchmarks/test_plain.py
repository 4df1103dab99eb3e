"""The plain function is LightGBM itself, with our parameters and nothing else."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from benchmarks.plain import fit_ranker, ranker_params
from marketplace.errors import TrainingError
from training.heads.booster import fit_booster, fit_side_by_side
from training.heads.fit import quasi_poisson
from training.stats.groups import group_sizes


@pytest.fixture(scope="module")
def queries() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """201 queries of 5 to 24 rows with sparse columns, shaped like LightGBM's own lambdarank example."""
    rng = np.random.default_rng(0)
    groups = rng.integers(5, 25, size=201)
    X = rng.random((groups.sum(), 40)) * (rng.random((groups.sum(), 40)) < 0.4)
    y = np.clip(np.floor(X[:, 0] * 3 + X[:, 1] * 2 + rng.normal(0, 0.5, len(X))), 0, 4)
    return X, y, groups


@pytest.mark.parametrize(
    "params", [{}, {"num_leaves": 7, "learning_rate": 0.05, "feature_fraction": 0.5, "bagging_fraction": 0.5}]
)
def test_equals_lightgbm_train_bit_for_bit(queries, params):
    X, y, groups = queries
    ours = fit_ranker(X, y, groups, params=params, rounds=30, seed=3)
    theirs = lightgbm.train(ranker_params(params, seed=3), lightgbm.Dataset(X, label=y, group=groups), 30)
    assert ours.model_to_string() == theirs.model_to_string()
    assert (ours.predict(X) == theirs.predict(X)).all()


def test_label_gain_weights_and_constraints_reach_lightgbm(queries):
    X, y, groups = queries
    weights = np.linspace(0.5, 2.0, len(y))
    gain = [0.0, 1.0, 2.0, 4.0, 5.0]
    monotone = [1, -1, *[0] * 38]
    ours = fit_ranker(X, y, groups, rounds=20, weights=weights, label_gain=gain, monotone=monotone)
    theirs = lightgbm.train(
        ranker_params({"label_gain": gain, "monotone_constraints": monotone}),
        lightgbm.Dataset(X, label=y, group=groups, weight=weights),
        20,
    )
    assert ours.model_to_string() == theirs.model_to_string()


def test_threads_do_not_change_a_bit(queries):
    X, y, groups = queries
    texts = {fit_ranker(X, y, groups, rounds=10, params={"num_threads": n}).predict(X).tobytes() for n in (1, 2, 3)}
    assert len(texts) == 1


def test_takes_frames_and_sparse_matrices(queries):
    X, y, groups = queries
    dense = fit_ranker(X, y, groups, rounds=10).predict(X)
    sparse = fit_ranker(scipy.sparse.csr_matrix(X), y, groups, rounds=10).predict(X)
    frame = fit_ranker(pd.DataFrame(X), y, list(groups), rounds=10).predict(X)
    np.testing.assert_array_equal(dense, sparse)
    np.testing.assert_array_equal(dense, frame)


def test_caller_keeps_the_matrix_unchanged(queries):
    X, y, groups = queries
    before = X.copy(), y.copy(), groups.copy()
    fit_ranker(X, y, groups, rounds=3)
    for now, then in zip((X, y, groups), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": [0.5, 1, 0, 1]}, "whole numbers"),
        ({"y": [-1, 1, 0, 1]}, "whole numbers"),
        ({"y": [0, 1, 0]}, "one target a row"),
        ({"groups": [2, 1]}, "sum to 4"),
        ({"label_gain": [0.0]}, "gain for every grade"),
        ({"monotone": [1]}, "monotone"),
        ({"weights": np.ones(3)}, "weights"),
    ],
)
def test_refuses_what_does_not_fit_together(change, words):
    given = {"X": np.arange(8.0).reshape(4, 2), "y": [0, 1, 0, 1], "groups": [2, 2], **change}
    with pytest.raises(TrainingError, match=words):
        fit_ranker(given.pop("X"), given.pop("y"), given.pop("groups"), rounds=2, **given)


def test_lightgbm_refusals_become_ours():
    with pytest.raises(TrainingError, match="LightGBM"):
        fit_booster(np.ones((4, 1)), np.zeros(4), params={"objective": "no_such_thing"}, rounds=1)


def test_group_sizes_and_order_of_side_by_side_work():
    assert group_sizes(np.array([3, 3, 1, 1, 1, 3])).tolist() == [2, 3, 1]
    assert group_sizes(np.array([], dtype=np.int64)).tolist() == []
    assert fit_side_by_side(lambda n: n * n, list(range(7))) == [n * n for n in range(7)]


def test_rows_that_no_signal_can_split_are_refused_in_plain_words():
    params = {"objective": quasi_poisson(np.ones(20)), "min_data_in_leaf": 30}
    with pytest.raises(TrainingError, match="20 rows, which no signal splits into 30 and more"):
        fit_booster(np.zeros((20, 2)), np.arange(20.0) % 2, params=params, rounds=2, seed=0)
