"""Measuring hyperparameters: the number that training chooses rankers by, and nothing of the campaigns held out."""

from __future__ import annotations

import itertools

import numpy as np

from training.heads.fit import BLOCKS
from training.heads.hyperparameters import DEFAULT
from training.heads.validation import measure_by_block, validation_campaigns


def test_the_last_block_is_what_training_finds(rankers, training_data):
    found = list(measure_by_block(training_data, DEFAULT, seed=7))
    assert [one.block for one in found] == list(range(BLOCKS))
    assert np.isfinite([one.share for one in found]).all()  # or no trial of a search could be stopped early
    last = found[-1]
    assert last.share == rankers[last.ranker].validation
    np.testing.assert_array_equal(last.shares, rankers[last.ranker].validation_shares)
    assert last.campaigns == validation_campaigns(training_data)
    for before, after in itertools.pairwise(found):
        assert set(before.campaigns) <= set(after.campaigns)
        assert len(before.campaigns) == len(before.shares)
    assert len(found[1].campaigns) < len(last.campaigns)
