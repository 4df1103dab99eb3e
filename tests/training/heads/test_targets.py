"""What the money heads multiply: a power of expected sales, where it tells anything."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from models.calibration.scale import Scale
from models.predict import predict
from tests.training.heads.made_up import invitations, told
from training.data import LEAST_READ
from training.data.dataset import TrainingData
from training.heads.estimators import quasi_poisson
from training.heads.fit import SHALLOW, fit_head
from training.heads.rankers import fit_rankers
from training.heads.targets import EXPECTED_SALES, LEAST_LIFTS, lift_labels, money_target, targets_of


def with_sales(data: TrainingData, sales: np.ndarray) -> TrainingData:
    X = data.X.copy()
    X[:, data.signals.index(EXPECTED_SALES)] = sales
    return dataclasses.replace(data, X=X)


@pytest.fixture
def made_up(training_data):
    """Sales over five orders of magnitude, some not known, and lift that goes with their square root."""
    rng = np.random.default_rng(0)
    sales = np.exp(rng.uniform(0, 12, len(training_data)))
    lift = 3.0 * np.sqrt(sales) * rng.gamma(4.0, 0.25, len(training_data))
    sales[::9] = np.nan
    return with_sales(training_data, sales), sales, lift


def test_the_power_is_the_one_that_fits(made_up):
    data, sales, lift = made_up
    target = money_target("lift", data, lift, 1.0 / lift.mean() + np.zeros(len(data)))
    assert target.scale.terms[0].signal == EXPECTED_SALES
    assert target.scale.terms[0].coefficient == pytest.approx(0.5, abs=0.05)
    assert target.scale.terms[0].high == np.nanmax(sales)
    assert target.scale.terms[0].low < target.scale.terms[0].missing < target.scale.terms[0].high
    steep = money_target("lift", data, np.nan_to_num(sales, nan=1.0) ** 2, np.ones(len(data)))
    assert steep.scale.terms[0].coefficient == 1.0


@pytest.mark.parametrize("label", ["falls", "negative", "few"])
def test_where_expected_sales_tell_nothing_there_is_no_scale(made_up, label):
    data, sales, lift = made_up
    known = np.flatnonzero(np.isfinite(sales))
    labels = {
        "falls": 1e6 / np.nan_to_num(sales, nan=1.0),
        "negative": -lift,
        "few": np.where(np.isin(np.arange(len(data)), known[: LEAST_LIFTS - 1]), lift, np.nan),
    }
    target = money_target("lift", data, labels[label], np.ones(len(data)))
    assert target.scale is None
    assert target.rows.sum() == np.isfinite(labels[label]).sum()


def test_what_fell_mostly_on_sales_days_is_not_learned_from():
    money = {"attributed": 50.0, "lift": 20.0, "lift_se": 1.0}
    share = np.r_[np.full(100, LEAST_READ - 0.01), np.full(60, LEAST_READ), np.full(40, np.nan)]
    for label in lift_labels(told(invitations(200), **money, read=share)):
        assert np.isnan(label[:100]).all()
        assert np.isfinite(label[100:]).all()
    # Where that leaves too few, it is better than nothing.
    share[: 200 - LEAST_LIFTS + 1] = 0.0
    lift, _, attributed = lift_labels(told(invitations(200), **money, read=share))
    assert (lift == 20.0).all()
    assert (attributed == 50.0).all()


def test_a_head_starts_from_its_scale(training_data):
    """The booster is LightGBM's own, started from the logarithm of the factor and the level."""
    import lightgbm

    (target,) = (t for t in targets_of(training_data) if t.name == "lift")
    assert isinstance(target.scale, Scale)
    head = fit_head(target, training_data, seed=3)
    rows, place = target.rows, training_data.signals.index(EXPECTED_SALES)
    y, w = target.y[rows], target.weights[rows]
    (term,) = target.scale.terms
    held = np.clip(np.nan_to_num(training_data.X[rows, place], nan=term.missing), term.low, term.high)
    factor = held**term.coefficient
    level = np.log((w * y).sum() / (w * factor).sum())
    feature_set = next(one for one in target.feature_sets if one.name == head.feature_set)
    X = training_data.X[rows]
    X[:, feature_set.hidden(training_data.signals, training_data.monotone)] = 0.0
    params = {
        **SHALLOW,
        "objective": quasi_poisson(w),
        "monotone_constraints": feature_set.directions(training_data.signals, training_data.monotone),
        "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1, "seed": 3,
    }  # fmt: skip
    own = lightgbm.train(
        params,
        lightgbm.Dataset(X, y, weight=w, init_score=np.log(factor) + level, params={"verbosity": -1}),
        head.rounds,
    )
    np.testing.assert_allclose(head.booster.predict(X, raw_score=True), own.predict(X, raw_score=True), atol=1e-9)


def test_money_goes_on_where_nobody_was_invited(training_data):
    """Twice the expected sales of the best ever invited are more than his; trees alone end there."""
    ranker = next(ranker for ranker in fit_rankers(training_data, seed=7) if ranker.name == "expected_value")
    scale = next(one for one in ranker.bundle.calibration["lift"].scale.terms if one.signal == EXPECTED_SALES)
    assert scale.coefficient > 0
    rows = np.flatnonzero(np.isfinite(lift_labels(training_data)[0]))[:1]
    X = np.repeat(training_data.X[rows], 3, axis=0)
    X[:, training_data.signals.index(EXPECTED_SALES)] = (scale.high / 4, scale.high / 2, scale.high)
    lift = predict(ranker.bundle, X, training_data.economics.take(np.repeat(rows, 3))).lift
    assert lift[1] >= 2**scale.coefficient * lift[0] * (1 - 1e-9)
    assert lift[2] >= 2**scale.coefficient * lift[1] * (1 - 1e-9)
