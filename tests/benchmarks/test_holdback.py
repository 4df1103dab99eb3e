"""Calibration on randomised partnerships: whom it reads, what it learns, and how sure it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.holdback import POLICY, _of, calibrate, randomised
from features.lift.empirical_bayes import Block
from features.lift.estimate import HYPERPRIOR
from marketplace.tables import Marketplace
from tests.features.lift.test_days import apart, crowded
from tests.training.lift.test_report import TREATED, gather, shop

EVERYBODY = np.ones(TREATED, dtype=bool)


def test_only_those_drawn_by_the_policy_are_randomised() -> None:
    impressions = pd.DataFrame(
        {
            "request_id": ["r1", "r1", "r2"],
            "campaign_id": ["c1", "c1", "c2"],
            "creator_id": ["k1", "k2", "k1"],
            "policy": [POLICY, "gmv_sort", POLICY],
        }
    )
    rows = pd.DataFrame({"campaign_id": ["c1", "c1", "c2", "c2"], "creator_id": ["k1", "k2", "k1", "k2"]})
    market = Marketplace.from_frames({"impressions": impressions})
    assert randomised(market, rows).tolist() == [True, False, True, False]
    assert not randomised(Marketplace.from_frames({}), rows).any()


def test_those_drawn_move_the_total_from_belief_to_what_the_days_show() -> None:
    # Attributed 900 a partnership; the days show 300.
    evidence = gather(shop(lift=300.0))
    true = 300.0 * TREATED
    nobody, few, everybody = (calibrate(evidence, np.arange(TREATED) < count, EVERYBODY) for count in (0, 4, TREATED))
    assert nobody.randomised == 0
    assert nobody.prior.rho == pytest.approx(HYPERPRIOR.mean)
    assert nobody.total == pytest.approx(0.8 * 900 * TREATED, rel=0.01)
    assert max(abs(everybody.total - true), abs(few.total - true)) < 0.5 * abs(nobody.total - true)
    assert everybody.se < few.se < nobody.se
    for found in (few, everybody):
        assert abs(found.total - true) < 3 * found.se
    assert (few.randomised, few.partnerships) == (4, TREATED)


def test_the_factor_tells_whether_the_drawn_differ_from_the_chosen() -> None:
    like = calibrate(gather(shop(lift=1_500.0)), np.arange(TREATED) < 6, EVERYBODY)
    assert abs(like.factor - 1.0) < 3 * like.factor_se
    assert like.factor_se < 0.25
    assert like.corrected == pytest.approx(1_500.0 * TREATED, rel=0.15)
    # As much is attributed to the drawn, and their products' days show a third of it.
    evidence = gather(shop(lift=1_500.0))
    blocks = [
        replace(block, pull=block.pull - block.information @ np.full(1, 1_000.0)) if n < 6 else block
        for n, block in enumerate(evidence.blocks)
    ]
    unlike = calibrate(replace(evidence, blocks=blocks), np.arange(TREATED) < 6, EVERYBODY)
    assert unlike.factor < like.factor - 0.3
    nobody = calibrate(evidence, np.zeros(TREATED, dtype=bool), EVERYBODY)
    assert (nobody.factor, nobody.factor_se) == (1.0, 0.25)


def test_taking_others_out_is_the_marginal_of_the_joint() -> None:
    rng = np.random.default_rng(0)
    design = rng.normal(size=(40, 3))
    spread = np.full((3, 1), 50.0)
    seen = design @ np.array([5.0, -3.0, 2.0]) + rng.normal(size=40)
    block = Block(design.T @ design, design.T @ seen, np.ones((3, 1)), spread, np.arange(3), np.arange(3))
    reduced = _of(block, np.array([True, False, False]))
    assert reduced is not None
    # The others are all but free: the estimate and its variance are those of least squares on all three.
    whole = np.linalg.inv(design.T @ design)
    assert reduced.pull[0] / reduced.information[0, 0] == pytest.approx((whole @ (design.T @ seen))[0], rel=1e-4)
    assert 1.0 / reduced.information[0, 0] == pytest.approx(whole[0, 0], rel=1e-4)
    assert _of(block, np.zeros(3, dtype=bool)) is None
    assert _of(block, np.ones(3, dtype=bool)) is block


def test_taking_others_out_is_the_same_over_days() -> None:
    blocks, _ = crowded(2)
    block = max(blocks, key=lambda one: len(one.row))
    drawn = np.zeros(int(block.row.max()) + 1, dtype=bool)
    drawn[block.row[::3]] = True
    reduced, wide = _of(block, drawn), _of(apart(block), drawn)
    assert reduced is not None
    assert wide is not None
    np.testing.assert_allclose(apart(reduced).information, wide.information, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(apart(reduced).pull, wide.pull, rtol=1e-4, atol=1e-9)
