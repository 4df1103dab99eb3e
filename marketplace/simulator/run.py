"""Draw a whole marketplace, stage by stage, and write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from marketplace.errors import ContractError
from marketplace.home import replace_folder
from marketplace.progress import say
from marketplace.simulator.briefs import Briefs, draw_briefs
from marketplace.simulator.collaborations import Collaborations, draw_partnership_content, run_campaigns
from marketplace.simulator.fates import Fates, draw_fates, net_usd
from marketplace.simulator.interference import draw_siblings, spill
from marketplace.simulator.population import DAY, Floats, Population, draw_population
from marketplace.simulator.posts import draw_organic_lines, draw_posts
from marketplace.simulator.record_contents import record_content_days, record_contents
from marketplace.simulator.record_creators import record_creators
from marketplace.simulator.record_funnel import (
    record_campaigns,
    record_invitations,
    record_outcomes,
    record_samples,
)
from marketplace.simulator.record_orders import record_orders
from marketplace.simulator.record_shop import record_shop
from marketplace.simulator.sales import Lines
from marketplace.simulator.seller import keep_seller
from marketplace.simulator.world import BASELINE, TRAITS, World
from marketplace.simulator.write import TableWriter, coded, numbered, write_truth

__all__ = ["simulate"]


def _by_day(population: Population, lines: Lines, *, usd: bool) -> Floats:
    """Attributed sales of each creator's days (n, days), in USD or in the market's currency."""
    day = (lines.ordered - population.start_us) // DAY
    money = lines.quantity * population.product_price[lines.product]
    if usd:
        money = money * population.usd(population.product_market[lines.product], day)
    n = len(population.creator_market)
    cells = lines.creator * population.days + day
    table = np.bincount(cells, weights=money, minlength=n * population.days)
    return table.astype(np.float64).reshape(n, population.days)


def _write_truth(
    folder: Path,
    population: Population,
    collaborations: Collaborations,
    *,
    realised: Floats,
    ids: tuple[object, object],
) -> None:
    creator_ids, campaign_ids = ids
    funnel = collaborations.funnel
    n = len(population.creator_market)
    creator = np.concatenate([who for who, _ in collaborations.truth])
    campaign = np.repeat(np.arange(len(collaborations.truth)), [len(who) for who, _ in collaborations.truth])
    columns = {
        name: np.concatenate([getattr(expected, name) for _, expected in collaborations.truth])
        for name in ("accept", "deliver", "incremental", "attributed", "profit")
    }
    # Campaigns come in order and creators within one are sorted, so the pair's code finds its place.
    pair = campaign * n + creator
    place = np.searchsorted(pair, collaborations.campaign * n + funnel.creator)
    seen = np.full(len(pair), np.nan)
    seen[place[funnel.delivered]] = realised[funnel.delivered]
    write_truth(
        folder,
        "outcomes",
        {
            "campaign_id": coded(campaign, campaign_ids),
            "creator_id": coded(creator, creator_ids),
            "accept_probability": columns["accept"],
            "deliver_probability": columns["deliver"],
            "incremental_gmv": columns["incremental"],
            "attributed_gmv": columns["attributed"],
            "incremental_profit": columns["profit"],
            "incremental_gmv_realised": seen,
        },
    )
    write_truth(
        folder,
        "traits",
        {
            "creator_id": creator_ids,
            **{name: population.traits[name] for name in TRAITS},
            "followers": population.followers,
            "posts_30d": population.posts_30d,
            "price_point": population.price_point,
            "paid_reliance": population.reliance,
            "capture_share": population.capture_share.mean(axis=1),
        },
    )


def _check_arguments(creators: int, campaigns: int, days: int, seed: int) -> None:
    look = "`collabrank simulate --help`"
    for name, value, least in (("creators", creators, 50), ("campaigns", campaigns, 3), ("days", days, 60)):
        if value < least:
            raise ContractError(f"at least {least} {name}", received=str(value), look=look)
    if seed < 0:
        raise ContractError("a seed of zero or more", received=str(seed), look=look)


def simulate(out: Path, *, creators: int, campaigns: int, days: int, seed: int, world: World = BASELINE) -> None:
    """Write a simulated marketplace, with its truth, to the folder ``out``, replacing what stood there.

    Parameters
    ----------
    out : pathlib.Path
        The folder of the marketplace; it appears whole or not at all.
    creators, campaigns, days : int
        At least 50, 3 and 60. Days are simulated from `World.start`.
    seed : int
        Zero or more. The same arguments write the same bytes.
    world : World
        The model's parameters.

    Raises
    ------
    ContractError
        An argument is out of range.
    """
    _check_arguments(creators, campaigns, days, seed)
    creators, campaigns = max(50, round(creators * world.size)), max(3, round(campaigns * world.size))
    say(f"simulating {creators:,} creators, {campaigns:,} campaigns, {days} days (seed {seed}) …")
    population = draw_population(world, seed, creators=creators, campaigns=campaigns, days=days)
    posts = draw_posts(world, seed, population)
    organic = draw_organic_lines(world, seed, population, posts)
    briefs: Briefs = draw_briefs(world, seed, population, campaigns=campaigns)
    say(f"  {len(posts.creator):,} contents and {len(organic.creator):,} order lines outside partnerships")

    collaborations = run_campaigns(world, seed, population, briefs, gmv_by_day=_by_day(population, organic, usd=True))
    more, sold = draw_partnership_content(world, seed, population, collaborations)
    funnel = collaborations.funnel
    say(f"  {len(funnel.creator):,} invitations, {int(funnel.accepted.sum()):,} partnerships")

    posts, place = posts.join(more)
    first = len(place) - len(more.creator)
    content_of = np.full(len(funnel.creator), -1)
    content_of[more.partnership] = place[first:]
    lines = Lines.concat(
        [
            Lines(**{**vars(organic), "content": np.where(organic.content >= 0, place[organic.content], -1)}),
            Lines(**{**vars(sold), "content": place[first + sold.content]}),
        ]
    )
    fates: Fates = draw_fates(world, seed, population, lines)
    won = lines.incremental & (lines.partnership >= 0)
    moved = draw_siblings(world, seed, population, lines)
    gained = net_usd(population, lines.take(won), fates.take(won))
    realised = np.bincount(
        lines.partnership[won],
        weights=gained if moved is None else gained + moved.usd[won],
        minlength=len(funnel.creator),
    ).astype(np.float64)
    lines = spill(
        world,
        seed,
        population,
        lines,
        funnel=funnel,
        campaign=collaborations.campaign,
        content_of=content_of,
    )
    inside = lines.ordered < population.end_us
    lines, fates = lines.take(inside), fates.take(inside)

    creator_ids, content_ids = numbered("cr", creators, 6), numbered("co", len(posts.creator), 7)
    brand_ids, product_ids = (
        numbered("br", len(population.brand_market), 3),
        numbered("pr", len(population.product_brand), 5),
    )
    campaign_ids, invitation_ids = numbered("ca", campaigns, 4), numbered("inv", len(funnel.creator), 6)
    with replace_folder(Path(out)) as folder:
        table = TableWriter(folder, population.end_us)
        record_shop(
            world, seed, population, posts=posts, lines=lines, fates=fates, briefs=briefs, moved=moved, out=table
        )
        record_creators(
            seed,
            population,
            gmv_by_day=_by_day(population, lines, usd=False),
            creator_ids=creator_ids,
            out=table,
        )
        rows = record_orders(
            population,
            briefs,
            collaborations,
            lines=lines,
            fates=fates,
            content_ids=content_ids,
            creator_ids=creator_ids,
            product_ids=product_ids,
            campaign_ids=campaign_ids,
            out=table,
        )
        say(f"  {rows:,} order states")
        record_contents(
            world,
            seed,
            posts=posts,
            content_ids=content_ids,
            creator_ids=creator_ids,
            product_ids=product_ids,
            out=table,
        )
        rows = record_content_days(
            world, seed, population, posts=posts, content_ids=content_ids, creator_ids=creator_ids, out=table
        )
        say(f"  {rows:,} content days")
        record_campaigns(
            briefs,
            collaborations,
            brand_ids=brand_ids,
            creator_ids=creator_ids,
            product_ids=product_ids,
            campaign_ids=campaign_ids,
            out=table,
        )
        record_invitations(
            briefs,
            collaborations,
            invitation_ids=invitation_ids,
            creator_ids=creator_ids,
            campaign_ids=campaign_ids,
            out=table,
        )
        record_samples(
            seed,
            briefs,
            collaborations,
            invitation_ids=invitation_ids,
            creator_ids=creator_ids,
            product_ids=product_ids,
            out=table,
        )
        record_outcomes(
            seed,
            population,
            briefs,
            collaborations,
            content_of=content_of,
            invitation_ids=invitation_ids,
            creator_ids=creator_ids,
            campaign_ids=campaign_ids,
            content_ids=content_ids,
            out=table,
        )
        table.close()
        _write_truth(folder, population, collaborations, realised=realised, ids=(creator_ids, campaign_ids))
        if world.seller_share:
            seller = int(briefs.brand[briefs.own][0])
            keep_seller(folder, brand_id=str(brand_ids[seller]))
