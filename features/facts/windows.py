"""Sums of facts over windows of days, as of any day: one range join a fact.

    w = Windows(("creator_id",))
    sold = w.sum("orders", "net_gmv", 28)                 # USD, last 28 days
    lately = w.decayed("orders", "net_gmv", 90)           # weight 2^(-age/45)
    brands = w.distinct("invitations", "brand_id", "accepted", 180)
    loyal = w.distinct("invitations", "brand_id", "accepted", 180, at_least=2)
    capped = w.capped("orders", "brand_id", "orders", 90, cap=50)
    last_week = w.sum("contents", "shoppable_posts", 7, lag=7)    # days 8 to 14 back
    weeks = w.distinct("contents", "week", "shoppable_posts", 91)  # active weeks
    followers = w.latest("profiles", "follower_count")    # the latest reading; null without one
    idle = w.since_last("contents", "posts")              # whole days; null without one

Each call notes the request and returns a *deferred* Ibis column (float64, in
the measure's own unit) that takes part in row-wise arithmetic. Then

    table = w.compute(market, rows, signals={"gmv_per_brand_sum_28d": sold / brands})

with ``rows`` a frame of the keys and an int64 ``day`` (see
`features.time.clocks.as_of_days`) gives the numbers, one float64 array a name, in
the order of the rows. All requests on one fact compile to ONE join of the
rows with the fact on the keys and the range of days. Its measures are added up
by row and band of age, and each window is the sum over its bands (a request
with ``by`` groups by it first). Sums are of whole fixed-point steps held in
float64: exact, whatever the order, below 2^53 steps (9 billion USD).

A window of ``days`` as of day *t* with ``lag`` *l* holds the rows with
``t - l - days <= event_day < t - l``, always as known as of *t*
(``known_day < t``). ``days=None`` is all time.

A sum over no rows is 0, unless the marketplace lacks the fact's tables: then
it is null (NaN in the end).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from features.facts.store import FACTS, fact_table, is_known, measure_is_known
from features.time import HALF_LIFE_DAYS, decay_of
from marketplace.arrays import Floats
from marketplace.cache import remembered_text
from marketplace.errors import SignalError
from marketplace.tables import Marketplace

__all__ = ["WEIGHT_ONE", "Kind", "Request", "Windows"]

WEIGHT_ONE = 2**16
"""Steps of one whole thing in a decayed sum: each weighted event is rounded to these, or to its measure's own."""

_DAYS_PER_WEEK = 7

Kind = Literal["sum", "reading", "last", "distinct", "capped"]

_ROWS = "rows_asked"


@dataclass(frozen=True)
class Request:
    """One column asked of a fact."""

    fact: str
    measure: str
    days: int | None = None
    lag: int = 0
    kind: Kind = "sum"
    half_life: float | None = None
    by: str | None = None
    limit: int = 1

    @property
    def name(self) -> str:
        """The column's name in the joined table: made of all that the request is."""
        parts = [self.fact, self.measure, self.kind, str(self.days or "all"), f"lag{self.lag}"]
        if self.half_life is not None:
            parts.append(f"half{self.half_life:g}".replace(".", "_"))
        if self.by is not None:
            parts.append(f"{self.by}_{self.limit}")
        return "__".join(parts)

    @property
    def piece(self) -> str:
        """The name of what is added up by band of age: the request without its window."""
        half_life = "" if self.half_life is None else f"_{self.half_life:g}".replace(".", "_")
        return f"{self.measure}__{self.kind}{half_life}"


class Windows:
    """Collects requests on facts for one entity and runs them together.

    Parameters
    ----------
    keys : sequence of str
        The entity's keys, such as ``("creator_id", "category_id")``; every
        fact asked must have them.
    code : str, optional
        The package whose source holds all the requests and the arithmetic over them: compiling them takes longer
        than running them on a small marketplace, so the SQL is kept (`marketplace.cache`) until that source changes.
    """

    def __init__(self, keys: Sequence[str], *, code: str | None = None) -> None:
        self.keys = tuple(keys)
        self.code = code
        self._requests: dict[str, Request] = {}
        self._compiled: dict[tuple[Any, ...], tuple[str, Mapping[str, Any]]] = {}

    def sum(self, fact: str, measure: str, days: int | None = None, *, lag: int = 0) -> Any:
        """The sum of ``measure`` over the window; 0 without a row."""
        return self._ask(Request(fact, measure, days, lag))

    def decayed(
        self, fact: str, measure: str, days: int | None = None, *, half_life: float = HALF_LIFE_DAYS, lag: int = 0
    ) -> Any:
        """The sum of ``measure`` weighted by 2^(-age/half_life), age = whole days from the event to the as-of day.

        ``half_life=22.5`` gives the sum of squared weights of a half-life of 45.
        """
        return self._ask(Request(fact, measure, days, lag, half_life=half_life))

    def latest(self, fact: str, measure: str, *, lag: int = 0) -> Any:
        """The latest reading of a fact of readings (``profiles``), as it stood ``lag`` days before; null without."""
        known = f"{measure}_known"
        if known not in FACTS[fact].measures:
            raise SignalError(
                f"a measure of {fact} that comes with its {known}", received=measure, look="features/facts/content.py"
            )
        value, there = (self._ask(Request(fact, m, None, lag, kind="reading")) for m in (measure, known))
        return ibis.ifelse(there > 0.0, value, ibis.null("float64"))

    def distinct(
        self, fact: str, by: str, measure: str, days: int | None = None, *, at_least: int = 1, lag: int = 0
    ) -> Any:
        """How many values of ``by`` have at least ``at_least`` (stored units) of ``measure`` in the window.

        ``by`` is a key of the fact, ``"day"`` (of the event), or ``"week"`` (whole weeks counted back from the as-of
        day).
        """
        return self._ask(Request(fact, measure, days, lag, kind="distinct", by=by, limit=at_least))

    def capped(self, fact: str, by: str, measure: str, days: int | None = None, *, cap: int, lag: int = 0) -> Any:
        """The sum of ``measure`` with at most ``cap`` (stored units) from each value of ``by``."""
        return self._ask(Request(fact, measure, days, lag, kind="capped", by=by, limit=cap))

    def since_last(self, fact: str, measure: str, days: int | None = None) -> Any:
        """Whole days from the last event with a positive ``measure`` to the as-of day; null without one.

        An event that was taken back later still counts.
        """
        return self._ask(Request(fact, measure, days, kind="last"))

    def known(self, fact: str) -> Any:
        """1.0 where the marketplace has the fact's tables, else null."""
        first = next(iter(FACTS[fact].measures))
        return self.sum(fact, first, 1) * 0.0 + 1.0

    def compute(self, market: Marketplace, rows: pd.DataFrame, signals: Mapping[str, Any]) -> dict[str, Floats]:
        """The ``signals`` (deferred arithmetic over requests) for ``rows``.

        Parameters
        ----------
        rows : DataFrame
            The keys (str) and ``day`` (int64), in any order, duplicates allowed.
        signals : mapping of str to deferred Ibis column
            Each must be float64 once resolved.

        Returns
        -------
        dict of str to float64 array (len(rows),)
            In the order of ``rows``; null is NaN.
        """
        asked = rows.loc[:, [*self.keys, "day"]]
        groups = asked.groupby([*self.keys, "day"], sort=False, dropna=False)
        place = groups.ngroup().to_numpy()
        distinct = asked[~asked.duplicated()]
        table = pa.table(
            {
                "row_": pa.array(np.arange(len(distinct), dtype=np.int64)),
                **{key: pa.array(distinct[key], type=pa.string()) for key in self.keys},
                "day": pa.array(distinct["day"].to_numpy(dtype=np.int64)),
            }
        )
        sql = self._sql(market, signals)
        result = market.engine.answer(sql, {_ROWS: table})
        where = np.empty(len(distinct), dtype=np.int64)
        where[result["row_"].to_numpy()] = np.arange(len(distinct))
        where = where[place]
        out = {}
        for name in signals:
            values = result[name].cast("float64").to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
            out[name] = values[where]
        return out

    def _sql(self, market: Marketplace, signals: Mapping[str, Any]) -> str:
        """The query for ``signals``, compiled once for a set of known facts; the facts are built when it returns."""
        groups = self._groups()
        known = tuple(is_known(market, fact) for fact, _, _ in groups)
        for (fact, by, _), there in zip(groups, known, strict=True):
            if there:
                fact_table(market, fact, self._grain(by))
        told = (*known, self._unknown(market))
        key = (
            market.engine.name,
            told,
            tuple(self._requests),
            tuple((name, id(column)) for name, column in signals.items()),
        )
        if key not in self._compiled:
            if self.code is None:
                sql = self._compile(market, signals)
            else:
                asked = [self.keys, *(repr(request) for request in self._requests.values()), told, list(signals)]
                asked.append(market.engine.name)
                sql = remembered_text("sql", asked, code=self.code, make=lambda: self._compile(market, signals))
            self._compiled[key] = sql, dict(signals)  # the columns are kept so that no other takes their id
        return self._compiled[key][0]

    def _compile(self, market: Marketplace, signals: Mapping[str, Any]) -> str:
        schema = {"row_": "int64", **dict.fromkeys(self.keys, "string"), "day": "int64"}
        table = self.joined(market, ibis.table(schema, name=_ROWS))
        return market.engine.compiled(table.select("row_", **signals))

    def joined(self, market: Marketplace, rows: Any) -> Any:
        """An Ibis table of ``rows`` (Ibis: ``row_`` int64, keys, ``day``) with one float64 column a request."""
        table = rows
        columns: dict[str, Any] = {}
        unknown = set(self._unknown(market))
        for number, ((fact, by, clock), requests) in enumerate(self._groups().items()):
            if not is_known(market, fact):
                columns |= {r.name: ibis.null("float64") for r in requests}
                continue
            row = f"row_{number}_"
            sums = self._sums(market, rows, requests, by, clock).rename({row: "row_"})
            table = table.left_join(sums, [rows.row_ == sums[row]])
            columns |= {
                r.name: ibis.null("float64") if r.name in unknown else _in_units(sums[r.name], r) for r in requests
            }
        return table.select(rows.row_, *(rows[key] for key in self.keys), rows.day, **columns)

    def _unknown(self, market: Marketplace) -> tuple[str, ...]:
        """Requests on known facts of measures that the marketplace does not tell."""
        return tuple(
            name
            for name, r in self._requests.items()
            if is_known(market, r.fact) and not measure_is_known(market, r.fact, r.measure)
        )

    def _groups(self) -> dict[tuple[str, str | None, str], list[Request]]:
        """The requests that one join answers: those on one fact, grouped alike, by one clock."""
        groups: dict[tuple[str, str | None, str], list[Request]] = {}
        for request in self._requests.values():
            clock = "known_day" if request.kind == "reading" else "event_day"
            groups.setdefault((request.fact, request.by, clock), []).append(request)
        return groups

    def _grain(self, by: str | None) -> tuple[str, ...]:
        return self.keys if by in (None, "day", "week") else (*self.keys, str(by))

    def _ask(self, request: Request) -> Any:
        fact = FACTS.get(request.fact)
        if fact is None or request.measure not in fact.measures:
            raise SignalError(
                "a fact and one of its measures",
                received=f"{request.fact}.{request.measure}",
                look="features.facts.store.FACTS",
            )
        missing = [key for key in self.keys if key not in fact.keys]
        if missing:
            raise SignalError(
                f"a fact with the keys {', '.join(self.keys)}",
                received=f"{request.fact}, which lacks {', '.join(missing)}",
                look="features.facts.store.FACTS",
            )
        self._requests[request.name] = request
        return ibis._[request.name]

    def _sums(self, market: Marketplace, rows: Any, requests: list[Request], by: str | None, clock: str) -> Any:
        """One row a ``row_`` that has any fact in reach, with each request's whole steps (or days) by name."""
        facts = fact_table(market, requests[0].fact, self._grain(by))
        on = [rows[key] == facts[key] for key in self.keys]
        on.append(facts.known_day < rows.day)
        if all(r.days is not None for r in requests):
            on.append(facts.event_day >= rows.day - max((r.days or 0) + r.lag for r in requests))
        measures = sorted({r.measure for r in requests})
        parts = [] if by in (None, "day", "week") else [facts[str(by)]]
        reach = rows.join(facts, on).select(
            rows.row_, *parts, *(facts[m] for m in measures), age_=rows.day - facts[clock]
        )
        if by is None:
            return _banded(reach, requests)
        if by in ("day", "week"):
            reach = reach.mutate(part_=reach.age_ if by == "day" else (reach.age_ - 1) // _DAYS_PER_WEEK)
        else:
            reach = reach.rename(part_=str(by))
        inner = reach.group_by(["row_", "part_"]).aggregate(
            **{r.name: _where(_inside(reach.age_, r), _steps(reach, r)).sum() for r in requests}
        )
        return inner.group_by("row_").aggregate(**{r.name: _over_parts(inner[r.name], r) for r in requests})


def _banded(reach: Any, requests: list[Request]) -> Any:
    """Sums by band of age first, then each window over its bands: a measure is added up once, not once a window."""
    edges = sorted({edge for r in requests for edge in (r.lag, r.lag + (r.days or 0)) if edge > 0})
    band = ibis.literal(len(edges), "int64")
    if edges:
        band = ibis.cases(*((reach.age_ <= edge, k) for k, edge in enumerate(edges)), else_=len(edges))
    reach = reach.mutate(band_=band)
    pieces: dict[str, Any] = {}
    for r in requests:
        if r.kind == "last":
            pieces[r.piece] = reach.age_.min(where=reach[r.measure] > 0)
        else:
            pieces[r.piece] = _steps(reach, r).sum()
    inner = reach.group_by(["row_", "band_"]).aggregate(**pieces)

    def over(r: Request) -> Any:
        first = edges.index(r.lag) + 1 if r.lag else 0
        last = len(edges) if r.days is None else edges.index(r.lag + r.days)
        inside = (inner.band_ >= first) & (inner.band_ <= last)
        return inner[r.piece].min(where=inside) if r.kind == "last" else _where(inside, inner[r.piece]).sum()

    return inner.group_by("row_").aggregate(**{r.name: over(r) for r in requests})


def _inside(age: Any, request: Request) -> Any:
    """Whether an age (days from the event to the as-of day, at least 1) is in the request's window."""
    inside = age > request.lag
    return inside if request.days is None else inside & (age <= request.lag + request.days)


def _where(condition: Any, value: Any) -> Any:
    return ibis.ifelse(condition, value, ibis.literal(0.0, "float64"))


def _steps(reach: Any, request: Request) -> Any:
    """The measure's stored steps, weighted where asked: float64 that hold whole numbers, so that sums are exact.

    (Doubles add up twice as fast as int64, whose sums DuckDB carries in 128 bits.)
    """
    value = reach[request.measure].cast("float64")
    if request.half_life is None:
        return value
    weight = decay_of(reach.age_, request.half_life)
    return (value * weight * ibis.literal(float(_finer(request)), "float64")).round()


def _finer(request: Request) -> int:
    """How much finer than the stored steps a weighted sum is kept."""
    return 1 if request.half_life is None else max(1, WEIGHT_ONE // FACTS[request.fact].measures[request.measure].scale)


def _over_parts(column: Any, request: Request) -> Any:
    limit = ibis.literal(float(request.limit), "float64")
    if request.kind == "distinct":
        return _where(column >= limit, ibis.literal(1.0, "float64")).sum()
    return ibis.least(column, limit).sum()


def _in_units(column: Any, request: Request) -> Any:
    if request.kind == "last":
        return column.cast("float64")
    whole = ibis.coalesce(column, ibis.literal(0.0, "float64"))
    if request.kind == "distinct":
        return whole
    steps = FACTS[request.fact].measures[request.measure].scale * _finer(request)
    return whole / ibis.literal(float(steps), "float64") if steps != 1 else whole
