"""Facts about collaborations: who accepts, who posts, when, and what it returns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from marketplace.stylised.readings import LEAST, NotMeasured, Readings

__all__ = ["acceptance", "on_time", "sales_noise", "sample_posting", "small_return"]


def acceptance(evidence: Readings) -> float:
    """Share accepted of the invitations that have had their time and that the seller did not withdraw."""
    decision = evidence.invitations.decision
    asked = decision[decision != "WITHDRAWN_BY_SELLER"]
    return float((asked == "ACCEPT").mean())


def on_time(evidence: Readings) -> float:
    """Share of the deliveries for campaigns long past that came by their due date."""
    frame = evidence.frame("deliveries", ["invitation_id", "posted_at", "due_at"]).dropna()
    frame = frame[frame.invitation_id.isin(evidence.matured.invitation_id)]
    if len(frame) < LEAST:
        raise NotMeasured(f"{len(frame)} deliveries for campaigns long past; {LEAST} are needed")
    return float((frame.posted_at <= frame.due_at).mean())


def sample_posting(evidence: Readings) -> float:
    """Share of the samples that arrived, for campaigns long past, for which content was delivered."""
    samples = evidence.frame("samples", ["sample_id", "invitation_id", "delivered_at"])
    arrived = samples[samples.delivered_at.notna()].drop_duplicates("sample_id")
    arrived = arrived[arrived.invitation_id.isin(evidence.matured.invitation_id)]
    if len(arrived) < LEAST:
        raise NotMeasured(f"{len(arrived)} samples arrived for campaigns long past; {LEAST} are needed")
    posted = evidence.frame("deliveries", ["invitation_id"]).invitation_id
    return float(arrived.invitation_id.isin(posted).mean())


def _pair_sales(evidence: Readings) -> pd.Series[float]:
    orders = evidence.orders[evidence.orders.campaign_id.notna()]
    sales: pd.Series[float] = orders.groupby(["campaign_id", "creator_id"]).net.sum()
    return sales


def sales_noise(evidence: Readings) -> float:
    """Standard deviation over mean of the net sales of a campaign and a creator invited to it, zeros included."""
    pairs = evidence.matured[["campaign_id", "creator_id"]].drop_duplicates()
    sales = _pair_sales(evidence).reindex(pd.MultiIndex.from_frame(pairs)).fillna(0.0)
    if sales.mean() <= 0:
        raise NotMeasured("no order names a campaign")
    return float(sales.std() / sales.mean())


def small_return(evidence: Readings) -> float:
    """Net sales for one USD of fee, goods, shipping and commission: smallest third of the delivered over largest."""
    delivered = evidence.frame("deliveries", ["invitation_id", "campaign_id", "creator_id"])
    delivered = delivered[delivered.invitation_id.isin(evidence.matured.invitation_id)]
    delivered = delivered.drop_duplicates(["campaign_id", "creator_id"])
    pairs = pd.MultiIndex.from_frame(delivered[["campaign_id", "creator_id"]])
    costs = evidence.frame(
        "costs", ["campaign_id", "creator_id", "flat_fee", "sample_cost", "shipping_cost", "currency"]
    )
    spent = evidence.usd(costs[["flat_fee", "sample_cost", "shipping_cost"]].sum(axis=1), costs.currency)
    spent = spent.groupby([costs.campaign_id, costs.creator_id]).sum()
    orders = evidence.orders[evidence.orders.campaign_id.notna()]
    earned = orders.groupby(["campaign_id", "creator_id"]).commission.sum()
    frame = pd.DataFrame(
        {
            "sales": _pair_sales(evidence).reindex(pairs).fillna(0.0),
            "cost": spent.reindex(pairs).fillna(0.0) + earned.reindex(pairs).fillna(0.0),
            "followers": evidence.followers.reindex(delivered.creator_id).to_numpy(),
        }
    ).dropna()
    if len(frame) < LEAST:
        raise NotMeasured(f"{len(frame)} deliveries with followers and costs; {LEAST} are needed")
    low, high = frame.followers.quantile([1 / 3, 2 / 3])
    small, large = frame[frame.followers <= low], frame[frame.followers >= high]
    if min(small.cost.sum(), large.cost.sum(), large.sales.sum()) <= 0:
        raise NotMeasured("a third of the creators cost or sold nothing")
    return float(np.divide(small.sales.sum() / small.cost.sum(), large.sales.sum() / large.cost.sum()))
