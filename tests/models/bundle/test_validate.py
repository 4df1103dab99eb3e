from __future__ import annotations

import re

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import BundleError
from models.bundle import validate
from models.bundle.validate import canonical_text, check_model_text

NAMES = ("a", "b", "c", "d")


def grow(rounds=4, *, categorical=False, group=0, **parameters):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(600, 4))
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 3] = rng.integers(0, 90, 600)
    y = np.nan_to_num(X[:, 0]) + 2 * (X[:, 3] % 4 == 0) + 2 * np.isnan(X[:, 1]) + rng.normal(0, 0.3, 600)
    y = {"binary": (y > 0.5) * 1.0, "lambdarank": np.digitize(y, [0, 1])}.get(parameters.get("objective", ""), y)
    y = np.exp(y) if parameters.get("objective") in ("poisson", "gamma", "tweedie") else y
    data = lgb.Dataset(X, y, group=[60] * 10 if parameters.get("objective") == "lambdarank" else None,
                       feature_name=list(NAMES), categorical_feature=[3] if categorical else "auto")  # fmt: skip
    plain = {
        "objective": "regression",
        "verbose": -1,
        "num_leaves": 6,
        "seed": 3,
        "num_threads": 2,
        "min_data_per_group": 5,
        "cat_smooth": 1,
    }
    return lgb.train({**plain, **parameters}, data, rounds)


PLAIN = canonical_text(grow().model_to_string())
CATEGORICAL = canonical_text(grow(categorical=True).model_to_string())


def check(text):
    return check_model_text(text.encode(), signals=NAMES)


def fitted(text):
    """``text`` with tree_sizes made to fit its trees again, as a forger would."""
    head, body = text.split("\n\n", 1)
    trees = re.split(r"(?=Tree=\d+\n)", body.removesuffix("end of trees\n"))[1:]
    return re.sub(r"tree_sizes=.*", "tree_sizes=" + " ".join(str(len(tree)) for tree in trees), head) + "\n\n" + body


def set_field(text, key, value, tree=0):
    """``text`` with the line ``key=`` of one tree replaced."""
    start = text.index(f"Tree={tree}\n")
    return fitted(text[:start] + re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", text[start:], count=1))


def field(text, key, tree=0):
    return re.search(rf"(?m)^{key}=(.*)$", text[text.index(f"Tree={tree}\n") :])[1]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"objective": "lambdarank"},
        {"objective": "binary", "is_unbalance": True},
        {"objective": "huber"},
        {"objective": "quantile", "alpha": 0.3},
        {"objective": "poisson"},
        {"objective": "gamma"},
        {"objective": "tweedie", "tweedie_variance_power": 1.3},
        {"objective": "regression_l1"},
        {"objective": "fair"},
        {"reg_sqrt": True},
        {"categorical": True},
        {"bagging_fraction": 0.5, "bagging_freq": 1},
        {"data_sample_strategy": "goss"},
        {"boosting": "dart", "rounds": 20, "drop_rate": 0.5},
        {"monotone_constraints": [1, 0, -1, 0]},
        {"monotone_constraints": [1, 0, 0, 0], "monotone_constraints_method": "advanced"},
        {"min_data_in_leaf": 100_000},
        {"num_leaves": 31, "min_data_in_leaf": 1, "rounds": 40},
        {"num_leaves": 200, "min_data_in_leaf": 1},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"extra_trees": True},
        {"path_smooth": 1.0},
        {"use_quantized_grad": True},
        {"max_depth": 2},
    ],
)
def test_what_lightgbm_writes_passes_and_predicts_the_same_bits_without_its_tail(parameters):
    booster = grow(**parameters)
    text = canonical_text(booster.model_to_string())
    shape = check(text)
    assert shape.trees == booster.num_trees()
    X = np.random.default_rng(0).normal(size=(200, 4)) * [1, 1, 1, 60]
    X[::7, 1] = np.nan
    again = lgb.Booster(model_str=text)
    np.testing.assert_array_equal(again.predict(X, raw_score=True), booster.predict(X, raw_score=True))
    np.testing.assert_array_equal(again.predict(X, pred_contrib=True), booster.predict(X, pred_contrib=True))


@pytest.mark.parametrize(
    "parameters", [{"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, {"linear_tree": True}]
)
def test_forests_and_linear_trees_are_refused(parameters):
    with pytest.raises(BundleError):
        check(canonical_text(grow(**parameters).model_to_string()))


def test_several_outputs_are_refused():
    rng = np.random.default_rng(0)
    data = lgb.Dataset(rng.normal(size=(90, 4)), np.arange(90) % 3, feature_name=list(NAMES))
    booster = lgb.train({"objective": "multiclass", "num_class": 3, "verbose": -1}, data, 2)
    with pytest.raises(BundleError):
        check(canonical_text(booster.model_to_string()))


def first(text, key, value, tree=0):
    """The field's value with its first number replaced."""
    return " ".join([str(value), *field(text, key, tree).split()[1:]])


UNSAFE = {
    "child far beyond": ("left_child", "1000000"),
    "child just beyond": ("right_child", "5"),
    "leaf far beyond": ("left_child", "-2147483648"),
    "leaf just beyond": ("right_child", "-7"),
    "a node its own child": ("left_child", "0"),
    "feature beyond": ("split_feature", "4"),
    "negative feature": ("split_feature", "-1"),
    "feature huge": ("split_feature", "99999999999999999999"),
    "NaN leaf": ("leaf_value", "nan"),
    "infinite leaf": ("leaf_value", "inf"),
    "overflowing leaf": ("leaf_value", "1e999"),
    "hexadecimal leaf": ("leaf_value", "0x10"),
    "NaN threshold": ("threshold", "nan"),
    "minus infinite threshold": ("threshold", "-inf"),
    "decision type unknown": ("decision_type", "12"),
    "decision type a category without sets": ("decision_type", "1"),
    "negative decision type": ("decision_type", "-1"),
    "count that does not add up": ("leaf_count", "0"),
    "negative count": ("leaf_count", "-5"),
    "linear": ("is_linear", "1"),
    "no leaves": ("num_leaves", "0"),
    "negative leaves": ("num_leaves", "-3"),
    "huge leaves": ("num_leaves", "2147483647"),
    "one leaf too many": ("num_leaves", "7"),
    "one leaf too few": ("num_leaves", "5"),
    "categories without sets": ("num_cat", "1"),
    "negative categories": ("num_cat", "-1"),
    "shrinkage no number": ("shrinkage", "x"),
}


@pytest.mark.parametrize("case", UNSAFE)
@pytest.mark.parametrize("tree", [0, 3])
def test_a_crafted_number_is_refused(case, tree):
    key, value = UNSAFE[case]
    crafted = set_field(PLAIN, key, first(PLAIN, key, value, tree), tree)
    check(fitted(PLAIN))
    with pytest.raises(BundleError):
        check(crafted)


@pytest.mark.parametrize(
    "key", ["split_feature", "threshold", "left_child", "leaf_value", "leaf_count", "internal_value", "leaf_weight"]
)
def test_arrays_too_long_or_too_short_are_refused(key):
    value = field(PLAIN, key)
    for other in (value + " 1", value.rsplit(" ", 1)[0], "", value + " ", " " + value, value.replace(" ", "  ", 1)):
        with pytest.raises(BundleError):
            check(set_field(PLAIN, key, other))


def test_cycles_shared_children_and_loose_nodes_are_refused():
    left, right = field(PLAIN, "left_child").split(), field(PLAIN, "right_child").split()
    nodes = [place for place, child in enumerate(left) if int(child) > 0]
    leaf = [place for place, child in enumerate(left) if int(child) < 0]
    back = left.copy()
    back[leaf[-1]] = str(nodes[0])
    twice = left.copy()
    twice[leaf[0]] = left[leaf[-1]]
    swapped = right.copy()
    swapped[0] = left[0]
    for key, value in (("left_child", back), ("left_child", twice), ("right_child", swapped)):
        with pytest.raises(BundleError):
            check(set_field(PLAIN, key, " ".join(value)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cat_boundaries", "0 999999"),
        ("cat_boundaries", "1 3"),
        ("cat_boundaries", "0 0"),
        ("cat_boundaries", "0"),
        ("cat_threshold", "4294967296 1 1"),
        ("cat_threshold", "-1 1 1"),
        ("cat_threshold", ""),
        ("num_cat", "0"),
        ("num_cat", "5"),
    ],
)
def test_crafted_categories_are_refused(key, value):
    tree = next(number for number in range(4) if field(CATEGORICAL, "num_cat", number) != "0")
    check(fitted(CATEGORICAL))
    with pytest.raises(BundleError):
        check(set_field(CATEGORICAL, key, value, tree))
    kinds = [int(one) & 1 for one in field(CATEGORICAL, "decision_type", tree).split()]
    thresholds = field(CATEGORICAL, "threshold", tree).split()
    for wild in ("5", "-1", "1e9", "0.5", "inf"):
        thresholds[kinds.index(1)] = wild
        with pytest.raises(BundleError):
            check(set_field(CATEGORICAL, "threshold", " ".join(thresholds), tree))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tree\n", "forest\n"),
        ("version=v4", "version=v3"),
        ("version=v4", "version=v4\nversion=v4"),
        ("num_class=1", "num_class=100000"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0"),
        ("label_index=0", "label_index=-1"),
        ("max_feature_idx=3", "max_feature_idx=2147483647"),
        ("max_feature_idx=3", "max_feature_idx=2"),
        ("objective=regression", "objective=evil"),
        ("objective=regression", "objective=binary sigmoid:nan"),
        ("feature_names=a b c d", "feature_names=b a c d"),
        ("feature_names=a b c d", "feature_names=a b c"),
        ("feature_infos=[", "feature_infos=[nan:1] ["),
        ("feature_infos=[", "feature_infos=(:evil:) ["),
        ("\ntree_sizes=", "\naverage_output\ntree_sizes="),
        ("\ntree_sizes=", "\nmore=1\ntree_sizes="),
        ("tree_sizes=", "tree_sizes=-1 "),
        ("tree_sizes=", "tree_sizes=1 "),
        ("tree_sizes=", "tree_sizes=9999999999 "),
        ("Tree=0\n", "Tree=1\n"),
        ("Tree=1\n", "Tree=-1\n"),
        ("shrinkage=1\n", "shrinkage=1\nmore=2\n"),
        ("end of trees\n", "end of trees\nparameters:\n"),
        ("end of trees\n", "end of trees"),
        ("a b c d", "ä b c d"),
        ("\n", "\r\n"),
    ],
)
def test_a_crafted_frame_is_refused(old, new):
    crafted = PLAIN.replace(old, new)
    assert crafted != PLAIN
    with pytest.raises(BundleError):
        check(crafted)


def test_limits_hold(monkeypatch):
    for name in ("MAX_BYTES", "MAX_TREES", "MAX_LEAVES", "MAX_DEPTH", "MAX_FEATURES"):
        with monkeypatch.context() as patch:
            patch.setattr(validate, name, 2)
            with pytest.raises(BundleError):
                check(PLAIN)
    check(PLAIN)


def test_a_chain_of_nodes_is_refused_when_too_deep():
    leaves = 200
    lines = {
        "num_leaves": leaves, "num_cat": 0, "split_feature": [0] * 199, "split_gain": [1] * 199,
        "threshold": [0.5] * 199, "decision_type": [2] * 199, "left_child": [*range(1, 199), -200],
        "right_child": [~leaf for leaf in range(199)], "leaf_value": [1] * leaves, "leaf_weight": [1] * leaves,
        "leaf_count": [1] * leaves, "internal_value": [1] * 199, "internal_weight": [1] * 199,
        "internal_count": list(range(200, 1, -1)), "is_linear": 0, "shrinkage": 1,
    }  # fmt: skip
    body = "\n".join(f"{k}={' '.join(map(str, v)) if isinstance(v, list) else v}" for k, v in lines.items())
    head = PLAIN.split("\n\n")[0]
    with pytest.raises(BundleError, match="deep"):
        check(fitted(f"{head}\n\nTree=0\n{body}\n\n\nend of trees\n"))


def test_no_end_of_trees():
    with pytest.raises(BundleError):
        canonical_text("tree\nversion=v4\n")
    for content in (b"", b"tree\n", b"\n\n", b"\xff\xfe"):
        with pytest.raises(BundleError):
            check_model_text(content, signals=NAMES)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_mutated_text_is_refused_or_harmless(data):
    text = data.draw(st.sampled_from([PLAIN, CATEGORICAL]))
    place = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 3))
    new = data.draw(st.text(st.sampled_from("0123456789-. =e\n"), max_size=3))
    mutated = text[:place] + new + text[place + length :]
    if data.draw(st.booleans()) and "\n\n" in mutated and "Tree=" in mutated:
        mutated = fitted(mutated)
    try:
        shape = check(mutated)
    except BundleError:
        return
    booster = lgb.Booster(model_str=mutated)
    assert booster.num_trees() == shape.trees
    X = np.random.default_rng(0).normal(size=(20, 4)) * 30
    assert booster.predict(X, raw_score=True).shape == (20,)
    assert booster.predict(X, pred_contrib=True).shape == (20, 5)
