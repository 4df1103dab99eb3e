"""What the facts are measured from: the few frames that several of them share, read once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import pandas as pd

from marketplace.arrays import Floats
from marketplace.contract import ATTRIBUTION_DAYS, REFUND_DAYS, REPLY_DAYS, REPORTING_CURRENCY
from marketplace.tables import Marketplace

__all__ = ["LEAST", "NotMeasured", "Readings", "hill"]

LEAST = 30
"""Fewer observations than this say nothing about a share, a slope or a tail."""


class NotMeasured(Exception):  # noqa: N818 - an answer, not a failure
    """Why a fact cannot be measured on this marketplace, in words."""


def hill(values: Floats, *, top: float = 0.1) -> float:
    """Hill's estimate of the Pareto tail exponent a of ``P(X > x) ~ x**-a``, from the largest ``top`` of the positive.

    Source: Hill 1975.

    Raises
    ------
    NotMeasured
        The tail has fewer than 10 values.
    """
    positive = np.sort(values[values > 0])[::-1]
    count = int(top * len(positive))
    if count < 10:
        raise NotMeasured(f"only {len(positive)} values above zero; a tail needs 100")
    return float(1.0 / np.mean(np.log(positive[:count] / positive[count])))


class Readings:
    """The frames of one marketplace that the facts read. Money is in USD at each currency's mean rate."""

    def __init__(self, market: Marketplace) -> None:
        self.market = market

    def frame(self, table: str, columns: Iterable[str]) -> pd.DataFrame:
        """``columns`` of ``table``.

        Raises
        ------
        NotMeasured
            The marketplace lacks the table, or has no row of it.
        """
        if table not in self.market.present:
            raise NotMeasured(f"the marketplace has no {table}")
        frame = self.market.frame(table, columns)
        if frame.empty:
            raise NotMeasured(f"{table} is empty")
        return frame

    @cached_property
    def _rates(self) -> pd.Series[float]:
        rates = self.market.frame("fx_rates", ["currency", "usd_rate"]).groupby("currency").usd_rate.mean()
        rates[REPORTING_CURRENCY] = 1.0
        return rates

    def usd(self, amount: pd.Series[float], currency: pd.Series[str]) -> pd.Series[float]:
        """``amount`` in USD.

        Raises
        ------
        NotMeasured
            A currency has no rate.
        """
        missing = sorted(set(currency.unique()) - set(self._rates.index))
        if missing:
            raise NotMeasured(f"no fx_rates for {', '.join(missing)}")
        converted: pd.Series[float] = amount * currency.map(self._rates)
        return converted

    @cached_property
    def end(self) -> pd.Timestamp:
        """When the data end: the last instant at which an order was known."""
        return pd.Timestamp(self.frame("orders", ["known_at"]).known_at.max())

    @cached_property
    def orders(self) -> pd.DataFrame:
        """The last state of every attributed order line: creator, content, campaign, format, instants, ``net`` USD."""
        columns = ["order_id", "sku_id", "creator_id", "content_id", "content_type", "campaign_id", "ordered_at"]
        more = ["status", "quantity", "refunded_quantity", "price", "currency", "commission", "known_at"]
        frame = self.frame("orders", [*columns, *more])
        frame = frame[frame.creator_id.notna()].sort_values("known_at", kind="stable")
        frame = frame.drop_duplicates(["order_id", "sku_id"], keep="last")
        if frame.empty:
            raise NotMeasured("no order is attributed to a creator")
        kept = np.where(frame.status == "CANCELLED", 0, frame.quantity - frame.refunded_quantity.fillna(0))
        return frame.assign(
            gross=self.usd(frame.price * frame.quantity, frame.currency),
            net=self.usd(frame.price * kept, frame.currency),
            commission=self.usd(frame.commission, frame.currency),
            refunded=frame.refunded_quantity > 0,
            settled=frame.ordered_at < self.end - pd.Timedelta(days=REFUND_DAYS + 2),
        )

    @cached_property
    def followers(self) -> pd.Series[float]:
        """Each creator's last known followers, above zero."""
        frame = self.frame("creator_snapshots", ["creator_id", "snapshot_at", "follower_count"]).dropna()
        last: pd.Series[float] = (
            frame.sort_values("snapshot_at", kind="stable").groupby("creator_id").follower_count.last().astype(float)
        )
        last = last[last > 0]
        if len(last) < LEAST:
            raise NotMeasured(f"followers are known of {len(last)} creators; {LEAST} are needed")
        return last

    @cached_property
    def views(self) -> pd.DataFrame:
        """Each content's creator, format, ``organic`` views, ``interactions`` and all ``views``."""
        days = self.frame(
            "content_days",
            ["content_id", "view_count", "like_count", "comment_count", "share_count", "paid_view_count"],
        )
        total = days.groupby("content_id").sum(numeric_only=True)
        contents = self.frame("contents", ["content_id", "creator_id", "format"]).drop_duplicates("content_id")
        joined = contents.set_index("content_id").join(total, how="inner")
        return pd.DataFrame(
            {
                "creator_id": joined.creator_id,
                "format": joined.format,
                "views": joined.view_count,
                "organic": joined.view_count - joined.paid_view_count.fillna(0),
                "interactions": joined.like_count.fillna(0)
                + joined.comment_count.fillna(0)
                + joined.share_count.fillna(0),
            }
        )

    @cached_property
    def invitations(self) -> pd.DataFrame:
        """The last state of every invitation that has had its time to be answered."""
        frame = self.frame(
            "invitations", ["invitation_id", "campaign_id", "creator_id", "sent_at", "decision", "known_at"]
        )
        last = frame.sort_values("known_at", kind="stable").drop_duplicates("invitation_id", keep="last")
        old = last[last.sent_at < self.end - pd.Timedelta(days=REPLY_DAYS + 1)]
        if len(old) < LEAST:
            raise NotMeasured(f"{len(old)} invitations have had their time; {LEAST} are needed")
        return old

    @cached_property
    def matured(self) -> pd.DataFrame:
        """`invitations` of campaigns that ended long enough ago for content, sales and refunds to have come."""
        campaigns = self.frame("campaigns", ["campaign_id", "ends_at"])
        wait = pd.Timedelta(days=14 + ATTRIBUTION_DAYS + REFUND_DAYS)
        done = campaigns.campaign_id[campaigns.ends_at < self.end - wait]
        old = self.invitations[self.invitations.campaign_id.isin(done)]
        if len(old) < LEAST:
            raise NotMeasured(f"{len(old)} invitations are of campaigns long past; {LEAST} are needed")
        return old
