"""Everything the indices read, gathered for any creators as of any days in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd

from features.facts import MICRO, Windows, fact_table, is_known
from features.indices.behaviour import EVIDENCE
from features.indices.declare import WINDOW_DAYS, WINDOW_LONG_DAYS
from features.indices.evidence import (
    DAYS_PER_30,
    WEIGHT_ONE,
    CategoryEvidence,
    Evidence,
    Gathered,
    arrays_of,
    built,
    event_weights,
    joined,
    kept,
    of_arrays,
    sums_by_row,
)
from features.indices.shrinkage import decayed_exposure
from features.time import days_of, known_creators
from marketplace.arrays import Floats, Ints
from marketplace.cache import ARRAYS, keep, recalled
from marketplace.tables import Marketplace

__all__ = ["category_ids", "gather", "gather_days"]


_DAYS_AT_ONCE = 4
"""Whole days gathered in one pass: what bounds the memory."""

_ROWS_AT_ONCE = 400_000
"""Creators as of days gathered in one pass, where there are many; one whole day at least."""

_DAYS_KEPT = 8
"""Whole days in memory."""

_SALES = {"gmv": "organic_net_gmv", "lines": "organic_orders"}
_VIEWS = {"views": "organic_views"}


def category_ids(market: Marketplace) -> tuple[str, ...]:
    """Every level-1 category of the products and briefs, sorted: the columns of `CategoryEvidence`."""
    if "category_ids" not in kept(market):
        products, briefs = market.table("products"), market.table("campaigns")
        frame = market.query(products.select("category_id").union(briefs.select("category_id"), distinct=True))
        kept(market)["category_ids"] = tuple(sorted(frame["category_id"].dropna()))
    ids: tuple[str, ...] = kept(market)["category_ids"]
    return ids


def gather(market: Marketplace, creator_ids: Any, days: Any) -> Gathered:
    """The evidence of ``creator_ids`` (n,) as of ``days`` (int64 (n,), from 1970-01-01), in their order.

    Pairs may repeat; each is computed once, and not at all where `gather_days` has the day or the last call had the
    pair. What is left is computed in one pass.
    """
    creators, asked = np.asarray(creator_ids, dtype=object), np.asarray(days, dtype=np.int64)
    parts: list[Gathered] = []
    place = np.full(asked.size, -1, dtype=np.int64)
    start = 0
    for day in np.unique(asked).tolist():
        at = np.flatnonzero(asked == day)
        for ids, gathered in _had(market, day):
            found = ids.get_indexer(pd.Index(creators[at], dtype=object))
            if (found >= 0).all():
                place[at] = start + found
                parts.append(gathered)
                start += len(ids)
                break
    left = np.flatnonzero(place < 0)
    if left.size or not parts:
        rows = pd.DataFrame({"creator_id": creators[left], "day": asked[left]})
        distinct = rows.drop_duplicates().sort_values(["creator_id", "day"], ignore_index=True)
        gathered = _gather(market, distinct)
        place[left] = start + rows.merge(distinct.assign(row_=np.arange(len(distinct))), how="left")["row_"].to_numpy()
        parts.append(gathered)
        _split(market, distinct, gathered)
    together = joined(parts)
    same = place.size == together.followers.size and bool((place == np.arange(place.size)).all())
    return together if same else together.take(place)


def gather_days(market: Marketplace, days: Sequence[int]) -> dict[int, tuple[npt.NDArray[np.object_], Gathered]]:
    """All creators known before each of ``days`` (sorted ids), with their evidence: one pass over the data, kept.

    The days are in memory as long as the marketplace, the latest `_DAYS_KEPT` of them, and in the cache.
    """
    found: dict[int, tuple[npt.NDArray[np.object_], Gathered]] = {}
    whole = _whole(market)
    missing = []
    for day in dict.fromkeys(days):
        if day not in whole:
            arrays = recalled(market, "gathered", [day], code="features.indices", form=ARRAYS)
            if arrays is not None:
                whole[day] = pd.Index(arrays["creator_ids"], dtype=object), of_arrays(arrays)
        if day in whole:
            found[day] = whole[day][0].to_numpy(dtype=object), whole[day][1]
        else:
            missing.append(day)
    while missing:
        known = [known_creators(market, missing[0])]
        most = max(1, min(_DAYS_AT_ONCE, _ROWS_AT_ONCE // max(known[0].size, 1)))
        some, missing = missing[:most], missing[most:]
        known += [known_creators(market, day) for day in some[1:]]
        sizes = [ids.size for ids in known]
        rows = pd.DataFrame({"creator_id": np.concatenate(known), "day": np.repeat(some, sizes)})
        gathered = _gather(market, rows)
        edges = np.concatenate([[0], np.cumsum(sizes)])
        for number, day in enumerate(some):
            part = gathered.take(np.arange(edges[number], edges[number + 1]))
            arrays = {"creator_ids": known[number], **arrays_of(part)}
            keep(market, "gathered", [day], arrays, code="features.indices", form=ARRAYS)
            whole[day] = pd.Index(known[number], dtype=object), part
            found[day] = known[number], part
    while len(whole) > max(_DAYS_KEPT, len(found)):
        del whole[next(day for day in whole if day not in found)]
    return found


def _whole(market: Marketplace) -> dict[int, tuple[pd.Index, Gathered]]:
    """Days of which all creators are in memory."""
    days: dict[int, tuple[pd.Index, Gathered]] = kept(market).setdefault("whole_days", {})
    return days


def _had(market: Marketplace, day: int) -> list[tuple[pd.Index, Gathered]]:
    """What is in memory of a day, all creators first."""
    last = kept(market).get("last_gathered", {})
    return [source[day] for source in (_whole(market), last) if day in source]


def _split(market: Marketplace, rows: pd.DataFrame, gathered: Gathered) -> None:
    """Remember a pass over a few days, each by itself, until the next one."""
    days = rows["day"].to_numpy()
    several = np.unique(days)
    if several.size > _DAYS_AT_ONCE:
        return
    kept(market)["last_gathered"] = {
        int(day): (pd.Index(rows["creator_id"].to_numpy(dtype=object)[days == day]), gathered.take(at))
        for day in several
        for at in (np.flatnonzero(days == day),)
    }


def _gather(market: Marketplace, rows: pd.DataFrame) -> Gathered:
    count = len(rows)
    frame = pd.DataFrame(
        {
            "row_": np.arange(count, dtype=np.int64),
            "row_creator": rows["creator_id"].astype("str"),
            "day": rows["day"].to_numpy(np.int64),
        }
    )
    base = ibis.memtable(frame)
    watched, idle = _watched(market, base, frame["day"].to_numpy())
    evidence = _selling_evidence(market, base, count)
    for evidence_of in EVIDENCE:
        evidence |= evidence_of(market, base, watched)
    sales = _by_category(market, base, count=count, fact="orders", measures=_SALES)
    views = _by_category(market, base, count=count, fact="category_views", measures=_VIEWS)
    category = CategoryEvidence(
        gmv=sales["gmv"] / MICRO,
        views=views["views"],
        gmv_all=_along(sales["gmv"] / MICRO),
        views_all=_along(views["views"]),
        orders_all=_along(sales["lines"]),
        exposure=decayed_exposure(watched, WINDOW_LONG_DAYS) / DAYS_PER_30,
    )
    profile = _profile(market, rows)
    return Gathered(
        evidence=evidence,
        category=category,
        market=_home(market, rows),
        main_category=_main_category(market, base, sales["lines"]),
        followers=profile["followers"],
        health_rating=profile["health"],
        exact_gmv=~(profile["exact"] == 0.0),
        idle_days=idle,
    )


def _along(columns: Floats) -> Floats:
    """Row sums, added column by column: the same bits for one row as for many."""
    total = np.zeros(columns.shape[0])
    for column in range(columns.shape[1]):
        total += columns[:, column]
    return total


def _watched(market: Marketplace, base: Any, days: Ints) -> tuple[Ints, Floats]:
    """Days since the creator's first act (0 without one) and since the last (infinite without one)."""
    acts = built(market, "acts")
    joined = base.join(acts, [base.row_creator == acts.creator_id, acts.since_day < base.day])
    spans = joined.group_by("row_").aggregate(first=joined.event_day.min() + 1, last=joined.event_day.max() + 1)
    found = sums_by_row(market, spans, ("first", "last"), days.size)  # a day later, so that 0 is "none"
    some = found["last"] > 0
    watched = np.where(some, days - found["first"] + 1, 0).astype(np.int64)
    return watched, np.where(some, days - found["last"] + 1, np.inf)


def _selling_evidence(market: Marketplace, base: Any, count: int) -> dict[str, Evidence]:
    """Organic net sales and orders per 1,000 organic views; a source without either knows neither."""
    sold = _sums(market, base, count=count, fact="orders", measures=_SALES)
    seen = _sums(market, base, count=count, fact="views", measures=_VIEWS)
    both = is_known(market, "orders") and is_known(market, "views")
    thousands = seen["views"] / 1_000.0 if both else np.zeros_like(seen["views"])
    return {
        "gmv_per_1000_views": Evidence(np.maximum(sold["gmv"] / MICRO, 0.0), thousands, n_e=sold["lines"]),
        "orders_per_1000_views": Evidence(np.maximum(sold["lines"], 0.0), thousands),
    }


def _sums(market: Marketplace, base: Any, *, count: int, fact: str, measures: Mapping[str, str]) -> dict[str, Floats]:
    """Decayed sums of a fact's measures over 90 days, float64 (n,) in the measures' stored units."""
    if not is_known(market, fact):
        return {name: np.zeros(count) for name in measures}
    facts = fact_table(market, fact, ("creator_id",))
    joined = _windowed(base, facts, WINDOW_DAYS)
    rows = joined.group_by("row_").aggregate(
        **{name: (joined.w * joined[measure]).sum().cast("float64") for name, measure in measures.items()}
    )
    found = market.engine.run(rows)
    sums = {name: np.zeros(count) for name in measures}
    for name in measures:
        sums[name][found["row_"].to_numpy()] = found[name].to_numpy() / WEIGHT_ONE
    return sums


def _windowed(base: Any, facts: Any, days: int) -> Any:
    joined = base.join(
        facts,
        [
            base.row_creator == facts.creator_id,
            facts.known_day < base.day,
            facts.event_day < base.day,
            facts.event_day >= base.day - days,
        ],
    )
    return joined.mutate(w=event_weights(joined.day, joined.event_day))


def _by_category(
    market: Marketplace, base: Any, *, count: int, fact: str, measures: Mapping[str, str]
) -> dict[str, Floats]:
    """Decayed sums over 180 days by category: float64 (n, categories) each, never below 0."""
    ids = category_ids(market)
    sums = {name: np.zeros((count, len(ids))) for name in measures}
    if not is_known(market, fact):
        return sums
    facts = fact_table(market, fact, ("creator_id", "category_id"))
    joined = _windowed(base, facts, WINDOW_LONG_DAYS)
    rows = joined.group_by(["row_", "category_id"]).aggregate(
        **{name: (joined.w * joined[measure]).sum().cast("float64") for name, measure in measures.items()}
    )
    found = market.engine.run(rows)
    place = pd.Index(ids).get_indexer(found["category_id"].to_pandas())
    inside = place >= 0
    for name in measures:
        values = np.maximum(found[name].to_numpy() / WEIGHT_ONE, 0.0)
        sums[name][found["row_"].to_numpy()[inside], place[inside]] = values[inside]
    return sums


def _main_category(market: Marketplace, base: Any, lines: Floats) -> npt.NDArray[np.object_]:
    """The category most promoted over 180 days, else most sold in; empty without either. Ties: the first by id."""
    ids, count, posts = category_ids(market), lines.shape[0], np.zeros_like(lines)
    if is_known(market, "category_contents"):
        posts = _by_category(market, base, count=count, fact="category_contents", measures={"posts": "posts"})["posts"]
    names = np.asarray([*ids, ""], dtype=object)
    if not ids:
        return np.full(lines.shape[0], "", dtype=object)
    by_posts, by_lines = posts.argmax(axis=1), lines.argmax(axis=1)
    none = len(ids)
    best = np.where(posts.max(axis=1) > 0, by_posts, np.where(lines.max(axis=1) > 0, by_lines, none))
    return names[best]


def _profile(market: Marketplace, rows: pd.DataFrame) -> dict[str, Floats]:
    """The latest reading of the creator's page: followers, health rating, whether GMV is exact (1/0); NaN unknown."""
    windows, asked = _readings()
    return windows.compute(market, rows[["creator_id", "day"]], asked)


@cache
def _readings() -> tuple[Windows, dict[str, Any]]:
    windows = Windows(("creator_id",), code="features.indices")
    return windows, {
        "followers": windows.latest("profiles", "follower_count"),
        "health": windows.latest("profiles", "health_rating"),
        "exact": windows.latest("profiles", "exact_gmv"),
    }


def _home(market: Marketplace, rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """The market of each creator; empty where the creator is not known."""
    if "home" not in kept(market):
        creators = market.frame("creators", ["creator_id", "market", "known_at"]).sort_values("known_at", kind="stable")
        creators["known_day"] = days_of(creators["known_at"])
        kept(market)["home"] = creators
    homes = kept(market)["home"]
    found = rows["creator_id"].map(homes.drop_duplicates("creator_id").set_index("creator_id")["market"])
    moved = homes[homes["creator_id"].duplicated(keep=False)]
    for creator, day, home in moved[["creator_id", "known_day", "market"]].itertuples(index=False):
        found = found.mask((rows["creator_id"] == creator) & (rows["day"] > day), home)
    return found.astype(object).where(found.notna(), "").to_numpy(dtype=object)
