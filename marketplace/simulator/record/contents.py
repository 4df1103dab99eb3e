"""Tables of contents: their states, and their days."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from marketplace.simulator.mechanisms import DAY, HOUR, MINUTE, NONE, Population, Posts
from marketplace.simulator.record.write import TableWriter, coded
from marketplace.simulator.worlds import World, stream

__all__ = ["record_content_days", "record_contents"]

_LAGS = np.array([0, 1, 2, 3, 4, 5, 6, 10, 16])
"""Days since posting on which views are recorded: the first week, then two lumps of the tail."""

_CHUNK = 100_000


def record_contents(
    world: World,
    seed: int,
    *,
    posts: Posts,
    content_ids: pa.Array,
    creator_ids: pa.Array,
    product_ids: pa.Array,
    part: int,
    out: TableWriter,
) -> None:
    """Write every content's states: published, live ended, authorised for ads, deleted; each known at its own time."""
    rng = stream(seed, "content_states", part)
    n = len(posts.creator)
    live = posts.is_live
    ended = np.where(live, posts.published + posts.live_minutes * MINUTE, NONE)
    deleted = rng.random(n) < world.deleted_rate
    deleted_at = posts.published + (rng.uniform(2.0, 60.0, size=n) * DAY).astype(np.int64)
    partner = posts.partnership >= 0
    boosted = posts.paid_views > 0
    disclosed = np.where(partner, rng.random(n) < 0.92, rng.random(n) < 0.35) & (posts.product >= 0)
    later = partner & boosted
    index = np.arange(n)
    content = np.concatenate([index, index[live], index[later], index[deleted]])
    kind = np.repeat(np.arange(4), [n, int(live.sum()), int(later.sum()), int(deleted.sum())])
    known = np.concatenate(
        [
            posts.published + 5 * MINUTE,
            ended[live] + 2 * MINUTE,
            posts.published[later] + DAY,
            deleted_at[deleted] + 40 * MINUTE,
        ]
    )
    order = np.lexsort((known, content))
    content, kind, known = content[order], kind[order], known[order]
    sells = posts.product[content] >= 0
    values = product_ids.take(pa.array(np.where(sells, posts.product[content], 0)))
    offsets = np.concatenate([[0], np.cumsum(sells)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), values.filter(pa.array(sells)), mask=pa.array(~sells))
    organic_boost = boosted[content] & ~partner[content]
    out.write(
        "contents",
        {
            "content_id": coded(content, content_ids),
            "creator_id": coded(posts.creator[content], creator_ids),
            "format": coded(live[content].astype(np.int64), ("VIDEO", "LIVE")),
            "published_at": posts.published[content],
            "live_end_at": np.where(kind >= 1, ended[content], NONE),
            "product_ids": lists,
            "is_shoppable": sells,
            "is_ad_authorized": organic_boost | (later[content] & (kind >= 2)),
            "is_disclosed": disclosed[content],
            "deleted_at": np.where(kind == 3, deleted_at[content], NONE),
            "known_at": known,
        },
    )


def record_content_days(
    world: World,
    seed: int,
    population: Population,
    *,
    posts: Posts,
    content_ids: pa.Array,
    creator_ids: pa.Array,
    part: int,
    out: TableWriter,
) -> int:
    """Write the contents' days in chunks; a day without a view has no row. Returns the rows written."""
    rng = stream(seed, "content_days", part)
    weights = world.views_decay ** _LAGS.astype(np.float64)
    weights[-2:] += 0.015
    video = weights / weights.sum()
    lives = np.zeros(len(_LAGS))
    lives[0] = 1.0
    paid_share = np.zeros(len(_LAGS))
    paid_share[1:5] = 0.25
    total = 0
    liking = population.traits["audience_quality"]
    for first in range(0, len(posts.creator), _CHUNK):
        rows = np.arange(first, min(first + _CHUNK, len(posts.creator)))
        live = posts.is_live[rows]
        shares = np.where(live[:, None], lives, video)
        gaming = population.gaming[posts.creator[rows]]
        inflated = np.where(gaming, world.gaming_views, 1.0)
        organic = rng.poisson((posts.views[rows] * inflated)[:, None] * shares)
        paid = rng.poisson(posts.paid_views[rows][:, None] * np.where(live[:, None], lives, paid_share))
        day = ((posts.published[rows] - population.start_us) // DAY)[:, None] + _LAGS
        there = ((organic + paid) > 0) & (day < population.days)
        which, lag = np.nonzero(there)
        content = rows[which]
        creator = posts.creator[content]
        seen = organic[which, lag]
        bought = paid[which, lag]
        when = day[which, lag]
        views = (seen + bought).astype(np.float64)
        sells = posts.product[content] >= 0
        warmth = np.exp(0.3 * liking[creator]) * np.where(population.gaming[creator], world.gaming_engagement, 1.0)
        if world.engagement_curve:
            warmth *= np.exp(world.engagement_curve * (population.follower_score[creator] - world.engagement_peak) ** 2)
        clicks = rng.poisson(views * 0.02 * np.exp(0.35 * population.traits["persuasion"][creator]) * sells)
        delay = rng.integers(24, 48, size=len(content))
        total += out.write(
            "content_days",
            {
                "content_id": coded(content, content_ids),
                "day": population.start_us // DAY + when,
                "creator_id": coded(creator, creator_ids),
                "view_count": seen + bought,
                "like_count": rng.poisson(views * 0.045 * warmth),
                "comment_count": rng.poisson(views * 0.004 * warmth),
                "share_count": rng.poisson(views * 0.003 * warmth),
                "product_clicks": pa.array(clicks, mask=~sells),
                "paid_view_count": bought,
                "known_at": population.start_us + (when + 1) * DAY + delay * HOUR + round(world.report_days * DAY),
            },
        )
    return total
