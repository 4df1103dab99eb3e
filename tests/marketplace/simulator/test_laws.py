"""The laws a world may be drawn from: each does what it says, and its truth is the mean of what is drawn."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from marketplace.checks import check
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.errors import ContractError
from marketplace.simulator import BASELINE, LAWS, World, find_world, simulate
from marketplace.simulator.drawing.find import is_kept
from marketplace.simulator.mechanisms import buyers
from marketplace.simulator.mechanisms.briefs import Briefs, draw_briefs
from marketplace.simulator.mechanisms.chances import History, late_chance
from marketplace.simulator.mechanisms.collaborations import Collaborations, draw_partnership_content, eligible_creators
from marketplace.simulator.mechanisms.crowding import beside_other_contents
from marketplace.simulator.mechanisms.expectation import Expectation, expect, mean_multiples
from marketplace.simulator.mechanisms.fates import draw_fates, net_usd
from marketplace.simulator.mechanisms.funnel import NONE, Funnel, draw_funnel
from marketplace.simulator.mechanisms.population import DAY, Population, draw_population
from marketplace.simulator.mechanisms.posts import draw_posts
from marketplace.simulator.mechanisms.reach import draw_hits, mean_response, response, view_noise
from marketplace.simulator.mechanisms.sales import Lines, capture_rate, conversion, kept_share
from marketplace.simulator.mechanisms.seasons import sale_days
from marketplace.simulator.record.shop import draw_demand
from marketplace.simulator.worlds import draw_law
from marketplace.simulator.worlds.parameters import stream
from marketplace.tables import open_marketplace, read_truth

# Still rates, little luck, and every step taken often, so that an error shows.
PLAIN = replace(BASELINE, fx_volatility=0.0, views_noise=0.5, accept_level=0.0, deliver_level=1.0)
SALES = {
    "sale_lift": 5.0, "payday_lift": 2.0, "sale_spread": 0.4, "sale_briefs": 1.0, "sale_posts": 0.8,
    "sale_capture": 2.0, "sale_conversion": 0.6,
}  # fmt: skip
AGENCIES = {"managed_level": 0.5, "agencies": 4, "agency_accept": 0.3, "agency_deliver": -0.7, "agency_effort": 0.3}
WORLDS: dict[str, World] = {
    name: replace(PLAIN, **changes)
    for name, changes in {
        "root": {"views_power": 0.4},
        "power": {"views_power": 1.2},
        "hits": {"hit_chance": 0.05, "hit_views": 4.0, "hit_tail": 2.5, "hit_cap": 5.0, "views_power": 0.8},
        "lives": {
            "live_creators": 0.8, "live_share": 0.4, "live_talent": 0.8, "live_partnership": 0.5,
            "live_partnership_spread": 1.0, "live_conversion": 6.0,
        },
        "audience": {
            "tired_posting": 0.8, "tired_from": 3.0, "age_mismatch": 0.5, "abroad_share": 0.3, "abroad_sales": 0.2,
        },
        "agencies": {**AGENCIES, "reserve_commission": 0.1, "reserve_spread": 0.4},
        "sales_days": SALES,
        "adds": {
            "adds_followers": 0.3, "adds_tenure": -0.2, "adds_unseen": 0.6, "adds_instead": 0.8, "boost_spread": 0.5,
        },
    }.items()
}  # fmt: skip
REPEATS = 150


def setting(world: World, seed: int = 5) -> tuple[Population, Briefs]:
    population = draw_population(world, seed, creators=300, campaigns=12, days=120)
    return population, draw_briefs(world, seed, population, campaigns=12)


def nothing(count: int) -> History:
    return History(np.zeros(count), np.zeros(count), np.zeros(count))


def expected_of(world: World, population: Population, briefs: Briefs, i: int, who: np.ndarray) -> Expectation:
    return expect(world, population, briefs=briefs, i=i, creator=who, past=nothing(len(who)))


def drawn(
    world: World, population: Population, briefs: Briefs, i: int, who: np.ndarray, *, repeats: int
) -> tuple[Funnel, Lines, np.ndarray]:
    """The funnel of ``repeats`` invitations of each of ``who``, its lines and what they net in USD."""
    many = np.tile(who, repeats)
    funnel = draw_funnel(
        stream(i, "funnel"), world, population=population, briefs=briefs, i=i, creator=many, past=nothing(len(many))
    )
    _, lines = draw_partnership_content(world, i, population, Collaborations(funnel, np.full(len(many), i), []))
    return funnel, lines, net_usd(population, lines, draw_fates(world, i, population, lines))


def centred(error: np.ndarray) -> bool:
    """Whether the mean of the errors lies within four standard errors of zero."""
    return bool(abs(error.mean()) < 4 * error.std() / np.sqrt(len(error)))


@pytest.mark.parametrize("name", WORLDS)
def test_the_truth_is_the_mean_of_the_draws(name: str) -> None:
    world = WORLDS[name]
    population, briefs = setting(world)
    i = int(np.flatnonzero(briefs.sale >= 0)[1]) if name == "sales_days" else 3
    who = eligible_creators(population, market=int(briefs.market[i]), briefed=int(briefs.briefed[i]))
    repeats = REPEATS * 300 // len(who)
    told = expected_of(world, population, briefs, i, who)
    funnel, lines, net = drawn(world, population, briefs, i, who, repeats=repeats)
    n = len(funnel.creator)
    accept, deliver = np.tile(told.accept, repeats), np.tile(told.deliver, repeats)
    assert centred(funnel.accepted - accept)
    assert centred((funnel.delivered - deliver)[funnel.accepted])
    sums = {
        "incremental": np.bincount(lines.partnership, weights=net * lines.incremental, minlength=n),
        "attributed": np.bincount(lines.partnership, weights=net, minlength=n),
    }
    done = funnel.delivered
    for part, values in sums.items():
        relative = values[done] / np.tile(getattr(told, part), repeats)[done]
        assert centred(relative - 1.0), part
        assert relative.std() / np.sqrt(len(relative)) < 0.03, part
    product = np.maximum(funnel.product, 0)
    margin = population.product_margin[product]
    goods = population.product_price[product] * briefs.rate[i] * (1 - margin) + briefs.shipping_usd[i]
    profit = (
        margin * sums["incremental"]
        - briefs.fee_usd[i] * done
        - briefs.commission[i] * sums["attributed"]
        - goods * (funnel.shipped != NONE)
    )
    assert centred(profit - np.tile(told.profit, repeats))


@pytest.mark.parametrize("power", [0.4, 0.7, 1.2])
def test_four_times_the_views_sell_four_to_the_power(power: float) -> None:
    world = replace(BASELINE, views_power=power)
    views = np.array([100.0, 2_750.0, 40_000.0])
    np.testing.assert_allclose(response(world, 4 * views) / response(world, views), 4.0**power)
    assert response(world, views)[1] == pytest.approx(2_750.0)  # at the reference every power sells the same
    population, briefs = setting(world)
    wider = replace(population, views_mean=4 * population.views_mean)
    who = np.arange(300)
    before, after = (expected_of(world, people, briefs, 2, who).incremental for people in (population, wider))
    np.testing.assert_allclose(after / before, 4.0**power)


def test_hits_are_rare_carry_much_and_leave_the_mean() -> None:
    world = replace(BASELINE, hit_chance=0.01, hit_views=10.0, hit_tail=1.5, hit_cap=30.0, views_power=0.6)
    hits = draw_hits(np.random.default_rng(0), world, 2_000_000)
    usual = hits.min()
    rare = hits > 5 * usual
    assert rare.mean() == pytest.approx(0.01, rel=0.03)
    assert hits.mean() == pytest.approx(1.0, rel=0.01)
    # Pareto from 10 to 300: mean 10 * 3 * (1 - 30^-.5) / (1 - 30^-1.5) = 24.67, so hits carry .2467 / 1.2367.
    assert hits[rare].sum() / hits.sum() == pytest.approx(0.2467 / 1.2367, rel=0.02)
    assert 10.0 * usual <= hits[rare].min() <= hits.max() <= 300.0 * usual
    noise = view_noise(np.random.default_rng(1), np.full(len(hits), 0.8))
    views = np.full(1, 5_000.0)
    mean = response(world, 5_000.0 * noise * hits).mean()
    assert mean_response(world, views, np.array([0.8]))[0] == pytest.approx(mean, rel=0.005)


def test_lives_sell_by_a_multiple_of_each_creators_own() -> None:
    world = WORLDS["lives"]
    population, briefs = setting(world)
    who = np.arange(300)
    always, never = (replace(population, live_partnership=np.full(300, share)) for share in (1.0, 0.0))
    live, video = (
        expected_of(replace(world, refund_live=0.0, refund_quality=-50.0), p, briefs, 1, who) for p in (always, never)
    )
    # Returns aside (none in lives, hardly any in videos of good audiences) what is left is views and conversion.
    good = population.traits["audience_quality"] > 0.5
    ratio = (live.incremental / video.incremental)[good]
    np.testing.assert_allclose(ratio, (world.live_views * 6.0 * population.live_multiple)[good], rtol=1e-6)
    assert np.log(population.live_multiple).std() == pytest.approx(0.8, abs=0.1)
    assert (population.live_partnership[population.live == 0] == 0).all()
    goes = (population.live > 1e-9) & (population.live < 1 - 1e-9) & (population.live_partnership < 1 - 1e-9)
    of_brands, own = population.live_partnership[goes], population.live[goes]
    shift = np.log(of_brands / (1 - of_brands)) - np.log(own / (1 - own))
    assert shift.mean() == pytest.approx(0.5, abs=0.25)
    assert shift.std() == pytest.approx(1.0, abs=0.15)


def test_an_audience_tires_of_many_posts_and_of_nothing_else() -> None:
    world = replace(BASELINE, tired_posting=0.9, tired_from=5.0)
    plain, tired = (draw_population(w, 5, creators=300, campaigns=12, days=120) for w in (BASELINE, world))
    product = np.zeros(300, dtype=np.int64)
    ratio = conversion(world, tired, np.arange(300), product) / conversion(BASELINE, plain, np.arange(300), product)
    np.testing.assert_allclose(ratio, np.maximum(plain.posts_30d / 5.0, 1.0) ** -0.9)
    assert 0.1 < (ratio < 1).mean() < 0.9


def test_audiences_of_the_wrong_age_or_market_buy_less_and_profiles_show_both(tmp_path: Path) -> None:
    world = replace(
        BASELINE, age_mismatch=0.5, category_ages=(0.0, 3.0, *(1.0,) * 6), abroad_share=0.3, abroad_sales=0.1
    )
    population = draw_population(world, 3, creators=200, campaigns=6, days=60)
    young, home = population.audience_age == 0, population.audience_market == population.creator_market
    assert young.any()
    np.testing.assert_allclose((population.sells[:, 1] / population.sells[:, 0])[young], np.exp(-1.5))
    abroad = population.sells[:, 0] * np.exp(0.5 * population.audience_age) < 0.5
    np.testing.assert_allclose(population.sells[abroad, 0], 0.1 * np.exp(-0.5 * population.audience_age[abroad]))
    assert 0.2 < abroad.mean() < 0.4
    assert home[~abroad].all()
    simulate(tmp_path / "m", creators=200, campaigns=6, days=60, seed=3, world=world)
    market = open_marketplace(tmp_path / "m")
    shown = market.frame("creator_snapshots").drop_duplicates("creator_id").set_index("creator_id").top_follower_age
    bands = np.array(["18-24", "25-34", "35-44", "45-54"])[population.audience_age]
    ids = market.frame("creators").sort_values("creator_id").creator_id
    told = shown.reindex(ids).to_numpy()
    assert (told == bands)[pd.notna(told)].all()
    speaks = market.frame("creators").sort_values("creator_id").language.to_numpy()
    usual = pd.Series(speaks).groupby(population.creator_market).agg(lambda one: one.mode()[0])
    assert (speaks != usual.loc[population.creator_market].to_numpy())[home].sum() == 0
    assert (speaks != usual.loc[population.creator_market].to_numpy())[~home].mean() > 0.5


def test_agencies_accept_by_what_is_paid_and_creators_by_themselves() -> None:
    world = replace(PLAIN, **AGENCIES, agency_commission=1.5)
    population, briefs = setting(world)
    who = np.arange(300)
    kinder = replace(population, traits={**population.traits, "cooperation": population.traits["cooperation"] + 1})
    managed = population.managed
    assert 0.4 < managed.mean() < 0.8
    before, after = (expected_of(world, people, briefs, 0, who) for people in (population, kinder))
    np.testing.assert_array_equal(after.accept[managed], before.accept[managed])
    assert (after.accept[~managed] > before.accept[~managed]).all()
    better = replace(briefs, commission=briefs.commission + 0.05)
    odds = [
        told.accept / (1 - world.withdrawn_rate) for told in (before, expected_of(world, population, better, 0, who))
    ]
    raised = np.log(odds[1] / (1 - odds[1])) - np.log(odds[0] / (1 - odds[0]))
    np.testing.assert_allclose(raised[managed], 1.5)
    np.testing.assert_allclose(raised[~managed], world.accept_commission)
    # An agency accepts alike for all: as many chances as agencies.
    assert len(np.unique(before.accept[managed].round(12))) <= 4
    alone = expected_of(replace(world, agencies=0), population, briefs, 0, who)
    # With effort .3 and -.7 beside it, delivery of the managed moves with diligence by three tenths of what it did.
    np.testing.assert_array_equal(alone.deliver[~managed], before.deliver[~managed])
    assert (alone.deliver != before.deliver)[managed].all()


def test_nobody_accepts_less_than_they_earn_elsewhere() -> None:
    world = replace(PLAIN, reserve_commission=0.12, reserve_spread=0.5)
    population, briefs = setting(world)
    who = np.arange(300)
    told = expected_of(world, population, briefs, 4, who)
    below = briefs.commission[4] < population.reserve
    assert 0.1 < below.mean() < 0.9
    assert (told.accept[below] == 0).all()
    assert (told.profit[below] == 0).all()
    free, _ = setting(PLAIN)
    np.testing.assert_array_equal(told.accept[~below], expected_of(PLAIN, free, briefs, 4, who).accept[~below])
    funnel, _, _ = drawn(world, population, briefs, 4, who, repeats=40)
    assert not funnel.accepted[np.tile(below, 40)].any()


def test_the_last_click_credits_those_who_post_often() -> None:
    world = replace(
        BASELINE, capture=0.001, capture_posts=1.2, capture_cap=1.0, capture_affinity=0.0, capture_followers=0.0
    )
    population = draw_population(world, 5, creators=300, campaigns=12, days=120)
    rate = capture_rate(world, population, np.arange(300), np.zeros(300, dtype=np.int64))
    slope = np.polyfit(np.log(population.posts_30d), np.log(rate), 1)[0]
    assert slope == pytest.approx(1.2 / 0.6)  # per log, where an sd of log posts is .6


def test_reports_and_refunds_come_late() -> None:
    world = replace(BASELINE, report_days=12.0, refund_days=10.0)
    n = 20_000
    population = draw_population(world, 5, creators=300, campaigns=12, days=120)
    zeros = np.zeros(n, dtype=np.int64)
    lines = Lines(
        zeros, zeros, zeros, zeros - 1, zeros + population.start_us, zeros + 1, zeros > 0, zeros > 0, zeros > 0
    )
    usual, late = (draw_fates(one, 5, population, lines) for one in (BASELINE, world))
    np.testing.assert_array_equal(usual.refunded, late.refunded)
    delay = (late.placed_known - usual.placed_known) / DAY
    assert delay.min() >= 6.0
    assert delay.max() <= 18.0
    assert delay.mean() == pytest.approx(12.0, abs=0.2)
    np.testing.assert_array_equal(late.settled_known - usual.settled_known, late.placed_known - usual.placed_known)
    slow = (late.refund_known - usual.refund_known) / DAY - delay
    assert slow.min() >= 0.0
    assert slow.mean() == pytest.approx(10.0, abs=0.3)


def test_late_reports_reach_every_table_of_sales(tmp_path: Path) -> None:
    size: dict[str, Any] = {"creators": 100, "campaigns": 4, "days": 90, "seed": 2}
    for name, days in (("usual", 0.0), ("late", 9.0)):
        simulate(tmp_path / name, **size, world=replace(BASELINE, report_days=days))
    assert check(tmp_path / "late").problems == ()
    for table in ("product_days", "content_days"):
        lag = {
            name: (frame.known_at - pd.to_datetime(frame.day, utc=True)).min()
            for name in ("usual", "late")
            for frame in [open_marketplace(tmp_path / name).frame(table)]
        }
        assert lag["late"] - lag["usual"] == pd.Timedelta(days=9), table


def test_units_on_sales_days_multiply_as_said() -> None:
    world = replace(BASELINE, sale_lift=4.0, great_sale=1.5, payday_lift=2.0, sale_spread=0.5, sale_discount=0.3)
    population = draw_population(world, 4, creators=60, campaigns=40, days=300)
    calendar = sale_days(world, start_us=population.start_us, days=300)
    date = pd.date_range("2025-01-01", periods=300)
    pay = date.day.isin([25, 26, 27, 28])
    np.testing.assert_array_equal(calendar.lift[pay], 2.0)
    double = (date.day == date.month) & ~pay
    assert dict(zip(date[double].strftime("%m%d"), calendar.lift[double], strict=True)) == {
        f"{m:02}{m:02}": 6.0 if m == 9 else 4.0 for m in range(1, 11)
    }
    assert (calendar.lift[~double & ~pay] == 1.0).all()
    assert (calendar.discount[double] == 0.3).all()
    quiet = replace(world, sale_lift=1.0, great_sale=1.0, payday_lift=1.0)
    units, _ = draw_demand(world, 4, population)
    usual, _ = draw_demand(quiet, 4, population)
    on = population.product_launched < 0
    gained = units[on][:, double].sum(axis=1) / usual[on][:, double].sum(axis=1)
    said = 1.0 + (calendar.lift[double].mean() - 1.0) * population.product_sale[on]
    assert np.corrcoef(gained, said)[0, 1] > 0.9
    assert (units[on][:, double].sum() / usual[on][:, double].sum()) == pytest.approx(
        np.average(said, weights=usual[on][:, double].sum(axis=1)), rel=0.05
    )
    assert population.product_sale.mean() == pytest.approx(1.0, abs=0.1)


def test_contents_aim_at_sales_days_and_the_surge_is_credited_not_added() -> None:
    world = replace(WORLDS["sales_days"], sale_conversion=1.0)
    population, briefs = setting(world)
    assert (np.diff(briefs.briefed) >= 0).all()
    aiming = np.flatnonzero(briefs.sale >= 0)
    assert len(aiming) == 12
    lifts = sale_days(world, start_us=population.start_us, days=120).lift
    assert (lifts[briefs.sale] > 1).all()
    i, who = int(aiming[5]), np.arange(300)
    funnel, lines, _ = drawn(world, population, briefs, i, who, repeats=60)
    out = (funnel.posted - population.start_us) // DAY
    aims = funnel.sale >= 0
    assert (out[aims] == briefs.sale[i]).all()
    assert (funnel.posted[aims] < briefs.ends[i]).all()
    came = aims & (funnel.arrived != NONE)
    assert (funnel.posted[came] > funnel.arrived[came]).all()
    punctual = np.tile(1 - late_chance(world, population, who), 60)
    assert centred((aims - 0.8 * punctual)[funnel.delivered])
    none = replace(world, sale_capture=0.0)
    told, bare = (expected_of(one, population, briefs, i, who) for one in (world, none))
    np.testing.assert_array_equal(told.incremental, bare.incremental)
    # What is credited besides: twice the ordinary share of one day's surge, all of it before the day ends.
    product = funnel.product[aims]
    lift = 1.0 + (lifts[briefs.sale[i]] - 1.0) * population.product_sale[product]
    ordinary = capture_rate(world, population, funnel.creator[aims], product)
    more = (ordinary * 2.0 * (lift - 1.0) / ATTRIBUTION_DAYS).sum()
    _, without, _ = drawn(none, population, briefs, i, who, repeats=60)
    counted = []
    for each in (lines, without):
        credited = ~each.incremental & ~each.paid & aims[each.partnership]
        on_day = (each.ordered - population.start_us) // DAY == briefs.sale[i]
        counted.append(np.array([(credited & on_day).sum(), (credited & ~on_day).sum()]))
    error = 4 * np.sqrt(counted[0] + counted[1])
    assert (np.abs(counted[0] - counted[1] - [more, 0]) < error).all()
    assert more > 3 * error[0] / 4
    assert counted[1].sum() == pytest.approx(ordinary.sum(), rel=0.05)


def test_other_contents_wait_for_sales_days() -> None:
    world = replace(BASELINE, sale_lift=4.0, payday_lift=2.0, sale_organic=0.5)
    population = draw_population(world, 5, creators=200, campaigns=6, days=120)
    there = sale_days(world, start_us=population.start_us, days=120).there
    share = {}
    for name, one in (("usual", BASELINE), ("wait", world)):
        posts = draw_posts(one, 5, population)
        assert (np.diff(posts.published) >= 0).all()
        share[name] = there[(posts.published - population.start_us) // DAY].mean()
    assert share["wait"] > 2 * share["usual"]


def test_what_creators_add_differs_for_reasons_seen_and_unseen() -> None:
    world = replace(BASELINE, adds_followers=0.3, adds_posts=-0.2, adds_unseen=0.5, adds_instead=0.8, capture_cap=1e9)
    plain, differs = (draw_population(w, 5, creators=3_000, campaigns=12, days=120) for w in (BASELINE, world))
    added = np.log(differs.sells[:, 0])
    posts = np.log(plain.posts_30d)
    posts = (posts - posts.mean()) / posts.std()
    seen = 0.3 * plain.follower_score - 0.2 * posts
    unseen = added - seen
    assert unseen.mean() == pytest.approx(-0.125, abs=0.03)  # so that the mean multiple is one
    assert unseen.std() == pytest.approx(0.5, rel=0.05)
    assert abs(np.corrcoef(unseen, seen)[0, 1]) < 0.06
    uncapped = draw_population(replace(BASELINE, capture_cap=1e9), 5, creators=3_000, campaigns=12, days=120)
    np.testing.assert_allclose(
        differs.capture_share / uncapped.capture_share, np.exp(-0.8 * added)[:, None].repeat(8, 1)
    )
    # The share of what is credited that is added therefore differs more than without.
    briefs = draw_briefs(world, 5, plain, campaigns=12)
    who = np.arange(3_000)
    share = [
        (told.incremental / told.attributed).std()
        for told in (expected_of(BASELINE, plain, briefs, 0, who), expected_of(world, differs, briefs, 0, who))
    ]
    assert share[1] > share[0]


BUYERS = replace(PLAIN, buyers_days=20.0, buyers_reach=0.3, buyers_habit=0.25, live_share=0.4)


def test_buyers_are_credited_once_and_shared_evenly() -> None:
    rng = np.random.default_rng(3)
    chances, lines = rng.uniform(0.0, 0.95, size=(4, 3)), np.array([50.0, 8.0, 1.0])
    shares = buyers.credited(chances, lines)
    # All sixteen ways in which four contents persuade a buyer; each order goes to one of those who did.
    by_hand = np.zeros(4)
    for fate in product((0, 1), repeat=4):
        who = np.array(fate, dtype=bool)
        if who.any():
            by_hand[who] += (np.where(who[:, None], chances, 1 - chances).prod(axis=0) @ lines) / who.sum()
    np.testing.assert_allclose(shares, by_hand, rtol=1e-12)
    assert shares.sum() == pytest.approx((1 - (1 - chances).prod(axis=0)) @ lines)


def test_budgets_and_desires_make_the_pool() -> None:
    population, _ = setting(BUYERS)
    products = np.arange(40)
    lines = buyers.pool(BUYERS, population, products)
    dearer = replace(population, product_price_usd=population.product_price_usd * 3)
    assert (buyers.pool(BUYERS, dearer, products) < lines).all()
    own = lines[products, population.product_category[products]]
    np.testing.assert_allclose(own / lines.sum(axis=1), BUYERS.buyers_focus)
    rich = replace(BUYERS, buyers_budget=1e9)
    units = buyers.pool(rich, population, products).sum(axis=1) * (0.85 + 2 * 0.11 + 3 * 0.04)
    np.testing.assert_allclose(units, 20 * population.product_level[:40])


def test_views_sell_nothing_where_buyers_do() -> None:
    population, briefs = setting(BUYERS)
    wider = replace(population, views_mean=10 * population.views_mean)
    who = np.arange(300)
    before, after = (expected_of(BUYERS, people, briefs, 2, who) for people in (population, wider))
    np.testing.assert_array_equal(before.incremental, after.incremental)


def test_among_buyers_one_more_invitation_is_worth_what_the_sum_over_all_fates_says() -> None:
    population, briefs = setting(BUYERS)
    i = int(np.flatnonzero((briefs.products >= 0).sum(axis=1) == 2)[0])
    who = eligible_creators(population, market=int(briefs.market[i]), briefed=int(briefs.briefed[i]))[:6]
    still = replace(population, live_partnership=np.zeros(300))  # one format, so that all fates can be listed
    past, commission = nothing(6), float(briefs.commission[i])
    alone = expected_of(BUYERS, still, briefs, i, who)
    q = alone.accept * alone.deliver
    multiple, _ = mean_multiples(BUYERS, still, briefs=briefs, i=i, creator=who)
    products = [int(one) for one in briefs.products[i] if one >= 0]
    none = np.zeros(6, dtype=bool)
    facts = {}
    for one in products:
        chances = buyers.persuades(BUYERS, still, creator=who, product=np.full(6, one), live=none, load=past.load)
        usd = still.product_price[one] * briefs.rate[i] * (0.85 + 2 * 0.11 + 3 * 0.04)
        kept = kept_share(BUYERS, still, who, np.full(6, one), live=False)
        facts[one] = (chances * multiple[:, None], buyers.pool(BUYERS, still, np.array([one]))[0], usd * kept)

    def total(members: list[int]) -> tuple[float, float]:
        """Expected credited sales, and margin less commission, over who delivers which of the two products."""
        sales = profit = 0.0
        for fate in product((0, 1, 2), repeat=len(members)):
            chance = np.prod([1 - q[m] if f == 0 else q[m] / 2 for m, f in zip(members, fate, strict=True)])
            for place, one in enumerate(products, start=1):
                there = [m for m, f in zip(members, fate, strict=True) if f == place]
                if there:
                    chances, lines, usd = facts[one]
                    gained = float(chance) * buyers.credited(chances[there], lines) * usd[there]
                    sales += gained.sum()
                    profit += gained.sum() * (0.75 * still.product_margin[one] - commission)
        return sales, profit

    invited = [0, 1, 2, 3]
    truth = beside_other_contents(
        BUYERS, still, alone, briefs=briefs, i=i, creator=who, past=past, invited=np.array(invited)
    )
    for one in range(6):
        rest = [m for m in invited if m != one]
        with_it, without, by_itself = total([*rest, one]), total(rest), total([one])
        assert q[one] * truth.incremental[one] == pytest.approx(0.75 * (with_it[0] - without[0]), rel=1e-9)
        assert truth.profit[one] - alone.profit[one] == pytest.approx(
            with_it[1] - without[1] - by_itself[1], rel=1e-9, abs=1e-9
        )
        assert truth.incremental[one] < alone.incremental[one]


def test_among_buyers_the_truth_is_the_mean_of_the_draws() -> None:
    population, briefs = setting(BUYERS)
    i, repeats = 3, 60
    who = eligible_creators(population, market=int(briefs.market[i]), briefed=int(briefs.briefed[i]))
    n = len(who)
    alone = expected_of(BUYERS, population, briefs, i, who)
    beside = beside_other_contents(
        BUYERS, population, alone, briefs=briefs, i=i, creator=who, past=nothing(n), invited=np.arange(n)
    )
    assert (beside.direct < alone.direct).all()
    many = np.tile(who, repeats)
    funnel = draw_funnel(
        stream(i, "funnel"), BUYERS, population=population, briefs=briefs, i=i, creator=many, past=nothing(n * repeats)
    )
    # Every repeat is a campaign of its own, in which all of them are invited.
    history = Collaborations(funnel, np.repeat(np.arange(repeats), n), [])
    _, lines = draw_partnership_content(BUYERS, i, population, history)
    net = net_usd(population, lines, draw_fates(BUYERS, i, population, lines))
    done = funnel.delivered
    for part, weights in {"direct": net * lines.incremental, "attributed": net}.items():
        came = np.bincount(lines.partnership, weights=weights, minlength=n * repeats)[done]
        relative = came / np.tile(getattr(beside, part), repeats)[done]
        assert centred(relative - 1.0), part
        assert relative.std() / np.sqrt(len(relative)) < 0.03, part


def test_every_law_names_parameters_that_the_baseline_leaves_alone() -> None:
    names = {f.name for f in fields(World)}
    for law in LAWS.values():
        assert 0 < law.chance <= 1
        for name, (low, high) in (*law.ranges.items(), *law.ratios.items()):
            assert name in names
            assert low < high
        assert all(low > 0 for low, _ in law.ratios.values())


def test_the_page_tells_every_law_and_range() -> None:
    page = (Path(__file__).parents[3] / "docs" / "laws.md").read_text()
    for name, law in LAWS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"| {law.about} | {law.chance:g} |" in row
        for field, (low, high) in (*law.ranges.items(), *law.ratios.items()):
            assert f"`{field}` {low:g} to {high:g}" in row


def test_a_seed_draws_one_law_and_others_draw_others() -> None:
    assert draw_law(3) == draw_law(3)
    assert draw_law(3) != draw_law(4)
    assert draw_law(3) != draw_law(3, 1)
    held = [set(draw_law(seed).laws) for seed in range(400)]
    for name, law in LAWS.items():
        there = sum(name in one for one in held) / 400
        chance = law.chance * np.prod([1 - LAWS[other].chance for other in law.but])
        assert abs(there - chance) < 4 * np.sqrt(chance * (1 - chance) / 400) + 1e-12, name
    assert not any({"buyers", "shared_audiences"} <= one for one in held)
    for seed in range(50):
        world = draw_law(seed)
        for name, law in LAWS.items():
            for field, (low, high) in (*law.ranges.items(), *law.ratios.items()):
                value = getattr(world, field)
                if name in world.laws:
                    assert low * (1 - 1e-3 * np.sign(low)) <= value <= high * (1 + 1e-3 * np.sign(high)), field
                else:
                    assert value == getattr(BASELINE, field), field


def test_a_law_by_which_nothing_pays_is_not_kept_and_the_next_is() -> None:
    assert not is_kept(replace(BASELINE, partnership_boost=0.01), 1)
    assert not is_kept(replace(BASELINE, accept_level=-9.0), 1)
    assert not is_kept(replace(BASELINE, deliver_level=-9.0), 1)
    assert is_kept(BASELINE, 1)
    for seed in range(1, 7):
        world = find_world("wild", seed=seed)
        attempts = [draw_law(seed, attempt) for attempt in range(10)]
        place = attempts.index(world)
        assert not any(is_kept(one, seed) for one in attempts[:place])
    with pytest.raises(ContractError, match="a seed of zero or more"):
        find_world("wild", seed=-1)


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wild")
    for seed in (4, 13):
        simulate(folder / str(seed), creators=200, campaigns=9, days=90, seed=seed, world=find_world("wild", seed=seed))
    return folder


@pytest.mark.parametrize("seed", ["4", "13"])
def test_a_drawn_world_keeps_the_contract_and_tells_its_law(wild: Path, seed: str) -> None:
    assert check(wild / seed).problems == ()
    outcomes = read_truth(wild / seed, "outcomes")
    assert outcomes is not None
    assert (outcomes.attributed_gmv >= 0).all()
    assert np.isfinite(outcomes.incremental_profit).all()
    world = find_world("wild", seed=int(seed))
    told = json.loads((wild / seed / "truth" / "law.json").read_text())
    assert tuple(told["laws"]) == world.laws
    assert replace(BASELINE, **told["parameters"], laws=world.laws) == world


def test_a_drawn_world_is_drawn_to_the_same_bytes(wild: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "m", creators=200, campaigns=9, days=90, seed=4, world=find_world("wild", seed=4))
    files = sorted(path.relative_to(tmp_path / "m") for path in (tmp_path / "m").rglob("*") if path.is_file())
    assert Path("truth/law.json") in files
    for file in files:
        assert (tmp_path / "m" / file).read_bytes() == (wild / "4" / file).read_bytes(), file


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_a_drawn_world_has_something_to_learn(tmp_path: Path, seed: int) -> None:
    simulate(tmp_path / "m", creators=2_500, campaigns=240, days=300, seed=seed, world=find_world("wild", seed=seed))
    market = open_marketplace(tmp_path / "m")
    assert len(market.frame("deliveries")) >= 300
    decided = market.frame("invitations").sort_values("known_at").drop_duplicates("invitation_id", keep="last")
    ever = decided.groupby("creator_id").decision.agg(lambda one: (one == "ACCEPT").any())
    assert ever.mean() >= 0.25
    outcomes = read_truth(tmp_path / "m", "outcomes")
    assert outcomes is not None
    late = market.frame("campaigns").sort_values("briefed_at").campaign_id.iloc[160:]
    best = outcomes[outcomes.campaign_id.isin(late)].groupby("campaign_id").incremental_profit
    assert (best.agg(lambda one: one.nlargest(20).sum()) > 0).mean() > 0.5
    assert (outcomes.attributed_gmv >= 0).all()
