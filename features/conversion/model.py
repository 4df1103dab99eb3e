"""Conversion: units that watching a creator sells, of any product, as of the last fit before a day.

    model = conversion_of(market, day)            # None where the marketplace tells too little
    found = model.predict(rows, terms)            # one brief, or a brief a row

The model (`features.conversion.fit`) is fitted anew every `REFIT_DAYS` days, on
fixed days of the calendar, from what was known before that day's midnight. A
signal as of any day reads the latest fit on or before it, so a row's answer
depends on its own keys and day alone, and training and serving read the same
fits. What is asked of it is a brief's brand, category and price; creators,
brands and categories that the fit does not know take what is usual.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.conversion.coordinates import active, packed
from features.conversion.fit import FAR_PRICE, Fitted, fit_conversion
from features.conversion.rows import TRAITS, ConversionData, read_conversion_data
from marketplace.arrays import Flags, Floats, Ints
from marketplace.cache import ARRAYS, remembered
from marketplace.progress import track
from marketplace.tables import Marketplace

__all__ = [
    "CONVERSION_SIGNALS",
    "DECIMALS",
    "REFIT_DAYS",
    "Conversion",
    "Item",
    "conversion_columns",
    "conversion_of",
    "laid_out",
]


REFIT_DAYS = 28
"""Days between fits, counted from 1970-01-01."""

LEAST_POSTS = 150
LEAST_UNITS = 100
"""Posts and units ordered from them below which nothing is fitted."""

CONVERSION_SIGNALS = (
    "brief_conversion_mean_365d",
    "brief_conversion_spread_365d",
    "brief_conversion_taste_365d",
    "brief_conversion_general_365d",
    "brief_views_expected_365d",
)
"""What `Conversion.predict` tells, in order."""

DECIMALS = 6
"""Logarithms are told to these decimals: what lies beyond them hangs on the order in which creators' ids fall."""

_FORMAT_WORTH = 10.0
"""Posts that the usual share of lives weighs beside a creator's own, and beside partnerships' own."""

_VARIANCE_WORTH = 8.0
"""Videos that the usual variance of log views weighs beside a creator's own."""

_KEPT_BYTES = 2**30
"""Fits of one marketplace that stay in memory, at least the latest asked: some 50 of 20,000 creators."""

_LONG = 3
"""Fits to be made from which on progress is shown."""

_OF_CREATORS = ("mean", "cover", "level", "category_share", "usual_price", "views", "per_view", "live_share")

_FITS: WeakKeyDictionary[Marketplace, OrderedDict[int, Conversion | None]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Item:
    """What is to be sold: places in the model's brands and categories (the last: not known), ln USD price or NaN."""

    brand: int
    category: int
    log_price: float


@dataclass(frozen=True)
class Conversion:
    """A fitted model, in the shape in which creators are read from it.

    Creators stand in ascending order of id, and one who stands for all that are not known comes last: m + 1 in all.
    Arrays are kept coordinate by coordinate, so that a brief reads whole rows of them.

    Attributes
    ----------
    creator_ids : str (m,)
    brand_ids, category_ids : tuple of str
    mean : float64 (d, m + 1)
    cover : float64 (d (d + 1) / 2, m + 1)
    level : float64 (m + 1,)
        What `Fitted.fixed` makes of the creator's traits.
    category_share : float64 (categories + 1, m + 1)
    usual_price : float64 (m + 1,)
    views : float64 (m + 1,)
        Views, none of them bought, that the creator's next post is expected to have: a video in its first week, or a
        live, as often as the creator and partnerships go live.
    per_view : float64 (m + 1,)
        ln of what a view of that post sells beside a view of a video: lives sell more.
    live_share : float64 (m + 1,)
        Share of what that post sells by being watched that it is expected to sell as a live.
    brands : float64 (brands + 1, tastes)
        The last stands for all that are not known.
    fixed : float64
        See `Fitted.fixed`; there is one category more for all that are not told apart.
    category_price : float64 (categories + 1,)
    """

    creator_ids: npt.NDArray[np.str_]
    brand_ids: tuple[str, ...]
    category_ids: tuple[str, ...]
    mean: Floats
    cover: Floats
    level: Floats
    category_share: Floats
    usual_price: Floats
    views: Floats
    per_view: Floats
    live_share: Floats
    brands: Floats
    fixed: Floats
    category_price: Floats

    def rows_of(self, creator_ids: Any) -> Ints:
        """Where each of ``creator_ids`` (n,) stands; m where the fit does not know them."""
        places = pd.Index(self.creator_ids).get_indexer(pd.Index(creator_ids))
        return np.where(places < 0, len(self.creator_ids), places).astype(np.int64)

    def only(self, creator_ids: Any) -> Conversion:
        """The same model of those of ``creator_ids`` whom it knows, and of the one who stands for all others."""
        places = np.flatnonzero(np.isin(self.creator_ids, np.asarray(creator_ids)))
        kept = np.append(places, len(self.creator_ids))
        of_creators: dict[str, Any] = {
            name: np.ascontiguousarray(getattr(self, name)[..., kept]) for name in _OF_CREATORS
        }
        return replace(self, creator_ids=self.creator_ids[places], **of_creators)

    def item(self, *, brand_id: str, category_id: str, price_usd: float) -> Item:
        """What a brief sells, as the model reads it."""
        return Item(
            brand=self.brand_ids.index(brand_id) if brand_id in self.brand_ids else len(self.brand_ids),
            category=self.category_ids.index(category_id)
            if category_id in self.category_ids
            else len(self.category_ids),
            log_price=float(np.log(price_usd)) if price_usd > 0 else float("nan"),
        )

    def predict(self, rows: Ints, item: Item) -> dict[str, Floats]:
        """`CONVERSION_SIGNALS` of the creators at ``rows`` (n,) for one item: new float64 (n,) each.

        Element by element, in one order: a row's answer does not depend on the others.
        """
        tastes, c = self.brands.shape[1], len(self.category_price)
        own = self.category_price[item.category]
        s = item.log_price - own if np.isfinite(item.log_price) else 0.0
        coordinates = active(np.array([item.category]), c)[0]
        values: list[float | Floats] = [1.0, 1.0, s, *self.brands[item.brand].tolist(), self.live_share[rows]]
        mean = self.mean[coordinates[:-1, None], rows]
        general = mean[0] + self.level[rows]
        per_view = self.per_view[rows]
        taste = np.zeros(len(rows))
        for k in range(tastes):
            taste += values[3 + k] * mean[3 + k]
        far = np.minimum((s - self.usual_price[rows]) ** 2, FAR_PRICE)
        log_rate = (
            self.fixed[item.category]
            + self.fixed[c + 2] * s
            + self.fixed[c + 3] * s * s
            + self.fixed[c + 4] * self.category_share[item.category][rows]
            + self.fixed[c + 5] * far
            + mean[1]
            + s * mean[2]
            + general
            + taste
            + per_view
        )
        variance = np.zeros(len(rows))
        part = np.empty(len(rows))
        first, second = np.triu_indices(len(coordinates))
        places = packed(coordinates[first], coordinates[second], len(self.mean))
        for place, a, b in zip(places.tolist(), first.tolist(), second.tolist(), strict=True):
            np.take(self.cover[place], rows, out=part, mode="clip")  # told otherwise it copies; all rows are there
            part *= values[a] * values[b] * (1.0 if a == b else 2.0)
            variance += part
        found = (
            1000.0 * np.exp(np.round(log_rate + 0.5 * variance, DECIMALS)),
            np.sqrt(np.maximum(np.round(variance, DECIMALS), 0.0)),
            np.round(taste, DECIMALS),
            np.round(general, DECIMALS),
            self.views[rows],
        )
        return dict(zip(CONVERSION_SIGNALS, found, strict=True))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Every field by name, text as numpy text: what a snapshot keeps."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return sum(array.nbytes for array in self.arrays().values())

    def fits(self) -> bool:
        """Whether the arrays' sizes agree."""
        d, people, c = len(self.mean), len(self.creator_ids) + 1, len(self.category_ids) + 1
        return (
            d == c + 3 + self.brands.shape[1]
            and self.mean.shape == (d, people)
            and self.cover.shape == (d * (d + 1) // 2, people)
            and self.category_share.shape == (c, people)
            and all(
                len(one) == people for one in (self.level, self.usual_price, self.views, self.per_view, self.live_share)
            )
            and len(self.brands) == len(self.brand_ids) + 1
            and len(self.fixed) == c + 6 + TRAITS
            and len(self.category_price) == c
        )

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Conversion:
        """The model of `arrays`."""
        names = ("brand_ids", "category_ids")
        return cls(**{k: tuple(v.astype(str).tolist()) if k in names else v for k, v in arrays.items()})  # type: ignore[arg-type]


def conversion_of(market: Marketplace, day: int) -> Conversion | None:
    """The model that holds on ``day`` (whole days from 1970-01-01); None where too little was known when it was due."""
    due = day // REFIT_DAYS * REFIT_DAYS
    kept = _FITS.setdefault(market, OrderedDict())
    if due not in kept:
        arrays = remembered(
            market, "conversion", [due], code="features.conversion", form=ARRAYS, make=lambda: _fitted(market, due)
        )
        kept[due] = Conversion.of_arrays(arrays) if arrays else None
    kept.move_to_end(due)
    while len(kept) > 1 and sum(fit.size for fit in kept.values() if fit is not None) > _KEPT_BYTES:
        kept.popitem(last=False)
    return kept[due]


def _fitted(market: Marketplace, due: int) -> Mapping[str, npt.NDArray[Any]]:
    """The arrays of the model fitted on what was known before the day ``due``; none where that is too little."""
    evidence = read_conversion_data(market, due)
    if evidence is None or len(evidence.posts) < LEAST_POSTS or float(evidence.posts.units.sum()) < LEAST_UNITS:
        return {}
    return laid_out(evidence, fit_conversion(evidence)).arrays()


def conversion_columns(
    market: Marketplace, creator_ids: npt.NDArray[Any], codes: Ints, briefs: Sequence[Any], days: Ints
) -> dict[str, Floats]:
    """`CONVERSION_SIGNALS` of n rows: float64 (n,) each, NaN where no model holds.

    Parameters
    ----------
    creator_ids : str (n,)
    codes : int64 (n,)
        Each row's place in ``briefs``.
    briefs : sequence of Brief
        Their brand, category and price are read.
    days : int64 (briefs,)
        The day as of which each is asked.
    """
    out = {name: np.full(len(codes), np.nan) for name in CONVERSION_SIGNALS}
    creators, ids = pd.factorize(creator_ids)
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(briefs) + 1))
    due = days // REFIT_DAYS
    for period in _shown(market, np.unique(due).tolist()):
        model = conversion_of(market, period * REFIT_DAYS)
        if model is None:
            continue
        places = model.rows_of(ids)
        for number in np.flatnonzero(due == period).tolist():
            at = order[edges[number] : edges[number + 1]]
            brief = briefs[number]
            item = model.item(brand_id=brief.brand_id, category_id=brief.category_id, price_usd=brief.price_usd)
            for name, values in model.predict(places[creators[at]], item).items():
                out[name][at] = values
    return out


def _shown(market: Marketplace, periods: list[int]) -> Iterable[int]:
    """``periods``, with progress where several must be fitted."""
    kept = _FITS.get(market, OrderedDict())
    if sum(period * REFIT_DAYS not in kept for period in periods) < _LONG:
        return periods
    return track(periods, "  conversion, four weeks at a time", total=len(periods))


def laid_out(evidence: ConversionData, fitted: Fitted) -> Conversion:
    """The model ``fitted`` on ``evidence``, in the shape in which creators are read from it."""
    shelf, c = evidence.shelf, len(evidence.shelf.category_price)
    size = len(fitted.spread)
    cover = np.zeros(fitted.cover.shape[1])
    cover[packed(np.arange(size), np.arange(size), size)] = fitted.spread
    return Conversion(
        creator_ids=evidence.creator_ids.astype(str),
        brand_ids=shelf.brand_ids,
        category_ids=shelf.category_ids,
        mean=_with_nobody(fitted.mean, np.zeros(size)),
        cover=_with_nobody(fitted.cover, cover),
        level=np.append((evidence.traits * fitted.fixed[c + 6 : c + 6 + TRAITS]).sum(axis=1), 0.0),
        category_share=_with_nobody(fitted.category_share, np.zeros(c)),
        usual_price=np.append(fitted.usual_price, 0.0),
        **_next_post(evidence, fitted),
        brands=np.vstack([fitted.brands, np.zeros(fitted.brands.shape[1])]),
        fixed=fitted.fixed,
        category_price=shelf.category_price,
    )


def _with_nobody(table: Floats, nobody: Floats) -> Floats:
    return np.ascontiguousarray(np.vstack([table, nobody]).T)


def _next_post(evidence: ConversionData, fitted: Fitted) -> dict[str, Floats]:
    """`Conversion.views`, `Conversion.per_view` and `Conversion.live_share`.

    A creator's next post is a live as often as its posts were, drawn to all creators' by `_FORMAT_WORTH` posts, and
    as partnerships' posts are lives oftener or less often than others. A live's views are a video's times one ratio.
    """
    posts, m, c = evidence.posts, len(evidence.creator_ids), len(evidence.shelf.category_price)
    live = posts.live > 0
    log_views = np.log(posts.views)
    there = bool(live.any()) and bool((~live).any())
    ratio = float(log_views[live].mean() - log_views[~live].mean()) if there else 0.0
    count = np.bincount(posts.creator, minlength=m)
    lives = np.bincount(posts.creator, weights=posts.live, minlength=m)
    usual = float(posts.live.mean())
    partner = posts.partnership > 0
    delivered = (float(posts.live[partner].sum()) + _FORMAT_WORTH * usual) / (float(partner.sum()) + _FORMAT_WORTH)
    share = np.append((lives + _FORMAT_WORTH * usual) / (count + _FORMAT_WORTH), usual)
    share = np.clip(share * (delivered / usual if usual > 0 else 1.0), 0.0, 1.0)
    middle, variance = _log_views(evidence, live, log_views, ratio)
    views = np.log((1.0 - share) + share * np.exp(ratio))
    lives = share * np.exp(ratio + float(fitted.fixed[c]) + np.append(fitted.mean[:, -1], 0.0))
    sold = np.log((1.0 - share) + lives)
    return {
        "views": np.exp(np.round(middle + 0.5 * variance + views, DECIMALS)),
        "per_view": np.round(sold - views, DECIMALS),
        "live_share": np.round(lives / ((1.0 - share) + lives), DECIMALS),
    }


def _log_views(evidence: ConversionData, live: Flags, log_views: Floats, ratio: float) -> tuple[Floats, Floats]:
    """Mean and variance, both (m + 1,), of ln of the views of each creator's next video; one who is not known last.

    From first weeks of videos, and from lives less ``ratio``. Means are drawn to a line in log followers, variances to
    the usual one, by how few posts there are.
    """
    creator = evidence.posts.creator[live]
    shifted = log_views[live] - ratio
    size = len(evidence.creator_ids)
    n = evidence.videos + np.bincount(creator, minlength=size)
    total = evidence.log_views + np.bincount(creator, weights=shifted, minlength=size)
    squared = evidence.log_views_squared + np.bincount(creator, weights=shifted**2, minlength=size)
    seen = n > 0
    if not seen.any():
        return np.full(size + 1, np.nan), np.full(size + 1, np.nan)
    mean = np.divide(total, n, out=np.zeros_like(total), where=seen)
    rest = np.where(seen, np.maximum(squared - n * mean * mean, 0.0), 0.0)
    usual = float(rest.sum()) / max(float((n - 1.0)[seen].sum()), 1.0)
    followers = evidence.traits[:, 0]
    x, y, w = followers[seen], mean[seen], n[seen] / (n[seen] + 4.0)
    centre, level = np.average(x, weights=w), np.average(y, weights=w)
    slope = np.sum(w * (x - centre) * (y - level)) / max(float(np.sum(w * (x - centre) ** 2)), 1e-9)
    line = level + slope * (followers - centre)
    noise = np.sum(w * usual / n[seen]) / np.sum(w)
    between = max(float(np.average((y - line[seen]) ** 2, weights=w) - noise), 0.05 * usual, 1e-9)
    known = n / usual if usual > 0 else n
    posterior = 1.0 / (1.0 / between + known)
    middle = posterior * (line / between + known * mean)
    variance = (rest + _VARIANCE_WORTH * usual) / (np.maximum(n - 1.0, 0.0) + _VARIANCE_WORTH)
    return np.append(middle, level - slope * centre), np.append(posterior + variance, between + usual)
