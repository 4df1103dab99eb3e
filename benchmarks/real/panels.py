"""A published panel as a marketplace of ours, and what `collabrank lift` says of it.

A unit that sells (a region, a customer, a doctor) stands for a product with a brand of its own; what was done to it (an
advertising day, coupons, a visit) for a partnership, posted on the first day that it can act on. Where a panel counts
in periods, a period becomes `PERIOD_DAYS` days, as long as the attribution window, so that a partnership's window is
its period; what fell on which of its days is not published and drawn (`drawn_days`). Equal days would not do: the
estimate takes the noise of days from how much they differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.real.published import Figure
from features.lift import (
    TERMS,
    LiftEvidence,
    Prior,
    attributed_days,
    gather_evidence,
    one_thread,
    sum_lifts,
    within_window,
)
from features.time import days_of
from marketplace.arrays import Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace
from training.lift import lift_report

__all__ = [
    "FIRST",
    "LATER",
    "PERIOD_DAYS",
    "Panel",
    "as_marketplace",
    "by_the_days_alone",
    "drawn_days",
    "drawn_units",
    "gathered",
    "index_error",
    "last_look",
    "report_figures",
]

PERIOD_DAYS = ATTRIBUTION_DAYS
"""Days that a period is spread over."""

FIRST = pd.Timestamp("2020-01-01", tz="UTC")
"""The first day of every panel, whenever it really was."""

LATER = 60
"""Days after the panel's last on which it is looked at: all is ripe by then."""

LEAD = pd.Timedelta(days=PERIOD_DAYS)
"""A campaign's brief begins so long before its first post."""

_LUMPIEST, _SMOOTHEST = 0.02, 50.0
"""Bounds of the gamma shape of a day."""

_WIDE = 100.0
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Panel:
    """Sales of P units on T days, and what was done to them when.

    Attributes
    ----------
    sales : float64 (P, T)
    units_sold : int64 (P, T)
        What makes up the sales; their quotient is a product's price, the scale of the estimate's prior.
    unit, day : int64 (J,)
        Row and column on which each of J partnerships was posted.
    campaign : int64 (J,)
        The campaign of each.
    attributed : float64 (J,)
        Sales that touched it, spread evenly over its window; they also tell that sales fall evenly over it. 0: a
        line of no money tells that alone. NaN: nothing is told.
    """

    sales: Floats
    units_sold: Ints
    unit: Ints
    day: Ints
    campaign: Ints
    attributed: Floats


def drawn_days(totals: Floats, *, seed: int) -> Floats:
    """Daily amounts that add up to ``totals`` (P, N) of periods of `PERIOD_DAYS` days, float64 (P, N * PERIOD_DAYS).

    Days are taken as independent gamma draws whose totals vary as much as a unit's totals do; given its total, a
    period's days are then shares of a Dirichlet draw. What goes together over more than a period stays in the totals.
    """
    # A unit that never sold anything sells nothing on any day.
    mean = np.maximum(totals.mean(axis=1), 1e-9)
    spread = np.square(totals.std(axis=1, ddof=1) / mean)
    shape = np.clip(1.0 / (PERIOD_DAYS * np.maximum(spread, 1e-9)), _LUMPIEST, _SMOOTHEST)
    # No day is nothing at all, or a period's shares could not be told.
    days = np.random.default_rng(seed).gamma(shape[:, None, None], size=(*totals.shape, PERIOD_DAYS)) + 1e-12
    amounts: Floats = totals[:, :, None] * days / days.sum(axis=2, keepdims=True)
    return amounts.reshape(len(totals), -1)


def drawn_units(totals: Ints, *, seed: int) -> Ints:
    """Daily counts that add up to ``totals`` (P, N), int64 (P, N * PERIOD_DAYS): each unit on any day alike."""
    share = np.full(PERIOD_DAYS, 1.0 / PERIOD_DAYS)
    units: Ints = np.random.default_rng(seed).multinomial(totals, share).astype(np.int64)
    return units.reshape(len(totals), -1)


def as_marketplace(panel: Panel) -> Marketplace:
    """``panel`` in the contract's tables, money in USD."""
    size, days = panel.sales.shape
    products = [f"p{n:05d}" for n in range(size)]
    product, day = np.divmod(np.arange(size * days), days)
    when = FIRST + pd.to_timedelta(day, unit="D")
    names = np.array(products, dtype=object)
    shop = pd.DataFrame(
        {
            "product_id": names[product],
            "day": when.date,
            "units_sold": panel.units_sold.ravel(),
            "gmv": panel.sales.ravel(),
            "currency": "USD",
            "known_at": when + _DAY,
        }
    )
    posted = (FIRST + pd.to_timedelta(pd.Series(panel.day), unit="D")).dt.as_unit("us")
    rows = pd.DataFrame(
        {
            "invitation_id": [f"i{n:06d}" for n in range(len(panel.day))],
            "campaign_id": [f"c{n:03d}" for n in panel.campaign],
            "creator_id": [f"k{n:06d}" for n in range(len(panel.day))],
            "content_id": [f"v{n:06d}" for n in range(len(panel.day))],
            "product_id": names[panel.unit],
            "posted_at": posted,
        }
    )
    first = rows.groupby("campaign_id")["posted_at"].agg(["min", "max"])
    offered = rows.groupby("campaign_id")["product_id"].agg(lambda ids: sorted(set(ids)))
    campaigns = pd.DataFrame(
        {
            "campaign_id": first.index,
            "brand_id": "b",
            "category_id": "all",
            "market": "US",
            "product_ids": offered.to_numpy(),
            "currency": "USD",
            "briefed_at": (first["min"] - LEAD).to_numpy(),
            "starts_at": (first["min"] - LEAD).to_numpy(),
            "ends_at": (first["max"] + _DAY).to_numpy(),
            "known_at": (first["min"] - LEAD).to_numpy(),
        }
    )
    for name in ("briefed_at", "starts_at", "ends_at", "known_at"):
        campaigns[name] = pd.to_datetime(campaigns[name], utc=True)
    sent = rows["campaign_id"].map(first["min"]) - LEAD
    return Marketplace.from_frames(
        {
            "product_days": shop,
            "products": pd.DataFrame(
                {
                    "product_id": products,
                    "brand_id": [f"b{n:05d}" for n in range(size)],
                    "category_id": "all",
                    "price": 1.0,
                    "currency": "USD",
                    "known_at": FIRST - 2 * LEAD,
                }
            ),
            "campaigns": campaigns,
            "invitations": rows[["invitation_id", "campaign_id", "creator_id"]].assign(
                decision="ACCEPT", sent_at=sent, replied_at=sent, decided_at=sent, known_at=sent
            ),
            "contents": rows[["content_id", "creator_id"]].assign(
                product_ids=pd.Series([[one] for one in rows["product_id"]], dtype=object),
                published_at=posted,
                known_at=posted,
            ),
            "deliveries": rows[["invitation_id", "campaign_id", "creator_id", "content_id"]].assign(
                delivery_id=rows["invitation_id"], posted_at=posted, due_at=posted + _DAY, known_at=posted
            ),
            "orders": _orders(rows, panel.attributed),
        }
    )


def _orders(rows: pd.DataFrame, attributed: Floats) -> pd.DataFrame:
    told = np.flatnonzero(~np.isnan(attributed))
    order, age = np.divmod(np.arange(len(told) * ATTRIBUTION_DAYS), ATTRIBUTION_DAYS)
    lines = rows.iloc[told[order]].reset_index(drop=True)
    at = lines["posted_at"] + pd.to_timedelta(pd.Series(age), unit="D")
    return pd.DataFrame(
        {
            "order_id": lines["invitation_id"] + "-" + pd.Series(age).astype(str),
            "sku_id": "x",
            "product_id": lines["product_id"],
            "creator_id": lines["creator_id"],
            "campaign_id": lines["campaign_id"],
            "status": "COMPLETED",
            "quantity": 1,
            "refunded_quantity": 0,
            "price": attributed[told[order]] / ATTRIBUTION_DAYS,
            "ordered_at": at,
            "known_at": at,
            "currency": "USD",
        }
    )


def last_look(panel: Panel) -> pd.Timestamp:
    """The day as of which a panel's lift is told: `LATER` days after its last."""
    last: pd.Timestamp = FIRST + (panel.sales.shape[1] + LATER) * _DAY
    return last


def gathered(panel: Panel, market: Marketplace) -> LiftEvidence:
    """What the units' days say of every partnership of ``panel`` (`features.lift.gather_evidence`)."""
    as_of = last_look(panel)
    deliveries = market.frame("deliveries")
    rows = deliveries[["invitation_id", "campaign_id", "creator_id", "content_id"]].assign(
        posted_day=days_of(deliveries["posted_at"])
    )
    attributed = attributed_days(market, as_of)
    evidence = gather_evidence(market, rows, within_window(rows, attributed), day=as_of, attributed=attributed)
    assert evidence is not None  # every unit has days
    return evidence


@one_thread()
def by_the_days_alone(evidence: LiftEvidence) -> tuple[float, float]:
    """The sum of all lifts and its standard error from the days alone, with nothing learned from attribution.

    `features.lift.sum_lifts` under the prior of the label ``lift_raw_usd``: about zero, and so wide that it decides
    only what the days cannot.
    """
    count = len(TERMS)
    wide = np.full(evidence.blocks[0].spread.shape[1], _WIDE**2)
    prior = Prior(np.zeros(count), np.zeros((count, count)), wide)
    ((mean, sd),) = sum_lifts(evidence, prior, [np.zeros(len(evidence.rows), dtype=np.int64)])
    return float(mean[0]), float(sd[0])


def index_error(evidence: LiftEvidence) -> Figure:
    """How far the index of all units may be off on a typical day, as a share: a large one makes lift high."""
    _, variance = evidence.baseline.shared[0]
    return Figure("error of a typical day's index of all, share", float(np.sqrt(np.median(variance))))


def report_figures(panel: Panel, market: Marketplace, *, scale: float, unit: str, seed: int) -> list[Figure]:
    """What ``collabrank lift`` says of ``panel``: the sums times ``scale``, and every check in standard errors."""
    report = lift_report(market, last_look(panel), seed=seed)
    overall, learned = report.overall, report.learned
    figures = [
        Figure(f"attributed, {unit}", scale * overall.attributed),
        Figure(f"learned, {unit}", scale * learned.estimate, scale * learned.low, scale * learned.high),
        Figure(f"reported in all, {unit}", scale * overall.estimate, scale * overall.low, scale * overall.high),
    ]
    imputed = report.imputation
    if imputed is not None and len(imputed.rows):
        # Of some partnerships only: those whose days after are over.
        share = scale * overall.partnerships / len(imputed.rows)
        for name, (value, se) in (("in the windows", imputed.window), ("net of the days after", imputed.net)):
            low, high = value - 1.645 * se, value + 1.645 * se
            figures.append(
                Figure(f"imputed {name}, {unit}, from {len(imputed.rows)}", share * value, share * low, share * high)
            )
    figures += [
        Figure(f"placebo, {test.name}, standard errors", test.z, against="-1.96 to 1.96") for test in report.placebos
    ]
    figures += [
        Figure(f"{name}, standard errors", value, against="-1.96 to 1.96")
        for name, value in (
            ("disagreement", report.disagreement),
            ("synthetic", np.nan if report.synthetic is None else report.synthetic.z),
        )
        if np.isfinite(value)
    ]
    figures.append(
        Figure(f"checks that speak against it: {', '.join(report.flags) or 'none'}", float(len(report.flags)))
    )
    return figures
