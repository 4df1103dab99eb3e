"""The hyperparameters of the heads: their ranges, their file, and that they reach LightGBM."""

from __future__ import annotations

import json

import numpy as np
import pytest

from marketplace.errors import TrainingError
from training.heads.feature_sets import FREE, MONOTONE
from training.heads.fit import BLOCKS, blocks_of, fit_head
from training.heads.hyperparameters import DEFAULT, STEP, Hyperparameters, read_hyperparameters
from training.heads.targets import targets_of


@pytest.mark.parametrize(
    "values",
    [
        {"learning_rate": 0.0},
        {"learning_rate": 1.5},
        {"learning_rate": float("nan")},
        {"feature_fraction": -0.1},
        {"num_leaves": 1},
        {"num_leaves": 6.5},
        {"num_leaves": True},
        {"max_depth": 0},
        {"lambda_l2": -1.0},
        {"lambda_l2": float("inf")},
        {"max_rounds": STEP + 1},
        {"max_rounds": 0},
        {"feature_sets": "secret"},
        {"feature_sets": 3},
        {"charm": 1},
    ],
)
def test_what_are_no_hyperparameters_is_refused(values):
    with pytest.raises(TrainingError):
        Hyperparameters.of(values)


def test_a_file_holds_hyperparameters_or_an_object_with_them(tmp_path):
    hyperparameters = Hyperparameters(num_leaves=9, lambda_l2=1)
    assert hyperparameters.lambda_l2 == 1.0
    for content in (
        hyperparameters.as_dict(),
        {"hyperparameters": hyperparameters.as_dict(), "study": "any"},
        {"num_leaves": 9, "lambda_l2": 1},
    ):
        (tmp_path / "hyperparameters.json").write_text(json.dumps(content))
        assert read_hyperparameters(tmp_path / "hyperparameters.json") == hyperparameters
    assert hyperparameters.changes_from(DEFAULT.as_dict()) == {"num_leaves": (6, 9), "lambda_l2": (10.0, 1.0)}


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", "3", '{"hyperparameters": 3}', '{"num_leaves": "6"}', '{"leaves": 6}']
)
def test_a_file_that_holds_none_is_refused(tmp_path, content):
    (tmp_path / "hyperparameters.json").write_text(content)
    with pytest.raises(TrainingError):
        read_hyperparameters(tmp_path / "hyperparameters.json")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r"tuning\.md"):
        read_hyperparameters(tmp_path / "none.json")


def test_feature_sets_are_tried_or_the_most_or_the_least_constrained():
    both = (MONOTONE, FREE)
    assert Hyperparameters().feature_sets_of(both) == both
    assert Hyperparameters(feature_sets="strict").feature_sets_of(both) == (MONOTONE,)
    assert Hyperparameters(feature_sets="loose").feature_sets_of(both) == (FREE,)


def test_hyperparameters_reach_the_booster(training_data):
    target = next(t for t in targets_of(training_data) if t.head == "accept")
    hyperparameters = Hyperparameters(num_leaves=3, max_depth=2, max_rounds=40, feature_sets="strict", lambda_l2=3.5)
    head = fit_head(target, training_data, seed=7, hyperparameters=hyperparameters)
    text = head.booster.model_to_string()
    assert "[lambda_l2: 3.5]" in text
    assert head.rounds <= 40
    assert set(head.losses) == {"monotone"}
    leaves = [int(line.split("=")[1]) for line in text.splitlines() if line.startswith("num_leaves=")]
    assert max(leaves) <= 3


@pytest.mark.parametrize("count", [5, 8, 40, 121])
def test_blocks_are_whole_consecutive_campaigns_and_shifting_moves_their_edges(count):
    campaign = np.repeat(np.arange(count), 3)
    blocks, shifted = blocks_of(campaign), blocks_of(campaign, shifted=True)
    for found in (blocks, shifted):
        assert set(found) == set(range(BLOCKS))
        assert (found.reshape(count, 3) == found[::3, None]).all()
        assert np.ptp(np.bincount(found)) <= 3
    assert (np.diff(blocks) >= 0).all()
    # Going round the circle of campaigns, a block begins once.
    assert int((np.diff(shifted[::3], append=shifted[0]) != 0).sum()) == BLOCKS
    if count >= 2 * BLOCKS:
        together = blocks[:, None] == blocks[None, :]
        assert (together != (shifted[:, None] == shifted[None, :])).any()
