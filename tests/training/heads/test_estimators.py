"""The estimators are LightGBM itself, with our parameters and nothing else, and as scikit-learn wants them."""

from __future__ import annotations

import doctest

import lightgbm
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import training.heads.estimators as ours
from marketplace.errors import TrainingError
from training.heads.booster import fit_booster, fit_side_by_side
from training.heads.estimators import (
    LARGEST_QUERY,
    CampaignClassifier,
    CampaignRanker,
    CampaignRegressor,
    by_campaign,
    quasi_poisson,
)
from training.stats.groups import group_sizes

BINNED = "histograms are binned by rows, not by weight, so a row of weight 2 is not two rows"


def expected_failures(estimator: object) -> dict[str, str]:
    """Scikit-learn's checks that do not hold, and why."""
    del estimator
    return {
        "check_sample_weight_equivalence_on_dense_data": BINNED,
        "check_sample_weight_equivalence_on_sparse_data": BINNED,
    }


SMALL = {"n_estimators": 5, "min_data_in_leaf": 1, "num_threads": 1}


@parametrize_with_checks(
    [
        CampaignRanker(**SMALL),
        CampaignClassifier(**SMALL),
        CampaignRegressor(**SMALL),
        CampaignRegressor(**SMALL | {"n_estimators": 50}, objective="regression"),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def queries() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """201 queries of 5 to 24 rows with sparse columns, shaped like LightGBM's own lambdarank example."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 25, size=201)
    X = rng.random((sizes.sum(), 40)) * (rng.random((sizes.sum(), 40)) < 0.4)
    y = np.clip(np.floor(X[:, 0] * 3 + X[:, 1] * 2 + rng.normal(0, 0.5, len(X))), 0, 4)
    return X, y, np.repeat(np.arange(201), sizes)


def text(booster: lightgbm.Booster) -> str:
    return booster.model_to_string()


# The same as LightGBM


@pytest.mark.parametrize(
    "params", [{}, {"num_leaves": 7, "learning_rate": 0.05, "feature_fraction": 0.5, "bagging_fraction": 0.5}]
)
def test_the_ranker_equals_lightgbm_train_bit_for_bit(queries, params):
    X, y, campaign = queries
    mine = CampaignRanker(num_threads=1, n_estimators=30, random_state=3, **params).fit(X, y, groups=campaign)
    plain = {
        "objective": "lambdarank", "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
        "seed": 3, **params,
    }  # fmt: skip
    theirs = lightgbm.train(plain, lightgbm.Dataset(X, label=y, group=group_sizes(campaign)), 30)
    assert text(mine.booster_) == text(theirs)
    assert (mine.predict(X) == theirs.predict(X)).all()


def test_label_gain_weights_and_directions_reach_lightgbm(queries):
    X, y, campaign = queries
    weights = np.linspace(0.5, 2.0, len(y))
    gain = [0.0, 1.0, 2.0, 4.0, 5.0]
    monotone = [1, -1, *[0] * 38]
    names = [f"signal_{place}" for place in range(40)]
    mine = CampaignRanker(num_threads=1, n_estimators=20, label_gain=gain, monotone=monotone)
    named = clone(mine).set_params(monotone={"signal_0": 1, "signal_1": -1})
    theirs = lightgbm.train(
        {**mine.lightgbm_params(), "monotone_constraints": monotone},
        lightgbm.Dataset(X, label=y, group=group_sizes(campaign), weight=weights),
        20,
    )
    assert text(mine.fit(X, y, groups=campaign, sample_weight=weights).booster_) == text(theirs)
    named.fit(pd.DataFrame(X, columns=names), y, groups=campaign, sample_weight=weights)
    assert (named.predict(pd.DataFrame(X, columns=names)) == theirs.predict(X)).all()
    assert list(named.feature_names_in_) == names
    assert named.n_features_in_ == 40
    probe = np.repeat(X[:1], 5, axis=0)
    probe[:, 0] = np.linspace(0, 1, 5)
    assert (np.diff(mine.predict(probe)) >= 0).all()


def test_threads_do_not_change_a_bit(queries):
    X, y, campaign = queries
    many = (CampaignRanker(n_estimators=10, num_threads=n).fit(X, y, groups=campaign) for n in (1, 2, 3))
    assert len({one.predict(X).tobytes() for one in many}) == 1


def test_dense_frames_and_sparse_matrices_give_the_same(queries):
    X, y, campaign = queries
    ranker = CampaignRanker(num_threads=1, n_estimators=10)
    dense = ranker.fit(X, y, groups=campaign).predict(X)
    sparse = ranker.fit(scipy.sparse.csr_matrix(X), y, groups=campaign).predict(scipy.sparse.csr_matrix(X))
    frame = ranker.fit(pd.DataFrame(X), pd.Series(y), groups=pd.Series(campaign)).predict(pd.DataFrame(X))
    np.testing.assert_array_equal(dense, sparse)
    np.testing.assert_array_equal(dense, frame)


def test_caller_keeps_the_matrix_unchanged(queries):
    shuffled = np.random.default_rng(5).permutation(len(queries[0]))
    X, y, campaign = (part[shuffled] for part in queries)
    before = X.copy(), y.copy(), campaign.copy()
    CampaignRanker(num_threads=1, n_estimators=3).fit(X, y, groups=campaign)
    for now, then in zip((X, y, campaign), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_campaigns_may_come_in_pieces_and_under_any_name(queries):
    """Rows of a campaign need not stand together: what is learned depends on their order within each alone."""
    X, y, campaign = queries
    pieces = np.argsort(np.arange(len(y)) % 3, kind="stable")
    together = pieces[np.argsort(pd.factorize(campaign[pieces])[0], kind="stable")]
    names = np.array([f"spring {name}" for name in campaign], dtype=object)
    weights = np.linspace(1.0, 2.0, len(y))
    apart = CampaignRanker(num_threads=1, n_estimators=10).fit(
        X[pieces], y[pieces], groups=names[pieces], sample_weight=weights[pieces]
    )
    usual = CampaignRanker(num_threads=1, n_estimators=10).fit(
        X[together], y[together], groups=campaign[together], sample_weight=weights[together]
    )
    assert text(apart.booster_) == text(usual.booster_)
    assert (apart.predict(X[pieces]) == usual.predict(X)[pieces]).all()


def test_the_regressor_is_lightgbm_started_from_the_offset_and_the_mean(queries):
    X, y, _ = queries
    offset = np.log(np.linspace(0.5, 3.0, len(y)))
    amount = (y - 0.5) * np.exp(offset)
    weights = np.linspace(0.5, 2.0, len(y))
    mine = CampaignRegressor(num_threads=1, n_estimators=20).fit(X, amount, sample_weight=weights, offset=offset)
    start = offset + np.log((weights @ amount) / (weights @ np.exp(offset)))
    params = {**mine.lightgbm_params(), "objective": quasi_poisson(weights), "max_delta_step": 0.7}
    theirs = lightgbm.train(params, lightgbm.Dataset(X, amount, weight=weights, init_score=start), 20)
    assert (mine.raw_score(X) == theirs.predict(X, raw_score=True)).all()
    found = mine.predict(X, offset=offset)
    assert np.average(found, weights=weights) == pytest.approx(np.average(amount, weights=weights))
    assert np.corrcoef(found, amount)[0, 1] > 0.5


@pytest.mark.parametrize("objective", ["regression", "cross_entropy", "poisson"])
def test_other_objectives_are_lightgbms_own(queries, objective):
    X, y, _ = queries
    mine = CampaignRegressor(objective=objective, n_estimators=10, num_threads=1).fit(X, y / 4)
    theirs = lightgbm.train({**mine.lightgbm_params(), "objective": objective}, lightgbm.Dataset(X, y / 4), 10)
    assert (mine.predict(X) == theirs.predict(X)).all()


def test_the_classifier_is_calibrated_on_what_it_has_not_seen():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4000, 6))
    chance = 1 / (1 + np.exp(-X[:, 0]))
    y = np.where(rng.random(4000) < chance, "accepted", "declined")
    campaign = np.arange(4000) // 40
    half = campaign < 50
    plain = CampaignClassifier(num_threads=1, n_estimators=200, calibrate=False).fit(X[half], y[half])
    sure = CampaignClassifier(num_threads=1, n_estimators=200).fit(X[half], y[half], groups=campaign[half])
    assert plain.classes_.tolist() == ["accepted", "declined"]
    assert text(plain.booster_) == text(sure.booster_)

    def error(model: CampaignClassifier) -> float:
        return float(np.abs(model.predict_proba(X[~half])[:, 0] - chance[~half]).mean())

    # 200 trees on 2,000 rows remember them: what they say of others is far too sure.
    assert error(sure) < 0.7 * error(plain)
    np.testing.assert_array_equal(sure.predict_proba(X).sum(axis=1), 1.0)
    assert set(sure.predict(X)) == {"accepted", "declined"}


# As scikit-learn is used


def test_score_is_the_mean_ndcg_of_the_campaigns_by_hand():
    ranker = CampaignRanker(num_threads=1, n_estimators=30, min_data_in_leaf=1, label_gain=[0.0, 1.0, 3.0, 4.0])
    X = np.array([[0.0], [1.0], [2.0], [3.0]] * 3)
    ranker.fit(X, np.array([0, 1, 2, 3] * 3), groups=np.repeat([0, 1, 2], 4))
    grades = np.array([0, 0, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0])
    # First campaign: perfect. Second: its best stands last, 3 / log2(5) of 3. Third: nothing to rank, left out.
    second = (3.0 / np.log2(5)) / 3.0
    assert ranker.score(X, grades, groups=np.repeat(["a", "b", "c"], 4)) == pytest.approx((1.0 + second) / 2)
    with pytest.raises(TrainingError, match="grade above 0"):
        ranker.score(X[:4], np.zeros(4), groups=np.zeros(4))
    with pytest.warns(UserWarning, match="one campaign"):
        ranker.score(X, grades)


def test_cross_validation_by_campaign_with_and_without_routing(queries):
    X, y, campaign = queries
    frame, folds = pd.DataFrame(X), GroupKFold(3)
    ranker = CampaignRanker(num_threads=1, n_estimators=10)
    by_hand = [
        clone(ranker).fit(X[a], y[a], groups=campaign[a]).score(X[b], y[b], groups=campaign[b])
        for a, b in folds.split(X, y, campaign)
    ]
    known = {"groups": campaign}
    scorer = by_campaign(pd.Series(campaign))
    plain = cross_val_score(ranker, frame, y, groups=campaign, cv=folds, params=known, scoring=scorer)
    assert plain.tolist() == by_hand
    with pytest.warns(UserWarning, match="one campaign"):
        pooled = cross_val_score(ranker, X, y, groups=campaign, cv=folds, params=known)
    assert np.isfinite(pooled).all()
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(ranker).set_fit_request(groups=True).set_score_request(groups=True)
        assert cross_val_score(routed, X, y, cv=folds, params=known).tolist() == by_hand
        search = GridSearchCV(routed, {"num_leaves": [4, 15]}, cv=folds).fit(X, y, groups=campaign)
        assert search.best_params_["num_leaves"] in (4, 15)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_the_scorer_refuses_rows_it_cannot_tell(queries):
    X, y, campaign = queries
    ranker = CampaignRanker(num_threads=1, n_estimators=2).fit(X, y, groups=campaign)
    with pytest.raises(TrainingError, match="Series"):
        by_campaign(campaign)
    scorer = by_campaign(pd.Series(campaign))
    with pytest.raises(TrainingError, match="frame"):
        scorer(ranker, X, y)
    assert scorer(ranker, X[:50], pd.Series(y[:50])) == ranker.score(X[:50], y[:50], groups=campaign[:50])


def test_the_ranker_stands_at_the_end_of_a_pipeline(queries):
    X, y, campaign = queries
    line = make_pipeline(StandardScaler(), CampaignRanker(num_threads=1, n_estimators=10))
    line.fit(X, y, campaignranker__groups=campaign)
    inner = CampaignRanker(num_threads=1, n_estimators=10).fit(StandardScaler().fit_transform(X), y, groups=campaign)
    assert (line.predict(X) == inner.predict(StandardScaler().fit_transform(X))).all()


def test_a_clone_learns_the_same_and_another_state_something_else(queries):
    X, y, campaign = queries
    ranker = CampaignRanker(num_threads=1, n_estimators=5, bagging_fraction=0.5, bagging_freq=1).fit(
        X, y, groups=campaign
    )
    again = clone(ranker).fit(X, y, groups=campaign)
    assert text(again.booster_) == text(ranker.booster_)
    other = clone(ranker).set_params(random_state=8).fit(X, y, groups=campaign)
    assert (other.predict(X) != ranker.predict(X)).any()
    assert "booster_" not in vars(clone(ranker))


# Refusals


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y": [0.5, 1, 0, 1]}, "whole numbers"),
        ({"y": [-1, 1, 0, 1]}, "whole numbers"),
        ({"y": ["a", "b", "a", "b"]}, "numbers"),
        ({"y": [31, 1, 0, 1]}, "gain for every grade up to 31"),
        ({"groups": [2, 1]}, "one campaign id for each of 4 rows"),
        ({"groups": ["a", None, "a", "a"]}, "campaign id for each row"),
        ({"label_gain": [0.0]}, "gain for every grade"),
        ({"monotone": [1]}, "monotone"),
        ({"monotone": {"price": 1}}, "directions of columns"),
    ],
)
def test_refuses_what_does_not_fit_together(change, words):
    given = {"X": np.arange(8.0).reshape(4, 2), "y": [0, 1, 0, 1], "groups": [2, 2, 1, 1], **change}
    X, y, groups = (given.pop(name) for name in ("X", "y", "groups"))
    with pytest.raises(TrainingError, match=words):
        CampaignRanker(num_threads=1, n_estimators=2, **given).fit(X, y, groups=groups)


def test_what_scikit_learn_refuses_is_a_value_error():
    X, y = np.arange(8.0).reshape(4, 2), [0, 1, 0, 1]
    for wrong in ({"y": [0, 1, 0]}, {"X": np.full((4, 2), np.inf)}, {"sample_weight": np.ones(3)}):
        with pytest.raises(ValueError, match=r".+"):
            CampaignRanker(num_threads=1, n_estimators=2).fit(**{"X": X, "y": y} | wrong)


def test_a_campaign_of_more_rows_than_lightgbm_ranks_is_learned_from_in_parts():
    rows = LARGEST_QUERY + 1
    X, y = np.arange(rows, dtype=np.float64)[:, None], np.arange(rows) % 2
    with pytest.raises(TrainingError, match=r"10,001 rows: no groups were given"):
        CampaignRanker(num_threads=1, n_estimators=1).fit(X, y)
    whole = CampaignRanker(num_threads=1, n_estimators=1).fit(X, y, groups=np.zeros(rows))
    halves = CampaignRanker(num_threads=1, n_estimators=1).fit(X, y, groups=np.arange(rows) >= rows // 2)
    assert whole.booster_.model_to_string() == halves.booster_.model_to_string()


def test_an_offset_is_for_the_multiplicative_model_alone():
    X, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    with pytest.raises(TrainingError, match="offset"):
        CampaignRegressor(objective="regression").fit(X, y, offset=y)
    with pytest.raises(TrainingError, match="4 offsets"):
        CampaignRegressor(min_data_in_leaf=1).fit(X, y, offset=y[:3])


def test_the_examples_say_what_is_true():
    assert doctest.testmod(ours).failed == 0
    assert doctest.testmod(ours).attempted > 0


# What they all go through


def test_lightgbm_refusals_become_ours():
    with pytest.raises(TrainingError, match="LightGBM"):
        fit_booster(np.ones((4, 1)), np.zeros(4), params={"objective": "no_such_thing"}, rounds=1)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"groups": np.array([2, 1])}, "sum to 4"),
        ({"weights": np.ones(3)}, "weights"),
        ({"monotone": [1]}, "monotone"),
        ({"y": np.zeros(3)}, "one target a row"),
    ],
)
def test_a_booster_of_parts_that_do_not_fit_is_refused(more, words):
    given = {"y": np.zeros(4), **more}
    with pytest.raises(TrainingError, match=words):
        fit_booster(np.ones((4, 2)), given.pop("y"), params={"objective": "regression"}, rounds=1, **given)


def test_group_sizes_and_order_of_side_by_side_work():
    assert group_sizes(np.array([3, 3, 1, 1, 1, 3])).tolist() == [2, 3, 1]
    assert group_sizes(np.array([], dtype=np.int64)).tolist() == []
    assert fit_side_by_side(lambda n: n * n, list(range(7))) == [n * n for n in range(7)]


def test_rows_that_no_signal_can_split_are_refused_in_plain_words():
    params = {"objective": quasi_poisson(np.ones(20)), "min_data_in_leaf": 30}
    with pytest.raises(TrainingError, match="20 rows, which no signal splits into 30 and more"):
        fit_booster(np.zeros((20, 2)), np.arange(20.0) % 2, params=params, rounds=2, seed=0)
