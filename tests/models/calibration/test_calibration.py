from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor

from marketplace.errors import BundleError, ConvergenceWarning, TrainingError
from models.calibration import scale as scale_module
from models.calibration.curves import (
    Blend,
    Linear,
    LogLinear,
    Platt,
    curve_from_dict,
    fit_linear,
    fit_log_linear,
    fit_platt,
)
from models.calibration.scale import Calibration, Scale, Term, fit_money, fit_probability

sizes = st.integers(1, 60)
grid = st.integers(-40, 40).map(lambda whole: whole / 8)


@st.composite
def scored(draw):
    n = draw(sizes)
    score, label = draw(arrays(float, n, elements=grid)), draw(arrays(float, n, elements=grid))
    return score, label, draw(arrays(float, n, elements=st.integers(1, 5).map(float)))


def test_rows_of_weight_zero_are_left_out():
    assert fit_linear([1, 2, 3], [0, 9, 1], weight=[1, 0, 1]) == fit_linear([1, 3], [0, 1])


def test_platt_equals_logistic_regression_on_smoothed_targets():
    rng = np.random.default_rng(0)
    score = rng.normal(3, 2, 500)
    label = (score + rng.logistic(size=500) > 3).astype(float)
    n1, n0 = label.sum(), (1 - label).sum()
    target = np.where(label == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    both = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.r_[score, score][:, None], np.r_[np.ones(500), np.zeros(500)], sample_weight=np.r_[target, 1 - target]
    )
    ours = fit_platt(score, label)
    np.testing.assert_allclose([ours.slope, ours.intercept], [both.coef_[0, 0], both.intercept_[0]], rtol=1e-4)


def test_platt_is_finite_on_separable_classes_and_flat_where_it_would_fall():
    split = fit_platt([-2.0, -1, 1, 2], [0, 0, 1, 1])
    assert 0 < split(np.array([2.0]))[0] < 1
    falling = fit_platt([-2.0, -1, 1, 2], [1, 1, 0, 0])
    assert falling.slope == 0
    assert falling(np.array([0.0]))[0] == pytest.approx(0.5)
    assert Platt(1.0, 0.0)(np.array([-1e9, 1e9])).tolist() == [0, 1]


def test_linear_equals_scikit_learn():
    rng = np.random.default_rng(1)
    score, weight = rng.normal(size=80), rng.random(80)
    label = 3 * score + rng.normal(size=80)
    theirs = LinearRegression().fit(score[:, None], label, sample_weight=weight)
    ours = fit_linear(score, label, weight=weight)
    np.testing.assert_allclose([ours.slope, ours.intercept], [theirs.coef_[0], theirs.intercept_], rtol=1e-9)
    assert fit_linear(score, -label).slope == 0


def test_log_linear_equals_poisson_regression():
    rng = np.random.default_rng(2)
    score = rng.normal(size=400)
    label = np.exp(1 + 0.7 * score) * rng.gamma(2, 0.5, 400)
    theirs = PoissonRegressor(alpha=0, tol=1e-10, max_iter=2000).fit(score[:, None], label)
    ours = fit_log_linear(score, label)
    np.testing.assert_allclose([ours.slope, ours.intercept], [theirs.coef_[0], theirs.intercept_], rtol=1e-4)
    assert ours(score).mean() == pytest.approx(label.mean())
    assert ours(np.array([score.max(), 1e6])).tolist() == [ours(np.array([score.max()]))[0]] * 2


def test_log_linear_takes_negative_labels_but_no_negative_mean():
    assert fit_log_linear([0, 1, 2], [-1, 4, 6])(np.array([0, 1, 2])).sum() == pytest.approx(9)
    with pytest.raises(TrainingError):
        fit_log_linear([0, 1], [-1, 0])


def test_a_slope_that_is_given_is_kept_and_only_the_level_is_found():
    # exp(2 score) is 1 and 9, twice as much of the second: (1 * 5 + 2 * 40) / (1 * 1 + 2 * 9) of it.
    score, label, weight = [0.0, np.log(3.0)], [5.0, 40.0], [1.0, 2.0]
    curve = fit_log_linear(score, label, weight=weight, slope=2.0)
    assert curve.slope == 2.0
    assert curve.top == np.log(3.0)
    np.testing.assert_allclose(curve(np.array(score)), np.array([1.0, 9.0]) * 85 / 19)
    assert fit_log_linear(score, label, slope=0.0)(np.array(score)).tolist() == pytest.approx([22.5, 22.5])
    # The slope that fits best, given, is the curve that is found without one.
    rng = np.random.default_rng(5)
    score = rng.normal(size=300)
    label = np.exp(0.6 * score) * rng.gamma(2, 0.5, 300)
    free = fit_log_linear(score, label)
    assert fit_log_linear(score, label, slope=free.slope).intercept == pytest.approx(free.intercept, abs=1e-9)
    # Far from 0 it is no less exact: the level is found without a number beyond what a float holds.
    assert np.isfinite(fit_log_linear([900.0, 901.0], [1.0, 2.0], slope=1.0)(np.array([900.0, 901.0]))).all()
    with pytest.raises(TrainingError, match="positive"):
        fit_log_linear([0.0, 1.0], [-3.0, 1.0], slope=1.0)


def test_money_whose_score_is_its_logarithm_keeps_its_shape():
    rng = np.random.default_rng(14)
    score = rng.normal(0, 1.0, 800)
    label = 3.0 * np.exp(score) * rng.gamma(1.0, 1.0, 800)
    said = {"label": label, "plain": label, "plain_se": np.full(800, 2.0)}
    for more in ({"label": label}, said, {**said, "label_se": 1.0}):
        made = fit_money("lift", score, slope=1.0, **more)
        shape = made.value(score) / np.exp(score)
        assert np.ptp(shape) < 1e-9
        assert shape[0] == pytest.approx(3.0, rel=0.15)


@pytest.mark.parametrize("fit", [fit_platt, fit_linear, fit_log_linear])
@pytest.mark.parametrize(
    ("score", "label", "weight"),
    [([], [], None), ([1, 2], [1], None), ([np.nan], [1], None), ([1], [1], [0]), ([1], [1], [-1])],
)
def test_nothing_to_fit_on_is_an_error(fit, score, label, weight):
    with pytest.raises(TrainingError):
        fit(score, label, weight=weight)


@given(scored())
def test_a_money_curve_survives_json_and_never_falls(data):
    score, label, _ = data
    made = fit_money("lift", score, label=label, label_se=0.5)
    back = Calibration.from_dict(json.loads(json.dumps(made.as_dict())))
    assert back == made
    where = np.linspace(-6, 6, 101)
    assert (np.diff(made.curve(where)) >= -1e-12).all()
    low, high = made.interval(where)
    assert (low <= made.value(where)).all()
    assert (made.value(where) <= high).all()


@given(scored())
def test_a_probability_is_one_and_lies_in_its_interval(data):
    score, label, _ = data
    made = fit_probability("success", score, label=(label > 0).astype(float), campaign=score.astype(int))
    assert Calibration.from_dict(json.loads(json.dumps(made.as_dict()))) == made
    where = np.linspace(-6, 6, 101)
    value, (low, high) = made.value(where), made.interval(where)
    assert ((low >= 0) & (low <= value) & (value <= high) & (high <= 1)).all()
    assert (np.diff(value) >= 0).all()


def test_money_without_a_positive_mean_is_a_line():
    score = np.linspace(-1, 1, 60)
    made = fit_money("lift", score, label=score - 3.0)
    np.testing.assert_allclose(made.value(score), score - 3.0, atol=1e-9)


def test_a_scale_is_a_power_of_its_signal():
    scale = Scale((Term("sales", low=1, high=100, missing=9, coefficient=0.5),))
    factor = scale.of(np.array([[0.1, 4, 1e9, np.nan]]).T, ["sales"])
    np.testing.assert_allclose(factor, [1, 2, 10, 3])
    score, sales = np.linspace(0, 1, 40), np.linspace(1, 90, 40)
    factor = scale.of(sales[:, None], ("sales",))
    made = fit_money("lift", score, label=np.exp(score) * np.sqrt(sales), scale=scale, factor=factor)
    np.testing.assert_allclose(made.value(score, factor), np.exp(score) * np.sqrt(sales), rtol=1e-6)
    assert Calibration.from_dict(json.loads(json.dumps(made.as_dict()))) == made


def test_a_scale_of_several_terms_is_their_product_by_hand():
    scale = Scale((Term("a", 1, 100, 10, 0.5), Term("b", -1, 1, 0, 2.0, log=False)))
    X = np.array([[4.0, 7.0, 0.5], [np.nan, 7.0, np.nan], [1e9, 7.0, -9.0]])
    by_hand = [2 * np.exp(1.0), np.sqrt(10), 10 * np.exp(-2.0)]
    np.testing.assert_allclose(scale.of(X, ("a", "other", "b")), by_hand)
    both = Scale.sum_of([(0.5, scale), (0.5, Scale((Term("a", 1, 100, 10, 0.1),))), (1.0, None)])
    np.testing.assert_allclose(both.of(X, ("a", "other", "b")), np.sqrt(by_hand) * np.array([4.0, 10, 100]) ** 0.05)
    assert Scale.sum_of([(1.0, None)]) is None
    with pytest.raises(BundleError, match="one form"):
        Scale.sum_of([(1.0, scale), (1.0, Scale((Term("a", 2, 100, 10),)))])


@pytest.mark.parametrize(
    "wrong",
    [
        {"coefficient": 101}, {"coefficient": math.nan}, {"coefficient": "1"}, {"low": 0}, {"low": 11}, {"high": 9},
        {"log": 1}, {"signal": 3}, {"missing": math.inf},
    ],
)  # fmt: skip
def test_a_term_out_of_its_range_is_refused(wrong):
    with pytest.raises(BundleError, match="a term with"):
        Term(**{"signal": "sales", "low": 1, "high": 100, "missing": 10, **wrong})


@pytest.mark.parametrize("terms", [(), (Term("a", 1, 2, 1), Term("a", 1, 2, 1))])
def test_a_scale_needs_terms_of_different_signals(terms):
    with pytest.raises(BundleError, match="a scale of terms"):
        Scale(terms)


def test_heads_are_summed_by_what_they_count():
    score = np.linspace(-1, 1, 60)
    made = fit_money({"lift": 0.5, "attributed": 0.25}, score, label=np.exp(score))
    assert made.leading == "lift"
    raw = {"lift": score, "attributed": 2 * score, "other": score * np.nan}
    np.testing.assert_array_equal(made.score(raw), score)
    assert Calibration.from_dict(json.loads(json.dumps(made.as_dict()))) == made
    for heads in ({}, {"lift": 0.0}, {"lift": -1.0}, {"lift": True}, {"lift": "1"}):
        with pytest.raises(BundleError, match="heads, each"):
            replace(made, heads=heads)


def test_a_scale_multiplies_value_deviation_and_interval():
    scale = Scale((Term("price", low=1, high=100, missing=10),))
    factor = scale.of(np.array([[0.1, 5, 1e9, np.nan]]).T, ("price",))
    np.testing.assert_allclose(factor, [1, 5, 100, 10], rtol=1e-14)
    score, price = np.arange(40.0), np.full((40, 1), 5.0)
    # A mean that is not positive makes a line of it.
    factor = scale.of(price, ("price",))
    made = fit_money("lift", score, label=5 * (score - 50), scale=scale, factor=factor)
    np.testing.assert_allclose(made.value(score, factor), 5 * (score - 50), atol=1e-9)
    np.testing.assert_allclose(made.variance(score, 2.0), 4 * made.variance(score))
    np.testing.assert_allclose(np.subtract(*made.interval(score, 2.0)), 2 * np.subtract(*made.interval(score)))


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "isotonic", "x": [1, 2], "y": [0, 1]},
        {"kind": "platt", "slope": -1, "intercept": 0},
        {"kind": "platt", "slope": float("nan"), "intercept": 0},
        {"kind": "platt", "slope": 1},
        {"kind": "linear", "slope": 1, "intercept": 0, "more": 1},
        {"kind": "log_linear", "slope": 1, "intercept": 0, "top": 1e9},
        {"kind": "blend", "first": {"kind": "linear"}, "second": {"kind": "linear"}, "share": 2},
        {"kind": "spline"},
        "platt",
    ],
)
def test_what_is_no_monotone_curve_is_refused(content):
    with pytest.raises(BundleError):
        curve_from_dict(content)


def test_every_kind_of_curve_survives_json():
    curves = [Platt(0.1, -2.0), Linear(), LogLinear(0.3, 1.0, 2.0)]
    for curve in [*curves, Blend(curves[0], curves[1], 0.25)]:
        assert curve_from_dict(json.loads(json.dumps(curve.as_dict()))) == curve


def test_what_a_prior_adds_to_every_label_is_halved_by_estimates_without_it():
    rng = np.random.default_rng(11)
    n = 2000
    score = rng.normal(0, 0.5, n)
    truth = 100 * np.exp(score)
    plain_se = rng.uniform(20, 400, n)
    plain = truth + plain_se * rng.normal(size=n)
    label, campaign = truth + 60, np.repeat(np.arange(100), 20)
    made = {"label": label, "label_se": np.full(n, 10.0), "campaign": campaign}
    usual = fit_money("lift", score, **made)
    both = fit_money("lift", score, plain=plain, plain_se=plain_se, **made)
    assert usual.value(score).mean() - truth.mean() == pytest.approx(60, abs=3)
    assert both.value(score).mean() - truth.mean() == pytest.approx(30, abs=8)
    assert both.spread.shared[0] > 0
    few = np.where(np.arange(n) < 20, plain, np.nan)
    assert fit_money("lift", score, plain=few, plain_se=plain_se, **made).curve == usual.curve


def test_one_runaway_success_moves_money_less_than_its_share_of_the_sum():
    rng = np.random.default_rng(12)
    score = rng.normal(0, 0.5, 600)
    plain = 100 * np.exp(score) * rng.gamma(2, 0.5, 600)
    plain_se = np.full(600, 50.0)
    plain[7], plain_se[7] = 60_000.0, 3_000.0
    usual = fit_money("lift", score, label=plain)
    steady = fit_money("lift", score, label=plain, label_se=plain_se, plain=plain, plain_se=plain_se)
    assert usual.value(score).mean() > 180
    assert steady.value(score).mean() < 130


def test_estimates_whose_mean_is_not_positive_give_a_line():
    rng = np.random.default_rng(13)
    score = rng.normal(size=300)
    plain = -20 + 5 * score + rng.normal(0, 5, 300)
    found = fit_money("lift", score, label=np.full(300, 1.0), plain=plain, plain_se=np.full(300, 5.0))
    assert found.value(np.array([-2.0]))[0] < 0


def test_a_fit_that_has_not_settled_says_so():
    # Ever steeper exponentials fit a single spike ever better.
    with pytest.warns(ConvergenceWarning, match="steeper than"):
        curve = fit_log_linear(np.arange(10.0), np.r_[np.zeros(9), 1.0])
    assert np.isfinite(curve(np.arange(10.0))).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        rng = np.random.default_rng(4)
        score = rng.normal(size=3_000)
        fit_platt(score, rng.random(3_000) < 0.3)
        fit_log_linear(score, rng.exponential(np.exp(score)))


def test_a_level_that_still_moves_says_so(monkeypatch):
    rng = np.random.default_rng(6)
    score = rng.normal(size=200)
    label = np.exp(0.5 * score) * rng.gamma(1.0, 1.0, 200)
    said = {"label": label, "label_se": 0.3, "plain": label, "plain_se": np.full(200, 0.3)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        fit_money("lift", score, **said)
    monkeypatch.setattr(scale_module, "_ROUNDS", 1)
    with pytest.warns(ConvergenceWarning, match="the level of money"):
        fit_money("lift", score, **said)
