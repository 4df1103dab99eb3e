"""The parts of a comparison that are looked at one by one: a model may win on the whole and fail one of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.indices import FOLLOWER_TIERS
from marketplace.tables import Marketplace

__all__ = ["NEW_CREATOR_DAYS", "slice_columns"]

NEW_CREATOR_DAYS = 60
"""A creator is new to the marketplace for so many days after joining."""


def slice_columns(
    market: Marketplace,
    pairs: pd.DataFrame,
    *,
    train_campaigns: Sequence[str],
    followers: np.ndarray | None = None,
) -> pd.DataFrame:
    """One column a dimension, a value for each row of ``pairs``.

    Parameters
    ----------
    market : Marketplace
    pairs : DataFrame[campaign_id, creator_id], n rows
    train_campaigns : sequence of str
        What the model learned from: brands and creators not in it are unseen.
    followers : float64 (n,), optional
        Followers as of each brief (the signal ``follower_count_last``); NaN is ``unknown``.

    Returns
    -------
    DataFrame of str, n rows
        ``market``, ``category``, ``follower_tier`` (where ``followers`` are given), ``creator`` (new: joined within
        60 days of the brief; unseen: never invited by a training campaign; known) and ``brand`` (unseen or known).
    """
    campaigns = market.frame("campaigns", ["campaign_id", "brand_id", "market", "category_id", "briefed_at"])
    creators = market.frame("creators", ["creator_id", "joined_at", "known_at"])
    creators = creators.groupby("creator_id", as_index=False)[["joined_at", "known_at"]].min()
    creators["joined_at"] = creators["joined_at"].fillna(creators.pop("known_at"))
    rows = pairs[["campaign_id", "creator_id"]].reset_index(drop=True)
    rows = rows.merge(campaigns.drop_duplicates("campaign_id"), on="campaign_id", how="left")
    rows = rows.merge(creators, on="creator_id", how="left")
    trained = set(train_campaigns)
    brands = set(campaigns.loc[campaigns["campaign_id"].isin(trained), "brand_id"])
    invited = market.frame("invitations", ["campaign_id", "creator_id"])
    met = set(invited.loc[invited["campaign_id"].isin(trained), "creator_id"])
    fresh = rows["briefed_at"] - rows["joined_at"] < pd.Timedelta(days=NEW_CREATOR_DAYS)
    out = pd.DataFrame(
        {
            "market": rows["market"].astype("str"),
            "category": rows["category_id"].astype("str"),
            "creator": np.select([fresh, ~rows["creator_id"].isin(met)], ["new", "unseen"], "known"),
            "brand": np.where(rows["brand_id"].isin(brands), "known", "unseen"),
        }
    )
    if followers is not None:
        starts = np.array([start for _, start in FOLLOWER_TIERS], dtype=np.float64)
        names = np.array(["unknown", *(name for name, _ in FOLLOWER_TIERS)], dtype=object)
        count = np.asarray(followers, dtype=np.float64)
        out["follower_tier"] = names[np.where(np.isnan(count), 0, np.searchsorted(starts, count, side="right"))]
    return out
