"""What the product days say of each partnership's lift, before any prior: the evidence of `features.lift.estimate`.

One block a product (`features.lift.empirical_bayes.Block`): its days against what
it would have sold (`features.lift.counterfactual`), by generalised least squares
over all its partnerships at once. What is captured is missing as late as all products together say
(`features.lift.delay`); what a lift has beyond what is foretold of it shows when its orders come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.lift.counterfactual import Baseline, Panel, fit_baseline, known_rows, read_panel, without_others
from features.lift.delay import DELAYS, delayed, fit_delay
from features.lift.empirical_bayes import Block, Late
from features.time import day_number, days_of
from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.tables import Marketplace

__all__ = [
    "LEVEL_VARIANCE",
    "TERMS",
    "LiftEvidence",
    "ProductDays",
    "days_of_posting",
    "families",
    "gather_evidence",
    "lines_by_day",
    "product_days",
    "sales_kernel",
    "sales_shapes",
    "treated_days",
    "within_window",
]


KERNEL_HALF_LIFE = 3.0
"""Days in which the stated sales kernel halves; it counts as `KERNEL_LINES` order lines beside the data's own."""
KERNEL_LINES = 50.0

SHAPE_LINES = 3.0
"""Order lines for which the kernel counts beside those of one product's partnerships of one day."""

WAIT_DAYS = 3
"""Days after the window that are not used as untreated either."""

REACH_DAYS = 90
"""Days before the first and after the last partnership of a product that are looked at."""

TERMS = ("organic", "paid", "captured", "captured_followers", "captured_posts")
_ORGANIC, _CAPTURED = TERMS.index("organic"), TERMS.index("captured")

CAPTURED_AT_HALF = 0.05
"""Attributed sales, as a share of what the product sells anyway, at which the term ``captured`` reaches half."""

MANY_PRODUCTS = 25
"""A partnership for more products than this is looked at in the sum of them all, not product by product."""

LEAST_READ = 0.2
"""Share of a partnership's sales that must fall outside sales days to speak for all of them alone."""

LEVEL_VARIANCE = 0.25
"""Of a level that no untreated day speaks for."""

_KEYS = ["campaign_id", "creator_id"]


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


@dataclass(frozen=True)
class LiftEvidence:
    """Everything that the product days say, for one marketplace as of one day.

    Attributes
    ----------
    rows : DataFrame[invitation_id, campaign_id, creator_id, content_id, posted_day]
        The partnerships, in the order given.
    pairs : DataFrame
        One row a partnership (``row``, its number) and product (``product``, row of the panel): ``start``, the column
        of the panel on which it was posted, ``brief_start``, ``brief_end``, ``level``, ``read`` (share of its sales
        that falls outside sales days), what is told of its prior (`TERMS`), ``price``.
    panel, baseline : Panel, Baseline
        Without other orders; what would have been sold.
    raw : Panel
        As it was read.
    together : bool
        Partnerships are for so many products that the panel holds the sum of them all, one row a currency.
    treated : bool (P, T)
        Days on which a partnership is in force, and `WAIT_DAYS` more.
    untreated : bool (P, T)
        Days that the counterfactual was fitted on.
    kernel : float64 (ATTRIBUTION_DAYS,)
    delay : float64 (DELAY_DAYS + 1,)
        How late captured sales are missing, shares by days.
    seen : float64 (P, T)
        Partnerships' organic attributed USD by product and day.
    lines : float64 (len(pairs), ATTRIBUTION_DAYS)
        Organic attributed order lines of each of ``pairs`` by day since posting.
    blocks : list of Block
        By product, ascending.
    block_pairs : list of int64 (J,)
        The rows of ``pairs`` that each block is about, in the block's order.
    """

    rows: pd.DataFrame
    pairs: pd.DataFrame
    panel: Panel
    raw: Panel
    together: bool
    baseline: Baseline
    treated: Flags
    untreated: Flags
    kernel: Floats
    delay: Floats
    seen: Floats
    lines: Floats
    blocks: list[Block]
    block_pairs: list[Ints]

    @property
    def read(self) -> Floats:
        """Share of each partnership's sales that falls outside its products' sales days, (n,); 1 where not known."""
        count = np.bincount(self.pairs["row"], minlength=len(self.rows))
        told = np.bincount(self.pairs["row"], weights=self.pairs["read"], minlength=len(self.rows))
        return np.where(count > 0, told / np.maximum(count, 1), 1.0)


def gather_evidence(
    market: Marketplace,
    rows: pd.DataFrame,
    sales: pd.DataFrame,
    *,
    day: pd.Timestamp,
    attributed: pd.DataFrame,
    shifts: Sequence[int] = (),
    briefs: bool = False,
    kin: bool = False,
    blocks: bool = True,
    raw: Panel | None = None,
) -> LiftEvidence | None:
    """The evidence on the partnerships ``rows`` as known before ``day``; None without days.

    Parameters
    ----------
    rows : DataFrame[invitation_id, campaign_id, creator_id, content_id, posted_day]
    sales : DataFrame, as `within_window` gives it for ``rows``.
    attributed : DataFrame, as `features.lift.estimate.attributed_days` gives it.
    shifts : ints
        The days of every partnership, moved back by each of these (forward where negative), are not used as untreated
        either: what a placebo, or what follows, is asked of must not have been fitted to.
    briefs : bool
        Nor are the days on which a brief of theirs runs.
    kin : bool
        Nor are the days on which another product of the same brand and category has a partnership in force.
    blocks : bool
        False where only the counterfactual is wanted: `LiftEvidence.blocks` is then empty.
    raw : Panel, optional
        `LiftEvidence.raw` of the same partnerships and day, which saves reading it again.
    """
    pairs = _pairs(market, rows, day)
    together = len(pairs) > 0 and bool(pairs["row"].value_counts().max() > MANY_PRODUCTS)
    wanted = pairs["product_id"]
    if raw is None and len(pairs):
        raw = read_panel(market, day_number(day), wanted=wanted, together=together)
    if raw is None:
        return None
    panel = raw
    cut = ["row"] if together else ["row", "product_id"]
    if together:
        currency = known_rows(market, "products", ["product_id", "currency"], day)
        by_product = currency.set_index("product_id")["currency"]
        pairs = pairs.assign(product_id=wanted.map(by_product)).dropna().drop_duplicates().reset_index(drop=True)
    pairs["product"] = panel.rows_of(pairs["product_id"])
    pairs["start"] = rows["posted_day"].to_numpy()[pairs["row"]] - panel.first_day
    pairs = _with_brief(market, rows, pairs, panel, day=day)
    pairs = pairs[pairs["product"] >= 0].reset_index(drop=True)
    treated, own = treated_days(panel, pairs), _own_sales(panel, pairs, sales, cut)
    clear = treated.copy()
    for shift in shifts:
        clear |= treated_days(panel, pairs.assign(start=pairs["start"] - shift))
    if kin:
        code = families(market, panel.product_ids)
        for family in np.unique(code[pairs["product"].to_numpy()]).tolist():
            clear[code == family] |= treated[code == family].any(axis=0)
    runs = pairs["brief_start"].notna() & pairs["brief_end"].notna()
    for p, first, last in pairs.loc[runs & briefs, ["product", "brief_start", "brief_end"]].to_numpy(dtype=np.int64):
        clear[p, max(0, first) : max(0, last + 1)] = True
    panel, baseline = without_others(panel, fit_baseline(panel, clear, attributed=own), clear, own, attributed)
    pairs["level"] = baseline.level[pairs["product"]]
    pairs = pairs[pairs["level"].notna()].reset_index(drop=True)
    if pairs.empty:
        return None
    kernel = sales_kernel(sales["age"].to_numpy(), sales["lines"].to_numpy(dtype=np.float64))
    pairs = _with_terms(pairs, sales, panel, cut, kernel=kernel).merge(_reach(market, rows, day), on="row", how="left")
    for name in ("followers", "posts"):
        pairs[f"captured_{name}"] = pairs["captured"] * pairs[name]
    organic = sales[~sales["is_paid"]]
    seen, lines = _own_sales(panel, pairs, organic, cut), _own_lines(pairs, organic, cut)
    pairs = pairs.drop(columns="product_id")
    places = _by_product(pairs["product"].to_numpy()) if blocks else []
    found, delay = _blocks(panel, baseline, pairs, places, kernel=kernel, seen=seen, lines=lines)
    untreated = np.isfinite(panel.sales) & ~clear
    return LiftEvidence(
        rows, pairs, panel, raw, together, baseline, treated, untreated, kernel, delay, seen, lines, found, places
    )


def within_window(rows: pd.DataFrame, attributed: pd.DataFrame) -> pd.DataFrame:
    """Attributed sales of each partnership's window: row, product_id, age, is_paid, lines, usd."""
    keyed = rows[[*_KEYS, "posted_day"]].assign(row=np.arange(len(rows)))
    sales = keyed.merge(attributed[attributed["campaign_id"] != ""], on=_KEYS, how="inner")
    sales["age"] = (sales["day"] - sales["posted_day"]).astype(np.int64)
    sales = sales[(sales["age"] >= 0) & (sales["age"] < ATTRIBUTION_DAYS)]
    order = ["row", "product_id", "age", "is_paid", "refund_day"]
    return sales.sort_values(order, kind="stable").reset_index(drop=True)


def _reach(market: Marketplace, rows: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Standardised log followers and log posts of each row's creator, 0 where not known: row, followers, posts."""
    who = rows["creator_id"].dropna().unique()
    profiles = market.frame_of(
        "creator_snapshots", ["creator_id", "snapshot_at", "follower_count", "known_at"], key="creator_id", values=who
    )
    profiles = profiles[(profiles["snapshot_at"] < day) & (profiles["known_at"] < day)].dropna()
    profiles = profiles.sort_values(["snapshot_at", "known_at"], kind="stable").drop_duplicates(
        "creator_id", keep="last"
    )
    contents = market.frame_of(
        "contents", ["content_id", "creator_id", "published_at", "known_at"], key="creator_id", values=who
    )
    contents = contents[(contents["published_at"] < day) & (contents["known_at"] < day)]
    posts = contents.groupby("creator_id")["content_id"].nunique()
    found = {"followers": profiles.set_index("creator_id")["follower_count"], "posts": posts}
    out = pd.DataFrame({"row": np.arange(len(rows))})
    for name, by_creator in found.items():
        log = np.log1p(rows["creator_id"].map(by_creator).astype(np.float64))
        deviation = log.std()
        out[name] = ((log - log.mean()) / deviation).fillna(0.0) if deviation > 0 else 0.0
    return out


def _pairs(market: Marketplace, rows: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """One row a partnership and product: those of its content where known, else those of its campaign."""
    columns = ["content_id", "product_ids", "published_at", "known_at"]
    contents = market.frame_of("contents", columns, key="content_id", values=rows["content_id"].dropna())
    contents = contents[(contents["published_at"] < day) & (contents["known_at"] < day)]
    contents = contents.sort_values("known_at", kind="stable").drop_duplicates("content_id", keep="last")
    campaigns = known_rows(market, "campaigns", ["campaign_id", "product_ids"], day)
    of_content = rows["content_id"].map(contents.set_index("content_id")["product_ids"])
    of_campaign = rows["campaign_id"].map(campaigns.set_index("campaign_id")["product_ids"])
    has = of_content.map(lambda ids: isinstance(ids, np.ndarray) and len(ids) > 0).astype(bool)
    chosen = of_content.where(has, of_campaign)
    pairs = pd.DataFrame({"row": np.arange(len(rows)), "product_id": chosen}).explode("product_id")
    return pairs.dropna().drop_duplicates().astype({"row": np.int64}).reset_index(drop=True)


def _with_brief(
    market: Marketplace, rows: pd.DataFrame, pairs: pd.DataFrame, panel: Panel, *, day: pd.Timestamp
) -> pd.DataFrame:
    """``pairs`` with the columns of the panel on which the brief begins and ends, float64, NaN where not known."""
    campaigns = known_rows(market, "campaigns", ["campaign_id", "briefed_at", "starts_at", "ends_at"], day)
    campaigns = campaigns.set_index("campaign_id")
    of_pair = campaigns.reindex(rows["campaign_id"].to_numpy()[pairs["row"]])
    starts = of_pair["starts_at"].fillna(of_pair["briefed_at"]).reset_index(drop=True)
    for name, instants in (("brief_start", starts), ("brief_end", of_pair["ends_at"].reset_index(drop=True))):
        column = np.where(instants.isna(), np.nan, days_of(instants).astype(np.float64) - panel.first_day)
        pairs = pairs.assign(**{name: column})
    return pairs


def families(market: Marketplace, product_ids: npt.NDArray[np.object_]) -> Ints:
    """Code of the brand and category of each product, -1 where not known."""
    products = market.frame("products", ["product_id", "brand_id", "category_id"]).drop_duplicates("product_id")
    known = products.set_index("product_id").reindex(product_ids)
    keys = pd.MultiIndex.from_frame(known[["brand_id", "category_id"]].astype(object))
    code = pd.factorize(keys, sort=False)[0]
    return np.where(known.notna().all(axis=1), code, -1).astype(np.int64)


def treated_days(panel: Panel, pairs: pd.DataFrame) -> Flags:
    """Days of posting to the end of the window and `WAIT_DAYS` on, by product, bool (P, T)."""
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


def _own_lines(pairs: pd.DataFrame, sales: pd.DataFrame, keys: list[str]) -> Floats:
    """Attributed order lines of each of ``pairs`` by day since posting, float64 (len(pairs), ATTRIBUTION_DAYS)."""
    out = np.zeros((len(pairs), ATTRIBUTION_DAYS))
    placed = pairs[keys].assign(pair=np.arange(len(pairs))).merge(sales[[*keys, "age", "lines"]], on=keys, how="inner")
    np.add.at(out, (placed["pair"].to_numpy(), placed["age"].to_numpy()), placed["lines"].to_numpy(dtype=np.float64))
    return out


def sales_shapes(kernel: Floats, lines: Floats, told: Flags) -> Floats:
    """Shares of sales by day since posting, one row for each of U days of posting, each summing to 1: (U, A).

    Most of what a partnership adds comes when its attributed sales come; a hit keeps to no common ``kernel``. So days
    follow their own order lines, beside the kernel that counts as `SHAPE_LINES`. Days that say nothing keep the
    kernel's share: what is read of a window is the same part of it for all.

    Parameters
    ----------
    kernel : float64 (A,), summing to 1
    lines : float64 (U, A), organic attributed order lines
    told : bool (U, A), days whose sales are known, outside sales days
    """
    read = np.where(told, kernel, 0.0)
    share = read.sum(axis=1, keepdims=True)
    own = np.where(told, np.maximum(lines, 0.0), 0.0)
    usual = np.divide(read, share, out=np.zeros_like(read), where=share > 0)
    mixed = share * (own + SHAPE_LINES * usual) / (own.sum(axis=1, keepdims=True) + SHAPE_LINES)
    return np.where(told, mixed, kernel)


def _with_terms(
    pairs: pd.DataFrame, sales: pd.DataFrame, panel: Panel, keys: list[str], *, kernel: Floats
) -> pd.DataFrame:
    """``pairs`` with organic and paid attributed USD (summed by ``keys``), usual sales, price, and what was read.

    What was attributed on a product's sales days says nothing of lift: the rest of the window speaks for all of it, by
    ``read``, the share of ``kernel`` (ATTRIBUTION_DAYS,) that falls on the rest. What is missing of it to `LEAST_READ`
    is taken as all partnerships' share of usual sales: of a window that is all sale nothing is known, not that nothing
    was sold.
    """
    column = pairs["start"].to_numpy()[:, None] + np.arange(len(kernel))
    inside = (column >= 0) & (column < panel.days)
    promoted = inside & panel.promoted[pairs["product"].to_numpy()[:, None], np.clip(column, 0, panel.days - 1)]
    pairs = pairs.assign(read=np.where(promoted, 0.0, kernel).sum(axis=1))
    if promoted.any():
        which, age = np.nonzero(promoted)
        off = pairs.iloc[which][keys].reset_index(drop=True).assign(age=age)
        sales = sales.merge(off, on=[*keys, "age"], how="left", indicator="found")
        sales = sales[sales.pop("found") == "left_only"]
    usd, paid = sales["usd"], sales["is_paid"]
    parts = sales.assign(organic=usd.where(~paid, 0.0), paid=usd.where(paid, 0.0))
    summed = parts.groupby(keys, as_index=False)[["organic", "paid"]].sum()
    pairs = pairs.merge(summed, on=keys, how="left").fillna({"organic": 0.0, "paid": 0.0})
    anyway = pairs["level"] * ATTRIBUTION_DAYS
    usual = max(float((anyway * pairs["read"]).sum()), 1e-9)
    missing = (LEAST_READ - pairs["read"]).clip(lower=0.0)
    for name in ("organic", "paid"):
        share = float(pairs[name].sum()) / usual
        pairs[name] = (pairs[name] + missing * share * anyway) / np.maximum(pairs["read"], LEAST_READ)
    organic = pairs["organic"].clip(lower=0.0)
    # No more can be captured than was attributed; of a whole market's sales no stated share is captured.
    bounded = anyway * organic / (organic + CAPTURED_AT_HALF * anyway)
    pairs["captured"] = bounded if "product_id" in keys else 0.0
    pairs["price"] = panel.price[pairs["product"]]
    return pairs


@dataclass(frozen=True)
class ProductDays:
    """One product's days around its partnerships, as a linear model of the ratio to what it would have sold.

    ``ratio = design @ (lifts - organic attributed sales) + error``; ``factor`` is the Cholesky factor of the error's
    covariance (n, n), ``column`` (n,) the days' columns in the panel, ``expected`` (n,) USD, ``design`` (n, U) of the
    sums of the partnerships of each of U days, ``ratio`` (n,) less their organic attributed sales. ``posted`` (U,) are
    the days of posting, and ``shapes`` (U, ATTRIBUTION_DAYS) what the design is made of.
    """

    product: int
    column: Ints
    expected: Floats
    design: Floats
    ratio: Floats
    factor: Floats
    posted: Ints
    shapes: Floats

    def late(self, sums: Floats) -> Floats:
        """What ``sums`` (U, q) would show as, as late as each of `features.lift.delay.DELAYS` says: (n, 7, q)."""
        shapes = delayed(self.shapes)
        laid = [_laid(self.column, self.posted, one, self.expected) @ sums for one in shapes]
        return np.stack(laid, axis=1)

    def solve(self, right: Floats) -> Floats:
        """The covariance's inverse times ``right`` (n,) or (n, k)."""
        from scipy.linalg import cho_solve

        solved: Floats = cho_solve((self.factor, True), right, check_finite=False)
        return solved


def days_of_posting(start: Ints) -> tuple[Ints, Ints]:
    """Which day each partnership of a product was posted on, int64 (J,), and those days' columns, int64 (U,).

    Days are in the order in which they first occur in ``start`` (J,).
    """
    place, posted = pd.factorize(start)
    return place.astype(np.int64), np.asarray(posted, dtype=np.int64)


def product_days(
    panel: Panel,
    baseline: Baseline,
    *,
    product: int,
    start: Ints,
    lines: Floats,
    kernel: Floats,
    seen: Floats,
    reach: Ints | None = None,
) -> ProductDays:
    """The days of row ``product`` of the panel, from `REACH_DAYS` before to as long after its partnerships.

    Parameters
    ----------
    start : int64 (U,), columns on which its partnerships were posted, each once.
    lines : float64 (U, ATTRIBUTION_DAYS), their organic attributed order lines by day since posting.
    kernel : float64 (ATTRIBUTION_DAYS,), the shape of sales of all partnerships together.
    seen : float64 (P, T), partnerships' organic attributed USD.
    reach : int64, columns to reach before and after from; ``start`` by default.
    """
    around = start if reach is None else reach
    low = max(0, int(around.min()) - REACH_DAYS)
    high = min(panel.days, int(around.max()) + len(kernel) + REACH_DAYS)
    column = np.arange(low, high)
    from scipy.linalg import cho_factor

    column = column[np.isfinite(panel.sales[product, column])]
    index = baseline.index[product, column]
    expected = baseline.level[product] * index
    shapes = sales_shapes(kernel, lines, _told(panel, product, start, len(kernel)))
    distance = np.abs(column[:, None] - column)
    covariance = LEVEL_VARIANCE + baseline.drift * np.exp(-distance / baseline.memory)
    # Sales are counts: the variance of a day's ratio falls with what is expected.
    covariance[np.diag_indices_from(covariance)] += baseline.noise[product] / index
    factor, _ = cho_factor(covariance, lower=True, check_finite=False)
    ratio = (panel.sales[product, column] - seen[product, column]) / expected - 1.0
    design = _laid(column, start, shapes, expected)
    return ProductDays(product, column, expected, design, ratio, factor, start, shapes)


def _laid(column: Ints, start: Ints, shapes: Floats, expected: Floats) -> Floats:
    """``shapes`` (U, A) from each of the days ``start`` (U,) on, at ``column`` (n,), over ``expected`` (n,): (n, U)."""
    age, count = column[:, None] - start, shapes.shape[1]
    laid = np.where((age >= 0) & (age < count), shapes[np.arange(len(start)), np.clip(age, 0, count - 1)], 0.0)
    design: Floats = laid / expected[:, None]
    return design


def _told(panel: Panel, product: int, start: Ints, days: int) -> Flags:
    """Whether the product's sales are known on each of the ``days`` after each of U days of posting, bool (U, days)."""
    column = start[:, None] + np.arange(days)
    inside = (column >= 0) & (column < panel.days)
    known: Flags = np.isfinite(panel.sales[product, np.clip(column, 0, panel.days - 1)])
    return inside & known


def lines_by_day(lines: Floats, place: Ints, count: int) -> Floats:
    """``lines`` (J, A) of a product's partnerships summed over those of each of its ``count`` days: (count, A)."""
    out = np.zeros((count, lines.shape[1]))
    np.add.at(out, place, lines)
    return out


def _by_product(product: Ints) -> list[Ints]:
    """The places of each product, products ascending, places in their order."""
    order = np.argsort(product, kind="stable")
    return [np.asarray(part) for part in np.split(order, np.flatnonzero(np.diff(product[order])) + 1)]


@dataclass(frozen=True)
class _Delays:
    """What one product's days say of the terms of a prior mean, laid as late as each of `DELAYS`.

    ``reach`` (U, 7, q), ``seen`` (7, q, 7, q) and ``heard`` (7, q): `features.lift.empirical_bayes.Late` of each,
    before what was taken off is put back.
    """

    reach: Floats
    seen: Floats
    heard: Floats

    def of(self, delay: Floats, pull: Floats) -> Late:
        """These mixed by ``delay`` (7,), organic attributed sales put back into ``pull`` (U,) as late."""
        reach = np.einsum("ukq,k->uq", self.reach, delay)
        seen = np.einsum("kqlr,k,l->qr", self.seen, delay, delay)
        return Late(pull + reach[:, _ORGANIC], reach, seen, delay @ self.heard + seen[:, _ORGANIC])


def _blocks(
    panel: Panel,
    baseline: Baseline,
    pairs: pd.DataFrame,
    places: Sequence[Ints],
    *,
    kernel: Floats,
    seen: Floats,
    lines: Floats,
) -> tuple[list[Block], Floats]:
    """What each product's days say of its partnerships, the rows of ``pairs`` at ``places``, and the delay.

    The partnerships' organic attributed sales, ``seen`` (P, T), are taken off day by day, what is left is explained
    by shapes of their ``lines`` (len(pairs), ATTRIBUTION_DAYS) and ``kernel``, and their sums are put back: the scatter
    of the orders that can be seen is then no noise. What is left falls as late as what is captured is missing.
    """
    # Frames are dear to slice thousands of times.
    product, start, row = (pairs[name].to_numpy() for name in ("product", "start", "row"))
    price, captured, organic, paid = (pairs[name].to_numpy() for name in ("price", "captured", "organic", "paid"))
    attributed = np.maximum(organic + paid, 0.0)
    terms = pairs[list(TERMS)].to_numpy()
    spread = np.stack([price**2, price * attributed, attributed**2, captured**2], axis=1)
    found = []
    captured_by, pulled = np.zeros((len(DELAYS), len(DELAYS))), np.zeros(len(DELAYS))
    for at in places:
        place, posted = days_of_posting(start[at])
        shares = lines_by_day(lines[at], place, len(posted))
        p, count = int(product[at[0]]), len(posted)
        days = product_days(panel, baseline, product=p, start=posted, lines=shares, kernel=kernel, seen=seen)
        z = np.zeros((count, len(TERMS)))
        np.add.at(z, place, terms[at])
        late = days.late(z)
        flat = late.reshape(len(late), -1)
        solved = days.solve(np.column_stack([days.design, flat, days.ratio]))
        own, other = days.design.T @ solved, flat.T @ solved[:, count:]
        reach, shape = own[:, count:-1].reshape(count, *late.shape[1:]), 2 * late.shape[1:]
        delays = _Delays(reach, other[:, :-1].reshape(shape), other[:, -1].reshape(late.shape[1:]))
        captured_by += delays.seen[:, _CAPTURED, :, _CAPTURED]
        pulled += delays.heard[:, _CAPTURED]
        information, pull = own[:, :count], own[:, -1]
        block = Block(information, pull + information @ z[:, _ORGANIC], terms[at], spread[at], row[at], place)
        found.append((block, pull, delays))
    delay = fit_delay(captured_by, pulled)
    return [replace(block, late=delays.of(delay, pull)) for block, pull, delays in found], delay @ DELAYS
