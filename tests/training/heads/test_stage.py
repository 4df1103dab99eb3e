"""The last stage as it is fitted: LightGBM's own from the utility on, blind out of fold, kept where no worse."""

from __future__ import annotations

import dataclasses

import lightgbm
import numpy as np
import pytest
from scipy.stats import spearmanr

from models.stage import Stage
from tests.training.heads.made_up import invitations, told
from tests.training.heads.test_rankers import heads_by_target
from training.heads.hyperparameters import Hyperparameters
from training.heads.rankers import rankers_from
from training.heads.stage import GRADES, HEARD, ORDER, ROUNDS, fit_stage

FEW = Hyperparameters(feature_sets="loose")


@pytest.fixture(scope="module")
def missed():
    """Profits of which the utility knows one signal and misses another."""
    data = invitations(900)
    rng = np.random.default_rng(8)
    known = 100.0 * data.X[:, 0] ** 0.3
    lift = 2.5 * known * data.X[:, 4] ** 0.5 * rng.gamma(8.0, 0.125, len(data))
    return told(data, attributed=np.zeros(len(data)), lift=lift, lift_se=1.0), known - 10.0


def test_what_the_utility_misses_is_learned(missed):
    data, utility = missed
    stage, head = fit_stage(data, utility, seed=7, hyperparameters=FEW)
    assert stage == Stage(ORDER, 3.0, float(np.median(np.abs(utility))))
    profit = data.realised_profit()
    before, after = (spearmanr(one, profit).statistic for one in (utility, stage.order(utility, head.out_of_fold)))
    assert after > before + 0.1
    # What it adds is what the utility missed, not what it said.
    added = {column: spearmanr(head.out_of_fold, data.X[:, column]).statistic for column in (0, 1, 3, 4)}
    assert added[4] > 0.7 > 2 * max(abs(added[column]) for column in (0, 1, 3))


def test_the_stage_is_lightgbms_own_from_the_utility_on(missed):
    """Grades are thirty-firsts of the utility and of what is heard of the surprise; a grade's gain is its mean."""
    data, utility = missed
    stage, head = fit_stage(data, utility, seed=7, hyperparameters=FEW)
    surprise = data.realised_profit() - utility
    label = utility + HEARD * np.clip(surprise, *np.quantile(surprise, [0.02, 0.98]))
    grades = np.searchsorted(np.quantile(label, np.arange(1, GRADES) / GRADES), label, side="right")
    means = np.array([label[grades == one].mean() for one in range(GRADES)])
    gains = (means - means[0]) / (means - means[0]).mean()
    params = {
        **FEW.lightgbm(), "objective": "lambdarank", "label_gain": gains.tolist(), "lambdarank_truncation_level": 30,
        "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1, "seed": 7,
    }  # fmt: skip

    def trained(rows: np.ndarray) -> lightgbm.Booster:
        told = {
            "group": np.unique(data.campaign[rows], return_counts=True)[1],
            "init_score": stage.start(utility)[rows],
        }
        own = lightgbm.Dataset(
            data.X[rows], grades[rows], feature_name=list(data.signals), params={"verbosity": -1}, **told
        )
        return lightgbm.train(params, own, ROUNDS)

    everything = trained(np.ones(len(data), dtype=bool))
    np.testing.assert_allclose(head.booster.predict(data.X), everything.predict(data.X), atol=1e-6)
    # Out of fold a block's scores are those of trees that never saw it.
    inside = data.campaign * 5 // 30 == 3
    np.testing.assert_allclose(head.out_of_fold[inside], trained(~inside).predict(data.X[inside]), atol=1e-6)
    assert np.abs(head.out_of_fold - everything.predict(data.X)).max() > 0.1


def test_with_too_few_campaigns_there_is_no_stage():
    data = told(invitations(120, campaigns=3), attributed=0.0, lift=1.0, lift_se=1.0)
    assert fit_stage(data, np.ones(len(data)), seed=7, hyperparameters=FEW) is None


def test_the_stage_is_kept_where_the_order_validates_no_worse(rankers, training_data, monkeypatch):
    """An oracle stays, its opposite goes, and one that says nothing (a tie) stays."""
    heads = heads_by_target(rankers)
    lent = rankers["lambdarank"].heads["success"]
    profit = np.nan_to_num(training_data.realised_profit())

    def fitted(score: np.ndarray):
        head = dataclasses.replace(lent, quantity=ORDER, out_of_fold=score)
        monkeypatch.setattr("training.heads.rankers.fit_stage", lambda *_, **__: (Stage(ORDER, 1e-3, 1.0), head))
        return next(one for one in rankers_from(training_data, heads) if one.name == "expected_value")

    without, oracle, silent = (fitted(sign * profit) for sign in (-1.0, 1.0, 0.0))
    assert without.bundle.stage is None
    assert ORDER not in without.heads
    assert set(without.bundle.heads) == {"accept", "deliver", "lift", "attributed"}
    np.testing.assert_array_equal(without.out_of_fold.order, without.out_of_fold.utility)
    assert oracle.bundle.stage == silent.bundle.stage == Stage(ORDER, 1e-3, 1.0)
    assert set(oracle.bundle.heads) == {*without.bundle.heads, ORDER}
    assert oracle.validation > without.validation == silent.validation
    assert oracle.validation == pytest.approx(1.0)
    assert oracle.heads[ORDER].loss == -oracle.validation < oracle.heads[ORDER].constant_loss == -without.validation
    np.testing.assert_array_equal(oracle.out_of_fold.utility, without.out_of_fold.utility)
