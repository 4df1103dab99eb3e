"""Everything the indices read, gathered for any creators as of any days in one pass."""

from __future__ import annotations

from collections.abc import Mapping
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
    built,
    event_weights,
    kept,
    sums_by_row,
)
from features.indices.shrinkage import decayed_exposure
from marketplace.arrays import Floats, Ints
from marketplace.tables import Marketplace

__all__ = ["category_ids", "gather"]


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

    Pairs may repeat; each is computed once.
    """
    asked = pd.DataFrame({"creator_id": np.asarray(creator_ids, dtype=object), "day": np.asarray(days, dtype=np.int64)})
    distinct = asked.drop_duplicates().sort_values(["creator_id", "day"], ignore_index=True)
    place = asked.merge(distinct.assign(row_=np.arange(len(distinct))), how="left")["row_"].to_numpy()
    gathered = _gather(market, distinct)
    same = len(distinct) == len(asked) and bool((place == np.arange(len(place))).all())
    return gathered if same else gathered.take(place)


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
    found = market.backend.to_pyarrow(rows)
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
    found = market.backend.to_pyarrow(rows)
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
    windows = Windows(("creator_id",))
    asked = {
        "followers": windows.latest("profiles", "follower_count"),
        "health": windows.latest("profiles", "health_rating"),
        "exact": windows.latest("profiles", "exact_gmv"),
    }
    return windows.compute(market, rows[["creator_id", "day"]], asked)


def _home(market: Marketplace, rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """The market of each creator; empty where the creator is not known."""
    if "home" not in kept(market):
        creators = market.frame("creators", ["creator_id", "market"]).drop_duplicates("creator_id")
        kept(market)["home"] = creators.set_index("creator_id")["market"]
    found = rows["creator_id"].map(kept(market)["home"])
    return found.astype(object).where(found.notna(), "").to_numpy(dtype=object)
