"""The history of campaigns in time order: who was shown, who was invited, what came of it, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from marketplace.simulator.briefs import Briefs
from marketplace.simulator.chances import History, boosted_chance, compliance_multiple, partnership_rates
from marketplace.simulator.crowding import beside_the_invited
from marketplace.simulator.eras import by_era, era
from marketplace.simulator.expectation import Expectation, expect
from marketplace.simulator.funnel import Funnel, draw_funnel
from marketplace.simulator.interference import survival
from marketplace.simulator.lists import Shown, show
from marketplace.simulator.population import DAY, Floats, Ints, Population
from marketplace.simulator.posts import Posts, view_noise
from marketplace.simulator.sales import Lines, capture_rate, draw_lines, paid_rate
from marketplace.simulator.world import World, stream

__all__ = ["Collaborations", "draw_partnership_content", "eligible_creators", "run_campaigns"]


@dataclass(frozen=True)
class Collaborations:
    """All campaigns' history. ``funnel`` is one position an invitation, ``campaign`` (m,) its brief.

    ``shown`` and ``eligible`` are one entry a campaign; ``truth`` has, for each campaign, the creators (positions)
    and their `Expectation`: every eligible one for the evaluation campaigns, the invited for the others.
    """

    funnel: Funnel
    campaign: Ints
    shown: list[Shown]
    eligible: list[Ints]
    truth: list[tuple[Ints, Expectation]]


def eligible_creators(population: Population, *, market: int, briefed: int) -> Ints:
    """Positions of the creators of ``market`` who had joined, and were known, before the day of the brief."""
    floor = briefed // DAY * DAY
    known = population.joined + DAY // 24
    return np.flatnonzero((population.creator_market == market) & (known < floor)).astype(np.int64)


def _recent(weight: Floats, creator: Ints, count: int) -> Floats:
    total: Floats = np.bincount(creator, weights=weight, minlength=count).astype(np.float64)
    return total


def _concat(parts: list[Funnel]) -> Funnel:
    return Funnel(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Funnel)})


def _take(expectation: Expectation, rows: Ints) -> Expectation:
    return Expectation(**{f.name: getattr(expectation, f.name)[rows] for f in fields(Expectation)})


def run_campaigns(
    world: World, seed: int, population: Population, briefs: Briefs, *, gmv_by_day: Floats
) -> Collaborations:
    """Go through the briefs in time order. ``gmv_by_day`` (n, days): USD that contents sold outside partnerships."""
    lists_rng, funnel_rng, hunches_rng = stream(seed, "lists"), stream(seed, "funnel"), stream(seed, "hunches")
    has_hunch = world.hunch_invite != 0.0 or world.hunch_sales != 0.0
    creators = len(population.creator_market)
    so_far = np.concatenate([np.zeros((creators, 1)), np.cumsum(gmv_by_day, axis=1)], axis=1)
    parts: list[Funnel] = []
    campaign: list[Ints] = []
    shown: list[Shown] = []
    everyone: list[Ints] = []
    truth: list[tuple[Ints, Expectation]] = []
    sent, decided, posted = (np.zeros(0, dtype=np.int64) for _ in range(3))
    who, brand = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for i in range(len(briefs)):
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
        day = (now - population.start_us) // DAY
        last = max(int(day) - 1, 0)
        gmv = so_far[eligible, last] - so_far[eligible, max(last - 30, 0)]
        target = int(min(briefs.wanted[i], max(1, round(world.invite_share * len(eligible)))))
        gap = population.follower_score[eligible] - briefs.sought[i]
        lists = show(lists_rng, world, gmv_usd=gmv, again=past.again, target=target, hunch=past.hunch, gap=gap)
        rows = np.sort(np.concatenate([lists.held, lists.invited]))
        rules, people = era(world, population, now)
        funnel = draw_funnel(
            funnel_rng, rules, population=people, briefs=briefs, i=i, creator=eligible[rows], past=past.take(rows)
        )
        expected = expect(rules, people, briefs=briefs, i=i, creator=eligible, past=past)
        expected = beside_the_invited(
            rules, people, expected, creator=eligible, invited=rows, commission=float(briefs.commission[i])
        )
        truth.append((eligible, expected) if briefs.evaluation[i] else (eligible[rows], _take(expected, rows)))
        parts.append(funnel)
        campaign.append(np.full(len(rows), i))
        shown.append(lists)
        everyone.append(eligible)
        sent = np.concatenate([sent, funnel.sent])
        decided = np.concatenate([decided, np.where(funnel.accepted, funnel.decided, 0)])
        posted = np.concatenate([posted, np.where(funnel.delivered, funnel.posted, 0)])
        who = np.concatenate([who, funnel.creator])
        brand = np.concatenate([brand, np.full(len(rows), briefs.brand[i])])
    return Collaborations(_concat(parts), np.concatenate(campaign), shown, everyone, truth)


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
        return np.stack([per_view, mean, np.where(live, now.live_conversion, 1.0)])

    per_view, mean_views, format_multiple = by_era(world, population, briefed, rates)
    views = mean_views * np.where(live, world.live_views, 1.0) * view_noise(rng, population.views_sd[creator])
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
    lines = draw_lines(
        stream(seed, "partnership_lines"),
        world,
        creator=creator,
        product=product,
        content=np.arange(len(rows)),
        partnership=rows,
        published=posts.published,
        live_minutes=minutes,
        incremental=views
        * per_view
        * format_multiple
        * compliance_multiple(world, funnel.compliance[rows])
        * survival(world, population, funnel, collaborations.campaign),
        captured=by_era(world, population, briefed, lambda now, them: capture_rate(now, them, creator, product)),
        paid=paid_rate(world, population, bought, product),
    )
    return posts, lines
