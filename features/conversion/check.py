"""How well conversion's law holds: what it tells of posts against what they sold, and how they look beside its own.

    found = check_conversion(market, day)     # None where no model holds, or too little was posted since
    print(found)

The posts are those of four weeks that the fit has not seen, read four weeks later: the latest such fit before a day.
What is off is said in words (`ConversionCheck.off`) where it is beyond the thresholds stated here, which are of a size
that matters, and beyond chance as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.conversion.fit import Fitted, fit_conversion
from features.conversion.law import law_of
from features.conversion.model import LEAST_POSTS, LEAST_UNITS, REFIT_DAYS, Conversion, Item, laid_out
from features.conversion.rows import RIPE_DAYS, ConversionData, Posts, Shelf, read_conversion_data, read_later_posts
from marketplace.arrays import Flags, Floats, Ints, as_floats
from marketplace.display import Shown, text_of
from marketplace.jsonable import jsonable
from marketplace.tables import Marketplace

__all__ = ["ConversionCheck", "Level", "Order", "Replicated", "check_conversion", "check_posts", "check_text"]

LEVEL_OFF = 1.25
"""Units sold over units told, or the inverse, from which on a level is off; in all and by format."""

TENTH_OFF = 1.5
"""The same of a tenth of the posts, beside the level of all; of the highest, that most is sold by, `LEVEL_OFF`."""

STANDARD_ERRORS = 3.0
"""How many standard errors (by creator) away from 1 it must be besides."""

SCATTER_OFF = 0.2
"""Difference of the exponents of variance from which on scatter is off."""

ZEROS_OFF = 0.05
"""Difference of the shares of posts without sales from which on they are."""

TOP_OFF = 1.25
"""Ratio of the shares of the best 1 % of posts from which on they are."""

ORDER_OFF = 0.02
"""By how much a plain rival's rank correlation with sales must be above the law's."""

ORDER_P = 0.01
"""Its one-sided p-value, paired by creator, must be below."""

REPLICATES = 40
"""Draws of the same posts from the law."""

SPREADS = 4.0
"""How many standard deviations of the draws a figure must be away from their mean besides."""

RIVAL_WORTH = 5.0
"""Posts that all creators' mean weighs beside a creator's own in the plain rival."""

TENTHS = 10


@dataclass(frozen=True)
class Level:
    """Units sold by some posts beside units told of them; ``se`` is of ``sold / told``, by creator."""

    name: str
    posts: int
    sold: float
    told: float
    se: float

    @property
    def ratio(self) -> float:
        """Sold over told; NaN where nothing is told."""
        return self.sold / self.told if self.told > 0 else float("nan")

    def off(self, beyond: float, usual: float = 1.0) -> bool:
        """Whether ``sold / told`` is away from ``usual`` by a factor ``beyond``, and by `STANDARD_ERRORS`."""
        far = self.ratio > usual * beyond or self.ratio < usual / beyond
        return bool(far and abs(self.ratio - usual) > STANDARD_ERRORS * self.se)


@dataclass(frozen=True)
class Replicated:
    """A figure of the posts beside the mean and standard deviation of it in `REPLICATES` draws from the law."""

    observed: float
    law: float
    sd: float

    @property
    def beyond(self) -> bool:
        """Whether it is further away than chance has it (`SPREADS`)."""
        return abs(self.observed - self.law) > SPREADS * self.sd


@dataclass(frozen=True)
class Order:
    """Rank correlation with units sold of what the law tells and of a plain rival; ``p`` of the rival being no better.

    One-sided, by a normal approximation of the sum over creators of what each adds to the difference.
    """

    law: float
    rival: float
    p: float

    @property
    def off(self) -> bool:
        """Whether the rival is better by `ORDER_OFF` and ``p`` below `ORDER_P`."""
        return bool(self.rival - self.law >= ORDER_OFF and self.p < ORDER_P)


@dataclass(frozen=True, repr=False)
class ConversionCheck(Shown):
    """What `check_posts` found.

    Attributes
    ----------
    fitted_on : str
        The day of the fit in ISO form; empty where it is not told.
    dispersion : float
        The fit's: variance of a count over its mean.
    all, formats, tenths : Level, and tuples of them
        In all, of videos and lives, by tenths of units told, the least first.
    exponent : Replicated
        Of the variance of units: ``variance ~ mean ** exponent`` over the tenths.
    zeros : Replicated
        Share of posts that sold nothing.
    top_share : Replicated
        Share of the units that the best 1 % of posts sold.
    watched : Order
        Of posts whose views are known: the law against views alone.
    ahead : Order
        Of what is told before a post is out: views expected x conversion, and what is caught, against the creator's
        past mean units a post.
    """

    fitted_on: str
    dispersion: float
    all: Level
    formats: tuple[Level, ...]
    tenths: tuple[Level, ...]
    exponent: Replicated
    zeros: Replicated
    top_share: Replicated
    watched: Order
    ahead: Order

    @property
    def off(self) -> tuple[str, ...]:
        """What is off, each in words; empty where the law holds."""
        return tuple(self._off())

    def _off(self) -> Iterable[str]:
        whole = self.all.ratio
        if self.all.off(LEVEL_OFF):
            yield f"posts sell {whole:.2g} times what is told"
        for one in self.formats:
            if one.off(LEVEL_OFF):
                yield f"{one.name} sell {one.ratio:.2g} times what is told"
        *lower, highest = self.tenths
        tenths = [one for one in lower if one.off(TENTH_OFF, whole)]
        worst = sorted(tenths, key=lambda one: -abs(np.log(max(one.ratio, 1e-9) / whole)))[:1]
        for one in worst + [highest] * highest.off(LEVEL_OFF, whole):
            yield f"the {one.name} tenth by units told sells {one.ratio:.2g} times what is told, all {whole:.2g}"
        if self.exponent.beyond and abs(self.exponent.observed - self.exponent.law) >= SCATTER_OFF:
            yield (
                f"the variance of sales grows with their mean^{self.exponent.observed:.2f}, "
                f"by the law with mean^{self.exponent.law:.2f}"
            )
        if self.zeros.beyond and abs(self.zeros.observed - self.zeros.law) >= ZEROS_OFF:
            yield f"{self.zeros.observed:.0%} of posts sell nothing, by the law {self.zeros.law:.0%}"
        top, usual = self.top_share.observed, self.top_share.law
        if self.top_share.beyond and not usual / TOP_OFF <= top <= usual * TOP_OFF:
            yield f"the best 1 % of posts sell {top:.0%} of all units, by the law {usual:.0%}"
        for order, rival in ((self.watched, "views alone"), (self.ahead, "creators' past mean units a post")):
            if order.off:
                yield (
                    f"{rival} order posts better: rank correlation {order.rival:.2f}, "
                    f"conversion {order.law:.2f} (p {order.p:.2g})"
                )

    @property
    def headline(self) -> str:
        """How many posts, and whether the law holds."""
        of = f" of the four weeks from {self.fitted_on} on" if self.fitted_on else ""
        found = "; ".join(self.off) or "the law holds"
        return f"conversion, held against {self.all.posts:,} posts{of}: {found}"

    def to_frame(self) -> pd.DataFrame:
        """One row a level: ``name``, ``posts``, ``sold``, ``told``, ``se``, ``ratio``."""
        levels = (self.all, *self.formats, *self.tenths)
        return pd.DataFrame([asdict(one) | {"ratio": one.ratio} for one in levels])

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every field, and what is off."""
        found: dict[str, Any] = jsonable(asdict(self))
        return found | {"off": list(self.off)}

    def metrics(self) -> dict[str, float]:
        """Numbers by name, finite: what a run keeps."""
        levels = {"all": self.all} | {one.name: one for one in self.formats}
        found = {f"conversion/{name}/sold_over_told": one.ratio for name, one in levels.items()}
        for name in ("exponent", "zeros", "top_share"):
            one = getattr(self, name)
            found |= {f"conversion/{name}": one.observed, f"conversion/{name}_of_law": one.law}
        for name in ("watched", "ahead"):
            one = getattr(self, name)
            found |= {f"conversion/order_{name}": one.law, f"conversion/order_{name}_rival": one.rival}
        found |= {"conversion/dispersion": self.dispersion, "conversion/off": float(len(self.off))}
        return {name: value for name, value in found.items() if np.isfinite(value)}


@text_of.register
def check_text(found: ConversionCheck) -> str:
    """What is off first, then the figures."""
    lines = [
        found.headline,
        *(
            f"  {one.name:<8} {one.posts:>8,} posts  sold {one.sold:>10,.0f}  told {one.told:>10,.0f}  "
            f"ratio {one.ratio:5.2f} +- {one.se:.2f}"
            for one in (found.all, *found.formats, *found.tenths)
        ),
    ]
    for name, one in (
        ("exponent of the variance", found.exponent),
        ("posts without sales", found.zeros),
        ("units of the best 1 %", found.top_share),
    ):
        lines.append(f"  {name:<26} {one.observed:.3f}  by the law {one.law:.3f} +- {one.sd:.3f}")
    for name, order in (("order, views known", found.watched), ("order, told ahead", found.ahead)):
        lines.append(f"  {name:<26} {order.law:.3f}  plain rival {order.rival:.3f} (p of no better {order.p:.2g})")
    return "\n".join(lines)


def check_conversion(market: Marketplace, day: int) -> ConversionCheck | None:
    """The check of the latest fit whose next `REFIT_DAYS` of posts were out for `RIPE_DAYS` before ``day``.

    ``day`` is in whole days from 1970-01-01; nothing known on it or later is read. None where nothing was fitted then,
    or fewer than `LEAST_POSTS` posts or `LEAST_UNITS` units came after.
    """
    due = (day - REFIT_DAYS - RIPE_DAYS) // REFIT_DAYS * REFIT_DAYS
    evidence = read_conversion_data(market, due)
    if evidence is None or not _enough(evidence.posts):
        return None
    later = read_later_posts(market, evidence, published=due, known=due + REFIT_DAYS + RIPE_DAYS)
    if later is None or not _enough(later[0]):
        return None
    fitted_on = f"{pd.Timestamp(due, unit='D'):%Y-%m-%d}"
    return check_posts(evidence, fit_conversion(evidence), *later, fitted_on=fitted_on)


def _enough(posts: Posts) -> bool:
    return len(posts) >= LEAST_POSTS and float(posts.units.sum()) >= LEAST_UNITS


def check_posts(
    evidence: ConversionData, fitted: Fitted, posts: Posts, shelf: Shelf, *, seed: int = 0, fitted_on: str = ""
) -> ConversionCheck:
    """Hold ``posts`` of products on ``shelf`` against ``fitted``, which was fitted on ``evidence``.

    The fit's own posts are ``evidence.posts`` of ``evidence.shelf``; later ones come from
    `features.conversion.rows.read_later_posts`. ``seed`` is of the draws. Nothing given is changed.
    """
    law = law_of(evidence, fitted, posts, shelf)
    told, sold = law.expected, posts.units
    tenth = np.empty(len(posts), dtype=np.int64)
    tenth[np.argsort(told, kind="stable")] = np.arange(len(posts)) * TENTHS // len(posts)
    every = np.ones(len(posts), dtype=np.bool_)

    def level(name: str, rows: Flags) -> Level:
        mine, expected = float(sold[rows].sum()), float(told[rows].sum())
        ratio = mine / expected if expected > 0 else np.nan
        rest = np.bincount(posts.creator[rows], weights=sold[rows] - ratio * told[rows])
        se = float(np.sqrt(np.square(rest).sum()) / expected) if expected > 0 else float("nan")
        return Level(name, int(rows.sum()), mine, expected, se)

    formats = (("videos", posts.live == 0), ("lives", posts.live > 0))
    rng = np.random.default_rng(seed)
    drawn = np.array([_looks(law.draw(rng), told, tenth) for _ in range(REPLICATES)])
    exponent, zeros, top_share = (
        Replicated(observed, float(one.mean()), float(one.std()))
        for observed, one in zip(_looks(sold, told, tenth), drawn.T, strict=True)
    )
    return ConversionCheck(
        fitted_on=fitted_on,
        dispersion=fitted.dispersion,
        all=level("all", every),
        formats=tuple(level(name, rows) for name, rows in formats if rows.any()),
        tenths=tuple(level(_ORDINALS[i], tenth == i) for i in range(TENTHS)),
        exponent=exponent,
        zeros=zeros,
        top_share=top_share,
        watched=_order(posts, told, posts.views),
        ahead=_order(
            posts, _told_ahead(laid_out(evidence, fitted), posts, shelf) + law.caught, _past_mean(evidence, posts)
        ),
    )


_ORDINALS = ("lowest", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "highest")


def _looks(units: Floats, told: Floats, tenth: Ints) -> tuple[float, float, float]:
    """Exponent of the variance over the tenths, share of zeros, share of the best 1 %."""
    count = np.bincount(tenth)
    sums, expected = np.bincount(tenth, weights=units), np.bincount(tenth, weights=told)
    # A tenth whose level is off is no scatter: what is told is brought to its level first.
    rest = units - told * (sums / np.maximum(expected, 1e-12))[tenth]
    variance = np.bincount(tenth, weights=rest**2) / count
    seen = (sums > 0) & (variance > 0)
    exponent = np.nan
    if seen.sum() >= 3:
        exponent = float(np.polyfit(np.log((sums / count)[seen]), np.log(variance[seen]), 1)[0])
    best = np.sort(units)[-int(np.ceil(0.01 * len(units))) :]
    return exponent, float((units == 0).mean()), float(best.sum() / max(units.sum(), 1.0))


def _order(posts: Posts, law: Floats, rival: Floats) -> Order:
    """Spearman's correlation of both with units, and the paired test by creator of the rival being better."""
    from scipy.special import ndtr

    ranks = [as_floats(pd.Series(one).rank().to_numpy()) for one in (law, rival, posts.units)]
    ours, theirs, sold = (_standardised(one) for one in ranks)
    gain = np.bincount(posts.creator, weights=(theirs - ours) * sold)
    error = float(np.sqrt(np.square(gain).sum()))
    n = len(posts)
    return Order(float(ours @ sold / n), float(theirs @ sold / n), float(ndtr(-gain.sum() / error)) if error else 1.0)


def _standardised(ranks: Floats) -> Floats:
    spread = float(ranks.std())
    return (ranks - ranks.mean()) / spread if spread > 0 else np.zeros(len(ranks))


def _told_ahead(model: Conversion, posts: Posts, shelf: Shelf) -> Floats:
    """Units expected of each post before it is out: views expected x units a view, as the signals have them."""
    told = np.zeros(len(posts))
    order = np.argsort(posts.product, kind="stable")
    edges = np.searchsorted(posts.product[order], np.arange(len(shelf.brand) + 1))
    for product in np.unique(posts.product).tolist():
        at = order[edges[product] : edges[product + 1]]
        category = int(shelf.category[product])
        log_price = float(shelf.price[product] + shelf.category_price[category])
        found = model.predict(posts.creator[at], Item(int(shelf.brand[product]), category, log_price))
        told[at] = found["brief_views_expected_365d"] / 1000.0 * found["brief_conversion_mean_365d"]
    return np.nan_to_num(told)


def _past_mean(evidence: ConversionData, posts: Posts) -> Floats:
    """The creator's mean units a post in the evidence, drawn to all creators' by `RIVAL_WORTH` posts."""
    size = len(evidence.creator_ids) + 1
    count = np.bincount(evidence.posts.creator, minlength=size)
    units = np.bincount(evidence.posts.creator, weights=evidence.posts.units, minlength=size)
    usual = float(units.sum()) / max(float(count.sum()), 1.0)
    return np.asarray(((units + RIVAL_WORTH * usual) / (count + RIVAL_WORTH))[posts.creator])
