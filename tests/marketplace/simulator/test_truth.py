"""The truth: the exact expectation of what the simulator draws, for whom the contract says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from marketplace.simulator import BASELINE, World
from marketplace.simulator.mechanisms.briefs import Briefs, draw_briefs
from marketplace.simulator.mechanisms.chances import History
from marketplace.simulator.mechanisms.collaborations import Collaborations, draw_partnership_content, eligible_creators
from marketplace.simulator.mechanisms.expectation import Expectation, expect
from marketplace.simulator.mechanisms.fates import draw_fates, net_usd
from marketplace.simulator.mechanisms.funnel import NONE, Funnel, draw_funnel
from marketplace.simulator.mechanisms.population import Population, draw_population
from marketplace.simulator.mechanisms.sales import capture_rate
from marketplace.simulator.worlds.parameters import stream
from marketplace.tables import open_marketplace, read_truth

# Exchange rates stand still, so that one path of them does not blur the comparison.
STILL = replace(BASELINE, fx_volatility=0.0)
# Every branch of the model taken often, so that an error in a rare one shows.
EVERYTHING = replace(
    STILL,
    live_creators=1.0,
    live_share=0.5,
    paid_reliance=(3.0, 3.0),
    never_shipped=(4.0, 12.0),
    platform_cancelled=0.1,
    withdrawn_rate=0.2,
    cancel_rate=0.15,
    sample_rate=1.0,
    fee_rate=0.8,
    views_noise=0.5,
)
REPEATS = 1_200


@dataclass(frozen=True)
class Trial:
    population: Population
    briefs: Briefs
    funnel: Funnel
    expected: Expectation
    incremental: np.ndarray
    attributed: np.ndarray
    profit: np.ndarray


def _setting(world: World = STILL) -> tuple[Population, Briefs]:
    population = draw_population(world, 5, creators=300, campaigns=12, days=120)
    return population, draw_briefs(world, 5, population, campaigns=12)


@pytest.fixture(
    scope="module",
    params=[(STILL, 0), (STILL, 3), (STILL, 7), (EVERYTHING, 1), (EVERYTHING, 5), (EVERYTHING, 10)],
    ids=["still-0", "still-3", "still-7", "everything-1", "everything-5", "everything-10"],
)
def trial(request: pytest.FixtureRequest) -> Trial:
    """One brief drawn `REPEATS` times with every eligible creator, and what each time brought."""
    world, i = request.param
    population, briefs = _setting(world)
    who = eligible_creators(population, market=int(briefs.market[i]), briefed=int(briefs.briefed[i]))
    rng = np.random.default_rng(i)
    past = History(
        load=rng.exponential(0.5, len(who)),
        asked=rng.exponential(1.0, len(who)),
        again=rng.integers(0, 2, len(who)).astype(float),
    )
    expected = expect(world, population, briefs=briefs, i=i, creator=who, past=past)
    many = np.tile(who, REPEATS)
    again = History(*(np.tile(part, REPEATS) for part in (past.load, past.asked, past.again)))
    funnel = draw_funnel(
        stream(i, "funnel"), world, population=population, briefs=briefs, i=i, creator=many, past=again
    )
    history = Collaborations(funnel, np.full(len(many), i), [])
    _, lines = draw_partnership_content(world, i, population, history)
    fates = draw_fates(world, i, population, lines)
    net = net_usd(population, lines, fates)
    attributed = np.bincount(lines.partnership, weights=net, minlength=len(many))
    incremental = np.bincount(lines.partnership, weights=net * lines.incremental, minlength=len(many))
    product = np.maximum(funnel.product, 0)
    margin = population.product_margin[product]
    goods = population.product_price[product] * briefs.rate[i] * (1 - margin) + briefs.shipping_usd[i]
    profit = (
        margin * incremental
        - briefs.fee_usd[i] * funnel.delivered
        - briefs.commission[i] * attributed
        - goods * (funnel.shipped != NONE)
    )
    return Trial(population, briefs, funnel, expected, incremental, attributed, profit)


def centred(error: np.ndarray) -> bool:
    """Whether the mean of the errors lies within four standard errors of zero."""
    return bool(abs(error.mean()) < 4 * error.std() / np.sqrt(len(error)))


def test_acceptance_delivery_and_shipping_happen_as_often_as_the_truth_says(trial: Trial) -> None:
    accept = np.tile(trial.expected.accept, REPEATS)
    assert centred(trial.funnel.accepted - accept)
    accepted = trial.funnel.accepted
    assert centred((trial.funnel.delivered - np.tile(trial.expected.deliver, REPEATS))[accepted])
    if (trial.funnel.shipped != NONE).any():
        assert centred(((trial.funnel.shipped != NONE) - np.tile(trial.expected.ship, REPEATS))[accepted])


@pytest.mark.parametrize("what", ["incremental", "attributed"])
def test_sales_of_the_delivered_are_expected_in_the_mean(trial: Trial, what: str) -> None:
    # Relative to each creator's own expectation: the few with heavy sales do not drown the rest.
    done = trial.funnel.delivered
    relative = getattr(trial, what)[done] / np.tile(getattr(trial.expected, what), REPEATS)[done]
    assert centred(relative - 1.0)
    assert relative.std() / np.sqrt(len(relative)) < 0.03


def test_expected_profit_is_the_mean_of_drawn_profit(trial: Trial) -> None:
    assert centred(trial.profit - np.tile(trial.expected.profit, REPEATS))


def test_expected_profit_of_each_creator_is_the_mean_of_their_draws(trial: Trial) -> None:
    drawn = trial.profit.reshape(REPEATS, -1)
    error = drawn.std(axis=0) / np.sqrt(REPEATS)
    gap = (drawn.mean(axis=0) - trial.expected.profit) / np.maximum(error, 1e-9)
    # Heavy tails make single means skewed: most, not all, lie within two standard errors.
    assert (np.abs(gap[error > 0]) < 2).mean() > 0.75


def test_profit_is_the_formula_of_its_parts() -> None:
    population, briefs = _setting()
    single = int(np.flatnonzero((briefs.products[:, 1] < 0) & briefs.sample)[0])
    who = eligible_creators(population, market=int(briefs.market[single]), briefed=int(briefs.briefed[single]))
    none = np.zeros(len(who))
    got = expect(STILL, population, briefs=briefs, i=single, creator=who, past=History(none, none, none))
    product = briefs.products[single, 0]
    margin = population.product_margin[product]
    sample = population.product_price[product] * briefs.rate[single] * (1 - margin) + briefs.shipping_usd[single]
    kept = margin * got.incremental - briefs.fee_usd[single] - briefs.commission[single] * got.attributed
    np.testing.assert_allclose(got.profit, got.accept * (got.deliver * kept - got.ship * sample), rtol=1e-12)


def test_exchange_rates_are_expected_to_stay() -> None:
    ratios = []
    for seed in range(300):
        fx = draw_population(BASELINE, seed, creators=50, campaigns=3, days=60).fx
        ratios.append(fx[:, 140] / fx[:, 20])
    ratio = np.array(ratios)
    error = ratio.std(axis=0) / np.sqrt(len(ratio))
    assert (np.abs(ratio.mean(axis=0) - 1.0) <= 4 * error).all()


def _past(count: int, **changed: float) -> History:
    values = {"load": 0.0, "asked": 0.0, "again": 0.0, **changed}
    return History(**{name: np.full(count, value) for name, value in values.items()})


@pytest.mark.parametrize(
    ("trait", "part", "sign"),
    [
        ("cooperation", "accept", 1),
        ("cooperation", "deliver", 1),
        ("diligence", "deliver", 1),
        ("persuasion", "incremental", 1),
        ("audience_quality", "incremental", 1),
    ],
)
def test_traits_move_outcomes_the_way_they_are_named(trait: str, part: str, sign: int) -> None:
    population, briefs = _setting()
    who = np.arange(len(population.creator_market))
    raised = replace(population, traits={**population.traits, trait: population.traits[trait] + 1.0})
    before = expect(STILL, population, briefs=briefs, i=0, creator=who, past=_past(len(who)))
    after = expect(STILL, raised, briefs=briefs, i=0, creator=who, past=_past(len(who)))
    assert (sign * (getattr(after, part) - getattr(before, part)) > 0).all()


@pytest.mark.parametrize(
    ("field", "part", "sign"),
    [
        ("load", "accept", -1),
        ("asked", "accept", -1),
        ("again", "accept", 1),
        ("load", "deliver", -1),
        ("load", "incremental", -1),
    ],
)
def test_the_past_tires_and_binds(field: str, part: str, sign: int) -> None:
    population, briefs = _setting()
    who = np.arange(len(population.creator_market))
    before = expect(STILL, population, briefs=briefs, i=0, creator=who, past=_past(len(who)))
    after = expect(STILL, population, briefs=briefs, i=0, creator=who, past=_past(len(who), **{field: 1.0}))
    assert (sign * (getattr(after, part) - getattr(before, part)) > 0).all()


def test_better_terms_are_accepted_more_often() -> None:
    population, briefs = _setting()
    who = np.arange(len(population.creator_market))
    plain = replace(briefs, sample=np.zeros_like(briefs.sample), fee_usd=np.zeros_like(briefs.fee_usd))
    lowest = expect(STILL, population, briefs=plain, i=0, creator=who, past=_past(len(who))).accept
    for better in (
        replace(plain, commission=plain.commission + 0.05),
        replace(plain, sample=np.ones_like(briefs.sample)),
        replace(plain, fee_usd=plain.fee_usd + 40.0),
    ):
        assert (expect(STILL, population, briefs=better, i=0, creator=who, past=_past(len(who))).accept > lowest).all()


def test_big_category_sellers_capture_more_of_what_would_have_sold_anyway() -> None:
    population = draw_population(BASELINE, 1, creators=800, campaigns=10, days=60)
    who = np.arange(800)
    rate = capture_rate(BASELINE, population, who, np.zeros(800, dtype=np.int64))
    category = population.product_category[0]
    size = np.log(population.posts_30d) + population.affinity[:, category]
    assert pd.Series(rate).corr(pd.Series(size), method="spearman") > 0.6


def test_consistency_keeps_the_due_date(small_market: Path) -> None:
    deliveries = open_marketplace(small_market).frame("deliveries")
    traits = read_truth(small_market, "traits")
    assert traits is not None
    consistency = deliveries.creator_id.map(traits.set_index("creator_id").consistency)
    late = deliveries.posted_at > deliveries.due_at
    assert consistency[late].mean() < consistency[~late].mean() - 0.3


def test_truth_covers_every_eligible_creator_of_the_last_third_and_else_the_invited(small_market: Path) -> None:
    market = open_marketplace(small_market)
    outcomes = read_truth(small_market, "outcomes")
    assert outcomes is not None
    campaigns = market.frame("campaigns").sort_values("briefed_at").reset_index(drop=True)
    creators = market.frame("creators")
    asked = market.frame("invitations").groupby("campaign_id").creator_id.agg(set)
    told = outcomes.groupby("campaign_id").creator_id.agg(set)
    for place, brief in campaigns.iterrows():
        if int(str(place)) >= 2 * len(campaigns) // 3:
            floor = brief.briefed_at.floor("D")
            known = (creators.joined_at < floor) & (creators.known_at < floor)
            everyone = set(creators.creator_id[known & (creators.market == brief.market)])
            assert told[brief.campaign_id] == everyone
            assert len(everyone) >= 40
        elif brief.campaign_id in asked:
            assert told[brief.campaign_id] >= asked[brief.campaign_id]
    assert not outcomes.duplicated(["campaign_id", "creator_id"]).any()


def test_attributed_sales_mislead(small_market: Path) -> None:
    outcomes = read_truth(small_market, "outcomes")
    assert outcomes is not None
    assert (outcomes.attributed_gmv > outcomes.incremental_gmv).all()
    assert outcomes.attributed_gmv.sum() > 1.3 * outcomes.incremental_gmv.sum()
    excess = outcomes.attributed_gmv / outcomes.incremental_gmv
    assert excess.quantile(0.9) > 2 * excess.quantile(0.1)


def test_inviting_loses_with_many_and_gains_much_with_a_few(small_market: Path) -> None:
    outcomes = read_truth(small_market, "outcomes")
    assert outcomes is not None
    profit = outcomes.incremental_profit
    assert 0.3 < (profit < 0).mean() < 0.9
    assert profit.nlargest(len(profit) // 20).mean() > 10 * abs(profit.median())


def test_realised_sales_are_told_for_the_delivered_alone(small_market: Path) -> None:
    outcomes = read_truth(small_market, "outcomes")
    assert outcomes is not None
    pairs = outcomes.set_index(["campaign_id", "creator_id"])
    deliveries = open_marketplace(small_market).frame("deliveries")
    mine = pairs.loc[list(zip(deliveries.campaign_id, deliveries.creator_id, strict=True))]
    assert mine.incremental_gmv_realised.notna().all()
    assert outcomes.incremental_gmv_realised.notna().mean() < 0.5


def test_captured_orders_add_nothing_to_what_the_shop_sells():
    from marketplace.simulator.record.shop import shop_sales

    base = np.array([[3.0, 2.0, 4.0, 4.0, 1.0]])
    taken = np.array([[0.0, 5.0, 0.0, 2.0, 0.0]])
    np.testing.assert_array_equal(shop_sales(base, taken), [[3.0, 5.0, 1.0, 4.0, 1.0]])
    rng = np.random.default_rng(0)
    base, taken = rng.poisson(6.0, (40, 200)).astype(float), rng.poisson(1.0, (40, 200)).astype(float)
    taken[:, 150:] = 0.0  # time enough to make up for it
    sold = shop_sales(base, taken)
    assert (sold >= taken).all()
    np.testing.assert_allclose(sold.sum(axis=1), base.sum(axis=1))
