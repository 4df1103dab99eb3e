"""Log-linear parts against scikit-learn's Poisson regression, laws that are known, and folds that are looked into."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from models.calibration.scale import Scale, Term
from tests.training.heads.made_up import SIGNALS, invitations
from training.heads.linear import LIKELY, fit_linear_part, held_ridge, quasi_poisson_loss, ridge, term_of

LOGS = dict.fromkeys(SIGNALS, True)


def drawn(n: int, *, seed: int) -> tuple[np.ndarray, ...]:
    """Standardised signals, positive labels, weights and an offset."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    offset = rng.normal(0.0, 0.5, n)
    y = np.exp(offset + 2.0 + z @ [0.7, -0.3, 0.0]) * rng.gamma(2.0, 0.5, n)
    return z, y, rng.uniform(0.2, 2.0, n), offset


@pytest.mark.parametrize("strength", [0.0, 0.1, 3.0])
def test_a_ridge_is_scikit_learns_poisson_regression_on_positive_labels(strength):
    z, y, w, offset = drawn(500, seed=1)
    ours = ridge(z, y, w, offset, strength=strength)
    # An offset is a label and a weight in other units; scikit-learn's penalty is one of the mean, without what is told.
    exposed = w * np.exp(offset)
    alpha = strength * float(w @ y) / exposed.sum()
    theirs = PoissonRegressor(alpha=alpha, tol=1e-10, max_iter=5_000)
    theirs.fit(z, y / np.exp(offset), sample_weight=exposed)
    np.testing.assert_allclose(ours, [theirs.intercept_, *theirs.coef_], atol=2e-4)


def test_a_strength_of_one_halves_what_a_lone_signal_has():
    """To first order: the rows' information about a coefficient near 0 is the sum of w mu, and so is the penalty."""
    rng = np.random.default_rng(2)
    z = np.sign(rng.normal(size=(4_000, 1)))
    z = (z - z.mean()) / z.std()
    y = np.exp(0.02 * z[:, 0])
    free, held = (ridge(z, y, np.ones(4_000), np.zeros(4_000), strength=strength)[1] for strength in (0.0, 1.0))
    assert free == pytest.approx(0.02, rel=1e-3)
    assert held == pytest.approx(0.01, rel=1e-2)


def test_labels_that_are_as_often_too_low_as_too_high_move_nothing():
    z, y, w, offset = drawn(4_000, seed=3)
    mean = np.exp(offset + 2.0 + z @ [0.7, -0.3, 0.0])
    noisy = y + 1.5 * mean * np.random.default_rng(3).normal(size=len(y))
    assert (noisy < 0).mean() > 0.2
    np.testing.assert_allclose(ridge(z, noisy, w / mean, offset, strength=0.0), [2.0, 0.7, -0.3, 0.0], atol=0.1)


def test_estimates_that_scatter_about_nothing_fit_next_to_nothing():
    """Lifts of a marketplace where hardly anything is lifted: a tenth of the scatter, and no signal tells which."""
    rng = np.random.default_rng(6)
    n, k = 250, 10
    free, held = [], []
    for _ in range(20):
        z = rng.normal(size=(n, k))
        y = rng.normal(0.1, 1.0, n)
        if y.sum() <= 0:
            continue
        for found, fit in ((free, ridge), (held, held_ridge)):
            found.append(np.abs(fit(z, y, np.ones(n), np.zeros(n), strength=0.03)[1:]).max())
    assert np.median(free) > 0.6
    assert np.median(held) < LIKELY


def test_what_is_sure_is_held_by_the_given_strength_alone():
    z, y, w, offset = drawn(4_000, seed=7)
    for strength in (0.03, 0.3):
        both = [fit(z, y, w, offset, strength=strength) for fit in (ridge, held_ridge)]
        np.testing.assert_array_equal(*both)


def test_the_least_strength_is_the_prior_of_a_gaussian():
    """With a mean far above its scatter the model is linear: the ridge is the normal prior's posterior mean."""
    rng = np.random.default_rng(8)
    n = 60
    z = rng.normal(size=(n, 1))
    z = (z - z.mean()) / z.std()
    y = 1_000.0 + 400.0 * rng.normal(size=n)
    slope = float(z[:, 0] @ (y / y.mean() - 1.0)) / n
    error = 0.4 / np.sqrt(n)
    found = held_ridge(z, y, np.ones(n), np.zeros(n), strength=0.0)[1]
    assert found == pytest.approx(slope * LIKELY**2 / (LIKELY**2 + error**2), abs=0.1 * error)


@pytest.mark.parametrize("y", [np.zeros(50), -np.ones(50), np.zeros(0)])
def test_without_a_positive_sum_there_is_no_line(y):
    z = np.random.default_rng(4).normal(size=(len(y), 2))
    assert ridge(z, y, np.ones(len(y)), np.zeros(len(y)), strength=0.1).tolist() == [0.0, 0.0, 0.0]


def test_the_loss_by_hand_whatever_the_level():
    y, w, rows = np.array([1.0, 3.0, 99.0]), np.array([1.0, 3.0, 1.0]), np.array([True, True, False])
    eta = np.log([1.0, 3.0, 7.0])
    # Both means are (1 + 9) / 4, so that no level is missing: (1 * (1 - 0) + 3 * (3 - 3 ln 3)) / 4.
    by_hand = (1.0 + 3.0 * (3.0 - 3.0 * np.log(3.0))) / 4.0
    assert quasi_poisson_loss(y, w, eta, rows) == pytest.approx(by_hand)
    assert quasi_poisson_loss(y, w, eta + 5.0, rows) == pytest.approx(by_hand)
    assert quasi_poisson_loss(y, w, 0.5 * eta, rows) > by_hand


@pytest.fixture(scope="module")
def law():
    """Sales that go with a power of one signal and fall with another, half of their rows labelled."""
    data = invitations(900, seed=5)
    rng = np.random.default_rng(5)
    eta = 0.8 * np.log(data.X[:, 0]) - 0.4 * np.log(data.X[:, 3])
    y = 50.0 * np.exp(eta) * rng.gamma(2.0, 0.5, len(data))
    return data, data.campaign * 5 // 30, rng.random(len(data)) < 0.5, y, eta


def part_of(law, *, y=None, **more):
    data, blocks, rows, sold, _ = law
    told = {"weights": np.full(len(data), 0.02), "offset": np.zeros(len(data)), "signals": LOGS}
    return fit_linear_part(data, blocks, rows=rows, y=sold if y is None else y, **{**told, **more})


def test_a_part_finds_the_law(law):
    data, _, _, _, eta = law
    part = part_of(law)
    found = {term.signal: term.coefficient for term in part.scale.terms}
    assert found[SIGNALS[0]] == pytest.approx(0.8, abs=0.1)
    assert found[SIGNALS[3]] == pytest.approx(-0.4, abs=0.1)
    assert max(abs(found[name]) for name in (SIGNALS[1], SIGNALS[2], SIGNALS[4])) < 0.1
    assert part.losses[part.strength] == min(part.losses.values())
    assert np.corrcoef(part.out_of_fold, eta)[0, 1] > 0.97
    assert np.isfinite(part.scale.of(data.X, data.signals)).all()


def test_out_of_fold_a_block_is_not_seen(law):
    """Whatever a block's own labels are, its part is the same but for the constant that calibration finds."""
    _, blocks, _, y, _ = law
    inside = blocks == 2
    turned = np.where(inside, y.max() / y, y)
    before, after = (part_of(law, y=one, strengths=(0.1,)) for one in (y, turned))
    moved = after.out_of_fold - before.out_of_fold
    assert np.ptp(moved[inside]) < 1e-9
    assert np.std(moved[~inside]) > 0.05
    assert before.scale != after.scale


def test_folds_that_are_all_the_same_rows_say_what_the_scale_says(law):
    data, blocks, rows, y, _ = law
    once = np.flatnonzero(blocks == 0)
    at = np.tile(once, 5)
    five = dataclasses.replace(data, rows=data.rows.iloc[at].reset_index(drop=True), X=data.X[at])
    known, folds = np.tile(rows[once], 5), np.repeat(np.arange(5), len(once))
    part = fit_linear_part(five, folds, rows=known, y=y[at], weights=np.ones(len(at)), offset=np.zeros(len(at)),
                           signals=LOGS, strengths=(0.3,))  # fmt: skip
    apart = part.out_of_fold - np.log(part.scale.of(five.X, five.signals))
    assert np.ptp(apart) < 1e-4
    assert np.std(part.out_of_fold) > 0.5


def test_without_strength_to_hold_there_are_no_terms(law):
    data = law[0]
    part = part_of(law, strengths=(np.inf,))
    assert part.scale is None
    assert part.strength == np.inf
    assert not part.out_of_fold.any()
    noise = np.random.default_rng(6).gamma(0.2, 50.0, len(data))
    assert part_of(law, y=noise, strengths=(0.01, np.inf)).strength == np.inf
    assert part_of(law, strengths=(0.01, np.inf)).strength == 0.01


def test_what_is_known_already_is_not_learned_again(law):
    eta = law[-1]
    part = part_of(law, offset=eta, strengths=(0.1,))
    assert max(abs(term.coefficient) for term in part.scale.terms) < 0.08


def test_a_signal_that_nobody_has_or_all_alike_makes_no_term(law):
    data, *rest = law
    X = data.X.copy()
    X[:, 1], X[:, 4] = np.nan, 3.0
    part = part_of((dataclasses.replace(data, X=X), *rest), signals={**LOGS, "not_there": True})
    assert set(part.scale.signals) == {SIGNALS[0], SIGNALS[2], SIGNALS[3]}


def test_what_a_part_is_added_to_keeps_its_bounds(law):
    """A head of all rows and a part of some of them: what they say of one signal adds up."""
    sales = Term(SIGNALS[0], 0.5, 2.0, 1.0, 0.4)
    part = part_of(law, beside=[None, Scale((sales,))])
    found = {term.signal: term for term in part.scale.terms}
    assert dataclasses.replace(found[SIGNALS[0]], coefficient=0.4) == sales
    assert found[SIGNALS[3]].low != 0.5
    both = Scale.sum_of([(1.0, Scale((sales,))), (1.0, part.scale)])
    assert both.terms[0].coefficient == pytest.approx(0.4 + found[SIGNALS[0]].coefficient)


def test_a_term_keeps_within_what_the_invited_had():
    data = invitations(200)
    X = data.X.copy()
    X[:, 0] = np.r_[-1.0, 0.0, np.nan, np.arange(1.0, 198.0)]
    data = dataclasses.replace(data, X=X)
    power, line = (term_of(data, SIGNALS[0], log=log, coefficient=0.5) for log in (True, False))
    # Of 197 positive values the 2 % quantile lies 3.92 steps from the first; among all 199 known, -1 is the least.
    assert (power.low, power.missing, power.high) == pytest.approx((4.92, 99.0, 197.0))
    assert (line.low, line.missing, line.high) == (-1.0, 98.0, 197.0)
    X[:, 0] = -np.abs(X[:, 0])
    assert term_of(dataclasses.replace(data, X=X), SIGNALS[0], log=True) is None
