"""Sales lift of a partnership: what its products sold that they would not have sold without it.

Attributed orders are not lift: some of them the shop would have had anyway.
Here the product's whole day in the shop speaks, against what it would have
sold (features/lift/counterfactual.py), and the attributed orders only say where to
look and what is likely:

1. ``sales(day) / counterfactual(day) - 1 = sum_j lift_j kernel(day - posted_j) / counterfactual + drift + noise``
   per product, by generalised least squares over all its partnerships at once,
   so that partnerships that overlap in time are told apart as far as the data
   can. ``kernel`` is how attributed orders fall over the ATTRIBUTION_DAYS after posting.
2. Prior ``lift_j ~ N(rho . z_j, tau_j^2)``, ``z`` = organic attributed sales ``a``, paid attributed sales, and
   ``captured = s a / (a + s / 20)`` with ``s`` what the product sells anyway in as many days, alone and times the
   creator's followers and posts (standardised logs): its coefficients take off what is captured, not caused, never
   much more than was attributed, and more from those who capture more. What is captured is missing as late as all
   products together say (features/lift/delay.py): ``rho . z`` shows on those days, what a lift has beyond it by the
   ``kernel``. ``rho`` and ``tau`` are estimated from all partnerships (features/lift/empirical_bayes.py).
3. The posterior mean and standard deviation, the doubt about ``rho`` included. Negative means are kept.
4. All of them times one factor that brings their sum to what was sold beyond the imputed path, net of what is missing
   afterwards (features/lift/anchor.py); so with the estimates before shrinkage, to the same sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.lift.anchor import anchored
from features.lift.empirical_bayes import Hyperprior, fit_prior, posterior, unshrunk
from features.lift.evidence import gather_evidence, sales_kernel, within_window
from features.lift.imputation import AFTER_SHIFTS, impute
from features.lift.threads import one_thread
from features.time import as_of_day, day_number, day_of, days_of, in_usd, usd_rates
from marketplace.contract import ATTRIBUTION_DAYS, REFUND_DAYS
from marketplace.tables import Marketplace

__all__ = ["LIFT_COLUMNS", "attributed_days", "estimate_lift", "sales_kernel"]


LIFT_COLUMNS = ("attributed_usd", "lift_usd", "lift_se_usd", "lift_raw_usd", "lift_raw_se_usd", "lift_read_share")

HYPERPRIOR = Hyperprior(
    mean=np.array([0.8, 0.3, 0.0, 0.0, 0.0]),
    sd=np.array([0.3, 0.3, 0.04, 0.02, 0.02]),
    variance=np.array([0.5, 0.2, 0.005, 2e-4]),
)
"""What is taken for likely before the data speak: the coefficients of `TERMS`, and ``tau^2 = a price^2 + b price *
attributed + c attributed^2 + d captured^2``.
"""

MICRO = 1_000_000

_KEYS = ["campaign_id", "creator_id"]


def attributed_days(market: Marketplace, as_of: pd.Timestamp) -> pd.DataFrame:
    """Sales attributed to creators, by day of order, as known before the day of ``as_of``.

    Returns
    -------
    DataFrame[campaign_id, creator_id, product_id, day, is_paid, refund_day, lines, usd, refunded_usd]
        Order lines whose last known state is not cancelled: ``usd`` = price x (quantity - refunded), ``refunded_usd``
        = price x refunded, known on ``refund_day`` (-1 where nothing was refunded). ``campaign_id`` and
        ``creator_id`` are "" outside campaigns, where only the product matters. Days are int64 from 1970-01-01.
    """
    day = as_of_day(as_of)
    orders = market.table("orders")
    orders = orders.filter(orders.creator_id.notnull(), orders.ordered_at < day, orders.known_at < day)
    last = orders.group_by(["order_id", "sku_id"]).aggregate(
        known_at=orders.known_at.max(),
        **{
            name: orders[name].argmax(orders.known_at)
            for name in ("product_id", "ordered_at", "currency", "status", "quantity", "price")
        },
        refunded_quantity=orders.refunded_quantity.fill_null(0).argmax(orders.known_at),
        **{
            # argmax passes over nulls, which are values here.
            name: orders[name].fill_null(empty).argmax(orders.known_at)
            for name, empty in (("campaign_id", ""), ("creator_id", ""), ("is_paid_traffic", False))
        },
    )
    last = last.filter(last.status != "CANCELLED")
    outside = last.campaign_id == ""
    net = last.mutate(
        day=day_of(last.ordered_at),
        refund_day=(last.refunded_quantity > 0).ifelse(day_of(last.known_at), -1),
        is_paid=last.is_paid_traffic,
        creator_id=outside.ifelse("", last.creator_id),
        amount=_fixed(last.price * (last.quantity - last.refunded_quantity).cast("float64")),
        refunded=_fixed(last.price * last.refunded_quantity.cast("float64")),
    )
    keys = [*_KEYS, "product_id", "day", "is_paid", "refund_day", "currency"]
    rows = market.query(
        net.group_by(keys).aggregate(amount=net.amount.sum(), refunded=net.refunded.sum(), lines=net.count())
    )
    rows = rows.sort_values(keys, kind="stable").reset_index(drop=True)
    rows[["amount", "refunded"]] = rows[["amount", "refunded"]].astype(np.float64) / MICRO
    rates = usd_rates(market, day_number(day))
    rows["usd"], rows["refunded_usd"] = in_usd(rows, "amount", rates), in_usd(rows, "refunded", rates)
    return rows.drop(columns=["currency", "amount", "refunded"]).dropna(subset=["usd"]).reset_index(drop=True)


def _fixed(amount: Any) -> Any:
    """Money in whole millionths, so that its sums do not depend on the order in which threads add."""
    return (amount * float(MICRO)).round().cast("int64")


@one_thread()
def estimate_lift(
    market: Marketplace, partnerships: pd.DataFrame, as_of: pd.Timestamp, *, attributed: pd.DataFrame
) -> pd.DataFrame:
    """Lift of each partnership over the ATTRIBUTION_DAYS after posting, in USD.

    Parameters
    ----------
    market : Marketplace
    partnerships : DataFrame[invitation_id, campaign_id, creator_id, content_id, posted_at]
        Content posted and known before ``as_of``. All of them, ripe or not: those not given are taken for shop sales.
    as_of : Timestamp
    attributed : DataFrame
        As `attributed_days` gives it.

    Returns
    -------
    DataFrame[invitation_id, attributed_usd, lift_usd, lift_se_usd, lift_raw_usd, lift_raw_se_usd, lift_read_share]
        In the order given. ``lift_usd``, ``lift_se_usd``: posterior mean and standard deviation; ``lift_raw_usd``,
        ``lift_raw_se_usd``: from the product's days alone, with nothing learned from attribution; very wide where
        partnerships overlap; ``lift_read_share``: how much of its usual sales falls on days that could be read, 1 but
        for the products' sales days (`features.lift.counterfactual.Panel.promoted`). NaN where the products have no
        days known. ``attrs["prior"]`` holds the fitted `features.lift.empirical_bayes.Prior` where there was one to
        fit, ``attrs["anchor"]`` the `features.lift.anchor.Anchor` of ``lift_usd``.
    """
    day = as_of_day(as_of)
    rows = partnerships[["invitation_id", *_KEYS, "content_id"]].reset_index(drop=True)
    rows["posted_day"] = days_of(partnerships["posted_at"])
    sales = within_window(rows, attributed)
    out = rows[["invitation_id"]].copy()
    out["attributed_usd"] = np.bincount(sales["row"], weights=sales["usd"], minlength=len(rows))
    for column in LIFT_COLUMNS[1:]:
        out[column] = np.nan
    evidence = gather_evidence(market, rows, sales, day=day, attributed=attributed)
    if evidence is None:
        return out
    after = None
    if not evidence.together:
        after = gather_evidence(
            market, rows, sales, day=day, attributed=attributed, shifts=AFTER_SHIFTS, blocks=False, raw=evidence.raw
        )
    over = rows["posted_day"].to_numpy() + ATTRIBUTION_DAYS + REFUND_DAYS < day_number(day)
    imputation = None if after is None else impute(after, over)
    blocks = evidence.blocks
    prior = fit_prior(blocks, HYPERPRIOR)
    mean, variance = posterior(blocks, prior, len(rows))
    raw, raw_variance = unshrunk(blocks, len(rows))
    covered = np.bincount(evidence.pairs["row"], minlength=len(rows)) > 0
    read = evidence.read
    anchor, raw_anchor = (anchored(imputation, lifts, read) for lifts in (mean, raw))
    found = (
        anchor.factor * mean, anchor.factor * variance**0.5,
        raw_anchor.factor * raw, raw_anchor.factor * raw_variance**0.5,
        read,
    )  # fmt: skip
    for column, values in zip(LIFT_COLUMNS[1:], found, strict=True):
        # To the cent: what lies beyond hangs on how the machine's linear algebra rounds.
        out[column] = np.where(covered, np.round(values, 2), np.nan)
    out.attrs["prior"], out.attrs["anchor"] = prior, anchor
    return out
