"""Evidence of what creators do: with brands, in their feed, in volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import ibis
import numpy as np
import pandas as pd

from features.facts import Windows, is_known
from features.indices.content import JUDGED_AFTER_DAYS
from features.indices.declare import BARELY_VIEWED_SHARE, BRAND_CAP, WINDOW_DAYS
from features.indices.events import EVENT_SCALE, EVENT_WINDOWS, MASS_ONE
from features.indices.evidence import DAYS_PER_30, WEIGHT_ONE, Evidence, built, event_weights, readable, sums_by_row
from features.indices.money import LIFT_SCALE, lift_events
from features.indices.shrinkage import decayed_exposure, effective_n
from marketplace.arrays import Floats, Ints
from marketplace.tables import Marketplace

__all__ = ["EVIDENCE", "event_evidence", "posting_evidence", "volume_evidence"]


_WEEKS = 13
_USUAL_EXCESS = 0.5


def event_evidence(market: Marketplace, base: Any, watched: Ints) -> dict[str, Evidence]:
    """Partnership events: weighted moments by kind, at most `BRAND_CAP` fresh events' worth from each brand.

    Lifts are estimated of the grid days that the days of ``base`` stand on, of no others.
    """
    events = built(market, "events")
    days = market.engine.run(base.select("day").distinct())["day"].to_numpy()
    lifts = ibis.memtable(lift_events(market, days), schema=events.schema())
    events = events.union(lifts.select(events.columns))
    count = watched.size
    joined = base.join(events, [*readable(base, events), events.event_day >= base.day - events.window])
    joined = joined.mutate(w=event_weights(joined.day, joined.event_day))
    brands = joined.group_by(["row_", "kind", "brand_id"]).aggregate(
        plain=joined.w.sum(),
        sw=(joined.w * joined.mass).sum(),
        sww=(joined.w * joined.w).sum(),
        sx=(joined.w * joined.mx).sum(),
        sxx=(joined.w * joined.mxx).sum(),
        top=joined.w.max(),
        best=joined.mx.max(),
    )
    limit = ibis.literal(float(BRAND_CAP * WEIGHT_ONE), "float64")
    factor = ibis.least(ibis.literal(1.0, "float64"), limit / brands.plain.cast("float64"))
    back = ibis.ifelse(brands.best > 0, brands.top, ibis.literal(0, "int64"))
    brands = brands.mutate(
        factor=factor,
        top_top=brands.top * brands.top,
        back=back,
    )

    def scaled(column: Any, by: Any) -> Any:
        return (column.cast("float64") * by).round().cast("int64").sum()

    kinds = brands.group_by(["row_", "kind"]).aggregate(
        sw=scaled(brands.sw, brands.factor),
        sww=scaled(brands.sww, brands.factor * brands.factor),
        sx=scaled(brands.sx, brands.factor),
        sxx=scaled(brands.sxx, brands.factor),
        tops=brands.top.sum(),
        top_tops=brands.top_top.sum(),
        backs=brands.back.sum(),
    )
    kinds = kinds.select("row_", "kind", **{c: kinds[c].cast("float64") for c in kinds.columns[2:]})
    found = market.engine.run(kinds).to_pandas()
    evidence = {}
    for kind in EVENT_WINDOWS:
        part = found[found["kind"] == kind]
        at = part["row_"].to_numpy()

        def column(name: str, unit: float, part: pd.DataFrame = part, at: Any = at) -> Floats:
            values = np.zeros(count)
            values[at] = part[name].to_numpy(np.float64) / unit
            return values

        if kind == "brands_worked_with_90d":
            total = column("tops", WEIGHT_ONE)
            exposure = decayed_exposure(watched, WINDOW_DAYS) / WINDOW_DAYS
            evidence[kind] = Evidence(total, np.where(is_known(market, "deliveries"), exposure, 0.0))
            continue
        if kind == "repeat_brand_rate":
            weights = column("tops", WEIGHT_ONE)
            n_e = effective_n(weights, column("top_tops", float(WEIGHT_ONE) ** 2))
            evidence[kind] = Evidence(column("backs", WEIGHT_ONE), weights, n_e)
            continue
        unit = float(WEIGHT_ONE)
        if kind == "lift_per_partnership":
            precision = column("sw", unit * MASS_ONE)
            evidence[kind] = Evidence(column("sx", unit * MASS_ONE * LIFT_SCALE), precision, precision)
            continue
        weights = column("sw", unit)
        n_e = effective_n(weights, column("sww", unit * unit))
        squares = column("sxx", unit * EVENT_SCALE * EVENT_SCALE)
        evidence[kind] = Evidence(column("sx", unit * EVENT_SCALE), weights, n_e, squares)
    return evidence


def posting_evidence(market: Marketplace, base: Any, watched: Ints) -> dict[str, Evidence]:
    """Shoppable output, active weeks, products promoted, shoppable share, weekly variation, spread of views."""
    count = watched.size
    nothing = np.zeros(count)
    known = "contents" in market.present
    items = built(market, "items")
    joined = base.join(items, [*readable(base, items), items.event_day >= base.day - _WEEKS * 7])
    inside = joined.event_day >= joined.day - WINDOW_DAYS
    weight = ibis.ifelse(inside, event_weights(joined.day, joined.event_day), ibis.literal(0, "int64"))
    joined = joined.mutate(w=weight, week=(joined.day - 1 - joined.event_day) // 7)
    weeks = joined.group_by(["row_", "week"]).aggregate(
        posts=joined.shoppable.sum().cast("int64"),
        all_w=joined.w.sum().cast("int64"),
        shop_w=(joined.w * joined.shoppable).sum().cast("int64"),
        video_w=(joined.w * joined.shoppable * joined.video).sum().cast("int64"),
        live_w=(joined.w * joined.shoppable * joined.live_seconds).sum().cast("int64"),
    )
    rows = weeks.group_by("row_").aggregate(
        active=(weeks.posts > 0).cast("int64").sum(),
        posts=weeks.posts.sum(),
        posts_squared=(weeks.posts * weeks.posts).sum(),
        all_w=weeks.all_w.sum(),
        shop_w=weeks.shop_w.sum(),
        video_w=weeks.video_w.sum(),
        live_w=weeks.live_w.sum(),
    )
    names = ("active", "posts", "posts_squared", "all_w", "shop_w", "video_w", "live_w")
    sums = sums_by_row(market, rows, names, count)
    hours = sums["live_w"] / 3_600.0
    days = decayed_exposure(watched, WINDOW_DAYS) / DAYS_PER_30 if known else nothing
    seen_weeks = np.clip((watched + 6) // 7, 0, _WEEKS).astype(np.float64) if known else nothing
    plain_days = np.clip(watched, 0, WINDOW_DAYS) / DAYS_PER_30
    products = nothing
    promoted = is_known(market, "promotions")
    if promoted:
        products = _over_windows(market, base, *_products())["products"]
    shop, posts = sums["shop_w"] / WEIGHT_ONE, sums["all_w"] / WEIGHT_ONE
    return {
        "shoppable_output_30d": Evidence((sums["video_w"] + 2.0 * hours) / WEIGHT_ONE, days),
        "active_weeks": Evidence(np.minimum(sums["active"], seen_weeks), seen_weeks),
        "products_promoted_30d": Evidence(products, plain_days if promoted else nothing),
        "shoppable_share": Evidence(shop, posts),
        "weekly_variation": _weekly_variation(sums["posts"], sums["posts_squared"], seen_weeks),
    }


@cache
def _products() -> tuple[Windows, dict[str, Any]]:
    windows = Windows(("creator_id",), code="features.indices")
    return windows, {"products": windows.distinct("promotions", "product_id", "shoppable_posts", WINDOW_DAYS)}


def _over_windows(market: Marketplace, base: Any, windows: Windows, asked: Mapping[str, Any]) -> dict[str, Floats]:
    """Sums over windows of facts, asked for as signals ask, by row: float64 (n,) each; 0 where nothing is known."""
    rows = market.query(base).sort_values("row_").rename(columns={"row_creator": "creator_id"})
    sums = windows.compute(market, rows[["creator_id", "day"]], asked)
    return {name: np.nan_to_num(values) for name, values in sums.items()}


def _weekly_variation(posts: Floats, squares: Floats, weeks: Floats) -> Evidence:
    """Variation of weekly posts beyond chance: ``(variance - mean) / mean^2``, what a Poisson pace would not show.

    The plain coefficient of variation falls with the number of posts alone, and so would measure how much they post
    a second time. Worth ``(weeks - 1) (v m / (1 + v m))^2`` degrees of freedom, ``m`` posts a week and ``v`` a usual
    excess: a creator who hardly posts says little about their steadiness.
    """
    usable = (posts > 0) & (weeks > 1)
    weeks = np.where(usable, weeks, 2.0)
    mean = np.where(usable, posts, 1.0) / weeks
    variance = np.maximum(np.where(usable, squares, 0.0) - weeks * mean * mean, 0.0) / (weeks - 1.0)
    signal = _USUAL_EXCESS * mean / (1.0 + _USUAL_EXCESS * mean)
    freedom = np.where(usable, (weeks - 1.0) * signal * signal, 0.0)
    return Evidence(freedom * (variance - mean) / (mean * mean), freedom, freedom)


def volume_evidence(market: Marketplace, base: Any, watched: Ints) -> dict[str, Evidence]:
    """Rates of videos and live hours that were not barely viewed, and the spread of videos' log first-week views.

    The median is of the creator's own items of the same format; of an even number, the lower middle one.
    """
    count = watched.size
    items = built(market, "viewed")
    joined = base.join(items, [*readable(base, items), items.event_day >= base.day - WINDOW_DAYS])
    joined = joined.mutate(w=event_weights(joined.day, joined.event_day))
    own = ibis.window(group_by=[joined.row_, joined.video])
    joined = joined.select(
        "row_", "video", "live_seconds", "views", "w",
        rank=ibis.row_number().over(
            ibis.window(group_by=[joined.row_, joined.video], order_by=[joined.views, joined.content_id])
        ),
        size=joined.count().over(own),
    )  # fmt: skip
    middle = joined.filter(joined["rank"] == (joined["size"] - 1) // 2)
    middle = middle.select(row_m_="row_", video_m_="video", median="views")
    joined = joined.inner_join(middle, [joined.row_ == middle.row_m_, joined.video == middle.video_m_])
    per_unit = round(1 / BARELY_VIEWED_SHARE)
    counted = (joined.views * per_unit >= joined.median).cast("int64")
    log = (joined.views.cast("float64") + 1.0).ln()
    step = float(EVENT_SCALE)
    joined = joined.mutate(counted=counted, x=(log * step).round().cast("int64"), of_video=joined.w * joined.video)
    rows = joined.group_by("row_").aggregate(
        videos=(joined.of_video * joined.counted).sum(),
        live_seconds=(joined.w * joined.live_seconds * joined.counted).sum(),
        lives=(joined.w * (1 - joined.video) * joined.counted).sum(),
        sw=joined.of_video.sum(),
        sww=(joined.of_video * joined.of_video).sum(),
        sx=(joined.of_video * joined.x).sum(),
        sxx=(joined.of_video * joined.x * joined.x).sum(),
    )
    names = ("videos", "live_seconds", "lives", "sw", "sww", "sx", "sxx")
    sums = sums_by_row(market, rows, names, count)
    whole, young = decayed_exposure(watched, WINDOW_DAYS), decayed_exposure(watched, JUDGED_AFTER_DAYS)
    days = (whole - young) / DAYS_PER_30 if "contents" in market.present else np.zeros(count)
    weights, unit = sums["sw"] / WEIGHT_ONE, float(WEIGHT_ONE)
    n_e = effective_n(weights, sums["sww"] / unit / unit)
    mean = np.divide(sums["sx"], sums["sw"], out=np.zeros(count), where=sums["sw"] > 0) / step
    spread = np.divide(sums["sxx"], sums["sw"], out=np.zeros(count), where=sums["sw"] > 0) / step / step - mean * mean
    usable = (n_e > 1.0) & ("content_days" in market.present)
    freedom = np.where(usable, n_e - 1.0, 0.0)
    variance = np.maximum(spread, 0.0) * np.where(usable, n_e / np.where(usable, n_e - 1.0, 1.0), 0.0)
    return {
        "videos_30d": Evidence(sums["videos"] / unit, days),
        "live_hours_30d": Evidence(sums["live_seconds"] / unit / 3_600.0, days, n_e=sums["lives"] / unit),
        "view_spread": Evidence(freedom * variance, freedom, freedom),
    }


EVIDENCE: tuple[Callable[[Marketplace, Any, Ints], dict[str, Evidence]], ...] = (
    event_evidence,
    posting_evidence,
    volume_evidence,
)
"""All of it: (market, as-of rows, days each row's creator has been watched (n,)) -> evidence by component."""
