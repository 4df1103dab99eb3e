"""Facts about sales: how they are spread over creators, and what lives and refunds look like."""

from __future__ import annotations

import numpy as np
import pandas as pd

from marketplace.arrays import Floats
from marketplace.stylised.readings import LEAST, NotMeasured, Readings, hill

__all__ = [
    "creator_gmv",
    "earnings_tail",
    "gini",
    "gmv_gini",
    "live_refunds",
    "live_sales",
    "programmes",
    "refund_delay",
    "top_share",
]

_GROUP, _TOP = 200, 5


def creator_gmv(evidence: Readings) -> Floats:
    """Attributed GMV of each creator there is, in USD, zero where they sold nothing; by creator_id."""
    creators = np.sort(evidence.frame("creators", ["creator_id"]).creator_id.unique())
    if len(creators) < LEAST:
        raise NotMeasured(f"{len(creators)} creators; {LEAST} are needed")
    sold = evidence.orders.groupby("creator_id").gross.sum().reindex(creators).fillna(0.0)
    return sold.to_numpy(dtype=np.float64)


def gini(values: Floats) -> float:
    """Gini's coefficient of values of zero or more: 0 all equal, 1 all with one."""
    ordered = np.sort(values)
    n = len(ordered)
    place = np.arange(1, n + 1)
    return float((2 * place - n - 1) @ ordered / (n * ordered.sum()))


def gmv_gini(evidence: Readings) -> float:
    """Gini of GMV over all creators, those without a sale included."""
    return gini(creator_gmv(evidence))


def programmes(evidence: Readings) -> list[Floats]:
    """Of each brand that invited `LEAST` creators or more: the USD that each of them sold in its campaigns."""
    campaigns = evidence.frame("campaigns", ["campaign_id", "brand_id"]).drop_duplicates("campaign_id")
    brand_of = campaigns.set_index("campaign_id").brand_id
    invited = evidence.frame("invitations", ["campaign_id", "creator_id"])
    invited = invited.assign(brand_id=invited.campaign_id.map(brand_of))[["brand_id", "creator_id"]]
    invited = invited.dropna().drop_duplicates()
    orders = evidence.orders
    brand = orders.campaign_id.map(brand_of).rename("brand_id")
    sold = orders.gross.groupby([brand, orders.creator_id]).sum()
    gross = sold.reindex(pd.MultiIndex.from_frame(invited)).fillna(0.0)
    each = [part.to_numpy(dtype=np.float64) for _, part in gross.groupby(level="brand_id")]
    return [part for part in each if len(part) >= LEAST and part.sum() > 0]


def top_share(evidence: Readings) -> float:
    """Share of the sales of a brand's campaigns that the top 5 of 200 invited creators make, the mean over brands.

    The same share of them, one at least, where a brand invited more or fewer (`programmes`).
    """
    each = programmes(evidence)
    if not each:
        raise NotMeasured(f"no brand invited {LEAST} creators and sold through them")
    tops = [np.sort(gmv)[-max(round(len(gmv) * _TOP / _GROUP), 1) :].sum() / gmv.sum() for gmv in each]
    return float(np.mean(tops))


def earnings_tail(evidence: Readings) -> float:
    """Hill's exponent of the top tenth of creators' commission, in USD."""
    earned = evidence.orders.groupby("creator_id").commission.sum()
    return hill(earned.to_numpy(dtype=np.float64))


def _lives(evidence: Readings) -> pd.DataFrame:
    """Of each creator with lives that sold: interactions, orders and refunds a view or order."""
    lives = evidence.views[evidence.views.format == "LIVE"]
    seen = lives.groupby("creator_id")[["views", "interactions"]].sum()
    orders = evidence.orders
    orders = orders[(orders.content_type == "LIVE") & orders.settled]
    sold = orders.groupby("creator_id").agg(orders=("refunded", "size"), refunds=("refunded", "sum"))
    frame = seen.join(sold, how="inner")
    frame = frame[(frame.orders >= 5) & (frame.views > 0)]
    if len(frame) < LEAST:
        raise NotMeasured(f"{len(frame)} creators sold 5 orders or more in lives; {LEAST} are needed")
    return pd.DataFrame(
        {
            "interaction": frame.interactions / frame.views,
            "orders": frame.orders / frame.views,
            "refunds": frame.refunds / frame.orders,
        }
    )


def live_sales(evidence: Readings) -> float:
    """Spearman's correlation, over creators, of interactions a view of their lives and orders a view."""
    frame = _lives(evidence)
    return float(frame.interaction.corr(frame.orders, method="spearman"))


def live_refunds(evidence: Readings) -> float:
    """Spearman's correlation, over creators, of interactions a view of their lives and the refunded share."""
    frame = _lives(evidence)
    if frame.refunds.max() == 0:
        raise NotMeasured("no order of a live was refunded")
    return float(frame.interaction.corr(frame.refunds, method="spearman"))


def refund_delay(evidence: Readings) -> float:
    """Median days from an order to the first row that shows a refund, of orders old enough to have had theirs."""
    orders = evidence.frame("orders", ["order_id", "sku_id", "ordered_at", "refunded_quantity", "known_at"])
    back = orders[(orders.refunded_quantity > 0) & (orders.ordered_at < evidence.end - pd.Timedelta(days=45))]
    back = back.sort_values("known_at", kind="stable").drop_duplicates(["order_id", "sku_id"])
    if len(back) < LEAST:
        raise NotMeasured(f"{len(back)} refunds of orders 45 days old or more; {LEAST} are needed")
    return float((back.known_at - back.ordered_at).dt.total_seconds().median() / 86_400.0)
