"""Creators and their profiles. The key is ``creator_open_id``; orders and videos know a creator by username alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from marketplace.contract import MARKETS
from marketplace.sources.tiktok_shop.endpoints import value_at
from marketplace.sources.tiktok_shop.store import State, Store
from marketplace.sources.tiktok_shop.values import age_band, amount, at, of_ten_thousand, percentage, whole

__all__ = ["Creators", "creator_snapshots"]


class Creators:
    """Every creator that anything in the store names.

    Parameters
    ----------
    store : Store
        What was fetched.
    market : str
        The shop's; a creator's own where the platform tells none.

    Attributes
    ----------
    unnamed : int
        Usernames of orders and videos whose ``creator_open_id`` nothing tells; their ids are ``@`` and the username.
    """

    def __init__(self, store: Store, market: str) -> None:
        self.market = market
        self.unnamed = 0
        self._rows: dict[str, dict[str, Any]] = {}
        self._ids: dict[str, str] = {}
        for state in store.states("creators"):
            body = state.body
            self._meet(state.id, body.get("username"), body.get("selection_region"), at(state.seen))
            self._rows[state.id]["agency_status"] = body.get("agency_status")
        for state in store.states("collaboration_details"):
            for one in state.body.get("creators") or ():
                if one.get("creator_open_id"):
                    start = at(state.body.get("start_time")) or at(state.seen)
                    self._meet(one["creator_open_id"], one.get("username"), one.get("selection_region"), start)
        for state in store.states("samples"):
            one = state.body["creator"]
            self._meet(one["creator_open_id"], one.get("username"), None, at(state.seen))

    def _meet(self, name: str, username: str | None, region: str | None, when: datetime | None) -> None:
        row = self._rows.setdefault(name, {"creator_id": name, "username": None, "market": None, "joined_at": when})
        if username:
            row["username"] = username
            self._ids[username] = name
        if region in MARKETS:
            row["market"] = region
        if when is not None and (row["joined_at"] is None or when < row["joined_at"]):
            row["joined_at"] = when

    def id_of(self, username: str | None, when: datetime) -> str | None:
        """The creator who was called ``username``, and was there at ``when``; None where nobody is named."""
        if not username:
            return None
        name = self._ids.get(username)
        if name is None:
            # From now on it is known by this name, so that it is counted once.
            name = f"@{username}"
            self.unnamed += 1
            self._meet(name, username, None, when)
        # An order may name a creator as it was called then.
        self._meet(name, None, None, when)
        return name

    def frame(self) -> pd.DataFrame:
        """The table ``creators``: to be asked for last, when everyone has been met."""
        rows = [{**row, "market": row["market"] or self.market} for row in self._rows.values()]
        frame = pd.DataFrame(rows, columns=["creator_id", "username", "market", "agency_status", "joined_at"])
        frame["joined_at"] = pd.to_datetime(frame["joined_at"], utc=True)
        return frame.assign(known_at=frame["joined_at"]).sort_values("creator_id", ignore_index=True)


def creator_snapshots(store: Store, market: str) -> pd.DataFrame:
    """The table ``creator_snapshots``: a row for every run in which a creator's profile had changed."""
    found, profiles = _by_run(store, "creators"), _by_run(store, "profiles")
    fulfilled = {
        state.body["creator"]["creator_open_id"]: state.body["creator"].get("fulfillment_percentage")
        for state in store.states("samples")
    }
    rows = []
    for name in sorted(found):
        search: State | None = None
        profile: State | None = None
        for run in sorted({*found[name], *profiles.get(name, {})}):
            search, profile = found[name].get(run, search), profiles.get(name, {}).get(run, profile)
            if search is None:
                continue
            seen = max(one.seen for one in (search, profile) if one is not None)
            told: dict[str, Any] = {} if profile is None else profile.body
            row = _snapshot(search.body, told, market=market, fulfilled=fulfilled.get(name))
            rows.append({"creator_id": name, "snapshot_at": at(seen), **row, "known_at": at(seen)})
    return pd.DataFrame(rows)


def _by_run(store: Store, kind: str) -> dict[str, dict[int, State]]:
    found: dict[str, dict[int, State]] = {}
    for state in store.states(kind):
        found.setdefault(state.id, {})[state.run] = state
    return found


def _snapshot(search: Any, profile: Any, *, market: str, fulfilled: Any) -> dict[str, Any]:
    exact, span = amount(search.get("gmv")), search.get("gmv_range") or {}
    low, high = amount(span.get("minimum_amount")), amount(span.get("maximum_amount"))
    precision = "exact" if exact is not None else "range" if low is not None else "withheld"
    region = search.get("selection_region")
    currency = (
        value_at(search, "gmv.currency")
        or span.get("currency")
        or MARKETS[region if region in MARKETS else market].currency
    )
    shares = {
        one.get("content_type"): of_ten_thousand(one.get("value"))
        for one in profile.get("content_gmv_distribution") or ()
    }
    by_category = sorted(
        (
            (-(of_ten_thousand(one.get("value")) or 0.0), str(one["category_id"]))
            for one in profile.get("category_gmv_distribution") or ()
            if one.get("category_id")
        ),
    )
    post_rate = of_ten_thousand(profile.get("post_rate"))
    return {
        "follower_count": whole(search.get("follower_count")),
        "top_follower_age": age_band(next(iter(value_at(search, "top_follower_demographics.age_ranges") or ()), None)),
        "top_follower_gender": value_at(search, "top_follower_demographics.major_gender.gender"),
        "gmv_30d": exact,
        "gmv_30d_min": low if exact is None else None,
        "gmv_30d_max": high if exact is None else None,
        "currency": currency,
        "precision": precision,
        "brand_collaboration_count": whole(profile.get("brand_collaboration_count")),
        "avg_commission_rate": of_ten_thousand(profile.get("avg_commission_rate")),
        "sample_post_rate": percentage(fulfilled) if post_rate is None else post_rate,
        "video_gpm": _gpm(profile, "video_gpm", currency),
        "live_gpm": _gpm(profile, "live_gpm", currency),
        "video_gmv_share": shares.get("VIDEO"),
        "live_gmv_share": shares.get("LIVE"),
        "showcase_gmv_share": shares.get("SHOWCASE"),
        "top_category_id": by_category[0][1] if by_category else None,
        "top_category_gmv_share": -by_category[0][0] if by_category else None,
    }


def _gpm(profile: Any, name: str, currency: str) -> float | None:
    """The exact figure, or the middle of its range; None in another currency than the row's."""
    exact, span = profile.get(name) or {}, profile.get(f"{name}_range") or {}
    if (exact or span).get("currency", currency) != currency:
        return None
    if amount(exact) is not None:
        return amount(exact)
    low, high = amount(span.get("minimum_amount")), amount(span.get("maximum_amount"))
    return None if low is None or high is None else (low + high) / 2
