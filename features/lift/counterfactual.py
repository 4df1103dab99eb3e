"""What a product would have sold anyway: its own level times an index of untreated products.

A product's day in the shop is taken as ``level x index x (1 + drift) + noise``:

- *level*: its mean over days without a partnership in force;
- *index*: what moved all products (week, sales days), then its market, then
  its category in that market, each a precision-weighted mean over products with
  no partnership in force on that day, shrunk towards the level above it by how
  much such groups really differ;
- *drift*: a slow product-specific wandering (a Gaussian process with
  exponential memory, its size and memory read off the variogram of all
  untreated days), which lets days before and after a partnership speak for the
  days within it, with the right doubt.

Days on which a product is on sale are not read at all (`Panel.promoted`): how
many times its usual day it then sells is its own secret, and posts are drawn to
such days. What a partnership sold is read off the rest of its window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.time import day_of, in_usd, usd_rates
from marketplace.arrays import Flags, Floats, Ints
from marketplace.tables import Marketplace

__all__ = ["Baseline", "Panel", "fit_baseline", "known_rows", "read_panel", "without_others"]


MEMORIES = (2.0, 4.0, 7.0, 14.0, 28.0, 56.0)
"""Days of memory that the drift may have."""

CONTROLS = 2_000
"""Products without a partnership that the index is made of, at most."""

SHARE_MEAN = np.array([0.7, 0.3, 0.9, 0.7])
SHARE_SD = np.array([0.3, 0.3, 0.1, 0.3])
"""How much of other orders a shop's days are taken to hold before the data speak, in the order of `_other_orders`."""

ON_SALE = 0.05
"""Discount beyond the product's usual one (median) from which on a day counts as a sales day."""

ECHO_DAYS = 21
ECHO = 0.1
"""Days about a sale that count as sales days too, at most, and how far the mean product must be from its usual day."""

_LEAST_DAYS = 5
_NOISE_FLOOR = 1e-4


def known_rows(market: Marketplace, table: str, columns: list[str], day: pd.Timestamp) -> pd.DataFrame:
    """``columns`` of the last row known before ``day`` of everything in ``table`` (by ``columns[0]``).

    A row that does not say when it was known counts as known.
    """
    frame = market.frame(table, [*columns, "known_at"])
    known = frame[~(frame["known_at"] >= day)].sort_values("known_at", kind="stable", na_position="first")
    return known[columns].drop_duplicates(columns[0], keep="last").sort_index()


@dataclass(frozen=True)
class Panel:
    """Daily sales of P products on T days.

    Attributes
    ----------
    product_ids : object (P,), ascending
    first_day : int
        Day (from 1970-01-01) of the first column.
    sales : float64 (P, T)
        Net sales in USD; NaN before a product's first day known, after its last, and where it is `promoted`.
    promoted : bool (P, T)
        Sales days: the discount is more than `ON_SALE` beyond the product's usual one, or one was so few days ago, or
        is so few days ahead, that products still sell otherwise than usual (`ECHO_DAYS`, `ECHO`).
    price : float64 (P,)
        USD that one unit brought on average.
    market, category : int64 (P,)
        Codes of the currency that it sells in (one a market), and of the category within that.
    """

    product_ids: npt.NDArray[np.object_]
    first_day: int
    sales: Floats
    promoted: Flags
    price: Floats
    market: Ints
    category: Ints

    @property
    def days(self) -> int:
        """T."""
        return int(self.sales.shape[1])

    def rows_of(self, product_ids: pd.Series) -> Ints:
        """Row of each product, -1 where it has no days."""
        return pd.Index(self.product_ids).get_indexer(pd.Index(product_ids)).astype(np.int64)


def read_panel(
    market: Marketplace, day: int, *, wanted: pd.Series, together: bool = False, controls: int = CONTROLS
) -> Panel | None:
    """The panel as known before ``day``; None where the marketplace has no product days by then.

    Holds the ``wanted`` products and, beside them, the ``controls`` products seen on the most days (then by id).
    ``together`` sums the wanted products of a currency to one series, whose product id is the currency, with no
    controls, and knows no sales days. Between a product's first and last day a day without a row is a day without
    sales.
    """
    table = market.table("product_days")
    table = table.mutate(day=day_of(table.day))
    table = table.filter(table.day < day, day_of(table.known_at) < day)
    rows = market.query(table.select("product_id", "day", "units_sold", "gmv", "currency", "discount_rate"))
    rows = rows.sort_values(["product_id", "day"], kind="stable")
    asked = rows["product_id"].isin(set(wanted))
    if together:
        rows = rows[asked]
    else:
        count = rows.loc[~asked, "product_id"].value_counts().rename_axis("product_id").reset_index(name="count")
        count = count.sort_values(["count", "product_id"], ascending=[False, True], kind="stable")
        rows = rows[asked | rows["product_id"].isin(set(count["product_id"].iloc[:controls]))]
    rows = rows.assign(usd=in_usd(rows, "gmv", usd_rates(market, day))).dropna(subset=["usd"])
    if together:
        rows = rows.assign(product_id=rows["currency"])
    if rows.empty:
        return None
    code, products = pd.factorize(rows["product_id"].astype(object), sort=True)
    first = int(rows["day"].min())
    column = rows["day"].to_numpy() - first
    shape = (len(products), int(column.max()) + 1)
    sales: Floats = np.zeros(shape)
    np.add.at(sales, (code, column), rows["usd"].to_numpy(dtype=np.float64))
    start, end = np.full(shape[0], shape[1]), np.full(shape[0], -1)
    np.minimum.at(start, code, column)
    np.maximum.at(end, code, column)
    units = np.bincount(code, weights=rows["units_sold"].astype(np.float64))
    price = sales.sum(axis=1) / np.maximum(units, 1.0)
    place = np.arange(shape[1])
    promoted = np.zeros(shape, dtype=bool)
    if not together:
        promoted = _with_echo(_promoted(rows["discount_rate"], code, column, shape), sales)
    sales[(place < start[:, None]) | (place > end[:, None]) | promoted] = np.nan
    known = pd.DataFrame({"product_id": products}).merge(
        known_rows(market, "products", ["product_id", "category_id"], pd.Timestamp(day, unit="D", tz="UTC")), how="left"
    )
    currency = rows.groupby(code)["currency"].first().to_numpy()
    market_code, _ = pd.factorize(currency, sort=True)
    category, _ = pd.factorize(pd.MultiIndex.from_arrays([currency, known["category_id"].fillna("")]), sort=True)
    return Panel(
        np.asarray(products, dtype=object),
        first,
        sales,
        promoted,
        np.maximum(price, 1e-9),
        market_code.astype(np.int64),
        category.astype(np.int64),
    )


def _promoted(discount: pd.Series, code: Ints, column: Ints, shape: tuple[int, int]) -> Flags:
    """`Panel.promoted` from the ``discount`` of each product (``code``) and day (``column``), NaN where not told."""
    told = discount.astype(np.float64).fillna(0.0)
    usual = told.groupby(code).transform("median")
    on = (told > usual + ON_SALE).to_numpy()
    out = np.zeros(shape, dtype=bool)
    out[code[on], column[on]] = True
    return out


def _with_echo(promoted: Flags, sales: Floats) -> Flags:
    """``promoted`` (P, T) with the days before and after each sale on which products are not back to usual.

    How many days that are is one number before and one after, read off all sales together: up to the last of
    consecutive days on which the mean product's ``sales``, as a multiple of its median day and of how the products
    without a sale do on that day, is off by more than `ECHO` and by more than two standard errors.
    """
    if not promoted.any():
        return promoted
    calm = np.where(promoted, np.nan, sales)
    heard = np.isfinite(calm).sum(axis=1) >= _LEAST_DAYS
    usual = np.full((len(sales), 1), np.nan)
    usual[heard, 0] = np.nanmedian(calm[heard], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(usual > 0, sales / usual, np.nan)
    rest = np.where(promoted, np.nan, ratio)
    count = np.isfinite(rest).sum(axis=0)
    index = np.divide(np.nansum(rest, axis=0), count, out=np.ones(sales.shape[1]), where=count > 0)
    ratio = ratio / np.where(index > 0, index, 1.0)
    out = promoted.copy()
    for step in (1, -1):
        edge = promoted & ~_moved(promoted, -step)
        for k in range(1, ECHO_DAYS + 1):
            at = _moved(edge, step * k) & ~promoted
            values = ratio[at]
            values = values[np.isfinite(values)]
            if len(values) < _LEAST_DAYS:
                break
            off = abs(float(values.mean()) - 1.0)
            if off <= ECHO or off <= 2.0 * float(values.std()) / np.sqrt(len(values)):
                break
            out |= at
    return out


def _moved(flags: Flags, days: int) -> Flags:
    """``flags`` (P, T) so many days later, earlier where negative."""
    out = np.zeros_like(flags)
    if days > 0:
        out[:, days:] = flags[:, :-days]
    elif days < 0:
        out[:, :days] = flags[:, -days:]
    else:
        out[:] = flags
    return out


@dataclass(frozen=True)
class Baseline:
    """The counterfactual ``level[:, None] * index`` in USD, and how far it may be off.

    Attributes
    ----------
    level : float64 (P,), USD a day; NaN where a product has too few untreated days.
    index : float64 (P, T), mean about 1.
    noise : float64 (P,)
        Variance of a day's ratio to the counterfactual, from one day to the next.
    drift : float
        Variance of the slow part of that ratio.
    memory : float
        Days in which the drift's autocorrelation falls to 1/e.
    shared : list of (codes int64 (P,), variance float64 (G, T))
        How far the index may be off for all products of a code at once, as a variance of the ratio: for everyone,
        for a market, for a category. Products under one code err together.
    """

    level: Floats
    index: Floats
    noise: Floats
    drift: float
    memory: float
    shared: list[tuple[Ints, Floats]]


def fit_baseline(panel: Panel, treated: Flags, *, attributed: Floats, rounds: int = 4) -> Baseline:
    """Fit level, index and noise on the days outside ``treated`` (bool, P x T).

    A product with next to no day outside has to do with all of its days less the ``attributed`` sales (USD, P x T).
    """
    always = (np.isfinite(panel.sales) & ~treated).sum(axis=1) < _LEAST_DAYS
    sales = np.where(treated, np.nan, panel.sales)
    sales[always] = (panel.sales - attributed)[always]
    seen = np.isfinite(sales)
    enough = seen.sum(axis=1) >= _LEAST_DAYS
    filled = np.where(seen, sales, 0.0)
    index = np.ones_like(sales)
    noise = np.full(len(sales), 0.1)
    level = np.full(len(sales), np.nan)
    for _ in range(rounds):
        exposure = np.where(seen, index, 0.0).sum(axis=1)
        level = np.divide(filled.sum(axis=1), exposure, out=np.full(len(sales), np.nan), where=exposure > 0)
        usable = seen & (enough & (level > 0))[:, None]
        ratio = np.divide(filled, level[:, None], out=np.zeros_like(filled), where=usable)
        index, shared = _index(ratio, usable, noise, panel)
        residual = np.where(usable, ratio / index - 1.0, 0.0)
        count = usable.sum(axis=1)
        own = (residual**2).sum(axis=1) / np.maximum(count, 1)
        typical = float(np.median(own[count > 0])) if (count > 0).any() else 0.1
        # A product seen on few days borrows its variance from the others.
        noise = np.maximum((own * count + typical * 20.0) / (count + 20.0), _NOISE_FLOOR)
    level = np.where(enough & (level > 0), level, np.nan)
    drift, memory, steps = _variogram(residual, usable)
    own_step = _half_squared_steps(residual, usable)
    inherited = drift * (1.0 - np.exp(-1.0 / memory))
    noise = np.maximum(np.where(np.isfinite(own_step), own_step, steps) - inherited, _NOISE_FLOOR)
    return Baseline(level, index, noise, drift, memory, shared)


def without_others(
    panel: Panel, baseline: Baseline, treated: Flags, own: Floats, attributed: pd.DataFrame
) -> tuple[Panel, Baseline]:
    """``panel`` with what other orders visibly did to its days taken out, and the baseline of what is left.

    Attributed sales outside partnerships (organic, paid) come in bursts that have nothing to do with the
    partnerships, and refunds (of partnerships' orders, of others) are booked on the day they are known, not on the
    day of the order. How much of each a shop's days really hold is read off the untreated days (least squares from
    `SHARE_MEAN` and `SHARE_SD`, held to 0..1), then taken off, or put back where it belongs, everywhere.

    Parameters
    ----------
    own : float64 (P, T), the partnerships' own attributed USD.
    attributed : DataFrame, as `features.lift.estimate.attributed_days` gives it.
    """
    tables = _other_orders(panel, attributed)
    usable = np.isfinite(panel.sales) & ~treated & np.isfinite(baseline.level)[:, None]
    expected = np.where(usable, baseline.level[:, None] * baseline.index, 1.0)
    weight = np.where(usable, 1.0 / (np.sqrt(baseline.noise)[:, None] * expected), 0.0)
    count = np.maximum(usable.sum(axis=1, keepdims=True), 1)
    columns = []
    for table in tables:
        # The level holds the mean of it already.
        mean = np.where(usable, table, 0.0).sum(axis=1, keepdims=True) / count
        columns.append(((table - mean) * weight).ravel())
    design = np.stack(columns, axis=1)
    gap = (np.where(usable, panel.sales - expected, 0.0) * weight).ravel()
    prior = np.diag(SHARE_SD**-2.0)
    share = np.linalg.solve(design.T @ design + prior, design.T @ gap + prior @ SHARE_MEAN)
    cleaned = panel.sales - np.tensordot(np.clip(share, 0.0, 1.0), np.stack(tables), axes=1)
    panel = replace(panel, sales=cleaned)
    return panel, fit_baseline(panel, treated, attributed=own)


def _other_orders(panel: Panel, attributed: pd.DataFrame) -> list[Floats]:
    """USD by product and day, each (P, T): organic and paid sales outside partnerships, and what refunds of
    partnerships' and of other orders add to a day against the day of their order.
    """
    product = panel.rows_of(attributed["product_id"])
    outside = (attributed["campaign_id"] == "").to_numpy()
    paid = attributed["is_paid"].to_numpy(dtype=bool)
    day, refund_day = attributed["day"].to_numpy(), attributed["refund_day"].to_numpy()
    usd, back = attributed["usd"].to_numpy(), attributed["refunded_usd"].to_numpy()
    tables = [np.zeros(panel.sales.shape) for _ in range(4)]
    entries = [(0, day, usd, outside & ~paid), (1, day, usd, outside & paid)]
    for i, chosen in ((2, ~outside), (3, outside)):
        entries += [(i, refund_day, -back, chosen & (refund_day >= 0)), (i, day, back, chosen & (refund_day >= 0))]
    for i, when, amount, chosen in entries:
        column = when - panel.first_day
        inside = chosen & (product >= 0) & (column >= 0) & (column < panel.days)
        np.add.at(tables[i], (product[inside], column[inside]), amount[inside])
    return tables


def _index(ratio: Floats, usable: Flags, noise: Floats, panel: Panel) -> tuple[Floats, list[tuple[Ints, Floats]]]:
    """Everyone's deviation from 1 times market's and category's, each shrunk, float64 (P, T); `Baseline.shared`."""
    weight = np.where(usable, 1.0 / noise[:, None], 0.0)
    index, shared = np.ones(ratio.shape), []
    for codes in (np.zeros(len(ratio), dtype=np.int64), panel.market, panel.category):
        size = int(codes.max()) + 1
        # Precision of a ratio whose expected value is the index: var(ratio / index) = noise / index.
        precision = weight * index
        mass = np.zeros((size, ratio.shape[1]))
        pull = np.zeros_like(mass)
        np.add.at(mass, codes, precision)
        np.add.at(pull, codes, precision * (ratio / index - 1.0))
        mean = np.divide(pull, mass, out=np.zeros_like(pull), where=mass > 0)
        # Two products' deviations on one day have nothing in common but their code's: the mean of their products.
        square, weight_square = np.zeros_like(mass), np.zeros_like(mass)
        np.add.at(square, codes, (precision * (ratio / index - 1.0)) ** 2)
        np.add.at(weight_square, codes, precision**2)
        couples = float((mass**2 - weight_square).sum())
        between = max(0.0, float((pull**2 - square).sum()) / couples) if couples > 0 else 0.0
        deviation = mean * between * mass / (between * mass + 1.0)
        index = index * np.maximum(1.0 + deviation[codes], 1e-3)
        # What is left to know of a deviation once its products were heard.
        shared.append((codes, between / (between * mass + 1.0)))
    return index, shared


def _half_squared_steps(residual: Floats, usable: Flags) -> Floats:
    """Half the mean squared step from one day to the next, per product; NaN below 20 steps."""
    both = usable[:, 1:] & usable[:, :-1]
    squares = np.where(both, (residual[:, 1:] - residual[:, :-1]) ** 2, 0.0).sum(axis=1)
    count = both.sum(axis=1)
    halves: Floats = np.divide(squares, 2.0 * count, out=np.full(len(residual), np.nan), where=count >= 20)
    return halves


def _variogram(residual: Floats, usable: Flags) -> tuple[float, float, float]:
    """Drift variance, its memory in days, and the mean half squared one-day step, over all products.

    Fits ``noise + drift * (1 - exp(-h / memory))`` to half the mean squared steps over h = 1, 2, 3, 5, … days.
    Products weigh by their precision, so that the noisiest do not drown the rest.
    """
    lags = [h for h in (1, 2, 3, 5, 7, 10, 14, 21, 28, 42) if h < residual.shape[1] // 2] or [1]
    spread = np.where(usable, residual**2, 0.0).sum(axis=1) / np.maximum(usable.sum(axis=1), 1)
    weight = (1.0 / np.maximum(spread, 1e-3) ** 2)[:, None]
    curve = np.full(len(lags), np.nan)
    for i, h in enumerate(lags):
        both = usable[:, h:] & usable[:, :-h]
        mass = float((weight * both).sum())
        if mass > 0:
            curve[i] = float((weight * np.where(both, residual[:, h:] - residual[:, :-h], 0.0) ** 2).sum()) / (2 * mass)
    heard = np.isfinite(curve)
    if not heard.any():
        return 1e-6, MEMORIES[0], 0.1
    lag, curve = np.array(lags, dtype=np.float64)[heard], curve[heard]
    best = (np.inf, 1e-6, MEMORIES[0])
    for memory in MEMORIES:
        rise = 1.0 - np.exp(-lag / memory)
        centred = rise - rise.mean()
        slope = float(centred @ (curve - curve.mean()) / max(float(centred @ centred), 1e-12))
        slope = float(np.clip(slope, 1e-6, 1.0))
        error = float(np.sum((curve - curve.mean() - slope * centred) ** 2))
        if error < best[0]:
            best = (error, slope, memory)
    return best[1], best[2], float(curve[0])
