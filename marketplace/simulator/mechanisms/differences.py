"""How creators and products differ where a world says so: audiences, lives, agencies, outside options, what they add.

Every difference is drawn, whether or not the world gives it weight, from one
stream of its own: in a world that gives none, all multiples are exactly one
and nobody has an outside option.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from marketplace.arrays import Flags, Floats, Ints
from marketplace.simulator.worlds import World, stream

__all__ = ["draw_differences", "draw_sale_shares"]

_BANDS = 4
"""Age bands that profiles tell apart."""


def _score(values: Floats) -> Floats:
    """``values`` with mean zero and sd one."""
    scores: Floats = (values - values.mean()) / max(float(values.std()), 1e-12)
    return scores


def _audience_sells(world: World, people: dict[str, Any], *, age: Ints, abroad: Flags) -> Floats:
    """Multiple of a creator's lines in each category (n, k) for the audience they have."""
    tired = world.tired_posting * np.maximum(np.log(people["posts_30d"] / world.tired_from), 0.0)
    gap = np.abs(age[:, None] - np.asarray(world.category_ages)[None, :])
    sells: Floats = np.exp(-tired)[:, None] * np.exp(-world.age_mismatch * gap)
    return sells * np.where(abroad, world.abroad_sales, 1.0)[:, None]


def _added(world: World, people: dict[str, Any], unseen: Floats) -> Floats:
    """Log lines that each creator (n,) adds above or below others of the same traits."""
    reasons = (
        (world.adds_followers, people["follower_score"]),
        (world.adds_posts, _score(np.log(people["posts_30d"]))),
        (world.adds_live, _score(people["live"])),
        (world.adds_focus, _score(people["category_shares"].max(axis=1))),
        (world.adds_tenure, _score(-people["joined"].astype(np.float64))),
    )
    seen = sum((weight * score for weight, score in reasons), np.zeros(len(unseen)))
    added: Floats = seen + world.adds_unseen * unseen - 0.5 * world.adds_unseen**2
    return added


def draw_differences(world: World, seed: int, people: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Population` about how creators differ; ``people`` are its other fields about creators."""
    n = len(people["followers"])
    rng = stream(seed, "differences")
    band = np.clip(np.floor(1.2 + rng.normal(0.0, world.age_spread, size=n)), 0, _BANDS - 1).astype(np.int64)
    abroad = rng.random(n) < world.abroad_share
    elsewhere = rng.permutation(people["creator_market"])
    agency = rng.integers(0, max(world.agencies, 1), size=n)
    ease = rng.normal(size=max(world.agencies, 1))
    unseen, boost, talent, format_taste, reserve = rng.normal(size=(5, n))
    added = _added(world, people, unseen)
    live = people["live"]
    shifted = expit(
        logit(np.clip(live, 1e-12, 1.0 - 1e-12)) + world.live_partnership + world.live_partnership_spread * format_taste
    )
    moved = world.live_partnership != 0.0 or world.live_partnership_spread != 0.0
    sells = _audience_sells(world, people, age=band, abroad=abroad) * np.exp(added)[:, None]
    return {
        "audience_age": band,
        "audience_market": np.where(abroad, elsewhere, people["creator_market"]),
        "sells": sells,
        "captures": np.exp(-world.adds_instead * added),
        "boost": np.exp(world.boost_spread * boost - 0.5 * world.boost_spread**2),
        "live_multiple": np.exp(world.live_talent * talent - 0.5 * world.live_talent**2),
        "live_partnership": np.where(live > 0, shifted, 0.0) if moved else live,
        "agency_ease": world.agency_spread * ease[agency],
        "reserve": world.reserve_commission
        * np.exp(world.reserve_followers * people["follower_score"] + world.reserve_spread * reserve),
    }


def draw_sale_shares(world: World, seed: int, products: int) -> Floats:
    """Each product's share in the surge of a sales day (products,), with mean one."""
    rng = stream(seed, "sale_shares")
    shares: Floats = np.exp(world.sale_spread * rng.normal(size=products) - 0.5 * world.sale_spread**2)
    return shares
