from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import BundleError
from models.calibration.intervals import Z
from models.economics import Economics
from models.predict import predict, raw_scores

BRIEF = SimpleNamespace(margin_rate=0.45, commission_rate=0.1, flat_fee_usd=4.0, sample_cost_usd=6.0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(curve, score):
    """The curves again, written another way."""
    if curve.kind == "blend":
        return curve.share * by_hand(curve.first, score) + (1 - curve.share) * by_hand(curve.second, score)
    line = curve.slope * score + curve.intercept
    if curve.kind == "log_linear":
        return np.exp(np.minimum(line, curve.slope * curve.top + curve.intercept))
    return sigmoid(line) if curve.kind == "platt" else line


def test_lambdarank_is_lightgbm_then_curves_then_arithmetic(ranking_bundle, world):
    found = predict(ranking_bundle, world.X, BRIEF)
    c = ranking_bundle.calibration
    s, r = (ranking_bundle.heads[name].predict(world.X, raw_score=True) for name in ("success", "lift"))
    success = by_hand(c["success"].curve, s)
    accept = np.maximum(by_hand(c["accept"].curve, s), success)
    lift, attributed = by_hand(c["lift"].curve, r), by_hand(c["attributed"].curve, r)
    np.testing.assert_allclose(found.success_probability, success, atol=1e-12)
    np.testing.assert_allclose(found.accept, accept, atol=1e-12)
    np.testing.assert_allclose(found.accept * found.deliver, success, atol=1e-12)
    np.testing.assert_allclose(found.lift, lift, rtol=1e-9)
    np.testing.assert_allclose(found.attributed, attributed, rtol=1e-9)
    np.testing.assert_allclose(found.utility, success * (0.45 * lift - 4 - 0.1 * attributed) - accept * 6, atol=1e-9)


def test_expected_value_multiplies_its_heads(value_bundle, world):
    found = predict(value_bundle, world.X, BRIEF)
    c = value_bundle.calibration
    raw = {name: head.predict(world.X, raw_score=True) for name, head in value_bundle.heads.items()}
    price = np.clip(np.where(np.isnan(world.X[:, 1]), 20, world.X[:, 1]), 1, 500)
    accept, deliver = by_hand(c["accept"].curve, raw["accept"]), by_hand(c["deliver"].curve, raw["deliver"])
    lift = by_hand(c["lift"].curve, raw["lift"]) * price
    attributed = by_hand(c["attributed"].curve, raw["attributed"])
    np.testing.assert_allclose(found.lift, lift, rtol=1e-12)
    np.testing.assert_allclose(found.success_probability, accept * deliver, atol=1e-12)
    np.testing.assert_allclose(found.utility, accept * (deliver * (0.45 * lift - 4 - 0.1 * attributed) - 6), atol=1e-9)


@pytest.mark.parametrize("ranker", ["ranking_bundle", "value_bundle"])
def test_utilitys_interval_is_the_delta_method_with_numeric_derivatives(ranker, world, request):
    bundle = request.getfixturevalue(ranker)
    X = world.X[:50]
    found, economics = predict(bundle, X, BRIEF), Economics.of(BRIEF)
    raw = raw_scores(bundle, X)
    factor = {
        name: 1.0 if one.scale is None else one.scale.of(X, bundle.signals) for name, one in bundle.calibration.items()
    }
    variance = {name: one.variance(one.score(raw), factor[name]) for name, one in bundle.calibration.items()}
    at = {"accept": found.accept, "deliver": found.deliver, "lift": found.lift, "attributed": found.attributed}
    if bundle.ranker == "lambdarank":
        at["success"] = found.success_probability

    def utility(**moved):
        now = {**at, **moved}
        success = now["success"] if "success" in now else now["accept"] * now["deliver"]
        return economics.utility(now["accept"], success, now["lift"], now["attributed"])

    def part(name, square):
        step = 1e-4
        slope = (utility(**{name: at[name] + step}) - utility(**{name: at[name] - step})) / (2 * step)
        return slope**2 * square

    rates = sum(part(name, Z**2 * variance[name]) for name in bundle.calibration if name not in ("lift", "attributed"))
    owed = part("attributed", Z**2 * variance["attributed"])
    # What lift's own interval leaves out, below and above, is not alike.
    for end, far in (("utility_low", found.lift - found.lift_low), ("utility_high", found.lift_high - found.lift)):
        half = np.sqrt(rates + owed + part("lift", far**2))
        np.testing.assert_allclose(np.abs(getattr(found, end) - found.utility), half, rtol=1e-5)


@pytest.mark.parametrize("ranker", ["ranking_bundle", "value_bundle"])
def test_a_row_has_the_same_prediction_whatever_stands_beside_it(ranker, world, request, monkeypatch):
    bundle = request.getfixturevalue(ranker)
    whole = predict(bundle, world.X, BRIEF)
    mixed = np.random.default_rng(1).permutation(len(world.X))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for rows in (mixed, mixed[:7], mixed[:1]):
        alone, there = predict(bundle, world.X[rows], BRIEF), whole.take(rows)
        for name in vars(whole):
            np.testing.assert_array_equal(getattr(alone, name), getattr(there, name), err_msg=name)


def test_a_brief_a_row_equals_one_brief_for_all(value_bundle, world):
    n = len(world.X)
    columns = Economics(np.full(n, 0.45), np.full(n, 0.1), np.full(n, 4.0), np.full(n, 6.0))
    one, many = predict(value_bundle, world.X, BRIEF), predict(value_bundle, world.X, columns)
    for name in vars(one):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


@settings(max_examples=30)
@given(row=st.lists(st.floats(allow_infinity=False), min_size=5, max_size=5))
def test_any_row_gives_finite_predictions_in_order(ranking_bundle, row):
    found = predict(ranking_bundle, np.array([row]), BRIEF)
    assert all(np.isfinite(values).all() for values in found.columns().values())
    assert found.lift_low[0] <= found.lift[0] <= found.lift_high[0]
    assert found.utility_low[0] <= found.utility[0] <= found.utility_high[0]
    assert 0 <= found.success_probability[0] <= found.accept[0] <= 1


def test_no_rows_and_wrong_columns(ranking_bundle):
    assert len(predict(ranking_bundle, np.empty((0, 5)), BRIEF)) == 0
    with pytest.raises(BundleError, match="shape"):
        predict(ranking_bundle, np.zeros((3, 4)), BRIEF)
