"""Videos and lives, and the videos' days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from marketplace.sources.tiktok_shop.creators import Creators
from marketplace.sources.tiktok_shop.endpoints import value_at
from marketplace.sources.tiktok_shop.products import Products, known_when
from marketplace.sources.tiktok_shop.store import Store
from marketplace.sources.tiktok_shop.values import at, whole

__all__ = ["content_days", "content_states"]


def content_states(
    store: Store, creators: Creators, products: Products, made: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """The table ``contents``: the shop's videos and lives, and what was ``made`` for samples."""
    rows: dict[str, dict[str, Any]] = {
        name: {**one, "product_ids": _known(one["product_ids"], products)} for name, one in made.items()
    }
    for name, body in store.latest("videos").items():
        posted = at(body["video_post_time"])
        if posted is not None:
            row = rows.setdefault(name, {"format": "VIDEO", "published_at": posted, "live_end_at": None})
            told = [one.get("id") for one in body.get("products") or ()]
            row["product_ids"] = _known(told, products) or row.get("product_ids")
            row["creator_id"] = row.get("creator_id") or creators.id_of(body["username"], posted)
    for name, body in store.latest("lives").items():
        began = at(body["start_time"])
        if began is not None:
            row = rows.setdefault(name, {"format": "LIVE", "published_at": began, "product_ids": None})
            row["live_end_at"] = at(body.get("end_time")) or row.get("live_end_at")
            row["creator_id"] = row.get("creator_id") or creators.id_of(body["username"], began)
    frame = pd.DataFrame([{"content_id": name, **row} for name, row in sorted(rows.items())])
    if frame.empty:
        return frame
    frame["live_end_at"] = pd.to_datetime(frame["live_end_at"], utc=True)
    return frame.assign(is_shoppable=True, known_at=frame[["published_at", "live_end_at"]].max(axis=1))


def _known(ids: Iterable[Any] | None, products: Products) -> list[str] | None:
    return [one for one in ids or () if one in products] or None


def content_days(store: Store, contents: pd.DataFrame) -> pd.DataFrame:
    """The table ``content_days``: videos alone, for the API tells an affiliate's lives no day by day."""
    creators = dict(zip(contents["content_id"], contents["creator_id"], strict=True)) if len(contents) else {}
    rows = {}
    for state in store.states("video_days"):
        video, _, day = state.id.partition(":")
        traffic, when = state.body.get("traffic") or {}, at(day)
        counts = {f"{one}_count": whole(traffic.get(f"{one}s")) for one in ("view", "like", "comment", "share")}
        if when is None or video not in creators or None in counts.values():
            continue
        rows[state.id] = {
            "content_id": video,
            "day": when.date(),
            "creator_id": creators[video],
            **counts,
            "product_clicks": whole(value_at(state.body, "sales.overall.product_clicks")),
            "known_at": known_when(when, state.body["lag"], state.seen),
        }
    return pd.DataFrame(rows.values())
