"""What is each creator's own, in catching and in lives, is recovered where there is any, and not made up elsewhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize

from features.conversion.fit import fit_conversion
from features.conversion.law import law_of
from features.conversion.model import laid_out
from tests.features.conversion.made_up import drawn


def test_rates_and_catches_are_those_of_a_poisson_regression_with_two_constants_a_creator():
    """Held against SciPy on the likelihood itself, where each creator has sold enough for no prior to matter."""
    n = 12
    rng = np.random.default_rng(2)
    evidence, _, _ = drawn(rng, caught=0.6, own=0.8, creators=n, per_creator=600)
    posts, shelf = evidence.posts, evidence.shelf
    level = shelf.level[posts.product]

    def loss(x):
        watched, caught = posts.views * np.exp(x[:n][posts.creator]), level * np.exp(x[n:][posts.creator])
        mean = watched + caught
        rest = 1.0 - posts.units / mean
        slopes = [np.bincount(posts.creator, weights=rest * part, minlength=n) for part in (watched, caught)]
        return (mean - posts.units * np.log(mean)).sum(), np.concatenate(slopes)

    start = np.concatenate([np.full(n, -6.0), np.full(n, -1.0)])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-14, "maxiter": 2000}).x
    law = law_of(evidence, fit_conversion(evidence, rounds=60), posts, shelf)
    assert law.expected.sum() == pytest.approx(posts.units.sum(), rel=1e-3)
    per = lambda part, over: np.bincount(posts.creator, weights=part) / np.bincount(posts.creator, weights=over)  # noqa: E731
    np.testing.assert_allclose(np.log(per(law.watched, posts.views)), best[:n], atol=0.06)
    np.testing.assert_allclose(np.log(per(law.caught, level)), best[n:], atol=0.2)


def test_what_each_creator_catches_is_no_conversion():
    evidence, rate, _ = drawn(np.random.default_rng(6), caught=1.0, own=1.0, creators=200, per_creator=40)
    fitted = fit_conversion(evidence)
    assert np.corrcoef(fitted.mean[:, 0] + fitted.mean[:, 1], rate.mean(axis=1))[0, 1] > 0.85
    assert fitted.caught_spread == pytest.approx(1.0, rel=0.35)
    law = law_of(evidence, fitted, evidence.posts, evidence.shelf)
    sold = (evidence.posts.views * np.exp(rate[evidence.posts.creator, evidence.posts.product])).sum()
    assert law.watched.sum() == pytest.approx(sold, rel=0.05)


def test_where_all_catch_alike_nothing_is_made_up():
    evidence, _, _ = drawn(np.random.default_rng(6), caught=1.0, creators=200, per_creator=40)
    fitted = fit_conversion(evidence)
    assert fitted.caught_spread < 0.05
    assert np.abs(fitted.caught).max() < 0.3


def test_what_a_creator_sells_live_is_recovered():
    rng = np.random.default_rng(7)
    live = 0.8 + 0.7 * rng.normal(size=200)
    evidence, _, _ = drawn(rng, lives=0.4, live=live, creators=200, per_creator=40, caught=0.1)
    evidence.posts.live[evidence.posts.creator == 17] = 0.0
    evidence.posts.units[evidence.posts.creator == 17] = 1.0
    fitted = fit_conversion(evidence)
    known = np.arange(200) != 17
    assert np.corrcoef(fitted.mean[known, -1], live[known])[0, 1] > 0.85
    assert fitted.spread[-1] == pytest.approx(0.7**2, rel=0.35)
    assert fitted.fixed[len(evidence.shelf.category_price)] == pytest.approx(0.8, abs=0.15)
    assert fitted.mean[17, -1] == 0.0  # never went live: as all
    alike, _, _ = drawn(rng, lives=0.4, live=np.full(200, 0.8), creators=200, per_creator=40, caught=0.1)
    assert fit_conversion(alike).spread[-1] < 0.05


def test_the_next_post_of_who_sells_live_is_told_to_sell_more():
    """Creators alike but for what their lives sell: told by as much as their posts sold, the half of them lives."""
    rng = np.random.default_rng(8)
    live = np.where(np.arange(100) < 50, 0.0, 2.0)
    evidence, _, _ = drawn(rng, lives=0.5, live=live, creators=100, per_creator=60, general=0.2)
    seen = np.log(evidence.posts.views) * (evidence.posts.live == 0)
    sums = [np.bincount(evidence.posts.creator, weights=one) for one in (evidence.posts.live == 0, seen, seen**2)]
    evidence = dataclasses.replace(evidence, videos=sums[0].astype(float), log_views=sums[1], log_views_squared=sums[2])
    model = laid_out(evidence, fit_conversion(evidence))
    assert model.fits()
    found = model.predict(np.arange(100), model.item(brand_id="b0", category_id="k0", price_usd=1.0))
    told = found["brief_views_expected_365d"] / 1000.0 * found["brief_conversion_mean_365d"]
    sold = np.bincount(evidence.posts.creator, weights=evidence.posts.units) / 60
    assert told[50:].mean() / told[:50].mean() == pytest.approx(sold[50:].mean() / sold[:50].mean(), rel=0.1)
    assert (model.live_share[50:100] > model.live_share[:50].max()).all()
