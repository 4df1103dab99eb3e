"""Leaks planted on purpose: each changes the code (or the data) the way a mistake would, and names its guard."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import ibis
import numpy as np
import pandas as pd
import pytest

import features.briefs.brief
import features.conversion.model
import features.conversion.rows
import features.facts.store
import features.facts.windows
import features.indices.build
import features.indices.evidence
import features.indices.gather
import features.indices.money
import features.indices.reference
import features.lift.ripe
import features.outcomes.partnerships
import features.signals.brief
import features.signals.build
import features.snapshot.build
import features.time.clocks
import training.data.dataset
import training.data.labels
import training.heads.fit
import training.heads.rankers
import training.outcomes
import training.pipeline
import training.stats.metrics
from marketplace.contract import TABLES
from marketplace.tables import Marketplace, read_truth
from tests.leaks.worlds import World
from training.data.splits import Split

__all__ = ["LEAKS", "Planted"]

Plant = Callable[[pytest.MonkeyPatch, World], World | None]


@dataclasses.dataclass(frozen=True)
class Planted:
    """One planted leak.

    Attributes
    ----------
    name, doc : str
    guard : str
        The guard that must catch it.
    plant : callable
        (monkeypatch, world) -> the world with the leak, or None where only the code is changed.
    facts : tuple of str
        The facts that it changes; they are built anew.
    source : str
        A module's source, for leaks that are seen by reading.
    slow : bool
        Whether the guard needs a marketplace of its own for it.
    """

    name: str
    doc: str
    guard: str
    plant: Plant = lambda _patch, _world: None
    facts: tuple[str, ...] = ()
    source: str = ""
    slow: bool = False


class Twisted:
    """A marketplace some of whose Ibis tables are told otherwise."""

    def __init__(self, market: Marketplace, **told: Callable[[Any], Any]) -> None:
        self._market, self._told = market, told

    def table(self, name: str) -> Any:
        table = self._market.table(name)
        return self._told[name](table) if name in self._told else table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market, name)


def _with_fact(patch: pytest.MonkeyPatch, name: str, rows: Callable[[Marketplace], Any]) -> None:
    changed = dict(features.facts.store.FACTS) | {
        name: dataclasses.replace(features.facts.store.FACTS[name], rows=rows)
    }
    for module in (features.facts.store, features.facts.windows, features.snapshot.build):
        patch.setattr(module, "FACTS", changed)


def _told(fact: str, **tables: Callable[[Any], Any]) -> Plant:
    def plant(patch: pytest.MonkeyPatch, world: World) -> None:
        own = features.facts.store.FACTS[fact].rows
        _with_fact(patch, fact, lambda market, *of: own(Twisted(market, **tables), *of))  # type: ignore[arg-type]

    return plant


def _instant(column: Any) -> Any:
    return column.cast("timestamp('UTC')")


def _final(table: Any, name: str) -> Any:
    """Only the last state of each key, known from its event on."""
    key = [k for k in TABLES[name].key if k != "known_at"]
    last = ibis.row_number().over(ibis.window(group_by=[table[k] for k in key], order_by=table.known_at.desc()))
    return table.mutate(last_=last).filter(lambda t: t.last_ == 0).drop("last_")


def _known_at_once(name: str) -> Callable[[Any], Any]:
    """``known_at`` ignored: what happened was known as it happened, and states are as they ended."""

    def told(table: Any) -> Any:
        declared = TABLES[name]
        # What has no event of its own (a creator) is there from its first state on.
        whole = ibis.window(group_by=table[declared.key[0]])
        event = table[declared.event] if declared.event else table.known_at.min().over(whole)
        table = table.mutate(event_=event)
        table = _final(table, name) if "known_at" in declared.key else table
        return table.mutate(known_at=_instant(table.event_)).drop("event_")

    return told


FACT_TABLES: Mapping[str, str] = {
    "orders": "orders", "costs": "costs", "contents": "contents", "category_contents": "contents",
    "promotions": "contents", "views": "content_days", "category_views": "content_days",
    "first_weeks": "content_days", "profiles": "creator_snapshots", "profile_gmv": "creator_snapshots",
    "members": "creators", "invitations": "invitations", "fees": "invitations", "partnerships": "samples",
    "samples": "samples",
    "deliveries": "deliveries", "responses": "samples", "reviews": "reviews",
}  # fmt: skip
"""The table whose ``known_at`` matters first for each fact."""


def _brief_orders(patch: pytest.MonkeyPatch, world: World) -> None:
    own = features.facts.store.FACTS["brief_orders"].rows

    def rows(market: Marketplace, orders: Any) -> Any:
        told = own(market, orders)
        return told.mutate(since_day=told.event_day)

    _with_fact(patch, "brief_orders", rows)


def _refunds(table: Any) -> Any:
    whole = ibis.window(group_by=[table.order_id, table.sku_id])
    return table.mutate(refunded_quantity=table.refunded_quantity.max().over(whole))


def _earlier(days: int, *columns: str) -> Callable[[Any], Any]:
    return lambda table: table.mutate(**{c: table[c] - ibis.interval(days=days) for c in columns})


def _never_deleted(table: Any) -> Any:
    ever = table.deleted_at.notnull().max().over(ibis.window(group_by=table.content_id))
    return table.mutate(ever_=ever).filter(lambda t: ~t.ever_).drop("ever_")


def _latest_reading(table: Any) -> Any:
    whole = ibis.window(group_by=table.creator_id)
    newest, first = table.snapshot_at.max().over(whole), table.snapshot_at.min().over(whole)
    last = table.mutate(newest_=newest, first_=first).filter(lambda t: t.snapshot_at == t.newest_)
    return last.mutate(snapshot_at=last.first_, known_at=last.first_).drop("newest_", "first_")


def _last_rate(table: Any) -> Any:
    newest = table.usd_rate.last().over(ibis.window(group_by=table.currency, order_by=table.day, following=None))
    return table.mutate(usd_rate=newest)


def _set(target: Any, name: str, value: Callable[[Any, World], Any]) -> Plant:
    """Replace ``target.name`` by ``value(the real one, world)``."""

    def plant(patch: pytest.MonkeyPatch, world: World) -> None:
        patch.setattr(target, name, value(getattr(target, name), world))

    return plant


def _together(*plants: Plant) -> Plant:
    def plant(patch: pytest.MonkeyPatch, world: World) -> World | None:
        changed = None
        for one in plants:
            changed = one(patch, changed or world) or changed
        return changed

    return plant


def _days_later(days: int) -> Callable[[Any, World], Any]:
    return lambda real, _world: lambda as_of: real(as_of) + days


def _at_the_end(real: Any, world: World) -> Any:
    last = max(frame["known_at"].max() for frame in world.frames.values())
    day = (last - pd.Timestamp(0, tz="UTC")).days + 1
    return lambda as_of: np.full_like(real(as_of), day)


class _Later:
    """Windows asked as of later days."""

    def __init__(self, windows: Any, days: int) -> None:
        self.windows, self.days = windows, days

    def compute(self, market: Marketplace, rows: pd.DataFrame, columns: Any) -> Any:
        return self.windows.compute(market, rows.assign(day=rows["day"] + self.days), columns)


def _matrix(change: Callable[[Marketplace, pd.DataFrame], Any]) -> Plant:
    """A signal of the matrix is replaced by ``change(market, matrix)``."""

    def plant(patch: pytest.MonkeyPatch, world: World) -> None:
        real = features.signals.build.build_matrix

        def build(market: Marketplace, pairs: pd.DataFrame) -> pd.DataFrame:
            matrix = real(market, pairs)
            return matrix.assign(tenure_days_last=np.asarray(change(market, matrix), dtype=np.float64))

        for module in (features.signals.build, training.data.dataset):
            patch.setattr(module, "build_matrix", build)

    return plant


def _place_in_table(market: Marketplace, matrix: pd.DataFrame) -> Any:
    creators = market.frame("creators", ["creator_id"])["creator_id"]
    return pd.Index(creators).get_indexer(pd.Index(matrix["creator_id"]))


def _invited_by_others(market: Marketplace, matrix: pd.DataFrame) -> Any:
    states = market.frame("invitations", ["campaign_id", "creator_id", "decision"])
    accepted = states[states["decision"] == "ACCEPT"].groupby("campaign_id").size()
    return matrix["campaign_id"].map(accepted).fillna(0.0)


def _shown_for_it(market: Marketplace, matrix: pd.DataFrame) -> Any:
    shown = market.frame("impressions", ["campaign_id", "creator_id", "position"])
    shown = shown.groupby(["campaign_id", "creator_id"], as_index=False)["position"].min()
    return matrix[["campaign_id", "creator_id"]].merge(shown, how="left")["position"].to_numpy()


def _own_sales(market: Marketplace, matrix: pd.DataFrame) -> Any:
    orders = market.frame("orders", ["campaign_id", "creator_id", "price"])
    sold = orders.groupby(["campaign_id", "creator_id"], as_index=False)["price"].sum()
    return matrix[["campaign_id", "creator_id"]].merge(sold, how="left")["price"].fillna(0.0).to_numpy()


def _true(column: str) -> Callable[[Marketplace, pd.DataFrame], Any]:
    def change(market: Marketplace, matrix: pd.DataFrame) -> Any:
        assert market.path is not None
        outcomes = read_truth(market.path, "outcomes")
        known = outcomes[["campaign_id", "creator_id", column]].drop_duplicates(["campaign_id", "creator_id"])
        return matrix[["campaign_id", "creator_id"]].merge(known, how="left")[column].to_numpy()

    return change


def _true_trait(market: Marketplace, matrix: pd.DataFrame) -> Any:
    assert market.path is not None
    traits = read_truth(market.path, "traits").set_index("creator_id")
    return matrix["creator_id"].map(traits["cooperation"])


def _true_lift(real: Any, world: World) -> Any:
    def build(market: Marketplace, as_of: pd.Timestamp) -> pd.DataFrame:
        rows = real(market, as_of)
        assert market.path is not None
        outcomes = read_truth(market.path, "outcomes")[["campaign_id", "creator_id", "incremental_gmv"]]
        return rows.assign(lift_usd=rows[["campaign_id", "creator_id"]].merge(outcomes, how="left")["incremental_gmv"])

    return build


def _unsettled_failed(real: Any, world: World) -> Any:
    def judge(rows: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
        judged = real(rows, day)
        open_ = judged["status"] == "censored"
        accepted = judged["accepted"].fillna(0.0).where(open_, judged["accepted"])
        return judged.assign(
            status=judged["status"].mask(open_, "labelled"),
            grade=judged["grade"].mask(open_, 0.0),
            delivered=judged["delivered"].mask(open_, 0.0),
            accepted=accepted,
        )

    return judge


def _judged_later(real: Any, _world: World) -> Any:
    """Deadlines are taken to be over ninety days before they are."""

    def judge(rows: Any, *, told: bool = True) -> Any:
        judged = real(rows.mutate(day=rows.day + 90), told=told)
        return judged.mutate(day=judged.day - 90)

    return judge


def _told_of_late(real: Any, _world: World) -> Any:
    tables = ("invitations", "samples", "deliveries")
    return lambda market, asked: real(Twisted(market, **{name: _known_at_once(name) for name in tables}), asked)


def _split(change: Callable[[Split, World], Split]) -> Plant:
    return _set(
        training.pipeline, "split_of", lambda real, world: lambda market, as_of: change(real(market, as_of), world)
    )


def _at_random(split: Split, world: World) -> Split:
    ids = np.random.default_rng(0).permutation([*split.train, *split.held_out]).tolist()
    return dataclasses.replace(split, train=tuple(ids[: len(split.train)]), held_out=tuple(ids[len(split.train) :]))


def _learning(change: Callable[[Any, World], Any]) -> Plant:
    return _set(training.pipeline, "build_training_data", change)


def _held_out_too(real: Any, world: World) -> Any:
    return lambda market, ids, **_as_of: real(market, (*ids, *world.split.held_out), as_of=_end(world))


def _all_known(real: Any, world: World) -> Any:
    return lambda market, ids, **_as_of: real(market, ids, as_of=_end(world))


def _end(world: World) -> pd.Timestamp:
    return max(frame["known_at"].max() for frame in world.frames.values()).ceil("D")


def _outcome(column: Callable[[Any], Any]) -> Callable[[Any, World], Any]:
    """A signal of the training rows is replaced by ``column(data)``."""

    def change(real: Any, world: World) -> Any:
        def build(market: Marketplace, ids: Any, *, as_of: pd.Timestamp) -> Any:
            data = real(market, ids, as_of=as_of)
            X = data.X.copy()
            X[:, data.signals.index("tenure_days_last")] = column(data)
            return dataclasses.replace(data, X=X)

        return build

    return change


def _noisy_outcome(data: Any) -> Any:
    return np.nan_to_num(data.column("accepted")) + 0.4 * np.random.default_rng(0).normal(size=len(data))


def _scaled_over_all(real: Any, world: World) -> Any:
    def build(market: Marketplace, ids: Any, *, as_of: pd.Timestamp) -> Any:
        data = real(market, ids, as_of=as_of)
        later = market.frame("campaigns", ["campaign_id", "briefed_at"])
        later = later.loc[later["briefed_at"] >= as_of, "campaign_id"]
        everything = np.vstack([data.X, _signals_of(market, later)])
        spread = np.nanstd(np.where(np.isinf(everything), np.nan, everything), axis=0)
        return dataclasses.replace(data, X=data.X / np.where(spread > 0, spread, 1.0))

    return build


def _signals_of(market: Marketplace, campaign_ids: Any) -> np.ndarray:
    pairs = features.signals.build.eligible_pairs(market, list(campaign_ids)).iloc[:40]
    return features.signals.build.build_matrix(market, pairs).iloc[:, 2:].to_numpy(dtype=np.float64)


class _Peek:
    """Remembers the marketplace that is learned from, and reads its later outcomes."""

    def __init__(self) -> None:
        self.market: Any = None

    def remember(self, real: Any, _world: World) -> Any:
        def build(market: Marketplace, ids: Any, *, as_of: pd.Timestamp) -> Any:
            self.market = market
            return real(market, ids, as_of=as_of)

        return build

    def later(self, world: World) -> Any:
        """The held-out invitations with their outcomes, or None where there are none."""
        campaigns = set(self.market.frame("campaigns", ["campaign_id"])["campaign_id"])
        ids = tuple(c for c in world.split.held_out if c in campaigns)
        found = training.data.labels.build_labels(self.market, _end(world))
        found = found[found["campaign_id"].isin(ids) & found["accepted"].notna()]
        if found.empty:
            return None
        matrix = features.signals.build.build_matrix(self.market, found[["campaign_id", "creator_id"]])
        return matrix.iloc[:, 2:].to_numpy(dtype=np.float64), found["accepted"].to_numpy(float), found["campaign_id"]


def _trees_by_the_held_out() -> Plant:
    peek = _Peek()

    def choose(real: Any, world: World) -> Any:
        def fit(target: Any, data: Any, *, seed: int) -> Any:
            head = real(target, data, seed=seed)
            later = peek.later(world)
            if later is None:
                return head
            X, y, _ = later
            losses = []
            for trees in range(1, head.rounds + 1):
                raw = head.booster.predict(X, raw_score=True, num_iteration=trees)
                losses.append(float(np.mean(np.logaddexp(0.0, raw) - y * raw)))
            return dataclasses.replace(head, rounds=1 + int(np.argmin(losses)))

        return fit

    return _together(_learning(peek.remember), _set(training.heads.fit, "fit_head", choose))


def _calibrated_on_the_held_out() -> Plant:
    peek = _Peek()

    def change(real: Any, world: World) -> Any:
        def fit(quantity: Any, stored: str, head: Any, data: Any) -> Any:
            later = peek.later(world)
            if later is None:
                return real(quantity, stored, head, data)
            X, y, campaign = later
            told = head.booster.predict(X, raw_score=True)
            return training.heads.rankers.fit_probability(stored, told, label=y, campaign=pd.factorize(campaign)[0])

        return fit

    return _together(_learning(peek.remember), _set(training.heads.rankers, "_chance", change))


def _each_row_a_campaign(real: Any, world: World) -> Any:
    def fit(target: Any, data: Any, *, seed: int) -> Any:
        mixed = np.random.default_rng(0).permutation(len(data))
        return real(target, dataclasses.replace(data, campaign=mixed), seed=seed)

    return fit


def _encoded_ids(real: Any, world: World) -> Any:
    def fit(target: Any, data: Any, *, seed: int) -> Any:
        mean = pd.Series(target.y).groupby(data.rows["creator_id"].to_numpy()).transform("mean").to_numpy()
        X = data.X.copy()
        X[:, 0] = mean
        return real(target, dataclasses.replace(data, X=X), seed=seed)

    return fit


def _in_sample(real: Any, world: World) -> Any:
    def fit(target: Any, data: Any, *, seed: int) -> Any:
        head = real(target, data, seed=seed)
        return dataclasses.replace(head, out_of_fold=head.booster.predict(data.X, raw_score=True))

    return fit


def _calibrated_in_sample(real: Any, world: World) -> Any:
    def fit(quantity: Any, stored: str, head: Any, data: Any) -> Any:
        told = dataclasses.replace(head, out_of_fold=head.booster.predict(data.X, raw_score=True))
        return real(quantity, stored, told, data)

    return fit


def _by_row(real: Any, world: World) -> Any:
    def order(self: Any, scores: Any) -> Any:
        values = -np.asarray(scores, dtype=np.float64)
        return np.lexsort((values, self.code))

    return order


def _reissued(*, same_id: bool) -> Plant:
    """Training invitations appear again in a held-out campaign."""

    def plant(_patch: pytest.MonkeyPatch, world: World) -> World:
        states = world.frames["invitations"]
        again = states[states["campaign_id"] == world.split.train[-1]].assign(campaign_id=world.split.held_out[-1])
        if not same_id:
            again = again.assign(invitation_id=[f"{one}_again" for one in again["invitation_id"]])
        return world.having(invitations=pd.concat([states, again], ignore_index=True))

    return plant


def _references_anew(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(features.indices.reference, "_REFERENCES", WeakKeyDictionary())


def _fits_anew(_patch: pytest.MonkeyPatch, world: World) -> World:
    return world.fresh()


def _views_ahead(real: Any, world: World) -> Any:
    return lambda market: real(Twisted(market, content_days=_earlier(28, "day", "known_at")))


def _all_creators(real: Any, world: World) -> Any:
    return lambda market, _day: np.sort(market.frame("creators", ["creator_id"])["creator_id"].to_numpy(dtype=object))


def _frozen_later(real: Any, world: World) -> Any:
    return lambda market, creators, days: real(market, creators, np.asarray(days) + 28)


def _whoever_joins(real: Any, world: World) -> Any:
    def pairs(market: Marketplace, ids: Any) -> pd.DataFrame:
        creators = market.frame("creators", ["creator_id"])["creator_id"]
        return pd.concat([pd.DataFrame({"campaign_id": i, "creator_id": creators}) for i in ids], ignore_index=True)

    return pairs


def _whoever_sells_later(real: Any, world: World) -> Any:
    def pairs(market: Marketplace, ids: Any) -> pd.DataFrame:
        orders = market.frame("orders", ["creator_id", "ordered_at"])
        active = set(orders.loc[orders["ordered_at"] >= world.cut, "creator_id"].dropna())
        found = real(market, ids)
        return found[found["creator_id"].isin(active)].reset_index(drop=True)

    return pairs


def _last_usd_rate(real: Any, world: World) -> Any:
    def usd_rate(self: Any, currency: str, at: pd.Timestamp) -> float:
        days = [day for code, day in self._fx if code == currency]
        return self._fx[currency, max(days)] if days else 1.0

    return usd_rate


_DETAIL = "known_at of {table} ignored in the fact {fact}: states as they ended, rows as they happened"

LEAKS: tuple[Planted, ...] = (
    *(
        Planted(f"known_at_ignored_{fact}", _DETAIL.format(table=table, fact=fact), "facts",
                _told(fact, **{table: _known_at_once(table)}), (fact,))
        for fact, table in FACT_TABLES.items()
    ),
    Planted("known_at_ignored_brief_orders", "orders of the brief's products known as they happen", "facts",
            _brief_orders, ("brief_orders",)),
    Planted("future_refunds", "an order's later refund is taken off from its first day on", "facts",
            _told("orders", orders=_refunds), ("orders",)),
    Planted("views_after_the_brief", "view counters are read two weeks ahead", "facts",
            _told("views", content_days=_earlier(14, "day", "known_at")), ("views",)),
    Planted("deleted_later", "content that will be deleted is left out before it is", "facts",
            _told("contents", contents=_never_deleted), ("contents",)),
    Planted("latest_profile", "a profile's last reading stands for all times", "facts",
            _told("profiles", creator_snapshots=_latest_reading), ("profiles",)),
    Planted("reviews_before_written", "stars count from thirty days before they are given", "facts",
            _told("reviews", reviews=_earlier(30, "reviewed_at", "known_at")), ("reviews",)),
    Planted("future_fx_rate", "orders are turned into USD at the period's last rate", "facts",
            _told("orders", fx_rates=_last_rate), ("orders",)),
    Planted("future_fx_rate_brief", "a brief's money is turned into USD at the period's last rate", "briefs",
            _set(features.briefs.brief.PriceBook, "usd_rate", _last_usd_rate)),
    Planted("future_shipping_costs", "a brief's shipping is the median of all shipping ever booked", "briefs",
            _set(features.briefs.brief.PriceBook, "shipping_usd",
                 lambda real, world: lambda self, market, _at: real(self, market, _end(world)))),
    Planted("statistics_of_the_whole_period", "signals as of the end of the data for every brief", "signals",
            _set(features.signals.build, "as_of_days", _at_the_end), slow=True),
    Planted("one_day_late", "signals as of the midnight after the brief", "reference_day",
            _set(features.signals.build, "as_of_days", _days_later(1))),
    Planted("sales_of_the_campaign", "sales of the brief's products up to 45 days after it", "signals",
            _set(features.signals.build, "product_sums",
                 lambda real, _world: lambda: (_Later(real()[0], 45), real()[1]))),
    Planted("own_sales_as_signal", "what the creator sold in this very campaign", "signals", _matrix(_own_sales)),
    Planted("answers_to_the_brief", "how many accept this very brief", "signals", _matrix(_invited_by_others),
            slow=True),
    Planted("position_in_the_list", "where the brand's list for this brief had the creator", "signals",
            _matrix(_shown_for_it), slow=True),
    Planted("indices_read_late", "indices as of four weeks after the brief", "indices",
            _set(features.indices.build, "as_of_days", _days_later(28))),
    Planted("reference_of_a_later_day", "indices ranked among creators as frozen after the brief", "indices",
            _together(_references_anew,
                      _set(features.indices.build, "grid_day", lambda real, _w: lambda d: real(d) + 28)),
            slow=True),
    Planted("reference_with_test_campaigns", "the reference's evidence runs on into the held-out campaigns", "indices",
            _together(_references_anew, _set(features.indices.reference, "gather", _frozen_later)),
            slow=True),
    Planted("reference_with_later_creators", "creators who join later are in the reference distribution", "indices",
            _together(_references_anew, _set(features.indices.reference, "known_creators", _all_creators)),
            slow=True),
    Planted("index_lift_of_a_later_day", "the index reads lift as estimated four weeks later", "indices",
            _together(_fits_anew, _set(features.indices.money, "ripe_lifts",
                                       lambda real, _w: lambda market, day: real(market, day + 28))), slow=True),
    Planted("index_lift_before_it_is_ripe", "lift in the index is read before its refunds can be in", "maturity",
            _together(_fits_anew, _set(features.lift.ripe, "RIPE_DAYS", lambda _real, _w: 0))),
    Planted("conversion_fitted_later", "the conversion model of a day was fitted four weeks after it", "signals",
            _together(_fits_anew, _set(features.conversion.model, "read_conversion_data",
                                       lambda real, _w: lambda market, day: real(market, day + 28)))),
    Planted("conversion_views_ahead", "conversion reads view counters four weeks ahead", "signals",
            _together(_fits_anew, _set(features.conversion.rows, "view_rows", _views_ahead))),
    Planted("conversion_levels_later", "a product's usual day is told by days to come", "signals",
            _together(_fits_anew, _set(features.conversion.rows, "_levels",
                                       lambda real, _w: lambda market, day: real(market, day + 60)))),
    Planted("joins_later", "creators who join after the brief are eligible", "eligible",
            _set(features.signals.build, "eligible_pairs", _whoever_joins)),
    Planted("survivors_only", "only creators who still sell after the brief are eligible", "eligible",
            _set(features.signals.build, "eligible_pairs", _whoever_sells_later)),
    Planted("snapshot_of_a_later_day", "a brief is ranked from a snapshot a week younger", "snapshot",
            _set(features.snapshot.build, "day_number", _days_later(7)), slow=True),
    Planted("scaled_over_the_batch", "a signal is scaled by the other rows asked with it", "alone",
            _matrix(lambda _m, x: x["tenure_days_last"] - x["tenure_days_last"].mean())),
    Planted("row_number_as_signal", "a creator's place in the table is a signal", "order", _matrix(_place_in_table),
            slow=True),
    Planted("id_as_signal", "the number in a creator's id is a signal", "renaming",
            _matrix(lambda _m, x: x["creator_id"].str.extract(r"(\d+)", expand=False).astype(float)), slow=True),
    Planted("labels_known_later", "labels read rows that were not known by the cut-off", "labels",
            _set(training.outcomes, "outcomes_as_of", _told_of_late)),
    Planted("sales_refunded_later", "labels' sales are as known at the end of the data", "labels",
            _set(training.data.labels, "attributed_days",
                 lambda real, world: lambda market, _day: real(market, _end(world)))),
    Planted("embargo_broken", "sales are labels before their refunds can have come in", "maturity",
            _set(training.outcomes, "_SALES", lambda _real, _world: pd.Timedelta(0))),
    Planted("unmatured_as_failures", "an open invitation counts as refused", "maturity",
            _set(training.outcomes, "_grade", _unsettled_failed)),
    Planted("deadlines_not_awaited", "content that may still come counts as failed", "maturity",
            _set(features.outcomes.partnerships, "with_verdict", _judged_later)),
    Planted("random_split", "campaigns are held out at random and not by time", "split", _split(_at_random)),
    Planted("campaign_on_both_sides", "a held-out campaign is trained on as well", "split",
            _split(lambda s, _w: dataclasses.replace(s, train=(*s.train, s.held_out[0])))),
    Planted("held_out_in_training", "the held-out campaigns are learned from", "split", _learning(_held_out_too)),
    Planted("outcomes_after_the_cut_off", "training reads outcomes as known at the end of the data", "held_out",
            _learning(_all_known)),
    Planted("invitation_twice", "an invitation is in a training and in a held-out campaign", "split",
            _reissued(same_id=True)),
    Planted("invitation_reissued", "the same, under another id", "split", _reissued(same_id=False)),
    Planted("scaled_over_all_campaigns", "signals are scaled by their spread over the held-out campaigns too",
            "held_out", _learning(_scaled_over_all), slow=True),
    Planted("trees_by_the_held_out", "the number of trees is chosen on the held-out campaigns", "held_out",
            _trees_by_the_held_out()),
    Planted("calibrated_on_the_held_out", "probabilities are calibrated on the held-out campaigns", "held_out",
            _calibrated_on_the_held_out(), slow=True),
    Planted("folds_split_a_campaign", "folds are drawn by row and not by campaign", "folds",
            _set(training.heads.fit, "fit_head", _each_row_a_campaign)),
    Planted("in_sample_as_out_of_fold", "out-of-fold scores come from the booster that saw the rows", "folds",
            _set(training.heads.fit, "fit_head", _in_sample)),
    Planted("target_encoded_ids", "a creator's mean outcome, the row's own among them, is a signal", "placebo",
            _set(training.heads.fit, "fit_head", _encoded_ids)),
    Planted("calibrated_in_sample", "a head is calibrated on the rows it was fitted on", "calibration",
            _set(training.heads.rankers, "_chance", _calibrated_in_sample)),
    Planted("outcome_as_signal", "whether the creator accepted is a signal", "too_good",
            _learning(_outcome(lambda data: data.column("accepted")))),
    Planted("noisy_outcome_as_signal", "a number that follows the outcome closely is a signal", "too_good",
            _learning(_outcome(_noisy_outcome))),
    Planted("ties_by_row", "equal scores are ordered by row, and the rows by outcome", "ties",
            _set(training.stats.metrics.Groups, "order", _by_row)),
    Planted("true_acceptance_as_signal", "the simulator's acceptance probability is a signal", "truth",
            _matrix(_true("accept_probability")), slow=True),
    Planted("true_trait_as_signal", "the simulator's latent trait is a signal", "truth", _matrix(_true_trait),
            slow=True),
    Planted("true_lift_as_label", "the simulator's lift stands in for the estimate", "truth",
            _set(training.data.labels, "build_labels", _true_lift)),
    Planted("truth_imported", "a module of the features imports the truth's reader", "source",
            source="from marketplace.tables import open_marketplace, read_truth\n"),
    Planted("truth_by_its_path", "a module of training reads the truth's files by their path", "source",
            source="import pandas as pd\nframe = pd.read_parquet('var/demo/truth/outcomes')\n"),
)  # fmt: skip
"""Every planted leak."""
