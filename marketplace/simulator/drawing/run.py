"""Draw a whole marketplace, shard by shard and then what joins them, and put it in place."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from marketplace.errors import ContractError
from marketplace.progress import say, track
from marketplace.simulator.drawing.offers import Lists
from marketplace.simulator.drawing.partnerships import draw_partnerships
from marketplace.simulator.drawing.shards import SHARD_CREATORS, Ids, Shard, draw_shard, only, shards_of
from marketplace.simulator.drawing.workspace import open_workspace
from marketplace.simulator.mechanisms import Population, draw_briefs, draw_population
from marketplace.simulator.record import TableWriter, TruthWriter, keep_seller, numbered, record_creators
from marketplace.simulator.worlds import BASELINE, LAWS, TRAITS, World
from marketplace.state import write_whole

__all__ = ["simulate"]


def _check_arguments(creators: int, campaigns: int, days: int, seed: int, shard_creators: int) -> None:
    look = "`collabrank simulate --help`"
    for name, value, least in (
        ("creators", creators, 50),
        ("campaigns", campaigns, 3),
        ("days", days, 60),
        ("creators in a shard", shard_creators, 1),
    ):
        if value < least:
            raise ContractError(f"at least {least} {name}", received=str(value), look=look)
    if seed < 0:
        raise ContractError("a seed of zero or more", received=str(seed), look=look)


def _record_people(
    world: World,
    seed: int,
    population: Population,
    shard: Shard,
    *,
    ids: Ids,
    sums: Path,
    partnerships: Path,
    fresh: Path,
) -> dict[str, int]:
    """Write creators, their profiles and their true traits: one shard's, with what all contents sold."""
    people = only(population, shard)
    count = shard.last - shard.first
    gmv = np.zeros(count * population.days)
    with np.load(sums) as arrays:
        gmv[arrays["cell"]] = arrays["money"]
    with np.load(partnerships) as arrays:
        mine = (arrays["creator"] >= shard.first) & (arrays["creator"] < shard.last)
        cell = (arrays["creator"][mine] - shard.first) * population.days + arrays["day"][mine]
        np.add.at(gmv, cell, arrays["money"][mine])
    creator_ids = ids.creators[shard.first : shard.last]
    out = TableWriter(fresh / "market", population.end_us, part=shard.part)
    record_creators(
        world,
        seed,
        people,
        gmv_by_day=gmv.reshape(count, population.days),
        creator_ids=creator_ids,
        first=shard.first,
        part=shard.part,
        out=out,
    )
    out.close()
    truth = TruthWriter(fresh / "market", "traits", part=shard.part)
    truth.write(
        {
            "creator_id": creator_ids,
            **{name: people.traits[name] for name in TRAITS},
            "followers": people.followers,
            "posts_30d": people.posts_30d,
            "price_point": people.price_point,
            "paid_reliance": people.reliance,
            "capture_share": people.capture_share.mean(axis=1),
        }
    )
    truth.close()
    return {"creators": count}


def _tell_law(world: World, folder: Path) -> None:
    """Say which laws hold and by which parameters, and keep both in ``truth/law.json``, where the world was drawn."""
    if not world.laws:
        return
    changed = {
        field.name: getattr(world, field.name)
        for field in fields(World)
        if field.name != "laws" and getattr(world, field.name) != getattr(BASELINE, field.name)
    }
    law = {"laws": {name: LAWS[name].about for name in world.laws}, "parameters": changed}
    write_whole(folder / "truth" / "law.json", (json.dumps(law, indent=1) + "\n").encode())
    say("laws drawn (truth/law.json):")
    for name, about in law["laws"].items():
        say(f"  {name}: {about}")


def simulate(
    out: Path,
    *,
    creators: int,
    campaigns: int,
    days: int,
    seed: int,
    world: World = BASELINE,
    shard_creators: int = SHARD_CREATORS,
    lists: Lists | None = None,
) -> None:
    """Write a simulated marketplace, with its truth, to the folder ``out``, replacing what stood there.

    Work goes on in ``.NAME.unfinished`` beside ``out``. If it is interrupted, a call with the same arguments goes on
    from the last shard that was finished, and ends with the same bytes.

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
    shard_creators : int
        Creators drawn and written at a time, at most: what peak memory hangs on. Another number draws another
        marketplace of the same kind once there is more than one shard.
    lists : callable, optional
        Makes the lists of the campaigns that it wants to (`marketplace.simulator.drawing.offers.Lists`): asked in the
        order of their briefs, once each. What is drawn before the first of them is the same as without, but for how
        many watched and bought of the partnerships' posts, which is another draw from the same chances. Interrupted,
        such a run starts afresh.

    Raises
    ------
    ContractError
        An argument is out of range, another process is writing to ``out``, or a list cannot be shown.
    """
    _check_arguments(creators, campaigns, days, seed, shard_creators)
    out = Path(out)
    creators, campaigns = max(50, round(creators * world.size)), max(3, round(campaigns * world.size))
    plan = {
        "creators": creators,
        "campaigns": campaigns,
        "days": days,
        "seed": seed,
        "world": asdict(world),
        "shard_creators": shard_creators,
    }
    if lists is not None:
        # Nobody knows whether another call would get the same lists.
        plan["lists"] = secrets.token_hex(16)
    say(f"simulating {creators:,} creators, {campaigns:,} campaigns, {days} days (seed {seed}) …")
    with open_workspace(out, plan) as space:
        population = draw_population(world, seed, creators=creators, campaigns=campaigns, days=days)
        briefs = draw_briefs(world, seed, population, campaigns=campaigns)
        ids = Ids(
            brands=numbered("br", len(population.brand_market), 3),
            products=numbered("pr", len(population.product_brand), 5),
            campaigns=numbered("ca", campaigns, 4),
            creators=numbered("cr", creators, 6),
        )
        shards = shards_of(creators, shard_creators)
        sums = [space.spool / f"{shard.name}.npz" for shard in shards]
        counts: Counter[str] = Counter()
        for shard in track(shards, "  shards of creators", total=len(shards)):

            def draw(fresh: Path, shard: Shard = shard) -> dict[str, int]:
                table = TableWriter(fresh / "market", population.end_us, part=shard.part)
                kept, counted = draw_shard(
                    world,
                    seed,
                    population,
                    briefs,
                    shard=shard,
                    ids=ids,
                    first_content=counts["contents"],
                    first_order=counts["lines"],
                    out=table,
                )
                table.close()
                kept.save(fresh / "spool" / f"{shard.name}.npz")
                return counted

            counts.update(space.unit(shard.name, draw))
        say(f"  {counts['contents']:,} contents and {counts['lines']:,} order lines outside partnerships")
        done = space.unit(
            "partnerships",
            lambda fresh: draw_partnerships(
                world,
                seed,
                population,
                briefs,
                shards=shards,
                sums=sums,
                ids=ids,
                first_content=counts["contents"],
                first_order=counts["lines"],
                fresh=fresh,
                lists=lists,
            ),
        )
        say(f"  {done['invitations']:,} invitations, {done['partnerships']:,} partnerships")
        counts.update(done)
        say(f"  {counts['states']:,} order states and {counts['days']:,} content days")
        partnerships = space.spool / "partnerships.npz"
        for shard, file in track(zip(shards, sums, strict=True), "  profiles of creators", total=len(shards)):

            def record(fresh: Path, shard: Shard = shard, file: Path = file) -> dict[str, int]:
                return _record_people(
                    world, seed, population, shard, ids=ids, sums=file, partnerships=partnerships, fresh=fresh
                )

            space.unit(f"people-{shard.part:05d}", record)
        finished = space.market
        if world.seller_share:
            finished = space.folder / "seller"
            keep_seller(space.market, finished, brand_id=ids.brands[int(briefs.brand[briefs.own][0])].as_py())
        _tell_law(world, finished)
        space.publish(finished, out)
