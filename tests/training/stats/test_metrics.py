"""Ranking metrics against arithmetic by hand, scikit-learn and their own laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from marketplace.errors import TrainingError
from training.stats import metrics as module
from training.stats.metrics import (
    METRICS,
    Groups,
    Ranked,
    auc_within_campaign,
    average_precision,
    calibration_table,
    correlation_of_ranks,
    expected_calibration_error,
    gains_at_k,
    ndcg_at_k,
    oracle_gain_share_at_k,
    partial_correlation,
    targeting_curve,
)


def one_campaign(n: int) -> Groups:
    return Groups.of(["c"] * n, [f"k{i:03d}" for i in range(n)])


def random_rows(seed: int, *, campaigns: int = 12, distinct: int = 1_000) -> tuple[pd.DataFrame, np.random.Generator]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 40, campaigns)
    rows = pd.DataFrame(
        {
            "campaign_id": np.repeat([f"c{i:02d}" for i in range(campaigns)], sizes),
            "creator_id": np.concatenate([[f"k{j:03d}" for j in range(size)] for size in sizes]),
        }
    )
    rows["score"] = rng.integers(0, distinct, len(rows)).astype(float)
    rows["grade"] = rng.integers(0, 5, len(rows)).astype(float)
    rows["profit"] = rng.normal(1.0, 5.0, len(rows))
    return rows.sample(frac=1.0, random_state=seed).reset_index(drop=True), rng


def test_ndcg_by_hand() -> None:
    scores, gains = [4.0, 3.0, 2.0, 1.0], [0.0, 3.0, 4.0, 1.0]
    found = 0 / np.log2(2) + 3 / np.log2(3) + 4 / np.log2(4)
    best = 4 / np.log2(2) + 3 / np.log2(3) + 1 / np.log2(4)
    assert ndcg_at_k(one_campaign(4), scores, gains, k=3)[0] == pytest.approx(found / best)


def test_average_precision_by_hand() -> None:
    # Relevant at places 2 and 4.
    value = average_precision(one_campaign(4), [4.0, 3.0, 2.0, 1.0], [False, True, False, True])
    assert value[0] == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_auc_by_hand_counts_ties_one_half() -> None:
    # Pairs relevant x irrelevant: 2 > 1 yes, 2 = 2 half.
    value = auc_within_campaign(one_campaign(3), [2.0, 2.0, 1.0], [True, False, False])
    assert value[0] == pytest.approx((0.5 + 1.0) / 2)


def test_gain_share_by_hand() -> None:
    values = [10.0, -4.0, 6.0, 0.0]
    gains = gains_at_k(one_campaign(4), [1.0, 4.0, 3.0, 2.0], values, k=2)
    chance = 2 * (10 - 4 + 6 + 0) / 4
    assert (gains.found[0], gains.chance[0], gains.best[0]) == (-4 + 6, chance, 10 + 6)
    assert gains.share[0] == pytest.approx((2 - chance) / (16 - chance))


def test_undefined_campaigns_are_nan() -> None:
    groups = Groups.of(["a", "a", "b"], ["x", "y", "x"])
    assert np.isnan(ndcg_at_k(groups, [1, 2, 3], [0, 0, 1])).tolist() == [True, False]
    assert np.isnan(average_precision(groups, [1, 2, 3], [0, 0, 1])).tolist() == [True, False]
    assert np.isnan(auc_within_campaign(groups, [1, 2, 3], [0, 1, 1])).tolist() == [False, True]
    assert np.isnan(oracle_gain_share_at_k(groups, [1, 2, 3], [5, 5, 5])).all()
    # All are picked: sums in another order must not look like something at stake.
    rows, _ = random_rows(2269)
    groups = Groups.of(rows["campaign_id"], rows["creator_id"])
    assert np.isnan(oracle_gain_share_at_k(groups, rows["score"], rows["profit"], k=40)).all()
    assert np.isnan(oracle_gain_share_at_k(groups, rows["score"], np.full(len(rows), 0.1), k=3)).all()


def test_equal_scores_go_by_creator_and_nan_comes_last() -> None:
    groups = Groups.of(["c"] * 4, ["d", "b", "a", "c"])
    assert groups.rank([1.0, 1.0, np.nan, 1.0]).tolist() == [3, 1, 4, 2]
    assert groups.rank([-np.inf, 0.0, np.nan, 1.0]).tolist() == [4, 2, 3, 1]


def test_bad_input_is_refused() -> None:
    with pytest.raises(TrainingError):
        Groups.of(["a"], ["x", "y"])
    with pytest.raises(TrainingError):
        Groups.of([], [])
    with pytest.raises(TrainingError):
        one_campaign(3).order([1.0, 2.0])
    with pytest.raises(TrainingError):
        ndcg_at_k(one_campaign(2), [1.0, 2.0], [-1.0, 0.0])


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn(seed: int) -> None:
    rows, rng = random_rows(seed)
    # scikit-learn averages over ties in nDCG; ours are broken by creator, so scores here have none.
    rows["score"] = rng.permutation(len(rows)).astype(float)
    groups = Groups.of(rows["campaign_id"], rows["creator_id"])
    relevant = rows["grade"] >= 2
    ndcg = ndcg_at_k(groups, rows["score"], rows["grade"], k=10)
    ap = average_precision(groups, rows["score"], relevant)
    for i, campaign in enumerate(groups.campaign_ids):
        part = rows[rows["campaign_id"] == campaign]
        hit = part["grade"] >= 2
        if part["grade"].any():
            assert ndcg[i] == pytest.approx(ndcg_score([part["grade"]], [part["score"]], k=10))
        if hit.any():
            assert ap[i] == pytest.approx(average_precision_score(hit, part["score"]))


@pytest.mark.parametrize("distinct", [2, 5, 1_000])
def test_auc_agrees_with_scikit_learn_under_ties(distinct: int) -> None:
    rows, _ = random_rows(distinct, distinct=distinct)
    groups = Groups.of(rows["campaign_id"], rows["creator_id"])
    auc = auc_within_campaign(groups, rows["score"], rows["grade"] >= 3)
    for i, campaign in enumerate(groups.campaign_ids):
        part = rows[rows["campaign_id"] == campaign]
        if 0 < (part["grade"] >= 3).sum() < len(part):
            assert auc[i] == pytest.approx(roc_auc_score(part["grade"] >= 3, part["score"]))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), distinct=st.sampled_from([1, 3, 1_000]))
def test_row_order_changes_nothing(seed: int, distinct: int) -> None:
    rows, rng = random_rows(seed, campaigns=5, distinct=distinct)
    mixed = rows.iloc[rng.permutation(len(rows))]

    def everything(frame: pd.DataFrame) -> list[np.ndarray]:
        groups = Groups.of(frame["campaign_id"], frame["creator_id"])
        hit = frame["grade"] >= 2
        gains = gains_at_k(groups, frame["score"], frame["profit"], k=3)
        return [
            ndcg_at_k(groups, frame["score"], frame["grade"], k=5),
            average_precision(groups, frame["score"], hit),
            auc_within_campaign(groups, frame["score"], hit),
            gains.found,
            gains.best,
            gains.chance,
        ]

    for first, second in zip(everything(rows), everything(mixed), strict=True):
        np.testing.assert_array_equal(first, second)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 50))
def test_the_oracle_has_it_all_and_nobody_has_more(seed: int, k: int) -> None:
    rows, _ = random_rows(seed, campaigns=5)
    groups = Groups.of(rows["campaign_id"], rows["creator_id"])
    oracle = oracle_gain_share_at_k(groups, rows["profit"], rows["profit"], k=k)
    any_ranker = oracle_gain_share_at_k(groups, rows["score"], rows["profit"], k=k)
    assert np.allclose(oracle[np.isfinite(oracle)], 1.0)
    assert (any_ranker[np.isfinite(any_ranker)] <= 1.0 + 1e-9).all()
    by_grade = ndcg_at_k(groups, rows["grade"], rows["grade"], k=k)
    assert np.allclose(by_grade[np.isfinite(by_grade)], 1.0)


def test_chance_is_what_shuffles_get_on_average() -> None:
    rows, rng = random_rows(3, campaigns=6)
    groups = Groups.of(rows["campaign_id"], rows["creator_id"])
    shares = np.array(
        [oracle_gain_share_at_k(groups, rng.random(len(rows)), rows["profit"], k=3) for _ in range(3_000)]
    )
    error = shares.std(axis=0) / np.sqrt(len(shares))
    assert (np.abs(shares.mean(axis=0)) < 4.5 * error).all()


def test_known_chance_and_best_give_the_same() -> None:
    rows, _ = random_rows(8)
    groups = Groups.of(rows["campaign_id"], rows["creator_id"])
    first = gains_at_k(groups, rows["grade"], rows["profit"], k=4)
    again = gains_at_k(groups, rows["score"], rows["profit"], k=4, known=first)
    np.testing.assert_array_equal(again.share, oracle_gain_share_at_k(groups, rows["score"], rows["profit"], k=4))


def test_calibration_error_by_hand() -> None:
    probability = [0.1] * 10 + [0.7] * 10
    outcome = [1.0] * 2 + [0.0] * 8 + [1.0] * 5 + [0.0] * 5
    assert expected_calibration_error(probability, outcome) == pytest.approx(0.5 * 0.1 + 0.5 * 0.2)
    table = calibration_table(probability, outcome)
    assert table["count"].tolist() == [10, 10]
    assert table["observed"].tolist() == pytest.approx([0.2, 0.5])


def test_calibration_leaves_out_the_unknown() -> None:
    assert expected_calibration_error([0.5, np.nan, 0.5], [1.0, 1.0, 0.0]) == pytest.approx(0.0)
    assert np.isnan(expected_calibration_error([np.nan], [1.0]))


def test_a_calibrated_probability_has_a_small_error() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(20_000)
    outcome = (rng.random(20_000) < probability).astype(float)
    assert expected_calibration_error(probability, outcome) < 0.02
    assert expected_calibration_error(probability**2, outcome) > 0.1


def test_a_metric_is_declared_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_METRICS", {**METRICS})

    @module.metric("worst_at_1", says="what the first is worth, less is better", needs=("truth",), less_is_better=True)
    def first(ranked: Ranked) -> np.ndarray:
        return gains_at_k(ranked.known.groups, ranked.score, ranked.known.profit, k=1).found

    declared = module._METRICS["worst_at_1"]
    assert (declared.function, declared.sign) == (first, -1.0)
    assert next(iter(module._METRICS)) == "oracle_gain_share_at_20", "the headline stays the first"
    with pytest.raises(TrainingError, match="name of its own"):
        module.metric("map", says="again", needs=("labels",))(first)
    with pytest.raises(TrainingError, match="some of truth, log, labels"):
        module.metric("of_nothing", says="nothing", needs=("predictions",))(first)
    assert all(each.function.__doc__ for each in METRICS.values()), "a metric's docstring has its formula"


def grouped(sizes: tuple[int, ...]) -> Groups:
    campaign = np.repeat([f"c{i}" for i in range(len(sizes))], sizes)
    return Groups.of(campaign, [f"k{i:03d}" for i in range(len(campaign))])


def test_rank_correlation_is_spearmans_within_each_campaign() -> None:
    rng = np.random.default_rng(0)
    groups = grouped((5, 9, 30, 3))
    # Ties among both, and an order of rows that is not the campaigns'.
    scores, values = rng.integers(0, 6, 47).astype(float), rng.integers(0, 6, 47).astype(float)
    found = correlation_of_ranks(groups, scores, values)
    for one in range(3):
        at = groups.code == one
        assert found[one] == pytest.approx(spearmanr(scores[at], values[at]).statistic)
    assert np.isnan(found[3])
    assert correlation_of_ranks(groups, np.zeros(47), values)[:3].tolist() == [0.0] * 3
    assert np.isnan(correlation_of_ranks(groups, scores, np.zeros(47))).all()


def test_partial_correlation_is_what_the_others_leave() -> None:
    rng = np.random.default_rng(1)
    groups = grouped((12,) * 20)
    known, hidden, values = (rng.normal(size=240) for _ in range(3))
    values = values + 2.0 * known + 1.0 * hidden
    told = partial_correlation(groups, known + hidden, values, [known])
    ranks = [within(groups, each) for each in (known + hidden, values, known)]
    beta = [float(ranks[2] @ each / (ranks[2] @ ranks[2])) for each in ranks[:2]]
    left = [each - slope * ranks[2] for each, slope in zip(ranks[:2], beta, strict=True)]
    assert np.mean(told) == pytest.approx(left[0] @ left[1] / np.sqrt(left[0] @ left[0] * (left[1] @ left[1])))
    assert np.mean(told) > 0.2
    # What the sort tells already, told again in another scale, is nothing new; noise is nothing either.
    assert partial_correlation(groups, np.exp(known), values, [known]).tolist() == [0.0] * 20
    noise = partial_correlation(groups, rng.normal(size=240), values, [known])
    assert abs(np.mean(noise)) < 0.15


def within(groups: Groups, values: np.ndarray) -> np.ndarray:
    out = np.zeros(len(values))
    for one in range(len(groups.size)):
        at = np.flatnonzero(groups.code == one)
        out[at] = (rankdata(values[at]) - (len(at) + 1) / 2) / len(at)
    return out


def test_targeting_curve_by_hand() -> None:
    groups = grouped((4, 2))
    autoc, qini = targeting_curve(groups, [4.0, 3.0, 2.0, 1.0, 1.0, 0.0], [8.0, 4.0, 0.0, 0.0, 1.0, 0.0])
    # Means of the first 1..4 less the mean of all, 3: 5, 3, 1, 0.
    assert autoc[0] == pytest.approx((5 + 3 + 1 + 0) / 4)
    assert qini[0] == pytest.approx((5 * 0.25 + 3 * 0.5 + 1 * 0.75 + 0) / 4)
    assert np.isnan(autoc[1])


def test_profit_of_the_first_twenty_by_hand() -> None:
    groups = grouped((50, 6, 1))
    earned = np.concatenate([np.arange(50.0), [10.0, 20.0, 30.0, 1.0, 1.0, 1.0], [5.0]])
    known = module.Known(groups, np.full(57, np.nan), np.full(57, np.nan), earned)
    found = METRICS["profit_usd_at_20"].function(Ranked(known, earned))
    # Twenty of fifty; of six the better half, three, as if there were twenty of them; of one nobody can choose.
    assert found[0] == pytest.approx(np.arange(30.0, 50.0).sum())
    assert found[1] == pytest.approx(20 * (10 + 20 + 30) / 3)
    assert np.isnan(found[2])


def test_heads_are_judged_by_what_they_tell_and_sorts_by_their_order() -> None:
    groups = grouped((6,))
    grade = np.array([3.0, 3.0, 0.0, 0.0, 0.0, 0.0])
    known = module.Known(groups, grade, np.full(6, np.nan))
    order = np.arange(6.0)
    sort, model = Ranked(known, order), Ranked(known, order, {"success": np.array([0.9, 0.8, 0.1, 0.1, 0.1, 0.1])})
    assert METRICS["success_auc"].function(sort).tolist() == [0.0]
    assert METRICS["success_auc"].function(model).tolist() == [1.0]
    assert METRICS["auc_within_campaign"].function(model).tolist() == [0.0]
    saved = METRICS["success_log_gain"].function(model)[0]
    loss = -(np.log(0.9) + np.log(0.8) + 4 * np.log(0.9)) / 6
    base = -(2 * np.log(1 / 3) + 4 * np.log(2 / 3)) / 6
    assert saved == pytest.approx(base - loss)
