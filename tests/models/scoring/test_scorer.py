from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import BundleError
from models.scoring import CHUNK, Scorer, forest_of

AWKWARD = np.array(
    [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-35, -1e-35, float(np.float32(1e-35)), -float(np.float32(1e-35)), 5e-324,
     1e-36, -1e-36, 1e300, -1e300, 1.0, -1.0, 0.5, -0.5, 2.0, 31.0, 32.0, 63.9, 2147483648.0, -2147483649.0]
)  # fmt: skip


def drawn(rng: np.random.Generator, n: int, k: int, categorical: tuple[int, ...] = ()) -> np.ndarray:
    X = rng.normal(size=(n, k))
    X[:, 0] = np.round(X[:, 0])
    X[rng.random((n, k)) < 0.15] = np.nan
    X[rng.random((n, k)) < 0.15] = 0.0
    for place in categorical:
        X[:, place] = rng.integers(0, 70, n)
    return X


def grown(seed: int, *, leaves: int, trees: int = 12, k: int = 6, **settings_: object) -> lgb.Booster:
    rng = np.random.default_rng(seed)
    categorical = tuple(settings_.pop("categorical_feature", ()))  # type: ignore[call-overload]
    X = drawn(rng, 500, k, categorical)
    y = np.nan_to_num(X) @ rng.normal(size=k) + np.sin(3 * np.nan_to_num(X[:, 1])) + rng.normal(size=len(X))
    chosen = {
        "objective": "regression", "num_leaves": leaves, "min_data_in_leaf": 3, "learning_rate": 0.3, "verbosity": -1,
        "seed": seed % 1000, "num_threads": 1, **settings_,
    }  # fmt: skip
    data = lgb.Dataset(X, y, categorical_feature=list(categorical), params={"max_bin": 63, "min_data_per_group": 5})
    return lgb.train(chosen, data, trees)


def rows_for(seed: int, booster: lgb.Booster, n: int) -> np.ndarray:
    """Rows drawn anew, many of them on thresholds, just beside them, or awkward."""
    rng = np.random.default_rng(seed + 1)
    k = booster.num_feature()
    X = drawn(rng, n, k)
    text = booster.model_to_string()
    limits = [float(one) for line in text.split("\n") if line.startswith("threshold=") for one in line[10:].split()]
    beside = np.array([*limits, *np.nextafter(limits, np.inf), *np.nextafter(limits, -np.inf)])
    for pool, share in ((beside, 0.3), (AWKWARD, 0.2), (np.arange(-2.0, 75.0), 0.1)):
        if len(pool):
            there = rng.random((n, k)) < share
            X[there] = rng.choice(pool, there.sum())
    return X


def same_bits(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(a).view(np.uint64), np.asarray(b).view(np.uint64))


def in_parts(scorer: Scorer, X: np.ndarray, rows: np.ndarray, same: dict[int, float]) -> np.ndarray:
    """Scores of some rows by masks of all, as a brief asks for them."""
    masks = scorer.masks(len(X), lambda a, b, features: np.ascontiguousarray(X[a:b, features].T), threads=2)
    plan = scorer.plan(same)
    out = np.zeros((len(scorer.forest.heads), len(rows)))
    scorer.add(plan, rows, masks, np.ascontiguousarray(X[np.ix_(rows, plan.columns)].T), out)
    return out


FORMS = st.fixed_dictionaries(
    {"leaves": st.integers(2, 64)},
    optional={
        "zero_as_missing": st.just(True),
        "use_missing": st.just(False),
        "categorical_feature": st.sampled_from([(2,), (0, 4)]),
        "monotone_constraints": st.just([1, -1, 0, 0, 1, 0]),
        "boosting": st.just("dart"),
    },
)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), form=FORMS, data=st.data())
def test_every_way_gives_the_bits_of_lightgbm(seed: int, form: dict[str, object], data: st.DataObject) -> None:
    if "categorical_feature" in form:
        form.pop("monotone_constraints", None)
    heads = {"a": grown(seed, **form), "b": grown(seed + 1, leaves=5, trees=3)}
    X = rows_for(seed, heads["a"], 700)
    # One brief: what is not creators' own, nor of the pair, is the same in every row.
    kinds = np.array(data.draw(st.lists(st.sampled_from(["own", "same", "pair"]), min_size=6, max_size=6)))
    same = {int(place): float(X[0, place]) for place in np.flatnonzero(kinds == "same")}
    for place, value in same.items():
        X[:, place] = value
    wanted = np.stack([one.predict(X, raw_score=True, num_threads=1) for one in heads.values()])
    forest = forest_of(heads)
    plain = Scorer(forest, np.zeros(0, dtype=np.int64))
    for threads in (1, 2):
        same_bits(np.stack(list(plain.of_matrix(X, threads=threads).values())), wanted)
    scorer = Scorer(forest, np.flatnonzero(kinds == "own"))
    some = data.draw(st.sets(st.integers(0, len(X) - 1), min_size=1, max_size=60))
    for rows in (np.arange(len(X)), np.arange(3, 650), np.array(sorted(some))):
        same_bits(in_parts(scorer, X, rows, same), wanted[:, rows])


def test_more_rows_than_a_thread_takes_at_once() -> None:
    booster = grown(3, leaves=31, trees=40)
    X = rows_for(3, booster, 2 * CHUNK + 77)
    wanted = booster.predict(X, raw_score=True)
    forest = forest_of({"a": booster})
    plain = Scorer(forest, np.zeros(0, dtype=np.int64))
    same_bits(plain.of_matrix(X, threads=3)["a"], wanted)
    X.setflags(write=False)
    for other in (np.asfortranarray(X), X):
        same_bits(plain.of_matrix(other, threads=1)["a"], wanted)
    for own in ([0, 1, 2, 3, 4, 5], [0, 1, 2]):
        scorer = Scorer(forest, np.array(own))
        for rows in (np.arange(len(X)), np.arange(0, len(X), 3), np.arange(1000, len(X))):
            same_bits(in_parts(scorer, X, rows, {})[0], wanted[rows])


def test_states_of_one_and_of_two_bytes_and_too_many() -> None:
    booster = grown(5, leaves=60, trees=10)
    X = rows_for(5, booster, 3000)
    wanted = booster.predict(X, raw_score=True)
    forest = forest_of({"a": booster})
    ways = set()
    for own in ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4], [1, 2, 3], [0, 4, 5], [1]):
        scorer = Scorer(forest, np.array(own))
        ways |= set(scorer.shape.way.tolist())
        same_bits(in_parts(scorer, X, np.arange(len(X)), {})[0], wanted)
    assert ways == {2, 3, 4}


def test_an_empty_head_and_trees_without_a_split() -> None:
    X = np.zeros((50, 6))
    booster = lgb.train({"objective": "regression", "verbosity": -1}, lgb.Dataset(X, np.ones(50)), 3)
    forest = forest_of({"a": booster})
    plain = Scorer(forest, np.zeros(0, dtype=np.int64))
    same_bits(plain.of_matrix(X, threads=1)["a"], booster.predict(X, raw_score=True))


def test_the_best_iteration_is_the_last_summed() -> None:
    booster = grown(7, leaves=8)
    booster.best_iteration = 5
    X = rows_for(7, booster, 300)
    plain = Scorer(forest_of({"a": booster}), np.zeros(0, dtype=np.int64))
    same_bits(plain.of_matrix(X, threads=1)["a"], booster.predict(X, raw_score=True))


@pytest.mark.parametrize(
    "form",
    [
        {"leaves": 65, "trees": 2},
        {"leaves": 6, "linear_tree": True},
        {"leaves": 6, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    ],
)
def test_what_is_not_taken_is_refused(form: dict[str, object]) -> None:
    with pytest.raises(BundleError, match="head a"):
        forest_of({"a": grown(11, **form)})
