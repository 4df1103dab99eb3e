"""The check of directions, against trees made by hand, LightGBM's own predictions, and trees spoilt on purpose."""

from __future__ import annotations

import copy
import itertools

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import BundleError
from models.bundle.monotone import check_monotone, violations


def fitted(*, directions, seed=0, missing=False, objective="regression", rounds=12, **params):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(600, 3))
    y = X[:, 0] - X[:, 1] + np.sin(3 * X[:, 0]) + X[:, 0] * X[:, 2] + rng.normal(0, 0.3, size=600)
    if missing:
        X[rng.random(X.shape) < 0.2] = np.nan
    constrained = {} if directions is None else {"monotone_constraints": directions}
    return lgb.train(
        {"objective": objective, "num_leaves": 12, "verbosity": -1, "num_threads": 1, "seed": seed}
        | constrained
        | params,
        lgb.Dataset(X, label=y),
        rounds,
    )


def node(signal, threshold, left, right, *, missing="None", default_left=True):
    return {
        "split_feature": signal, "threshold": threshold, "decision_type": "<=", "default_left": default_left,
        "missing_type": missing, "left_child": left, "right_child": right,
    }  # fmt: skip


def leaf(value):
    return {"leaf_value": value}


def model(*trees, directions):
    return {
        "feature_names": ["a", "b"],
        "monotone_constraints": directions,
        "tree_info": [{"tree_structure": tree} for tree in trees],
    }


def test_a_stump_by_hand():
    rising = node(0, 0.5, leaf(1.0), leaf(2.0))
    assert violations(model(rising, directions=[1, 0])) == []
    (found,) = violations(model(rising, directions=[-1, 0]))
    assert (found.tree, found.signal, found.direction, found.below, found.above) == (0, "a", -1, 1.0, 2.0)


def test_leaves_that_share_no_point_on_the_other_signal_are_not_compared():
    # b <= 0: a rises from 5 to 6; b > 0: from 1 to 2. 6 on the left of b says nothing about 1 on its right.
    tree = node(1, 0.0, node(0, 0.0, leaf(5.0), leaf(6.0)), node(0, 1.0, leaf(1.0), leaf(2.0)))
    assert violations(model(tree, directions=[1, 0])) == []
    # Along b, 5 (a <= 0) meets 1 (a <= 1) but never 2 (a > 1).
    assert {(v.below, v.above) for v in violations(model(tree, directions=[0, 1]))} == {
        (5.0, 1.0),
        (6.0, 1.0),
        (6.0, 2.0),
    }


def test_leaves_that_meet_only_where_the_other_signal_is_missing_are_compared():
    # At the root a missing b goes right; below it, a's split says 3 then 1: wrong, and reached by missing b alone.
    tree = node(
        0, 0.0,
        node(1, 0.0, leaf(0.0), leaf(3.0), missing="NaN", default_left=False),
        node(1, 0.0, leaf(1.0), leaf(4.0), missing="NaN", default_left=True),
    )  # fmt: skip
    (found,) = violations(model(tree, directions=[1, 0]))
    assert (found.below, found.above) == (3.0, 1.0)


def test_a_missing_value_is_a_zero_where_a_node_knows_none():
    tree = node(
        0, 0.0,
        node(1, -1.0, leaf(0.0), leaf(3.0)),
        node(1, -1.0, leaf(0.0), leaf(2.0), missing="NaN", default_left=True),
    )  # fmt: skip
    # b > -1: 3 then 2 (wrong). A missing b is a zero on the left, so 3, and goes left on the right, so 0 (wrong too).
    assert {(v.below, v.above) for v in violations(model(tree, directions=[1, 0]))} == {(3.0, 2.0), (3.0, 0.0)}


@pytest.mark.parametrize("method", ["basic", "intermediate"])
@pytest.mark.parametrize("missing", [False, True])
def test_lightgbm_keeps_its_constraints(method, missing):
    booster = fitted(directions=[1, -1, 0], missing=missing, monotone_constraints_method=method)
    assert check_monotone(booster) == 2


def test_every_break_that_predictions_show_is_found():
    # The method "advanced" of LightGBM 4.7 breaks directions where values are missing: predictions show it too.
    booster = fitted(directions=[1, -1, 0], missing=True, monotone_constraints_method="advanced")
    along = np.linspace(-3, 3, 61)
    cells = [np.nan, *np.linspace(-3, 3, 13)]
    others = np.array(list(itertools.product(cells, cells)))
    X = np.column_stack([np.repeat(others[:, 0], 61), np.tile(along, len(others)), np.repeat(others[:, 1], 61)])
    shown = set()
    for tree in range(booster.num_trees()):
        grid = booster.predict(X, start_iteration=tree, num_iteration=1, raw_score=True).reshape(len(others), 61)
        if (np.diff(grid, axis=1) > 0).any():
            shown.add(tree)
    assert shown <= {found.tree for found in violations(booster.dump_model()) if found.signal == "Column_1"}
    if shown:
        with pytest.raises(BundleError, match="falling in Column_1"):
            check_monotone(booster)


def test_what_declares_no_direction_is_held_to_none():
    assert check_monotone(fitted(directions=None)) == 0


def test_a_free_model_held_to_directions_afterwards_is_refused_where_its_predictions_break_them():
    dumped = fitted(directions=None).dump_model()
    dumped["monotone_constraints"] = [1, -1, 0]
    assert {found.signal for found in violations(dumped)} == {"Column_0", "Column_1"}


def test_one_leaf_lowered_is_found():
    dumped = fitted(directions=[1, -1, 0], monotone_constraints_method="basic").dump_model()
    assert violations(dumped) == []
    spoilt = copy.deepcopy(dumped)
    leaves = []
    stack = [spoilt["tree_info"][5]["tree_structure"]]
    while stack:
        at = stack.pop()
        if "leaf_value" in at:
            leaves.append(at)
        else:
            stack += [at["left_child"], at["right_child"]]
    max(leaves, key=lambda one: one["leaf_value"])["leaf_value"] = -1e6
    assert {found.tree for found in violations(spoilt)} == {5}


def test_splits_without_intervals_are_refused():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 5, size=400), rng.normal(size=400)]).astype(float)
    y = (X[:, 0] % 2) * 2 + X[:, 1]
    booster = lgb.train(
        {"objective": "regression", "verbosity": -1, "monotone_constraints": [0, 1]},
        lgb.Dataset(X, label=y, categorical_feature=[0]),
        3,
    )
    with pytest.raises(BundleError, match="numeric splits"):
        check_monotone(booster)
    zeros = fitted(directions=[1, 0, 0], zero_as_missing=True)
    with pytest.raises(BundleError, match="missing type 'Zero'"):
        check_monotone(zeros)


@st.composite
def trees(draw, depth=3):
    """Random trees over two signals with few thresholds, so that boxes meet, repeat and run empty."""
    if depth == 0 or draw(st.booleans()):
        return leaf(float(draw(st.integers(-2, 2))))
    return node(
        draw(st.integers(0, 1)), float(draw(st.integers(-1, 1))), draw(trees(depth - 1)), draw(trees(depth - 1)),
        missing=draw(st.sampled_from(["None", "NaN"])), default_left=draw(st.booleans()),
    )  # fmt: skip


def predicted(tree, row):
    while "leaf_value" not in tree:
        value = row[tree["split_feature"]]
        if np.isnan(value) and tree["missing_type"] == "NaN":
            left = tree["default_left"]
        else:
            left = (0.0 if np.isnan(value) else value) <= tree["threshold"]
        tree = tree["left_child"] if left else tree["right_child"]
    return tree["leaf_value"]


@given(trees())
@settings(max_examples=300, deadline=None)
def test_agrees_with_trying_every_cell_of_the_grid(tree):
    # Thresholds are -1, 0, 1: these points and a missing value stand for every input there is.
    points = [-1.5, -0.5, 0.5, 1.5]
    broken = any(
        predicted(tree, (low, b)) > predicted(tree, (high, b))
        for b in [*points, -1.0, 0.0, 1.0, np.nan]
        for low, high in itertools.combinations(points, 2)
    )
    assert bool(violations(model(tree, directions=[1, 0]))) == broken
