"""Conversion: what watching sells is told apart from what the product would have sold anyway, and read in time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from features.briefs import read_catalogue
from features.briefs.brief import read_briefs
from features.conversion.coordinates import TASTES, packed
from features.conversion.fit import fit_conversion
from features.conversion.model import (
    CONVERSION_SIGNALS,
    REFIT_DAYS,
    Conversion,
    conversion_columns,
    conversion_of,
    laid_out,
)
from features.conversion.rows import Posts, _posts_before, read_conversion_data
from features.signals.build import build_matrix
from features.time import day_number, default_as_of, midnight_of
from marketplace.tables import Marketplace
from tests.features.conversion.made_up import day, drawn, evidence_of, shelf_of


def log_rates(fitted, evidence):
    """Posterior mean of each creator's log rate for each product, (m, p)."""
    shelf, c = evidence.shelf, len(evidence.shelf.category_price)
    own = fitted.fixed[shelf.category] + fitted.mean[:, :1] + fitted.mean[:, 1 + shelf.category]
    own = own + fitted.fixed[c + 4] * fitted.category_share[:, shelf.category]
    return own + tastes_of(fitted) @ fitted.brands[shelf.brand].T


def tastes_of(fitted):
    """(m, TASTES)."""
    return fitted.mean[:, -1 - TASTES : -1]


def test_what_creators_turn_into_orders_is_recovered():
    evidence, rate, _ = drawn(np.random.default_rng(0), caught=0.3)
    fitted = fit_conversion(evidence)
    found = log_rates(fitted, evidence)
    assert np.corrcoef(found.mean(axis=1), rate.mean(axis=1))[0, 1] > 0.95
    assert np.abs((found - rate).mean()) < 0.1
    # Constant, posts and share of posts are the same for all here: only their sum is told.
    caught = fitted.captured[0] + fitted.captured[3] * fitted.category_share[:, 0]
    assert caught == pytest.approx(np.log(0.3), abs=0.15)
    # With one category, what is general and what is the category's cannot be told apart.
    assert fitted.spread[0] + fitted.spread[1] == pytest.approx(0.6**2, rel=0.15)
    assert fitted.brand_spread.max() < 0.01  # no brand sells better than another: no taste is made up
    assert fitted.dispersion < 1.05


def test_orders_that_do_not_grow_with_views_are_no_conversion():
    rng = np.random.default_rng(1)
    evidence, _, theirs = drawn(rng, caught=2.0, per_creator=15)
    posts = evidence.posts
    orders, views = (np.bincount(posts.creator, weights=w) for w in (posts.units, posts.views))
    naive = np.corrcoef(np.log(orders + 0.5) - np.log(views), theirs)[0, 1]
    found = np.corrcoef(log_rates(fit_conversion(evidence), evidence).mean(axis=1), theirs)[0, 1]
    assert found > naive + 0.1


def test_a_fit_that_was_given_too_few_rounds_says_so(capsys: pytest.CaptureFixture[str]):
    evidence, _, _ = drawn(np.random.default_rng(0), creators=60, per_creator=12, caught=0.3)
    assert fit_conversion(evidence).converged
    assert not capsys.readouterr().err
    assert not fit_conversion(evidence, rounds=2).converged
    assert "not converged after 2 rounds" in capsys.readouterr().err


def test_tastes_speak_of_pairs_that_never_met():
    evidence, rate, _ = drawn(np.random.default_rng(2), tastes=0.5, per_creator=40, creators=600)
    brand_met = np.zeros((len(rate), 20), dtype=bool)
    brand_met[evidence.posts.creator, evidence.shelf.brand[evidence.posts.product]] = True
    strangers = ~brand_met[:, evidence.shelf.brand]
    fitted = fit_conversion(evidence)
    found = tastes_of(fitted) @ fitted.brands[evidence.shelf.brand].T
    true = rate - rate.mean(axis=1, keepdims=True)
    assert strangers.sum() > 500
    assert np.corrcoef(found[strangers], true[strangers])[0, 1] > 0.5


def test_with_many_orders_the_rate_is_orders_over_views():
    creators, n = 30, 4_000
    rng = np.random.default_rng(3)
    creator = np.repeat(np.arange(creators), n // creators)
    zero = np.zeros(len(creator))
    views = rng.lognormal(9.0, 1.0, len(creator)).round()
    true = np.linspace(-5.0, -3.0, creators)
    orders = rng.poisson(views * np.exp(true[creator])).astype(float)
    posts = Posts(creator, np.zeros(len(creator), dtype=np.int64), views, orders, zero, zero)
    evidence = evidence_of(posts, shelf_of([0], [0], [0.0], 1e-3), creators)
    found = log_rates(fit_conversion(evidence, rounds=60), evidence)[:, 0]
    expected = np.log(np.bincount(creator, weights=orders) / np.bincount(creator, weights=views))
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_the_posterior_is_the_one_that_a_general_optimiser_finds():
    """One creator's mean maximises the variational objective, given all else: held against SciPy on the formula."""
    from scipy.optimize import minimize

    evidence, _, _ = drawn(np.random.default_rng(4), creators=60, per_creator=12, caught=0.4, tastes=0.3)
    fitted = fit_conversion(evidence, rounds=80)
    posts, shelf, c = evidence.posts, evidence.shelf, len(evidence.shelf.category_price)
    d = len(fitted.spread)
    for creator in (3, 17):
        at = np.flatnonzero(posts.creator == creator)
        product = posts.product[at]
        x = np.zeros((len(at), d))
        x[:, 0] = 1.0
        x[np.arange(len(at)), 1 + shelf.category[product]] = 1.0
        x[:, c + 1] = shelf.price[product]
        x[:, c + 2 : c + 2 + TASTES] = fitted.brands[shelf.brand[product]]
        x[:, -1] = posts.live[at]
        cover = np.zeros((d, d))
        rows, columns = np.triu_indices(d)
        cover[rows, columns] = cover[columns, rows] = fitted.cover[creator][packed(rows, columns, d)]
        far = np.minimum((shelf.price[product] - fitted.usual_price[creator]) ** 2, 3.0)
        fixed = fitted.fixed[shelf.category[product]] + fitted.fixed[c + 5] * far
        fixed = fixed + fitted.fixed[c + 4] * fitted.category_share[creator, shelf.category[product]]
        spread = 0.5 * np.einsum("nd,de,ne->n", x, cover, x)
        share = fitted.category_share[creator, shelf.category[product]]
        log_posts = np.log1p(np.bincount(posts.creator))
        habits = (log_posts - log_posts.mean())[creator]
        caught = shelf.level[product] * np.exp(
            fitted.captured[0]
            + fitted.captured[2] * habits
            + fitted.captured[3] * share
            + fitted.caught[creator]
            + 0.5 * fitted.caught_cover[creator]
        )

        def watched(mean, x=x, fixed=fixed, spread=spread, at=at):
            return posts.views[at] * np.exp(fixed + x @ mean + spread)

        now = watched(fitted.mean[creator])
        credited = posts.units[at] * now / (now + caught)

        def loss(mean, x=x, credited=credited, watched=watched):
            fit = credited @ (x @ mean) - watched(mean).sum()
            return -fit / fitted.dispersion + 0.5 * (mean**2 / fitted.spread).sum()

        best = minimize(loss, np.zeros(d), method="BFGS", options={"gtol": 1e-8}).x
        np.testing.assert_allclose(fitted.mean[creator], best, atol=0.02)


def test_few_posts_say_little_and_none_say_nothing():
    rng = np.random.default_rng(5)
    evidence, _, _ = drawn(rng, creators=200)
    keep = rng.random(len(evidence.posts)) < np.where(evidence.posts.creator < 100, 1.0, 0.1)
    keep &= evidence.posts.creator != 150
    kept = {one.name: getattr(evidence.posts, one.name)[keep] for one in dataclasses.fields(Posts)}
    fitted = fit_conversion(dataclasses.replace(evidence, posts=Posts(**kept)))
    # Of general and the one category together: they cannot be told apart.
    d = len(fitted.spread)
    uncertain = fitted.cover[:, [0, 1, d]] @ np.array([1.0, 2.0, 1.0])
    assert uncertain[:100].mean() < 0.7 * uncertain[100:].mean()
    assert fitted.mean[150].tolist() == [0.0] * len(fitted.spread)
    assert np.abs(fitted.mean[:100, 0]).mean() > np.abs(fitted.mean[100:, 0]).mean()


def test_order_of_creators_and_blocks_change_nothing_that_is_told(monkeypatch):
    evidence, _, _ = drawn(np.random.default_rng(6), creators=120)
    one = fit_conversion(evidence)
    monkeypatch.setattr("features.conversion.fit.BLOCK_ROWS", 500)
    other = fit_conversion(evidence)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-9)
    again = fit_conversion(evidence)
    np.testing.assert_array_equal(other.mean, again.mean)


def rows(evidence):
    """Creator's place, product's brand, views, orders, live, partnership of every row."""
    posts = evidence.posts
    brand = [evidence.shelf.brand_ids[b] for b in evidence.shelf.brand[posts.product]]
    return list(zip(brand, posts.views, posts.units, posts.live, posts.partnership, strict=True))


def test_posts_are_read_as_known_on_the_day(shop):
    early = read_conversion_data(shop, day("2024-01-10"))
    # Of v1 70 unbought views of the first day; the second day's came in late. One order waits to be cancelled; three
    # units a line.
    assert rows(early) == [("b1", 70, 6, 0, 0), ("b1", 80, 0, 1, 0), ("b2", 80, 0, 1, 0), ("b2", 70, 0, 0, 0)]
    late = read_conversion_data(shop, day("2024-01-30"))
    # v3 was deleted; b's cancellation, d and the delivery are known; c was led by an ad.
    assert rows(late) == [("b1", 120, 3, 0, 0), ("b1", 80, 0, 1, 1), ("b2", 80, 3, 1, 1)]
    assert late.shelf.level.tolist() == [4.0, 4.0]  # the median of 2, 4, 9, and the usual one where none is told
    assert late.creator_ids.tolist() == ["c1"]  # c2 joined later
    np.testing.assert_allclose(late.shelf.price, 0.0)  # one product a category
    assert read_conversion_data(shop, day("2024-01-04")) is None
    assert read_conversion_data(shop, day("2025-01-20")) is None  # nothing of the last year


def test_a_marketplace_that_tells_no_views_has_no_conversion(hand):
    market = Marketplace.from_frames(hand)
    assert conversion_of(market, day("2024-02-01")) is None
    matrix = build_matrix(market, pd.DataFrame({"campaign_id": ["k1"], "creator_id": ["c1"]}))
    assert matrix[list(CONVERSION_SIGNALS)].isna().all(axis=None)
    assert matrix["brief_sales_expected_365d"].isna().all()


def asked(market, campaign_id, creators, on):
    brief = read_briefs(market, [campaign_id])[campaign_id]
    codes = np.zeros(len(creators), dtype=np.int64)
    return conversion_columns(market, np.asarray(creators, dtype=object), codes, [brief], np.array([on]))


def test_signals_hold_from_one_fit_to_the_next(wee, wee_frames):
    campaign = wee_frames["campaigns"].sort_values("briefed_at").iloc[-3]["campaign_id"]
    creators = wee_frames["creators"]["creator_id"].unique()[:20].tolist()
    due = day(str(wee_frames["orders"]["ordered_at"].max().date())) // REFIT_DAYS * REFIT_DAYS
    found = {on: asked(wee, campaign, creators, on) for on in (due - 1, due, due + REFIT_DAYS - 1)}
    for name in CONVERSION_SIGNALS:
        np.testing.assert_array_equal(found[due][name], found[due + REFIT_DAYS - 1][name])
    assert (found[due - 1]["brief_conversion_mean_365d"] != found[due]["brief_conversion_mean_365d"]).any()
    assert np.isfinite(found[due]["brief_conversion_mean_365d"]).all()


def test_whom_the_fit_does_not_know_takes_what_is_usual(wee, wee_frames):
    last = day(str(wee_frames["orders"]["ordered_at"].max().date()))
    model = conversion_of(wee, last)
    strange = model.item(brand_id="nobody", category_id="nothing", price_usd=float("nan"))
    known = model.rows_of(wee_frames["creators"]["creator_id"].unique().astype(str))
    nobody = model.rows_of(["no such creator"])
    assert nobody.tolist() == [len(model.creator_ids)]
    usual = model.predict(nobody, strange)
    assert usual["brief_conversion_taste_365d"].tolist() == [0.0]
    assert usual["brief_conversion_general_365d"].tolist() == [0.0]
    everyone = model.predict(known, strange)
    assert (everyone["brief_conversion_taste_365d"] == 0.0).all()
    alike = model.live_share[known] <= model.live_share[-1]  # creators differ further in lives
    spread = everyone["brief_conversion_spread_365d"][alike]
    assert usual["brief_conversion_spread_365d"] >= spread.max() - 1e-9
    assert everyone["brief_conversion_mean_365d"].min() < usual["brief_conversion_mean_365d"][0]
    assert usual["brief_conversion_mean_365d"][0] < everyone["brief_conversion_mean_365d"].max()


def test_a_model_comes_back_from_its_arrays(wee, wee_frames):
    model = conversion_of(wee, day(str(wee_frames["orders"]["ordered_at"].max().date())))
    again = Conversion.of_arrays(model.arrays())
    assert again.fits()
    assert not dataclasses.replace(again, views=again.views[:-1]).fits()
    brief = next(iter(read_briefs(wee).values()))
    item = model.item(brand_id=brief.brand_id, category_id=brief.category_id, price_usd=brief.price_usd)
    every = np.arange(len(model.creator_ids) + 1)
    for name, values in model.predict(every, item).items():
        np.testing.assert_array_equal(values, again.predict(every, item)[name])
        np.testing.assert_array_equal(values[5:6], model.predict(every[5:6], item)[name])


@pytest.mark.parametrize("lives", ["no lives", "lives alone", "half lives"])
def test_the_next_post_sells_what_posts_of_its_format_sold(lives):
    """Views x units a view of the next post is the mean of what each creator's posts sold, whatever their format."""
    rng = np.random.default_rng(11)
    creators, per_creator = 60, 80
    creator = np.repeat(np.arange(creators), per_creator)
    live = {"no lives": 0.0, "lives alone": 1.0, "half lives": (np.arange(len(creator)) % 2).astype(float)}[lives]
    live = np.broadcast_to(live, creator.shape).astype(np.float64)
    views = rng.lognormal(6.0 + 0.5 * live, 0.5, len(creator)).round() + 1.0
    units = rng.poisson(views * np.exp(-4.0 + 0.02 * creator + 1.2 * live)).astype(float)
    posts = Posts(creator, np.zeros(len(creator), dtype=np.int64), views, units, live, np.zeros(len(creator)))
    evidence = evidence_of(posts, shelf_of([0], [0], [0.0], 1e-3), creators)
    video = evidence.posts.live == 0
    mine, seen = evidence.posts.creator[video], np.log(evidence.posts.views[video])
    sums = (np.bincount(mine, weights=w, minlength=creators) for w in (np.ones(len(seen)), seen, seen**2))
    evidence = dataclasses.replace(
        evidence, **dict(zip(("videos", "log_views", "log_views_squared"), sums, strict=True))
    )
    model = laid_out(evidence, fit_conversion(evidence, rounds=60))
    found = model.predict(np.arange(creators), model.item(brand_id="b0", category_id="k0", price_usd=1.0))
    told = found["brief_views_expected_365d"] / 1000.0 * found["brief_conversion_mean_365d"]
    sold = np.bincount(evidence.posts.creator, weights=evidence.posts.units) / per_creator
    np.testing.assert_allclose(told, sold, rtol=0.35)
    assert told.sum() == pytest.approx(sold.sum(), rel=0.07)


def test_posts_are_placed_by_the_database_as_a_plain_sort_places_them(wee):
    """Ids are sorted and numbered where they lie; here they are fetched, sorted and looked up one by one."""
    at = day_number(default_as_of(wee))
    evidence = read_conversion_data(wee, at)
    assert evidence is not None
    known = read_catalogue(wee, midnight_of(at)).products
    plain = wee.query(_posts_before(wee, at))
    plain = plain.sort_values(["creator_id", "content_id", "product_id"])
    plain = plain[plain["product_id"].isin(list(known)) & plain["creator_id"].isin(evidence.creator_ids)]
    assert len(plain) == len(evidence.posts) > 100
    people = {name: place for place, name in enumerate(evidence.creator_ids)}
    goods = {name: place for place, name in enumerate(sorted(set(plain["product_id"])))}
    assert evidence.posts.creator.tolist() == [people[name] for name in plain["creator_id"]]
    assert evidence.posts.product.tolist() == [goods[name] for name in plain["product_id"]]
    for name in ("views", "units", "live", "partnership"):
        assert getattr(evidence.posts, name).tolist() == plain[name].astype(float).tolist()
    brands = [evidence.shelf.brand_ids[place] for place in evidence.shelf.brand]
    assert brands == [known[name].brand_id for name in goods]
