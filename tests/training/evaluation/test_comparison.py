"""The comparison's figures on campaigns small enough to work out by hand, and its laws on larger ones."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from marketplace.contract import MARKETS
from marketplace.errors import TrainingError
from marketplace.tables import Marketplace
from training.evaluation.comparison import Comparison, compare_rankers
from training.evaluation.report import comparison_text, print_comparison
from training.evaluation.slices import slice_columns
from training.stats import LEAST_CAMPAIGNS, METRICS, Metric, Ranked, campaign_mean, gains_at_k
from training.stats import metrics as metrics_module
from training.tracking.gate import best_heuristic
from training.tracking.record import evidence_of

DAY = pd.Timestamp("2025-05-01", tz="UTC")


def world(campaigns: int = 30, creators: int = 60, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Pairs with a true profit, the truth, and labels of one pair in three (better creators get better grades)."""
    rng = np.random.default_rng(seed)
    pairs = pd.DataFrame(
        {
            "campaign_id": np.repeat([f"c{i:02d}" for i in range(campaigns)], creators),
            "creator_id": np.tile([f"k{i:02d}" for i in range(creators)], campaigns),
        }
    )
    profit = rng.normal(0.0, 10.0, len(pairs))
    truth = pairs.assign(incremental_profit=profit)
    invited = rng.random(len(pairs)) < 0.33
    grade = np.clip(np.round(2 + profit / 8 + rng.normal(0, 1, len(pairs))), 0, 4)
    labels = pairs[invited].assign(status="labelled", grade=grade[invited], sent_at=DAY, campaign_settled=True)
    return pairs, truth, labels.assign(invitation_id=[f"i{i}" for i in range(int(invited.sum()))])


def rankers(truth: pd.DataFrame, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    profit = truth["incremental_profit"].to_numpy()
    return {
        "model": profit + rng.normal(0, 5, len(profit)),
        "weak": profit + rng.normal(0, 30, len(profit)),
        "random": rng.random(len(profit)),
        "oracle": profit,
    }


def test_table_puts_the_better_ranker_first_with_honest_figures() -> None:
    pairs, truth, labels = world()
    found = compare_rankers(rankers(truth), pairs, labels=labels, truth=truth)
    order = [row.ranker for row in found.rows if row.metric == "oracle_gain_share_at_20"]
    assert order == ["oracle", "model", "weak", "random"]
    # No ranker tells a probability, so the metric of predictions has nobody to measure.
    assert found.metrics == tuple(name for name, one in METRICS.items() if set(one.needs) <= {"truth", "labels"})
    assert found.row("oracle", "oracle_gain_share_at_20").estimate == pytest.approx(1.0)
    chance = found.row("random", "oracle_gain_share_at_20")
    assert chance.low < 0 < chance.high
    weak = found.row("weak", "oracle_gain_share_at_20")
    assert weak.p < 0.001
    assert weak.losses > 25
    assert np.isnan(found.row("model", "map").p)
    assert found.counts["campaigns_with_truth"] == 30


def test_every_figure_is_the_mean_of_its_campaigns_and_every_difference_the_tested_one() -> None:
    """The estimate shown, and nothing else: not a ratio of sums, which a few rich campaigns would decide."""
    pairs, truth, labels = world(campaigns=9)
    # One campaign has a hundred times the money at stake.
    truth.loc[truth["campaign_id"] == "c00", "incremental_profit"] *= 100.0
    probability = np.full(len(pairs), 0.4)
    found = compare_rankers(
        rankers(truth), pairs, labels=labels, truth=truth, success={"model": probability, "weak": probability / 2}
    )
    assert found.metrics == tuple(
        name for name, one in METRICS.items() if set(one.needs) <= {"truth", "labels", "predictions"}
    )
    for row in found.rows:
        mine, reference = found.values[row.metric][row.ranker], found.values[row.metric]["model"]
        assert row.estimate == pytest.approx(np.nanmean(mine)) == pytest.approx(campaign_mean(mine))
        if row.ranker != "model":
            assert row.difference == pytest.approx(row.estimate - found.row("model", row.metric).estimate)
            assert row.difference == pytest.approx(np.nanmean(mine - reference))


def test_a_metric_declared_once_is_in_every_table_and_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(ranked: Ranked) -> np.ndarray:
        """What the first creator loses against the best."""
        groups, profit = ranked.known.groups, ranked.known.profit
        return gains_at_k(groups, profit, profit, k=1).found - gains_at_k(groups, ranked.score, profit, k=1).found

    declared = Metric("regret_usd_at_1", "loss of the first", ("truth",), first, less_is_better=True)
    monkeypatch.setitem(metrics_module._METRICS, "regret_usd_at_1", declared)
    pairs, truth, labels = world(campaigns=9)
    found = compare_rankers(
        rankers(truth), pairs, labels=labels, truth=truth, slices=pd.DataFrame({"market": ["US"] * len(pairs)})
    )
    assert found.row("oracle", "regret_usd_at_1").estimate == 0.0
    assert next(row.ranker for row in found.rows if row.metric == "regret_usd_at_1") == "oracle"
    assert found.row("random", "regret_usd_at_1").losses > 5
    assert "regret_usd_at_1 (loss of the first; 9 campaigns)" in comparison_text(found)
    assert "regret_usd_at_1: less is better" in comparison_text(found).replace("regret_usd_at_20, ", "")
    assert {row.slice for row in found.slice_rows("regret_usd_at_1")} == {"market=US"}
    evidence = evidence_of(found, "model", fingerprint="f", champion=None, bundles={})
    assert set(evidence.metrics["regret_usd_at_1"]) == {"candidate", "weak", "random", "oracle"}
    assert best_heuristic(evidence.metrics["regret_usd_at_1"], "regret_usd_at_1") == "weak"


def test_brier_score_by_hand() -> None:
    pairs = pd.DataFrame({"campaign_id": ["a", "a", "a"], "creator_id": ["x", "y", "z"]})
    labels = pairs.iloc[:2].assign(
        status="labelled", grade=[3.0, 1.0], sent_at=DAY, campaign_settled=True, invitation_id=["1", "2"]
    )
    scores = {"sure": np.arange(3.0), "silent": np.arange(3.0)}
    found = compare_rankers(scores, pairs, labels=labels, success={"sure": [0.9, 0.4, 0.1]})
    assert set(found.values["success_brier"]) == {"sure"}
    assert found.row("sure", "success_brier").estimate == pytest.approx(((0.9 - 1) ** 2 + 0.4**2) / 2)


def test_gain_share_by_hand() -> None:
    # 22 creators, 20 picked: the two left out decide.
    pairs = pd.DataFrame({"campaign_id": "c", "creator_id": [f"k{i:02d}" for i in range(22)]})
    profit = np.array([100.0, 50.0, *([0.0] * 20)])
    score = np.arange(22.0)
    found = compare_rankers({"upside_down": score}, pairs, truth=pairs.assign(incremental_profit=profit))
    chance = 20 * 150 / 22
    # The two best have the two lowest scores, so they are the ones left out.
    expected = (0 - chance) / (150 - chance)
    assert found.row("upside_down", "oracle_gain_share_at_20").estimate == pytest.approx(expected)
    assert found.metrics == ("oracle_gain_share_at_20", "regret_usd_at_20", "ndcg_at_10_truth")


def test_only_labelled_rows_of_settled_campaigns_count() -> None:
    pairs = pd.DataFrame({"campaign_id": ["a", "a", "b", "b"], "creator_id": ["x", "y", "x", "y"]})
    labels = pairs.assign(
        status=["labelled", "censored", "labelled", "labelled"], grade=[3.0, np.nan, 4.0, 0.0], sent_at=DAY,
        campaign_settled=[False, False, True, True], invitation_id=["1", "2", "3", "4"],
    )  # fmt: skip
    found = compare_rankers({"r": [1.0, 2.0, 1.0, 2.0]}, pairs, labels=labels)
    assert found.counts["labelled_invitations"] == 2
    assert np.isnan(found.values["ndcg_at_10"]["r"][0])
    assert found.values["ndcg_at_10"]["r"][1] == pytest.approx(1 / np.log2(3))
    assert found.values["auc_within_campaign"]["r"][1] == 0.0


def test_campaigns_with_partial_truth_are_left_out() -> None:
    pairs, truth, _ = world(campaigns=4)
    found = compare_rankers({"r": np.arange(float(len(pairs)))}, pairs, truth=truth.iloc[1:])
    assert np.isnan(found.values["oracle_gain_share_at_20"]["r"]).tolist() == [True, False, False, False]


def test_row_order_changes_nothing() -> None:
    pairs, truth, labels = world(campaigns=8)
    scores = rankers(truth)
    mixed = np.random.default_rng(5).permutation(len(pairs))
    first = compare_rankers(scores, pairs, labels=labels, truth=truth, success={"model": scores["random"]})
    second = compare_rankers(
        {name: score[mixed] for name, score in scores.items()},
        pairs.iloc[mixed].reset_index(drop=True),
        labels=labels.sample(frac=1.0, random_state=2),
        truth=truth.sample(frac=1.0, random_state=3),
        success={"model": scores["random"][mixed]},
    )
    # Bin means add up in another order.
    assert first.calibration["model"]["error"] == pytest.approx(second.calibration["model"]["error"])
    assert {**first.as_dict(), "calibration": 0} == {**second.as_dict(), "calibration": 0}


def test_slices_see_a_ranker_that_fails_one_market() -> None:
    pairs, truth, labels = world()
    markets = pd.DataFrame({"market": np.where(pairs["campaign_id"] < "c15", "US", "GB")})
    score = np.where(markets["market"] == "US", 1.0, -1.0) * truth["incremental_profit"].to_numpy()
    found = compare_rankers({"r": score}, pairs, labels=labels, truth=truth, slices=markets)
    share = {name: np.nanmean(part["oracle_gain_share_at_20"]["r"]) for name, part in found.slices.items()}
    assert share["market=US"] == pytest.approx(1.0)
    assert share["market=GB"] < -0.5


def test_small_slices_are_not_reported() -> None:
    pairs, truth, _ = world(campaigns=LEAST_CAMPAIGNS * 2 - 1)
    one = pd.DataFrame({"market": np.where(pairs["campaign_id"] < f"c{LEAST_CAMPAIGNS - 1:02d}", "US", "GB")})
    assert set(compare_rankers({"r": np.zeros(len(pairs))}, pairs, truth=truth, slices=one).slices) == {"market=GB"}


def test_calibration_is_measured_on_the_labelled() -> None:
    pairs, truth, labels = world()
    happened = pairs.merge(labels, how="left")["grade"].ge(2).to_numpy(dtype=float)
    found = compare_rankers(
        {"r": happened}, pairs, labels=labels, truth=truth, success={"sure": happened, "wrong": 1.0 - happened}
    )
    assert found.calibration["sure"]["error"] == 0.0
    assert found.calibration["wrong"]["error"] == 1.0
    assert found.calibration["sure"]["rows"] == len(labels)


def test_what_cannot_be_compared_is_refused() -> None:
    pairs, truth, _ = world(campaigns=3)
    zeros = np.zeros(len(pairs))
    with pytest.raises(TrainingError, match="champion"):
        compare_rankers({"r": zeros}, pairs, truth=truth, champion="other")
    with pytest.raises(TrainingError, match="champion"):
        compare_rankers({}, pairs, truth=truth)
    with pytest.raises(TrainingError, match="scores"):
        compare_rankers({"r": zeros[1:]}, pairs, truth=truth)
    with pytest.raises(TrainingError, match="each pair once"):
        compare_rankers({"r": np.zeros(2)}, pairs.iloc[[0, 0]], truth=truth)
    with pytest.raises(TrainingError, match="matured"):
        compare_rankers({"r": zeros}, pairs)
    with pytest.raises(TrainingError, match="slices"):
        compare_rankers({"r": zeros}, pairs, truth=truth, slices=pd.DataFrame({"market": ["US"]}))
    with pytest.raises(TrainingError, match="ndcg_at_10"):
        compare_rankers({"r": zeros}, pairs, truth=truth).row("r", "ndcg_at_10")


def some_comparison() -> Comparison:
    pairs, truth, labels = world(campaigns=12)
    scores = rankers(truth)
    return compare_rankers(scores, pairs, labels=labels, truth=truth, success={"model": np.full(len(pairs), 0.5)})


def test_report_is_plain_off_a_terminal_and_nan_is_null_in_json() -> None:
    found = some_comparison()
    plain = io.StringIO()
    print_comparison(found, file=plain)
    text = plain.getvalue()
    assert text == comparison_text(found) + "\n"
    assert text.isascii()
    assert "\x1b" not in text
    block = text.split("\n\n")[0].splitlines()
    assert block[0].startswith("oracle_gain_share_at_20")
    assert len({len(line) for line in block[2:] if not line.lstrip().startswith("model")}) == 1
    raw = found.as_dict()
    row = next(r for r in raw["rows"] if (r["ranker"], r["metric"]) == ("weak", "map"))
    assert row["estimate"] == pytest.approx(found.row("weak", "map").estimate)
    assert next(r for r in raw["rows"] if r["ranker"] == "model")["p"] is None


def test_report_counts_the_champions_wins() -> None:
    found = some_comparison()
    weak = found.row("weak", "oracle_gain_share_at_20")
    assert f"{weak.losses}/{weak.ties}/{weak.wins}" in comparison_text(found)


def test_report_is_a_table_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    print_comparison(some_comparison(), file=out)
    assert "┃" in out.getvalue() or "│" in out.getvalue()


def test_slice_columns_name_new_and_unseen() -> None:
    known = DAY - pd.Timedelta(days=400)

    def campaign(name: str, brand: str, briefed: pd.Timestamp) -> dict[str, object]:
        row = {"campaign_id": name, "brand_id": brand, "market": next(iter(MARKETS)), "category_id": "beauty"}
        return {**row, "briefed_at": briefed, "known_at": briefed}

    market = Marketplace.from_frames(
        {
            "campaigns": pd.DataFrame(
                [campaign("old", "b1", known), campaign("a", "b1", DAY), campaign("b", "b2", DAY)]
            ),
            "creators": pd.DataFrame(
                {"creator_id": ["met", "unmet", "fresh"], "joined_at": [known, known, DAY - pd.Timedelta(days=59)]}
            ),
            "invitations": pd.DataFrame({"campaign_id": ["old", "a"], "creator_id": ["met", "unmet"]}),
        }
    )
    pairs = pd.DataFrame({"campaign_id": ["a", "a", "b"], "creator_id": ["met", "unmet", "fresh"]})
    found = slice_columns(market, pairs, train_campaigns=["old"], followers=np.array([9_999.0, 10_000.0, np.nan]))
    assert found["creator"].tolist() == ["known", "unseen", "new"]
    assert found["brand"].tolist() == ["known", "known", "unseen"]
    assert found["follower_tier"].tolist() == ["nano", "micro", "unknown"]
    assert found["category"].tolist() == ["beauty"] * 3
