"""Mixtures: served as they were fitted, no worse where the ratio is constant, and what they find where it is not."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
from scipy.stats import spearmanr

from models.predict import predict
from tests.training.heads.made_up import SIGNALS, head_of, invitations, told
from training.heads.fit import fit_head
from training.heads.hyperparameters import Hyperparameters
from training.heads.linear import fit_linear_part, quasi_poisson_loss
from training.heads.mixture import SHARES, SLOPES, mixed_money, own_money
from training.heads.targets import attributed_target, lift_target

FOLLOWERS = SIGNALS.index("follower_count_last")


def sold(data, *, falls: float = 0.0, noise: float = 1.5, seed: int = 3):
    """``data`` with attributed sales, the share of them that is incremental, and estimates of lift: and true lift.

    Expected sales go with a power of two signals; the share is a half at the usual number of followers and ``falls``
    as a power of it. A lift is estimated with an error of ``noise`` times what is expected.
    """
    rng = np.random.default_rng(seed)
    expected = 100.0 * data.X[:, 0] ** 0.7 * data.X[:, 4] ** 0.4
    attributed = expected * rng.gamma(2.0, 0.5, len(data))
    true = expected * 0.5 * data.X[:, FOLLOWERS] ** -falls
    se = noise * expected
    lift = true + se * rng.normal(size=len(data))
    plain = {"lift_raw": lift, "lift_raw_se": se}
    return told(data, attributed=attributed, lift=lift, lift_se=se, **plain), expected, true


def guessed(expected: np.ndarray, true: np.ndarray, *, seed: int = 4) -> dict:
    """Heads that know sales up to a tenth, and lift up to a factor of about two."""
    rng = np.random.default_rng(seed)
    sales, lift = (rng.normal(0.0, sd, len(true)) for sd in (0.1, 0.7))
    return {"attributed": head_of("attributed", np.log(expected) + sales), "lift": head_of("lift", np.log(true) + lift)}


def loss(mixture, true: np.ndarray) -> float:
    """How far the mixture's shape is from the truth, whatever its level, every dollar alike."""
    n = len(true)
    return quasi_poisson_loss(true, np.ones(n), mixture.expected, np.ones(n, dtype=bool))


def test_money_is_served_as_the_sum_of_scores_and_the_factor_by_hand(rankers, training_data):
    bundle = rankers["expected_value"].bundle
    X = training_data.X[:60]
    found = predict(bundle, X, training_data.economics.take(slice(0, 60)))
    raw = {name: head.predict(X, raw_score=True) for name, head in bundle.heads.items()}
    lift = bundle.calibration["lift"]
    assert set(lift.heads) == {"lift", "attributed"}
    assert len(lift.scale.terms) > 1
    for name in ("lift", "attributed"):
        made = bundle.calibration[name].as_dict()
        log = np.zeros(len(X))
        for term in made["scale"]["terms"]:
            value = X[:, bundle.signals.index(term["signal"])]
            value = np.minimum(np.maximum(np.where(np.isnan(value), term["missing"], value), term["low"]), term["high"])
            log += term["coefficient"] * (np.log(value) if term["log"] else value)
        score = sum(weight * raw[head] for head, weight in made["heads"].items())
        value = bundle.calibration[name].curve(score) * np.exp(log)
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-9)


def test_a_mixtures_curve_only_finds_the_level(rankers):
    """The slope was found on the whole expectation: calibration keeps 1 wherever money's mean is positive."""

    def slopes(curve: dict) -> set[float]:
        if curve["kind"] == "blend":
            return slopes(curve["first"]) | slopes(curve["second"])
        return {curve["slope"]} if curve["kind"] == "log_linear" else set()

    for name in ("lift", "attributed"):
        assert slopes(rankers["expected_value"].bundle.calibration[name].curve.as_dict()) == {1.0}


def test_where_the_ratio_is_constant_nothing_is_lost():
    data, expected, true = sold(invitations())
    heads = guessed(expected, true)
    own, mixed = own_money(data, heads), mixed_money(data, heads)
    best = loss(dataclasses.replace(own["lift"], score=np.log(expected)), true)
    assert loss(mixed["lift"], true) - best < 0.5 * (loss(own["lift"], true) - best)
    assert loss(mixed["attributed"], expected) - loss(own["attributed"], expected) < 0.01 * expected.mean()


@pytest.mark.parametrize("seed", [5, 6])
def test_a_ratio_that_goes_with_one_signal_is_found(seed):
    """Heads as they are fitted, on lifts that drown in their errors: attributed sales and one ratio tell more."""
    data, _, true = sold(invitations(seed=seed), falls=0.5, noise=3.0, seed=seed)
    few = Hyperparameters(max_rounds=60, feature_sets="loose")
    heads = {
        target.name: fit_head(target, data, seed=7, hyperparameters=few)
        for target in (lift_target(data), attributed_target(data))
    }
    own, mixed = own_money(data, heads), mixed_money(data, heads)
    order = {name: spearmanr(one["lift"].expected, true).statistic for name, one in (("own", own), ("mixed", mixed))}
    assert order["mixed"] > order["own"] + 0.02
    assert order["mixed"] > 0.85
    (followers,) = (term for term in mixed["lift"].scale.terms if term.signal == SIGNALS[FOLLOWERS])
    assert followers.coefficient < -0.05
    sales = {term.signal: term.coefficient for term in mixed["attributed"].scale.terms}
    assert abs(sales[SIGNALS[FOLLOWERS]]) < 0.05


def test_out_of_fold_the_ratio_is_not_learned_from_the_rows_own_campaigns(monkeypatch):
    """What is chosen once for all rows held fixed, a block's own lifts move its expectation by one constant."""
    fixed = functools.partial(fit_linear_part, strengths=(0.1,))
    monkeypatch.setattr("training.heads.mixture.fit_linear_part", fixed)
    monkeypatch.setattr("training.heads.mixture.SLOPES", (1.0, 1.0))
    data, expected, true = sold(invitations(), noise=0.1)
    heads = guessed(expected, true)
    inside = data.campaign * 5 // 30 == 1
    turned = data.rows["lift_usd"].where(~inside, data.X[:, FOLLOWERS] * expected)
    seen = [mixed_money(one, heads)["lift"] for one in (data, _with_lift(data, turned.to_numpy()))]
    moved = seen[1].expected - seen[0].expected
    assert np.ptp(moved[inside]) < 1e-9
    assert np.std(moved[~inside]) > 0.01


def _with_lift(data, lift):
    return dataclasses.replace(data, rows=data.rows.assign(lift_usd=lift))


def test_where_no_mean_is_positive_each_is_its_own_head():
    data, expected, true = sold(invitations())
    heads = guessed(expected, true)
    nothing_sold = dataclasses.replace(data, rows=data.rows.assign(attributed_usd=0.0))
    for name, one in mixed_money(nothing_sold, heads).items():
        assert one.heads == {name: 1.0}
        assert one.scale is None
        assert not one.whole
        np.testing.assert_array_equal(one.score, heads[name].out_of_fold)
    nothing_added = mixed_money(_with_lift(data, -data.column("attributed_usd")), heads)
    assert nothing_added["lift"].heads == {"lift": 1.0}
    assert not nothing_added["lift"].whole
    assert nothing_added["attributed"].whole
    assert nothing_added["attributed"].scale is not None


def test_scores_and_factor_add_up_to_what_is_expected_and_weights_are_within_what_is_said():
    data, expected, true = sold(invitations(), falls=0.5)
    heads = guessed(expected, true)
    mixed = mixed_money(data, heads)
    (share,) = mixed["attributed"].heads.values()
    slope = share / min(SHARES, key=lambda one: abs(share - one))
    assert SLOPES[0] <= slope <= SLOPES[1]
    for mixture in mixed.values():
        score = sum(weight * heads[name].out_of_fold for name, weight in mixture.heads.items())
        np.testing.assert_allclose(mixture.score, score, atol=1e-9)
        # Out of fold the factor is near what the scale says of all rows: the same law, fitted on a fifth less.
        served = np.log(mixture.scale.of(data.X, data.signals))
        assert np.corrcoef(np.log(mixture.factor), served)[0, 1] > 0.98


def test_a_mixture_is_stretched_on_the_logarithmic_scale():
    data, expected, true = sold(invitations(200))
    one = mixed_money(data, guessed(expected, true))["lift"]
    twice = one.stretched(1.5)
    np.testing.assert_allclose(twice.expected, 1.5 * one.expected)
    np.testing.assert_allclose(twice.factor, one.factor**1.5)
    assert twice.heads == {name: 1.5 * weight for name, weight in one.heads.items()}
    served = twice.scale.of(data.X, data.signals)
    np.testing.assert_allclose(served, one.scale.of(data.X, data.signals) ** 1.5)
