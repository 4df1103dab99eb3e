"""Where conversion's law holds nothing is said to be off; where posts break it, what is off is named."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from features.conversion.check import (
    RIVAL_WORTH,
    ConversionCheck,
    Level,
    Order,
    check_conversion,
    check_posts,
    check_text,
)
from features.conversion.fit import fit_conversion
from features.conversion.law import law_of
from features.conversion.model import REFIT_DAYS
from features.conversion.rows import RIPE_DAYS, Posts, read_conversion_data, read_later_posts
from marketplace.tables import Marketplace
from tests.features.conversion.made_up import day, drawn, evidence_of, shelf_of

CREATORS, PER_CREATOR = 120, 30


@pytest.fixture(scope="module")
def fit():
    """Posts of the law itself, a fifth of them lives, and the model fitted on them."""
    evidence = posts_of(0)
    return evidence, fit_conversion(evidence)


def posts_of(seed, *, scatter=None, lives=1.0, level=1.0, power=1.0):
    """Posts of `CREATORS`: what is watched times a rate, beside what is caught; ``scatter`` is a gamma's shape."""
    rng = np.random.default_rng(seed)
    people = np.random.default_rng(99)
    shelf = shelf_of(np.arange(10), np.zeros(10, dtype=int), np.zeros(10), people.lognormal(1.0, 0.5, 10))
    theirs = people.normal(0.0, 0.6, CREATORS)
    creator = np.repeat(np.arange(CREATORS), PER_CREATOR)
    product = rng.integers(0, 10, len(creator))
    live = (rng.random(len(creator)) < 0.2).astype(float)
    views = rng.lognormal(6.5, 1.0, len(creator)).round() + 1.0
    watched = np.exp(6.5) * (views / np.exp(6.5)) ** power
    mean = watched * np.exp(-5.5 + theirs[creator] + 0.5 * live) + 0.2 * shelf.level[product]
    mean = mean * np.where(live > 0, lives, 1.0) * level
    if scatter is not None:
        mean = mean * rng.gamma(scatter, 1.0 / scatter, len(mean))
    posts = Posts(creator, product, views, rng.poisson(mean).astype(float), live, np.zeros(len(creator)))
    return evidence_of(posts, shelf, CREATORS)


def held(fit, seed, **other) -> ConversionCheck:
    evidence, fitted = fit
    later = posts_of(seed, **other)
    return check_posts(evidence, fitted, later.posts, later.shelf)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_the_law_holds_nothing_is_off(fit, seed):
    found = held(fit, seed)
    assert found.off == ()
    assert "the law holds" in found.headline
    assert found.all.ratio == pytest.approx(1.0, abs=0.1)
    assert found.watched.law > found.watched.rival
    own = check_posts(fit[0], fit[1], fit[0].posts, fit[0].shelf)
    assert own.off == ()
    assert own.all.ratio == pytest.approx(1.0, abs=0.02)


def test_sales_that_scatter_further_than_the_law(fit):
    found = held(fit, 4, scatter=0.3)
    assert found.exponent.observed > 1.6 > found.exponent.law
    said = "; ".join(found.off)
    assert "variance of sales grows with their mean^" in said
    assert "sell nothing, by the law" in said
    assert "the best 1 % of posts sell" in said
    assert "lives sell" not in said


def test_lives_that_sell_three_times_what_is_told(fit):
    found = held(fit, 5, lives=3.0)
    (said,) = (one for one in found.off if one.startswith("lives"))
    videos, lives = found.formats
    assert said == f"lives sell {lives.ratio:.2g} times what is told"
    assert lives.ratio == pytest.approx(3.0, rel=0.15)
    assert not any(one.startswith("videos") for one in found.off)
    assert (lives.sold, lives.posts + videos.posts) == (pytest.approx(3 * lives.told, rel=0.15), CREATORS * PER_CREATOR)


def test_a_level_that_moved(fit):
    found = held(fit, 6, level=1.6)
    assert any(one.startswith("posts sell 1.") for one in found.off)
    assert not any("tenth" in one for one in found.off)  # beside the level of all


def test_sales_that_grow_more_slowly_than_views(fit):
    found = held(fit, 10, power=0.5)
    assert found.tenths[0].ratio > 1.0 > found.tenths[-1].ratio
    assert any(one.startswith("the highest tenth by units told sells 0.") for one in found.off)


def test_a_rival_that_orders_better_is_named(fit):
    """Units that do not grow with views at all but with what the creator sold before."""
    evidence, fitted = fit
    rng = np.random.default_rng(7)
    posts = evidence.posts
    usual = np.bincount(posts.creator, weights=posts.units) / PER_CREATOR
    units = rng.poisson(2.0 * usual[posts.creator]).astype(float)
    later = dataclasses.replace(posts, units=units, views=rng.permutation(posts.views))
    found = check_posts(evidence, fitted, later, evidence.shelf)
    assert found.ahead.rival > found.ahead.law
    assert found.ahead.off == (found.ahead.rival - found.ahead.law >= 0.02 and found.ahead.p < 0.01)
    assert found.ahead.off
    assert any("creators' past mean units a post order posts better" in one for one in found.off)


def test_rank_correlations_are_scipys(fit):
    from scipy.stats import spearmanr

    evidence, fitted = fit
    later = posts_of(8)
    found = check_posts(evidence, fitted, later.posts, later.shelf)
    told = law_of(evidence, fitted, later.posts, later.shelf).expected
    assert found.watched.law == pytest.approx(spearmanr(told, later.posts.units).statistic)
    assert found.watched.rival == pytest.approx(spearmanr(later.posts.views, later.posts.units).statistic)
    units = np.bincount(evidence.posts.creator, weights=evidence.posts.units)
    mean = (units + RIVAL_WORTH * units.sum() / len(evidence.posts)) / (PER_CREATOR + RIVAL_WORTH)
    assert found.ahead.rival == pytest.approx(spearmanr(mean[later.posts.creator], later.posts.units).statistic)


def test_draws_have_the_mean_and_variance_of_the_law(fit):
    evidence, fitted = fit
    fitted = dataclasses.replace(fitted, dispersion=3.0)
    law = law_of(evidence, fitted, evidence.posts, evidence.shelf)
    rng = np.random.default_rng(9)
    draws = np.array([law.draw(rng) for _ in range(1500)])
    np.testing.assert_allclose(draws.mean(axis=0).sum(), law.expected.sum(), rtol=0.01)
    variance = 3.0 * law.expected + law.watched**2 * np.expm1(2 * law.half_variance)
    variance += law.caught**2 * np.expm1(law.caught_deviations[law.creator] ** 2)
    assert draws.var(axis=0).sum() == pytest.approx(variance.sum(), rel=0.05)


def test_the_law_is_the_one_that_was_fitted():
    """Expected units of the fit's own posts are what its last round was fitted to: they add up to those ordered."""
    evidence, _, _ = drawn(np.random.default_rng(10), creators=80, tastes=0.4, caught=0.3)
    law = law_of(evidence, fit_conversion(evidence, rounds=60), evidence.posts, evidence.shelf)
    assert law.expected.sum() == pytest.approx(evidence.posts.units.sum(), rel=1e-3)


def test_whom_the_fit_does_not_know_has_what_is_usual_and_scatters_widest(fit):
    evidence, fitted = fit
    posts = dataclasses.replace(
        evidence.posts, creator=np.full(len(evidence.posts), CREATORS), views=np.full(len(evidence.posts), 1000.0)
    )
    shelf = dataclasses.replace(
        evidence.shelf, brand=np.full(10, len(evidence.shelf.brand_ids)), category=np.full(10, 1)
    )
    law = law_of(evidence, fitted, posts, shelf)
    assert np.isfinite(law.expected).all()
    assert law.half_variance.min() > law_of(evidence, fitted, evidence.posts, evidence.shelf).half_variance.max()


def test_thresholds_ask_for_size_and_for_evidence():
    assert Level("all", 10, 130.0, 100.0, 0.05).off(1.25)
    assert not Level("all", 10, 130.0, 100.0, 0.2).off(1.25)  # by chance
    assert not Level("all", 10, 120.0, 100.0, 0.01).off(1.25)  # too little to matter
    assert Level("all", 10, 70.0, 100.0, 0.05).off(1.25)
    assert Order(0.30, 0.33, 0.001).off
    assert not Order(0.30, 0.33, 0.02).off
    assert not Order(0.30, 0.31, 0.001).off


def test_later_posts_stand_in_the_terms_of_the_fit(shop):
    evidence = read_conversion_data(shop, day("2024-01-07"))
    assert read_later_posts(shop, evidence, published=day("2024-01-07"), known=day("2024-01-07") + RIPE_DAYS) is None
    later = read_later_posts(shop, evidence, published=day("2024-01-05"), known=day("2024-01-07") + RIPE_DAYS)
    posts, shelf = later
    assert posts.views.tolist() == [120, 80, 80]
    assert posts.units.tolist() == [3, 0, 3]
    assert posts.live.tolist() == [0, 1, 1]
    # v2's views came in after the fit: it knows neither the second product's brand nor its category.
    assert shelf.brand_ids == ("b1",)
    assert shelf.brand[posts.product].tolist() == [0, 0, 1]
    assert shelf.category[posts.product].tolist() == [0, 0, len(shelf.category_ids)]
    assert evidence.shelf.brand.tolist() == [0]


def test_nothing_known_later_is_read(wee, wee_frames):
    """The check of a day is the check of the tables cut off at that day."""
    last = day(str(wee_frames["orders"]["ordered_at"].max().date()))
    due = (last - REFIT_DAYS - RIPE_DAYS) // REFIT_DAYS * REFIT_DAYS
    found = check_conversion(wee, last)
    assert found is not None
    assert found.fitted_on == f"{pd.Timestamp(due, unit='D'):%Y-%m-%d}"
    midnight = pd.Timestamp(due + REFIT_DAYS + RIPE_DAYS, unit="D", tz="UTC")
    cut = {name: one[~(one["known_at"] >= midnight)] if "known_at" in one else one for name, one in wee_frames.items()}
    assert check_conversion(Marketplace.from_frames(cut), last) == found
    assert json.loads(json.dumps(found.as_dict()))["off"] == list(found.off)
    assert check_text(found).startswith(found.headline)
    assert all(np.isfinite(list(found.metrics().values())))
    assert len(found.to_frame()) == 1 + len(found.formats) + len(found.tenths)


def test_too_little_is_not_judged(shop):
    assert check_conversion(shop, day("2024-04-01")) is None
