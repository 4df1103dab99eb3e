"""Tables of creators: who they are, and their profiles as read every fortnight."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from marketplace.arrays import Floats
from marketplace.simulator.mechanisms import DAY, HOUR, Population
from marketplace.simulator.record.write import TableWriter, coded
from marketplace.simulator.worlds import MARKETS, World, stream

__all__ = ["record_creators", "usernames"]

_LANGUAGES = ("id", "ms", "fil", "en", "th", "vi", "en", "en")
_SYLLABLES = ("ka", "li", "mo", "na", "ri", "su", "ta", "vi", "yo", "ze", "an", "bel", "dee", "fi", "gia", "hu")
_AGES = ("18-24", "25-34", "35-44", "45-54")
_EVERY = 14


def usernames(count: int, *, first: int = 0) -> list[str]:
    """Handles, unique, the same for the same position, of ``count`` positions from ``first`` on."""
    s = _SYLLABLES
    return [f"{s[i % 16]}{s[i // 16 % 16]}{s[(i * 7 + 3) % 16]}.{i}" for i in range(first, first + count)]


def _ranges(value: Floats) -> tuple[Floats, Floats]:
    """The ends of the 1-2.5-5-10 bucket that holds each value."""
    edges = np.concatenate([[0.0], (np.array([1.0, 2.5, 5.0])[None, :] * 10.0 ** np.arange(1, 13)[:, None]).ravel()])
    place = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 2)
    return edges[place], edges[place + 1]


def record_creators(
    world: World,
    seed: int,
    population: Population,
    *,
    gmv_by_day: Floats,
    creator_ids: pa.Array,
    first: int,
    part: int,
    out: TableWriter,
) -> None:
    """Write creators and creator_snapshots. ``gmv_by_day`` (n, days) is attributed GMV in the market's currency.

    ``first`` is the position of the first of them among all creators.
    """
    n = len(population.creator_market)
    markets, currencies = list(MARKETS), list(MARKETS.values())
    out.write(
        "creators",
        {
            "creator_id": creator_ids,
            "username": usernames(n, first=first),
            "market": coded(population.creator_market, markets),
            "language": coded(population.audience_market, _LANGUAGES),
            "agency_status": coded(population.managed.astype(np.int64), ("INDEPENDENT", "AGENCY_MANAGED")),
            "joined_at": population.joined,
            "known_at": population.joined + HOUR,
        },
    )
    rng = stream(seed, "snapshots", part)
    rounds = -(-population.days // _EVERY)
    creator = np.repeat(np.arange(n), rounds)
    day = ((first + np.arange(n)) * 5 % _EVERY)[creator] + np.tile(np.arange(rounds), n) * _EVERY
    at = population.start_us + day * DAY + rng.integers(0, 20 * 60, size=len(day)) * 60_000_000
    keep = (day < population.days) & (at > population.joined[creator] + HOUR)
    creator, day, at = creator[keep], day[keep], at[keep]
    so_far = np.concatenate([np.zeros((n, 1)), np.cumsum(gmv_by_day, axis=1)], axis=1)
    gmv = np.maximum(np.round(so_far[creator, day] - so_far[creator, np.maximum(day - 30, 0)], 2), 0.0)
    exact = population.consents[creator]
    low, high = _ranges(gmv)
    health = 560.0 + 110.0 * population.traits["diligence"] + 90.0 * population.traits["cooperation"]
    noise = (np.clip(1.2 + rng.normal(0.0, 0.9, size=n), 0, 3.99)).astype(np.int64)
    age = population.audience_age if world.age_mismatch else noise
    gender = rng.integers(0, 2, size=n)
    grown = population.followers_shown[creator] * np.exp(population.growth[creator] * day)
    grown = grown * np.where(day >= population.bought_day[creator], population.followers_bought[creator], 1.0)
    out.write(
        "creator_snapshots",
        {
            "creator_id": coded(creator, creator_ids),
            "snapshot_at": at,
            "follower_count": np.round(grown * np.exp(rng.normal(0.0, 0.003, size=len(day)))).astype(np.int64),
            "creator_health_rating": np.round(
                np.clip(health[creator] + rng.normal(0.0, 45.0, size=len(day)), 0.0, 1_000.0)
            ),
            "top_follower_age": coded(age[creator], _AGES),
            "top_follower_gender": coded(gender[creator], ("FEMALE", "MALE")),
            "gmv_30d": np.where(exact, gmv, np.nan),
            "gmv_30d_min": np.where(exact, np.nan, low),
            "gmv_30d_max": np.where(exact, np.nan, high),
            "currency": coded(population.creator_market[creator], currencies),
            "precision": coded(np.where(exact, 0, 1), ("exact", "range")),
            "known_at": at + rng.integers(1, 20, size=len(day)) * HOUR,
        },
    )
