"""The gate with the truth hidden: a model taught shuffled outcomes never becomes champion, a genuine one may."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from benchmarks.gate import OUTCOMES, VARIANTS, judge_candidate, main, measure, shuffle_outcomes, summarise
from benchmarks.marketplaces import Drawn
from marketplace.tables import open_marketplace
from training.data.labels import LABEL_COLUMNS
from training.evaluation.held_out import gather_held_out


@pytest.fixture(scope="module")
def drawn(small_market, small_split, training_data) -> Drawn:
    """The small marketplace as the benchmark would draw it."""
    market = open_marketplace(small_market)
    held_out = gather_held_out(market, small_split.held_out, train_campaigns=small_split.train)
    return Drawn(7, market, small_split, training_data, held_out, 0.0, {})


@pytest.mark.parametrize("within", [False, True])
def test_shuffling_exchanges_whole_outcomes_and_nothing_else(training_data, within):
    shuffled = shuffle_outcomes(training_data, seed=1, within=within)
    kept = [name for name in LABEL_COLUMNS if name not in OUTCOMES]
    assert shuffled.rows[kept].equals(training_data.rows[kept])
    assert shuffled.X is training_data.X
    columns = list(OUTCOMES)
    assert not shuffled.rows[columns].equals(training_data.rows[columns])
    by = ["campaign_id", *columns] if within else columns
    before, after = (data.rows[by].astype(str).sort_values(by, ignore_index=True) for data in (training_data, shuffled))
    assert before.equals(after)
    assert shuffle_outcomes(training_data, seed=1, within=within).rows.equals(shuffled.rows)


def test_few_campaigns_make_no_champion_and_the_gate_says_so(drawn, rankers):
    """Twenty held-out campaigns of six hundred creators, none of them ripe: nobody can tell, and no truth is read."""
    judgement, comparison = judge_candidate(drawn, [rankers["lambdarank"], rankers["expected_value"]])
    assert not any(metric.startswith(("oracle", "regret")) for metric in comparison.metrics)
    assert (judgement.verdict, judgement.passed) == ("cannot tell", False)
    assert "too few" in judgement.words
    told = judge_candidate(drawn, [rankers["expected_value"]], champion=rankers["expected_value"])[0]
    assert not told.passed
    assert "The champion stays." in told.words


@pytest.mark.slow
@pytest.mark.parametrize("seed", [21, 22])
def test_on_a_marketplace_of_some_size(seed):
    found = measure("baseline", seed, creators=2_000, campaigns=180, days=240)["variants"]
    assert {name: one["passed"] for name, one in found.items()} == VARIANTS


def row(seed: int, **passed: bool) -> dict:
    one = {"verdict": "cannot tell", "share": 0.5, "low": -1.0, "high": 2.0, "true_ahead_usd": float(seed)}
    return {
        "world": "baseline", "seed": seed, "creators": 3_000, "campaigns": 180, "days": 240,
        "variants": {name: one | {"passed": passed.get(name, VARIANTS[name])} for name in VARIANTS},
    }  # fmt: skip


def test_the_summary_counts_what_passed_and_what_the_interval_held():
    found = {one["variant"]: one for one in summarise([row(1), row(2, genuine=False), row(3, shuffled=True)])}
    assert (found["genuine"]["passed"], found["genuine"]["right"]) == (2, 2)
    assert (found["shuffled"]["passed"], found["shuffled"]["right"]) == (1, 2)
    assert (found["another_seed"]["held"], found["another_seed"]["told"]) == (2, 3)
    assert found["genuine"]["verdicts"] == {"cannot tell": 3}


@pytest.mark.parametrize(("rows", "code"), [([row(1), row(2)], 0), ([row(1), row(2, shuffled_within=True)], 1)])
def test_a_shuffled_model_that_passed_is_an_error(tmp_path, capsys, rows, code):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert main(["--seeds", "1-2", "--out", str(file)]) == code
    assert "genuine          passed   2 of 2" in capsys.readouterr().out


def test_truth_put_aside_changes_no_evidence_of_the_log(drawn, rankers):
    one = rankers["expected_value"]
    hidden = dataclasses.replace(drawn.held_out, truth=None)
    told, silent = (each.compare({one.name: one.bundle}, champion=one.name) for each in (drawn.held_out, hidden))
    for metric in silent.values:
        np.testing.assert_array_equal(told.values[metric][one.name], silent.values[metric][one.name])
