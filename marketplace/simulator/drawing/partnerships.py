"""What is not one creator's alone: campaigns, their partnerships' contents and orders, the shop, the truth."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.simulator.drawing.offers import Lists, offers_of
from marketplace.simulator.drawing.shards import Ids, Shard
from marketplace.simulator.mechanisms import (
    DAY,
    Briefs,
    Collaborations,
    Expectation,
    Population,
    draw_fates,
    draw_partnership_content,
    draw_siblings,
    net_usd,
    run_campaigns,
    spill,
)
from marketplace.simulator.record import (
    ShopSums,
    TableWriter,
    TruthWriter,
    coded,
    numbered,
    record_campaigns,
    record_content_days,
    record_contents,
    record_invitations,
    record_orders,
    record_outcomes,
    record_samples,
    record_shop,
    shop_sums,
)
from marketplace.simulator.worlds import MARKETS, World

__all__ = ["RankerGmv", "draw_partnerships"]


class RankerGmv:
    """What `ranker_gmv` laid out for each shard, read brief by brief over all creators.

    Parameters
    ----------
    files : list of pathlib.Path
        The shards' sums, in order.
    """

    def __init__(self, files: list[Path], population: Population, briefs: Briefs, shards: list[Shard]) -> None:
        self._values, self._starts = [], []
        for file, shard in zip(files, shards, strict=True):
            with np.load(file) as arrays:
                self._values.append(arrays["gmv_usd"])
            there = np.bincount(population.creator_market[shard.first : shard.last], minlength=len(MARKETS))
            self._starts.append(np.concatenate([[0], np.cumsum(there[briefs.market])]))

    def __call__(self, i: int) -> Floats:
        """30-day GMV, USD, at brief ``i`` of every creator of its market, by position."""
        parts = zip(self._values, self._starts, strict=True)
        return np.concatenate([values[starts[i] : starts[i + 1]] for values, starts in parts])


@dataclass(frozen=True)
class _Told:
    """The truth of each brief on disk until it is known what was realised."""

    folder: Path

    def tell(self, i: int, creator: Ints, expected: Expectation) -> None:
        kept = {name: getattr(expected, name) for name in ("accept", "deliver", "incremental", "attributed", "profit")}
        np.savez(self.folder / f"{i}.npz", creator=creator, **kept)

    def __call__(self, count: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        for i in range(count):
            with np.load(self.folder / f"{i}.npz") as arrays:
                yield i, dict(arrays)


def _write_outcomes(
    out: TruthWriter, told: _Told, collaborations: Collaborations, briefs: Briefs, *, realised: Floats, ids: Ids
) -> None:
    funnel = collaborations.funnel
    for i, known in told(len(briefs)):
        creator = known["creator"]
        seen = np.full(len(creator), np.nan)
        rows = np.flatnonzero((collaborations.campaign == i) & funnel.delivered)
        # Creators within a campaign are sorted, so that a search finds the place.
        seen[np.searchsorted(creator, funnel.creator[rows])] = realised[rows]
        out.write(
            {
                "campaign_id": coded(np.full(len(creator), i), ids.campaigns).cast("string"),
                "creator_id": coded(creator, ids.creators).cast("string"),
                "accept_probability": known["accept"],
                "deliver_probability": known["deliver"],
                "incremental_gmv": known["incremental"],
                "attributed_gmv": known["attributed"],
                "incremental_profit": known["profit"],
                "incremental_gmv_realised": seen,
            }
        )
    out.close()


def draw_partnerships(
    world: World,
    seed: int,
    population: Population,
    briefs: Briefs,
    *,
    shards: list[Shard],
    sums: list[Path],
    ids: Ids,
    first_content: int,
    first_order: int,
    fresh: Path,
    lists: Lists | None = None,
) -> dict[str, int]:
    """Run the campaigns and write all that hangs on them, the shop and ``truth/outcomes`` into ``fresh/market``.

    ``sums`` are the shards' files, in order; ``first_content`` and ``first_order`` what all shards have counted up
    to. The partnerships' contents and orders are the part after the last shard. What partnerships add to creators'
    GMV is left in ``fresh/spool/partnerships.npz``: ``creator``, ``day``, ``money`` in the market's currency.
    ``lists`` may take the older ranker's place, campaign by campaign.
    """
    market, part = fresh / "market", len(shards)
    with tempfile.TemporaryDirectory(dir=fresh) as scratch:
        told = _Told(Path(scratch))
        gmv = RankerGmv(sums, population, briefs, shards)
        collaborations = run_campaigns(
            world, seed, population, briefs, gmv_usd=gmv, tell=told.tell, offer=offers_of(lists, ids)
        )
        del gmv
        funnel, campaign = collaborations.funnel, collaborations.campaign
        posts, lines = draw_partnership_content(world, seed, population, collaborations)
        posts, place = posts.in_order()
        lines = replace(lines, content=place[lines.content])
        content_of = np.full(len(funnel.creator), -1)
        content_of[posts.partnership] = np.arange(len(posts.creator))
        fates = draw_fates(world, seed, population, lines, part=part)
        won = lines.incremental
        moved = draw_siblings(world, seed, population, lines)
        gained = net_usd(population, lines.take(won), fates.take(won))
        realised = np.bincount(
            lines.partnership[won],
            weights=gained if moved is None else gained + moved.usd[won],
            minlength=len(funnel.creator),
        ).astype(np.float64)
        _write_outcomes(TruthWriter(market, "outcomes"), told, collaborations, briefs, realised=realised, ids=ids)
    lines = spill(world, seed, population, lines, funnel=funnel, campaign=campaign, content_of=content_of)
    inside = lines.ordered < population.end_us
    lines, fates = lines.take(inside), fates.take(inside)

    content_ids = numbered("co", len(posts.creator), 9, first=first_content)
    invitation_ids = numbered("inv", len(funnel.creator), 6)
    out = TableWriter(market, population.end_us, part=part)
    states = record_orders(
        population,
        briefs,
        lines=lines,
        fates=fates,
        campaign_of=campaign,
        content_ids=content_ids,
        creator_ids=ids.creators,
        product_ids=ids.products,
        campaign_ids=ids.campaigns,
        first_order=first_order,
        out=out,
    )
    record_contents(
        world,
        seed,
        posts=posts,
        content_ids=content_ids,
        creator_ids=ids.creators,
        product_ids=ids.products,
        part=part,
        out=out,
    )
    days = record_content_days(
        world, seed, population, posts=posts, content_ids=content_ids, creator_ids=ids.creators, part=part, out=out
    )
    out.close()

    out = TableWriter(market, population.end_us)
    shop = shop_sums(world, population, posts=posts, lines=lines, fates=fates)
    for file in sums:
        with np.load(file) as arrays:
            shop = shop + ShopSums(**{f.name: arrays[f.name] for f in fields(ShopSums)})
    record_shop(world, seed, population, briefs=briefs, moved=moved, sums=shop, out=out)
    record_campaigns(
        briefs,
        collaborations,
        brand_ids=ids.brands,
        creator_ids=ids.creators,
        product_ids=ids.products,
        campaign_ids=ids.campaigns,
        out=out,
    )
    record_invitations(
        briefs,
        collaborations,
        invitation_ids=invitation_ids,
        creator_ids=ids.creators,
        campaign_ids=ids.campaigns,
        out=out,
    )
    record_samples(
        seed,
        briefs,
        collaborations,
        invitation_ids=invitation_ids,
        creator_ids=ids.creators,
        product_ids=ids.products,
        out=out,
    )
    record_outcomes(
        seed,
        population,
        briefs,
        collaborations,
        content_of=content_of,
        invitation_ids=invitation_ids,
        creator_ids=ids.creators,
        campaign_ids=ids.campaigns,
        content_ids=content_ids,
        out=out,
    )
    out.close()

    day = (lines.ordered - population.start_us) // DAY
    spool = fresh / "spool"
    spool.mkdir(exist_ok=True)
    np.savez(
        spool / "partnerships.npz",
        creator=lines.creator,
        day=day,
        money=lines.quantity * population.product_price[lines.product],
    )
    return {
        "invitations": len(funnel.creator),
        "partnerships": int(funnel.accepted.sum()),
        "contents": len(posts.creator),
        "lines": len(lines.creator),
        "states": states,
        "days": days,
    }
