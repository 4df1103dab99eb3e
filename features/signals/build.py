"""Signals of any rows as of any time: one path for training, scoring and the snapshot.

Every function takes a frame of keys (duplicates allowed, any order) and gives
a new frame of the same length and row order, float64, NaN for what is not
known. A row's answer depends on its own keys and day alone, never on the other
rows asked with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from features.briefs import Brief, brief_columns, read_briefs
from features.conversion import conversion_columns
from features.signals.brief import brief_signals, product_sums
from features.signals.registry import ENTITIES, SIGNALS, Entity, declared_columns
from features.time import as_of_days, creators_before, day_number
from marketplace.arrays import Floats, Ints
from marketplace.cache import ARRAYS, contents_of, remembered
from marketplace.errors import SignalError
from marketplace.tables import Marketplace

__all__ = [
    "build_creator",
    "build_creator_brand",
    "build_creator_category",
    "build_entity",
    "build_matrix",
    "eligible_pairs",
]


def build_creator(market: Marketplace, rows: pd.DataFrame) -> pd.DataFrame:
    """The creator signals for ``rows`` [creator_id, as_of]: float64, (len(rows), signals), index 0..n-1."""
    return _frame(market, "creator", rows)


def build_creator_category(market: Marketplace, rows: pd.DataFrame) -> pd.DataFrame:
    """The creator x category signals for ``rows`` [creator_id, category_id, as_of]."""
    return _frame(market, "creator_category", rows)


def build_creator_brand(market: Marketplace, rows: pd.DataFrame) -> pd.DataFrame:
    """The creator x brand signals for ``rows`` [creator_id, brand_id, as_of]."""
    return _frame(market, "creator_brand", rows)


def build_entity(market: Marketplace, entity: Entity, rows: pd.DataFrame) -> dict[str, Floats]:
    """The signals of an entity other than ``brief_creator``, one float64 array (n,) a name.

    Parameters
    ----------
    rows : DataFrame
        The entity's keys (str) and ``day`` (int64, see `features.time.clocks.as_of_days`).
    """
    windows, columns = declared_columns(entity)
    return windows.compute(market, rows, columns)


def build_matrix(market: Marketplace, pairs: pd.DataFrame) -> pd.DataFrame:
    """Every signal for every pair, as of the midnight before the campaign's ``briefed_at``.

    Parameters
    ----------
    pairs : DataFrame
        ``campaign_id``, ``creator_id``; other columns are left out.

    Returns
    -------
    DataFrame
        ``campaign_id``, ``creator_id`` and float64 columns in the order of
        `features.signals.registry.SIGNALS`; rows in the order of ``pairs``.

    Raises
    ------
    SignalError
        A column is missing.
    BriefError
        A campaign is not there.
    """
    _need(pairs, ("campaign_id", "creator_id"))
    codes, campaign_ids = pd.factorize(pairs["campaign_id"])
    briefs = read_briefs(market, campaign_ids)
    asked = [briefs[c] for c in campaign_ids]
    days = as_of_days([b.briefed_at for b in asked]) if asked else np.zeros(0, dtype=np.int64)
    rows = pd.DataFrame(
        {
            "campaign_id": pairs["campaign_id"].to_numpy(),
            "creator_id": pairs["creator_id"].to_numpy(),
            "category_id": np.array([b.category_id for b in asked], dtype=object)[codes],
            "brand_id": np.array([b.brand_id for b in asked], dtype=object)[codes],
            "day": days[codes],
        }
    )
    asked_for = contents_of(rows["campaign_id"].astype(object), rows["creator_id"].astype(object))
    kept = remembered(
        market, "signals", [asked_for], code="features.signals", form=ARRAYS,
        make=lambda: _columns(market, rows, codes, asked, days),
    )  # fmt: skip
    keys = {"campaign_id": rows["campaign_id"], "creator_id": rows["creator_id"]}
    return pd.DataFrame(keys | {name: kept[name] for name in SIGNALS})


def _columns(
    market: Marketplace, rows: pd.DataFrame, codes: Ints, asked: Sequence[Brief], days: Ints
) -> dict[str, Floats]:
    columns: dict[str, Floats] = {}
    for entity in ("creator", "creator_category", "creator_brand"):
        columns |= build_entity(market, entity, rows)
    windows, sums = product_sums()
    columns |= windows.compute(market, rows, sums)
    columns |= conversion_columns(market, rows["creator_id"].to_numpy(), codes, asked, days)
    terms = brief_columns(asked)
    columns |= brief_signals(columns, {name: values[codes] for name, values in terms.items()})
    return {name: columns[name] for name in SIGNALS}


def eligible_pairs(market: Marketplace, campaign_ids: Iterable[str]) -> pd.DataFrame:
    """Every creator who could be invited for each campaign: ``campaign_id``, ``creator_id``.

    A creator is eligible in their own market, once joined and known to have
    joined before the midnight before ``briefed_at``. Rows are in the order of
    the campaigns asked, then of creator_id.
    """
    briefs = read_briefs(market, campaign_ids := list(campaign_ids))
    creators = market.frame("creators", ["creator_id", "market", "joined_at", "known_at"])
    parts = []
    for campaign_id in campaign_ids:
        brief = briefs[campaign_id]
        there = creators_before(market, day_number(brief.briefed_at), creators=creators)
        own = there.loc[there["market"] == brief.market, "creator_id"]
        parts.append(pd.DataFrame({"campaign_id": campaign_id, "creator_id": own}))
    if not parts:
        return pd.DataFrame({"campaign_id": pd.Series(dtype="str"), "creator_id": pd.Series(dtype="str")})
    return pd.concat(parts, ignore_index=True)


def _frame(market: Marketplace, entity: Entity, rows: pd.DataFrame) -> pd.DataFrame:
    keys = ENTITIES[entity]
    _need(rows, (*keys, "as_of"))
    asked = rows.loc[:, list(keys)].reset_index(drop=True).assign(day=as_of_days(rows["as_of"]))
    return pd.DataFrame(build_entity(market, entity, asked))


def _need(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise SignalError(
            f"rows with the columns {', '.join(columns)}",
            received=f"no {', '.join(missing)}",
            look="features/signals/build.py",
        )
