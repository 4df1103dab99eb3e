"""Sales lift of a partnership: what its products sold that they would not have sold without it.

Attributed orders are not lift: some of them the shop would have had anyway.
Here the product's whole day in the shop speaks, against what it would have
sold (training/counterfactual.py), and the attributed orders only say where to
look and what is likely:

1. ``sales(day) / counterfactual(day) - 1 = sum_j lift_j kernel(day - posted_j) / counterfactual + drift + noise``
   per product, by generalised least squares over all its partnerships at once,
   so that partnerships that overlap in time are told apart as far as the data
   can. ``kernel`` is how attributed orders fall over the ATTRIBUTION_DAYS after posting.
2. Prior ``lift_j ~ N(rho . z_j, tau_j^2)``, ``z`` = organic attributed sales ``a``, paid attributed sales, and
   ``captured = s a / (a + s / 20)`` with ``s`` what the product sells anyway in as many days, alone and times the
   creator's followers and posts (standardised logs): its coefficients take off what is captured, not caused, never
   much more than was attributed, and more from those who capture more.
   ``rho`` and ``tau`` are estimated from all partnerships (training/empirical_bayes.py).
3. The posterior mean and standard deviation, the doubt about ``rho`` included. Negative means are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import cho_factor, cho_solve

from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace
from training.counterfactual import (
    Baseline,
    Panel,
    epoch_days,
    fit_baseline,
    in_usd,
    read_panel,
    usd_rates,
    without_others,
)
from training.empirical_bayes import Block, Hyperprior, fit_prior, posterior, unshrunk

__all__ = ["LIFT_COLUMNS", "as_of_day", "attributed_days", "estimate_lift", "sales_kernel"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LIFT_COLUMNS = ("attributed_usd", "lift_usd", "lift_se_usd", "lift_raw_usd", "lift_raw_se_usd")

KERNEL_HALF_LIFE = 3.0
"""Days in which the stated sales kernel halves; it counts as `KERNEL_LINES` order lines beside the data's own."""
KERNEL_LINES = 50.0

WAIT_DAYS = 3
"""Days after the window that are not used as untreated either."""

REACH_DAYS = 90
"""Days before the first and after the last partnership of a product that are looked at."""

TERMS = ("organic", "paid", "captured", "captured_followers", "captured_posts")
HYPERPRIOR = Hyperprior(
    mean=np.array([0.8, 0.3, 0.0, 0.0, 0.0]),
    sd=np.array([0.3, 0.3, 0.04, 0.02, 0.02]),
    variance=np.array([0.5, 0.2, 0.005, 2e-4]),
)
"""What is taken for likely before the data speak: the coefficients of `TERMS`, and ``tau^2 = a price^2 + b price *
attributed + c attributed^2 + d captured^2``.
"""

CAPTURED_AT_HALF = 0.05
"""Attributed sales, as a share of what the product sells anyway, at which the term ``captured`` reaches half."""

MANY_PRODUCTS = 25
"""A partnership for more products than this is looked at in the sum of them all, not product by product."""

MICRO = 1_000_000

_LEVEL_VARIANCE = 0.25
_KEYS = ["campaign_id", "creator_id"]


def as_of_day(as_of: pd.Timestamp) -> pd.Timestamp:
    """``as_of`` floored to 00:00 UTC; a naive instant is UTC."""
    stamp = pd.Timestamp(as_of)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return stamp.floor("D")


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
            for name in ("product_id", "ordered_at", "currency", "status", "quantity", "refunded_quantity", "price")
        },
        **{
            # argmax passes over nulls, which are values here.
            name: orders[name].fill_null(empty).argmax(orders.known_at)
            for name, empty in (("campaign_id", ""), ("creator_id", ""), ("is_paid_traffic", False))
        },
    )
    last = last.filter(last.status != "CANCELLED")
    outside = last.campaign_id == ""
    net = last.mutate(
        day=last.ordered_at.epoch_seconds() // 86_400,
        refund_day=(last.refunded_quantity > 0).ifelse(last.known_at.epoch_seconds() // 86_400, -1),
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
    rates = usd_rates(market, _day_number(day))
    rows["usd"], rows["refunded_usd"] = in_usd(rows, "amount", rates), in_usd(rows, "refunded", rates)
    return rows.drop(columns=["currency", "amount", "refunded"]).dropna(subset=["usd"]).reset_index(drop=True)


def _fixed(amount: Any) -> Any:
    """Money in whole millionths, so that its sums do not depend on the order in which threads add."""
    return (amount * float(MICRO)).round().cast("int64")


def sales_kernel(age: Ints, lines: Floats) -> Floats:
    """Share of a partnership's sales that falls on each day 0..ATTRIBUTION_DAYS - 1 after posting; sums to 1.

    The data's shares, beside a stated exponential that weighs as `KERNEL_LINES` lines.

    Parameters
    ----------
    age : int64 (n,), days since posting
    lines : float64 (n,), order lines of that age
    """
    stated = 2.0 ** (-np.arange(ATTRIBUTION_DAYS) / KERNEL_HALF_LIFE)
    within = (age >= 0) & (age < ATTRIBUTION_DAYS)
    found = np.bincount(age[within], weights=lines[within], minlength=ATTRIBUTION_DAYS)
    shares: Floats = found + KERNEL_LINES * stated / stated.sum()
    shares /= shares.sum()
    return shares


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
    DataFrame[invitation_id, attributed_usd, lift_usd, lift_se_usd, lift_raw_usd, lift_raw_se_usd]
        In the order given. ``lift_usd``, ``lift_se_usd``: posterior mean and standard deviation; ``lift_raw_usd``,
        ``lift_raw_se_usd``: from the product's days alone, with nothing learned from attribution; very wide where
        partnerships overlap. NaN where the products have no days known. ``attrs["prior"]`` holds the fitted
        `training.empirical_bayes.Prior` where there was one to fit.
    """
    day = as_of_day(as_of)
    rows = partnerships[["invitation_id", *_KEYS, "content_id"]].reset_index(drop=True)
    rows["posted_day"] = epoch_days(partnerships["posted_at"])
    sales = _within_window(rows, attributed)
    out = rows[["invitation_id"]].copy()
    out["attributed_usd"] = np.bincount(sales["row"], weights=sales["usd"], minlength=len(rows))
    for column in LIFT_COLUMNS[1:]:
        out[column] = np.nan
    pairs = _pairs(market, rows, day)
    together = len(pairs) > 0 and bool(pairs["row"].value_counts().max() > MANY_PRODUCTS)
    wanted = pairs["product_id"]
    panel = read_panel(market, _day_number(day), wanted=wanted, together=together) if len(pairs) else None
    if panel is None:
        return out
    cut = ["row"] if together else ["row", "product_id"]
    if together:
        currency = market.frame("products", ["product_id", "currency"]).drop_duplicates("product_id")
        by_product = currency.set_index("product_id")["currency"]
        pairs = pairs.assign(product_id=wanted.map(by_product)).dropna().drop_duplicates().reset_index(drop=True)
    pairs["product"] = panel.rows_of(pairs["product_id"])
    pairs["start"] = rows["posted_day"].to_numpy()[pairs["row"]] - panel.first_day
    pairs = pairs[pairs["product"] >= 0].reset_index(drop=True)
    treated, own = _treated(panel, pairs), _own_sales(panel, pairs, sales, cut)
    panel, baseline = without_others(panel, fit_baseline(panel, treated, attributed=own), treated, own, attributed)
    pairs["level"] = baseline.level[pairs["product"]]
    pairs = pairs[pairs["level"].notna()].reset_index(drop=True)
    if pairs.empty:
        return out
    pairs = _with_terms(pairs, sales, panel, cut).merge(_reach(market, rows, day), on="row", how="left")
    for name in ("followers", "posts"):
        pairs[f"captured_{name}"] = pairs["captured"] * pairs[name]
    kernel = sales_kernel(sales["age"].to_numpy(), sales["lines"].to_numpy(dtype=np.float64))
    seen = _own_sales(panel, pairs, sales[~sales["is_paid"]], cut)
    blocks = [_block(panel, baseline, part, kernel, seen) for _, part in pairs.groupby("product", sort=True)]
    prior = fit_prior(blocks, HYPERPRIOR)
    mean, variance = posterior(blocks, prior, len(rows))
    raw, raw_variance = unshrunk(blocks, len(rows))
    covered = np.bincount(pairs["row"], minlength=len(rows)) > 0
    for column, values in zip(LIFT_COLUMNS[1:], (mean, variance**0.5, raw, raw_variance**0.5), strict=True):
        # To the cent: what lies beyond hangs on how the machine's linear algebra rounds.
        out[column] = np.where(covered, np.round(values, 2), np.nan)
    out.attrs["prior"] = prior
    return out


def _day_number(day: pd.Timestamp) -> int:
    return int(epoch_days(pd.Series([day]))[0])


def _within_window(rows: pd.DataFrame, attributed: pd.DataFrame) -> pd.DataFrame:
    """Attributed sales of each partnership's window: row, product_id, age, is_paid, lines, usd."""
    keyed = rows[[*_KEYS, "posted_day"]].assign(row=np.arange(len(rows)))
    sales = keyed.merge(attributed[attributed["campaign_id"] != ""], on=_KEYS, how="inner")
    sales["age"] = (sales["day"] - sales["posted_day"]).astype(np.int64)
    sales = sales[(sales["age"] >= 0) & (sales["age"] < ATTRIBUTION_DAYS)]
    order = ["row", "product_id", "age", "is_paid", "refund_day"]
    return sales.sort_values(order, kind="stable").reset_index(drop=True)


def _reach(market: Marketplace, rows: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Standardised log followers and log posts of each row's creator, 0 where not known: row, followers, posts."""
    profiles = market.frame("creator_snapshots", ["creator_id", "snapshot_at", "follower_count", "known_at"])
    profiles = profiles[(profiles["snapshot_at"] < day) & (profiles["known_at"] < day)].dropna()
    profiles = profiles.sort_values(["snapshot_at", "known_at"], kind="stable").drop_duplicates(
        "creator_id", keep="last"
    )
    contents = market.frame("contents", ["content_id", "creator_id", "published_at", "known_at"])
    contents = contents[(contents["published_at"] < day) & (contents["known_at"] < day)]
    posts = contents.drop_duplicates("content_id").groupby("creator_id").size()
    found = {"followers": profiles.set_index("creator_id")["follower_count"], "posts": posts}
    out = pd.DataFrame({"row": np.arange(len(rows))})
    for name, by_creator in found.items():
        log = np.log1p(rows["creator_id"].map(by_creator).astype(np.float64))
        deviation = log.std()
        out[name] = ((log - log.mean()) / deviation).fillna(0.0) if deviation > 0 else 0.0
    return out


def _pairs(market: Marketplace, rows: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """One row a partnership and product: those of its content where known, else those of its campaign."""
    contents = market.frame("contents", ["content_id", "product_ids", "published_at", "known_at"])
    contents = contents[contents["content_id"].isin(rows["content_id"].dropna())]
    contents = contents[(contents["published_at"] < day) & (contents["known_at"] < day)]
    contents = contents.sort_values("known_at", kind="stable").drop_duplicates("content_id", keep="last")
    campaigns = market.frame("campaigns", ["campaign_id", "product_ids"]).drop_duplicates("campaign_id")
    of_content = rows["content_id"].map(contents.set_index("content_id")["product_ids"])
    of_campaign = rows["campaign_id"].map(campaigns.set_index("campaign_id")["product_ids"])
    has = of_content.map(lambda ids: isinstance(ids, np.ndarray) and len(ids) > 0).astype(bool)
    chosen = of_content.where(has, of_campaign)
    pairs = pd.DataFrame({"row": np.arange(len(rows)), "product_id": chosen}).explode("product_id")
    return pairs.dropna().drop_duplicates().astype({"row": np.int64}).reset_index(drop=True)


def _treated(panel: Panel, pairs: pd.DataFrame) -> npt.NDArray[np.bool_]:
    treated = np.zeros(panel.sales.shape, dtype=bool)
    for age in range(ATTRIBUTION_DAYS + WAIT_DAYS):
        column = pairs["start"].to_numpy() + age
        inside = (column >= 0) & (column < panel.days)
        treated[pairs["product"].to_numpy()[inside], column[inside]] = True
    return treated


def _own_sales(panel: Panel, pairs: pd.DataFrame, sales: pd.DataFrame, keys: list[str]) -> Floats:
    """Partnerships' attributed USD by product and day, float64 (P, T)."""
    out = np.zeros(panel.sales.shape)
    placed = pairs.merge(sales[[*keys, "age", "usd"]], on=keys, how="inner")
    column = (placed["start"] + placed["age"]).to_numpy()
    inside = (column >= 0) & (column < panel.days)
    np.add.at(out, (placed["product"].to_numpy()[inside], column[inside]), placed["usd"].to_numpy()[inside])
    return out


def _with_terms(pairs: pd.DataFrame, sales: pd.DataFrame, panel: Panel, keys: list[str]) -> pd.DataFrame:
    """``pairs`` with organic and paid attributed USD (summed by ``keys``), usual sales, and price."""
    usd, paid = sales["usd"], sales["is_paid"]
    parts = sales.assign(organic=usd.where(~paid, 0.0), paid=usd.where(paid, 0.0))
    summed = parts.groupby(keys, as_index=False)[["organic", "paid"]].sum()
    pairs = pairs.merge(summed, on=keys, how="left").fillna({"organic": 0.0, "paid": 0.0})
    anyway = pairs["level"] * ATTRIBUTION_DAYS
    organic = pairs["organic"].clip(lower=0.0)
    # No more can be captured than was attributed; of a whole market's sales no stated share is captured.
    bounded = anyway * organic / (organic + CAPTURED_AT_HALF * anyway)
    pairs["captured"] = bounded if "product_id" in keys else 0.0
    pairs["price"] = panel.price[pairs["product"]]
    return pairs


def _block(panel: Panel, baseline: Baseline, part: pd.DataFrame, kernel: Floats, seen: Floats) -> Block:
    """What one product's days say of its partnerships, the rows of ``part``.

    The partnerships' organic attributed sales, ``seen`` (P, T), are taken off day by day, what is left is explained
    by ``kernel``, and their sums are put back: the scatter of the orders that can be seen is then no noise.
    """
    p = int(part["product"].iloc[0])
    start = part["start"].to_numpy()
    low = max(0, int(start.min()) - REACH_DAYS)
    high = min(panel.days, int(start.max()) + len(kernel) + REACH_DAYS)
    column = np.arange(low, high)
    column = column[np.isfinite(panel.sales[p, column])]
    expected = baseline.level[p] * baseline.index[p, column]
    age = column[:, None] - start
    design = np.where((age >= 0) & (age < len(kernel)), kernel[np.clip(age, 0, len(kernel) - 1)], 0.0)
    design = design / expected[:, None]
    distance = np.abs(column[:, None] - column)
    covariance = _LEVEL_VARIANCE + baseline.drift * np.exp(-distance / baseline.memory)
    # Sales are counts: the variance of a day's ratio falls with what is expected.
    covariance[np.diag_indices_from(covariance)] += baseline.noise[p] / baseline.index[p, column]
    factor = cho_factor(covariance, lower=True, check_finite=False)
    ratio = (panel.sales[p, column] - seen[p, column]) / expected - 1.0
    solved = cho_solve(factor, np.column_stack([design, ratio]), check_finite=False)
    information = design.T @ solved[:, :-1]
    price, captured, organic = (part[name].to_numpy() for name in ("price", "captured", "organic"))
    attributed = np.maximum(organic + part["paid"].to_numpy(), 0.0)
    return Block(
        information,
        design.T @ solved[:, -1] + information @ organic,
        part[list(TERMS)].to_numpy(),
        np.stack([price**2, price * attributed, attributed**2, captured**2], axis=1),
        part["row"].to_numpy(),
    )
