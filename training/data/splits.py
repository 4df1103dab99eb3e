"""Which campaigns train and which are held out: by time, whole campaigns only.

Labels of the training campaigns are taken as known at the cut-off (the first
held-out brief). What had not matured by then is censored, which makes the
embargo: no outcome that ripened after the cut-off is ever learned from.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date

import pandas as pd

from features.briefs import told_campaigns
from features.time import as_of_day
from marketplace.errors import TrainingError
from marketplace.tables import Marketplace

__all__ = ["Split", "split_by_time", "split_of", "time_folds"]


@dataclass(frozen=True)
class Split:
    """Campaigns before and after a cut-off.

    Attributes
    ----------
    train, held_out : tuple of str
        Campaign ids in order of brief, then id.
    cutoff : pandas.Timestamp
        00:00 UTC of the day of the first held-out brief: what training may know.
    """

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    cutoff: pd.Timestamp


def _in_order(campaigns: pd.DataFrame, as_of: pd.Timestamp | None) -> pd.DataFrame:
    rows = campaigns[["campaign_id", "briefed_at"]].drop_duplicates("campaign_id")
    if as_of is not None:
        day = as_of_day(as_of)
        rows = rows[rows["briefed_at"] < day]
    return rows.sort_values(["briefed_at", "campaign_id"], kind="stable").reset_index(drop=True)


def _split(rows: pd.DataFrame, first_held_out: int, end: int) -> Split:
    ids = rows["campaign_id"].astype(str).to_list()
    return Split(
        tuple(ids[:first_held_out]), tuple(ids[first_held_out:end]), as_of_day(rows["briefed_at"].iloc[first_held_out])
    )


def split_by_time(campaigns: pd.DataFrame, *, held_out: int | None = None, as_of: pd.Timestamp | None = None) -> Split:
    """Hold out the latest campaigns by ``briefed_at``: ``n - floor(2 n / 3)`` of n by default (27 -> 9, 60 -> 20).

    Parameters
    ----------
    campaigns : DataFrame[campaign_id, briefed_at]
    held_out : int, optional
        How many to hold out instead.
    as_of : Timestamp, optional
        Briefs of that day or later are left out altogether.

    Raises
    ------
    TrainingError
        Fewer than two campaigns, or a split that leaves one side empty.
    """
    rows = _in_order(campaigns, as_of)
    n = len(rows)
    count = n - (2 * n) // 3 if held_out is None else held_out
    if n < 2 or not 0 < count < n:
        raise TrainingError(
            "at least one campaign on each side of the cut-off",
            received=f"{n} campaigns, {count} of them held out",
            look="the campaigns table, and --as-of where it was given",
        )
    return _split(rows, n - count, n)


def time_folds(campaigns: pd.DataFrame, *, folds: int = 3, first_share: float = 0.4) -> list[Split]:
    """Expanding-window folds in time order: each validates on the block of campaigns that follows its training ones.

    The first fold trains on ``first_share`` of the campaigns; the rest is cut into ``folds`` blocks of
    whole campaigns, as equal as can be. Fewer blocks come back where there are fewer campaigns than folds.

    Raises
    ------
    TrainingError
        Fewer than two campaigns.
    """
    rows = _in_order(campaigns, None)
    n = len(rows)
    if n < 2:
        raise TrainingError("two campaigns or more to fold", received=str(n), look="the campaigns table")
    first = min(max(1, int(n * first_share)), n - 1)
    blocks = min(folds, n - first)
    edges = [first + (n - first) * i // blocks for i in range(blocks + 1)]
    return [_split(rows, edges[i], edges[i + 1]) for i in range(blocks)]


def split_of(market: Marketplace, as_of: str | date | None) -> Split:
    """Training and held-out campaigns: the last third held out, or those briefed on or after the day ``as_of``.

    Raises
    ------
    DateError
        ``as_of`` is no date in ISO form.
    TrainingError
        It leaves no campaign on one side.
    BriefError
        No campaign's terms can be told in USD (`features.briefs.told_campaigns`).
    """
    campaigns = market.frame("campaigns", ["campaign_id", "briefed_at"])
    if len(campaigns):
        told = told_campaigns(market, sorted(set(campaigns["campaign_id"])))
        campaigns = campaigns[campaigns["campaign_id"].isin(told)]
    if as_of is None:
        return split_by_time(campaigns)
    day = as_of_day(as_of)
    briefed = campaigns.drop_duplicates("campaign_id")["briefed_at"]
    later = int((briefed >= day).sum())
    if later in (0, len(briefed)):
        raise TrainingError(
            "a cut-off with campaigns before it to learn from and after it to measure on",
            received=f"{day:%Y-%m-%d}: {len(briefed) - later} campaigns before it, {later} from it on",
            look=f"--as-of; briefs run from {briefed.min():%Y-%m-%d} to {briefed.max():%Y-%m-%d}",
        )
    split = split_by_time(campaigns, held_out=later)
    return dataclasses.replace(split, cutoff=day)
