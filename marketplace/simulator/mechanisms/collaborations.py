"""The history of campaigns in time order: who was shown, who was invited, what came of it, and the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.progress import track
from marketplace.simulator.mechanisms.briefs import Briefs, draw_briefs
from marketplace.simulator.mechanisms.buyers import credited_by_campaign, persuades
from marketplace.simulator.mechanisms.chances import History, boosted_chance, compliance_multiple, partnership_rates
from marketplace.simulator.mechanisms.crowding import beside_other_contents, beside_the_invited
from marketplace.simulator.mechanisms.eras import by_era, era
from marketplace.simulator.mechanisms.expectation import Expectation, expect
from marketplace.simulator.mechanisms.funnel import Funnel, draw_funnel
from marketplace.simulator.mechanisms.interference import survival
from marketplace.simulator.mechanisms.lists import Offered, Shown, show, show_offered
from marketplace.simulator.mechanisms.population import DAY, Population, draw_population
from marketplace.simulator.mechanisms.posts import Posts
from marketplace.simulator.mechanisms.reach import draw_hits, response, view_noise
from marketplace.simulator.mechanisms.sales import Lines, capture_rate, draw_lines, live_conversion, paid_rate
from marketplace.simulator.mechanisms.seasons import sale_days, surge_captured
from marketplace.simulator.worlds import World, stream

__all__ = ["Collaborations", "draw_partnership_content", "eligible_creators", "expect_fresh", "run_campaigns"]


@dataclass(frozen=True)
class Collaborations:
    """All campaigns' history. ``funnel`` is one position an invitation, ``campaign`` (m,) its brief.

    ``shown`` is one entry a campaign, its positions those of creators.
    """

    funnel: Funnel
    campaign: Ints
    shown: list[Shown]


def eligible_creators(population: Population, *, market: int, briefed: int) -> Ints:
    """Positions of the creators of ``market`` who had joined, and were known, before the day of the brief."""
    floor = briefed // DAY * DAY
    known = population.joined + DAY // 24
    return np.flatnonzero((population.creator_market == market) & (known < floor)).astype(np.int64)


def _beside(
    world: World,
    population: Population,
    expected: Expectation,
    *,
    briefs: Briefs,
    i: int,
    creator: Ints,
    past: History,
    invited: Ints,
) -> Expectation:
    """``expected`` of inviting each alone, made that of inviting each beside all ``invited``, where these crowd."""
    commission = float(briefs.commission[i])
    expected = beside_the_invited(world, population, expected, creator=creator, invited=invited, commission=commission)
    return beside_other_contents(
        world, population, expected, briefs=briefs, i=i, creator=creator, past=past, invited=invited
    )


def expect_fresh(world: World, seed: int, *, creators: int, campaigns: int, days: int) -> Iterator[Expectation]:
    """For each brief of a marketplace, the truth of every eligible creator as if nobody had been asked before.

    Beside as many of them, evenly chosen, as a campaign invites in the middle of `World.invites`.
    """
    population = draw_population(world, seed, creators=creators, campaigns=campaigns, days=days)
    briefs = draw_briefs(world, seed, population, campaigns=campaigns)
    for i in range(len(briefs)):
        now = int(briefs.briefed[i])
        who = eligible_creators(population, market=int(briefs.market[i]), briefed=now)
        none = np.zeros(len(who))
        rules, people = era(world, population, now)
        past = History(none, none, none)
        alone = expect(rules, people, briefs=briefs, i=i, creator=who, past=past)
        invited = np.unique(np.linspace(0, len(who) - 1, sum(world.invites) // 2).astype(np.int64))
        yield _beside(rules, people, alone, briefs=briefs, i=i, creator=who, past=past, invited=invited)


def _recent(weight: Floats, creator: Ints, count: int) -> Floats:
    total: Floats = np.bincount(creator, weights=weight, minlength=count).astype(np.float64)
    return total


def _concat(parts: list[Funnel]) -> Funnel:
    return Funnel(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Funnel)})


def run_campaigns(
    world: World,
    seed: int,
    population: Population,
    briefs: Briefs,
    *,
    gmv_usd: Callable[[int], Floats],
    tell: Callable[[int, Ints, Expectation], None],
    offer: Callable[[int, Ints, int], Offered | None] = lambda _brief, _eligible, _target: None,
) -> Collaborations:
    """Go through the briefs in time order.

    Parameters
    ----------
    gmv_usd : callable
        Of a brief's number: the 30-day GMV, USD, outside partnerships, of every creator of its market by position.
    tell : callable
        Given, for each brief, its number, creators (positions, sorted) and their `Expectation`: every eligible one
        for the evaluation campaigns, the invited for the others. Nothing of it is kept here.
    offer : callable
        Given a brief's number, the eligible creators (positions, sorted) and how many are to be invited: the list to
        show instead of the older ranker's, or None for the older ranker's own.
    """
    lists_rng, funnel_rng, hunches_rng = stream(seed, "lists"), stream(seed, "funnel"), stream(seed, "hunches")
    has_hunch = world.hunch_invite != 0.0 or world.hunch_sales != 0.0
    offered_rng: np.random.Generator | None = None
    creators = len(population.creator_market)
    evaluation = briefs.evaluation
    parts: list[Funnel] = []
    campaign: list[Ints] = []
    shown: list[Shown] = []
    sent, decided, posted = (np.zeros(0, dtype=np.int64) for _ in range(3))
    who, brand = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for i in track(range(len(briefs)), "  campaigns", total=len(briefs)):
        now = int(briefs.briefed[i])
        eligible = eligible_creators(population, market=int(briefs.market[i]), briefed=now)
        old = sent < now
        yes = (decided < now) & (decided > 0)
        done = (posted < now) & (posted > 0) & (brand == briefs.brand[i])
        half = world.load_half_life * DAY
        past = History(
            load=_recent(np.where(yes, 0.5 ** ((now - decided) / half), 0.0), who, creators)[eligible],
            asked=_recent(np.where(old, 0.5 ** ((now - sent) / half), 0.0), who, creators)[eligible],
            again=(_recent(done.astype(np.float64), who, creators)[eligible] > 0).astype(np.float64),
            hunch=hunches_rng.normal(size=len(eligible)) if has_hunch else None,
        )
        members = np.flatnonzero(population.creator_market == briefs.market[i])
        gmv = gmv_usd(i)[np.searchsorted(members, eligible)]
        target = int(min(briefs.wanted[i], max(1, round(world.invite_share * len(eligible)))))
        gap = population.follower_score[eligible] - briefs.sought[i]
        lists = show(lists_rng, world, gmv_usd=gmv, again=past.again, target=target, hunch=past.hunch, gap=gap)
        # The older ranker has drawn its lists all the same, so that later briefs find its stream where it was.
        offered = offer(i, eligible, target)
        if offered is not None:
            offered_rng = offered_rng or stream(seed, "offered")
            lists = show_offered(offered_rng, world, offered, target=target, hunch=past.hunch)
        rows = np.sort(np.concatenate([lists.held, lists.invited]))
        rules, people = era(world, population, now)
        invited, their_past = eligible[rows], past.take(rows)
        funnel = draw_funnel(funnel_rng, rules, population=people, briefs=briefs, i=i, creator=invited, past=their_past)
        # Where the truth is told for the invited alone, nobody else's is worked out.
        who_told, places, told_past = (
            (eligible, rows, past) if evaluation[i] else (invited, np.arange(len(rows)), their_past)
        )
        expected = expect(rules, people, briefs=briefs, i=i, creator=who_told, past=told_past)
        expected = _beside(
            rules, people, expected, briefs=briefs, i=i, creator=who_told, past=told_past, invited=places
        )
        tell(i, who_told, expected)
        parts.append(funnel)
        campaign.append(np.full(len(rows), i))
        shown.append(
            replace(
                lists,
                listed=eligible[lists.listed],
                invited=eligible[lists.invited],
                held=eligible[lists.held],
            )
        )
        sent = np.concatenate([sent, funnel.sent])
        decided = np.concatenate([decided, np.where(funnel.accepted, funnel.decided, 0)])
        posted = np.concatenate([posted, np.where(funnel.delivered, funnel.posted, 0)])
        who = np.concatenate([who, funnel.creator])
        brand = np.concatenate([brand, np.full(len(rows), briefs.brand[i])])
    return Collaborations(_concat(parts), np.concatenate(campaign), shown)


def draw_partnership_content(
    world: World, seed: int, population: Population, collaborations: Collaborations
) -> tuple[Posts, Lines]:
    """Draw the delivered contents and their order lines; ``partnership`` is the invitation's position.

    ``content`` of the lines is the position within the returned posts. Neither is cut at the end of the days.
    """
    rng = stream(seed, "partnerships")
    funnel = collaborations.funnel
    rows = np.flatnonzero(funnel.delivered)
    creator, product, live = funnel.creator[rows], funnel.product[rows], funnel.live[rows]
    load, hunch, briefed = funnel.load[rows], funnel.hunch[rows], funnel.briefed[rows]

    def rates(now: World, people: Population) -> Floats:
        per_view, mean = partnership_rates(now, people, creator=creator, product=product, load=load, hunch=hunch)
        return np.stack([per_view, mean, np.where(live, live_conversion(now, people, creator), 1.0)])

    per_view, mean_views, format_multiple = by_era(world, population, briefed, rates)
    views = mean_views * np.where(live, world.live_views, 1.0) * view_noise(rng, population.views_sd[creator])
    views = views * draw_hits(stream(seed, "partnership_hits"), world, len(rows))
    boosted = rng.random(len(rows)) < boosted_chance(world, population, creator)
    bought = np.where(boosted, views * world.paid_views * np.exp(rng.normal(0.0, 0.5, size=len(rows)) - 0.125), 0.0)
    minutes = np.where(live, rng.integers(60, 241, size=len(rows)), 0)
    posts = Posts(
        creator=creator,
        published=funnel.posted[rows],
        product=product,
        live_minutes=minutes,
        views=views,
        paid_views=bought,
        partnership=rows,
        original=np.full(len(rows), -1),
    )
    captured = by_era(world, population, briefed, lambda now, them: capture_rate(now, them, creator, product))
    surge, sale = None, funnel.sale[rows]
    if world.sale_capture:
        calendar = sale_days(world, start_us=population.start_us, days=population.days)
        lift = calendar.surge(population.product_sale)[product, sale]
        surge = np.where(sale >= 0, surge_captured(world, captured, lift), 0.0)
    multiple = compliance_multiple(world, funnel.compliance[rows]) * np.where(sale >= 0, world.sale_conversion, 1.0)
    incremental = response(world, views) * per_view * format_multiple * multiple
    if world.buyers_days:

        def chances(now: World, people: Population) -> Floats:
            return persuades(now, people, creator=creator, product=product, live=live, load=load, hunch=hunch).T

        alone = by_era(world, population, briefed, chances).T * multiple[:, None]
        persuaded = credited_by_campaign(
            world, population, chances=alone, product=product, campaign=collaborations.campaign[rows]
        )
        incremental = (1.0 - world.buyers_habit) * persuaded
        captured = captured + world.buyers_habit * persuaded
    lines = draw_lines(
        stream(seed, "partnership_lines"),
        world,
        creator=creator,
        product=product,
        content=np.arange(len(rows)),
        partnership=rows,
        published=posts.published,
        live_minutes=minutes,
        incremental=incremental * survival(world, population, funnel, collaborations.campaign),
        captured=captured,
        paid=paid_rate(world, population, bought, product),
        surge=surge,
    )
    return posts, lines
