"""Fit the conversion model: how many of those who watch a creator buy, whatever the product.

Units ordered from a post that no ad led to are Poisson with the mean

    views * exp(fixed + general_i + category_ik + price_i * s + taste_i . v_b + live_i)
    +  level * exp(captured + caught_i)

for creator *i*, category *k*, brand *b* and log price *s* about the category's mean; ``live_i`` in lives alone. The
first part grows with how many watch: it is what watching sells. The second does not: it is what the product would have
sold anyway, caught on its way through a post, in proportion to the product's usual day (``level``), log-linear in the
creator's followers, number of posts and share of posts in the category, and more of it with one creator than with
another (``caught_i``). Only the first is conversion. What a creator is like is drawn from normal distributions whose
spreads are estimated, so that few posts say little; what brands' buyers have in common with a creator's
(``taste_i . v_b``) is learned from all creators and brands together, so that it also speaks of pairs that never met.

Fitted by variational expectation maximisation: each round gives every creator a normal posterior (one Newton step),
then moves what is common to all (one Gauss-Newton step of what is caught and what watching sells at once: each alone
would creep). No row order, file split or number of threads can change a bit: sums are taken in one order and no
threaded linear algebra is used but for small matrices one by one.

Source: Gopalan, Hofman and Blei (2015), Scalable recommendation with hierarchical Poisson factorization, for tastes;
Ormerod and Wand (2012), Gaussian variational approximate inference for generalized linear mixed models; Liu, Rubin and
Wu (1998), Parameter expansion to accelerate EM, for what moves between a creator's own and what is common.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from features.conversion.coordinates import TASTES, active, packed, unpacked
from features.conversion.rows import TRAITS, ConversionData, Posts, Shelf
from marketplace.arrays import Flags, Floats, Ints
from marketplace.progress import say

__all__ = ["FAR_PRICE", "ROUNDS", "SETTLED", "Fitted", "fit_conversion"]


ROUNDS = 25
"""Rounds of expectation maximisation; more change next to nothing."""

SETTLED = 5e-4
"""Change of the mean log likelihood of an order, in the last round, from which on a fit has not converged.

After `ROUNDS` it was 1e-4 to 2e-4 on simulated marketplaces of 7,000 to 65,000 posts.
"""

BLOCK_ROWS = 50_000
"""Posts worked on at a time: memory does not grow with the marketplace."""

FAR_PRICE = 3.0
"""Largest squared distance of log prices that counts."""

LONGEST_STEP = 1.0
STARTING_SPREADS = (0.5, 0.25, 0.2, 0.1)
"""Variances to begin with: general, category, price, live."""

STARTING_CAUGHT = 0.3
"""The variance of ``caught_i`` to begin with."""

LEAST_SPREAD = 1e-4
"""Variances that are estimated stay above this."""


@dataclass(frozen=True)
class Fitted:
    """The model for m creators, c categories (the last one stands for all that are not told apart) and b brands.

    Attributes
    ----------
    mean : float64 (m, d)
        Each creator's posterior mean: general, one a category, price, tastes, live; d = c + 3 + `TASTES`.
    cover : float64 (m, d (d + 1) / 2)
        The posterior covariance, upper triangle by rows (`packed`).
    spread : float64 (d,)
        Prior variances.
    brands : float64 (b, `TASTES`)
    brand_spread : float64 (`TASTES`,)
        Prior variances of ``brands``.
    fixed : float64 (c + 6 + `TRAITS`,)
        Categories, live, partnership, price, its square, log share of posts, squared price distance, traits.
    captured : float64 (5,)
        Constant, log followers, log posts, log share of posts, partnership.
    caught : float64 (m,)
        Posterior mean of the logarithm of what each creator catches beside others like it; 0 without posts.
    caught_cover : float64 (m,)
        Its posterior variance.
    caught_spread : float
        Its prior variance.
    category_share : float64 (m, c)
        ln of the share of the creator's posts in each category, times the number of categories.
    usual_price : float64 (m,)
        Mean log price (about the category's) of what the creator posts, drawn to 0.
    dispersion : float
        Pearson's, at least 1: how much further counts scatter than Poisson's.
    converged : bool
        The likelihood had settled (`SETTLED`) when the rounds were over.
    """

    mean: Floats
    cover: Floats
    spread: Floats
    brands: Floats
    brand_spread: Floats
    fixed: Floats
    captured: Floats
    caught: Floats
    caught_cover: Floats
    caught_spread: float
    category_share: Floats
    usual_price: Floats
    dispersion: float
    converged: bool = True


def fit_conversion(evidence: ConversionData, *, rounds: int = ROUNDS, seed: int = 0) -> Fitted:
    """Fit the model; ``seed`` is of the tastes' starting points. The same evidence gives the same bits.

    Says so on standard error, and in `Fitted.converged`, where ``rounds`` were too few.
    """
    return _Fit(evidence, seed).run(rounds)


@dataclass(frozen=True)
class _Block:
    """Consecutive rows of whole creators, and what is the same in every round."""

    rows: slice
    creators: slice
    local: Ints  # creator of each row, from the block's first
    product: Ints
    item: Ints  # the product in a video, or in a live: their place in `_Fit.coordinates`
    fixed: Floats
    captured: Floats


@dataclass(frozen=True)
class _Means:
    """Of a block's rows: expected lines by watching, all lines expected, lines that watching is credited with."""

    watched: Floats
    all: Floats
    credited: Floats


class _Fit:
    """The state of one fit; `run` gives the outcome."""

    def __init__(self, evidence: ConversionData, seed: int) -> None:
        self.posts, self.shelf = evidence.posts, evidence.shelf
        posts, shelf = self.posts, self.shelf
        self.m, self.c = len(evidence.creator_ids), len(shelf.category_price)
        self.d = self.c + 3 + TASTES
        self.traits = evidence.traits
        self.share, self.usual_price, self.log_posts = _habits(posts, shelf, self.m, self.c)
        self.coordinates = np.tile(active(shelf.category, self.c), (2, 1))
        first, second = np.triu_indices(self.coordinates.shape[1])
        self.first, self.second = first, second
        self.pairs = packed(self.coordinates[:, first], self.coordinates[:, second], self.d)
        self.twice = np.where(first == second, 1.0, 2.0)
        self.size = self.d * (self.d + 1) // 2
        general, category, price, live = STARTING_SPREADS
        self.spread = np.concatenate([[general], np.full(self.c, category), [price], np.ones(TASTES), [live]])
        self.diagonal = packed(np.arange(self.d), np.arange(self.d), self.d)
        self.mean = np.zeros((self.m, self.d))
        self.cover = np.zeros((self.m, self.size))
        self.cover[:, self.diagonal] = self.spread
        self.brands = np.random.default_rng(seed).normal(0.0, 0.3, size=(len(shelf.brand_ids), TASTES))
        self.brand_spread = np.full(TASTES, 0.1)
        half = 0.5 * max(posts.units.sum(), 1.0)
        self.fixed = np.zeros(self.c + 6 + TRAITS)
        self.fixed[: self.c] = np.log(half / posts.views.sum())
        self.captured = np.zeros(5)
        self.captured[0] = np.log(half / shelf.level[posts.product].sum())
        self.there = np.bincount(posts.creator, minlength=self.m) > 0
        self.on_air = np.bincount(posts.creator, weights=posts.live, minlength=self.m) > 0
        self.caught = np.zeros(self.m)
        self.caught_spread = STARTING_CAUGHT
        self.caught_cover = np.zeros(self.m)
        self.dispersion = 1.0
        self.likelihood, self.moved = np.inf, np.inf
        self.blocks = list(self._blocks())

    def run(self, rounds: int) -> Fitted:
        for _ in range(rounds):
            self._creators()
            self._common()
        converged = bool(self.moved <= SETTLED)
        if not converged:
            say(
                f"conversion: not converged after {rounds} rounds, the mean log likelihood of an order still moves by "
                f"{self.moved:.1e} a round; estimates lean on where it stopped"
            )
        # Who posts nothing is as uncertain as the last round's spreads have it, whichever block they fell in.
        self.cover[~self.there] = 0.0
        self.cover[np.ix_(~self.there, self.diagonal)] = self.spread
        self.caught_cover[~self.there] = self.caught_spread
        posted = np.bincount(self.shelf.category[self.posts.product], minlength=self.c)
        self.fixed[: self.c][posted == 0] = np.average(self.fixed[: self.c], weights=posted)
        return Fitted(
            mean=self.mean,
            cover=self.cover,
            spread=self.spread,
            brands=self.brands,
            brand_spread=self.brand_spread,
            fixed=self.fixed,
            captured=self.captured,
            caught=self.caught,
            caught_cover=self.caught_cover,
            caught_spread=self.caught_spread,
            category_share=self.share,
            usual_price=self.usual_price,
            dispersion=self.dispersion,
            converged=converged,
        )

    def _blocks(self) -> Iterator[_Block]:
        posts, shelf = self.posts, self.shelf
        starts = np.flatnonzero(np.diff(posts.creator, prepend=-1))
        first = 0
        while first < len(posts):
            after = np.searchsorted(starts, first + BLOCK_ROWS)
            last = int(starts[after]) if after < len(starts) else len(posts)
            rows = slice(first, last)
            creator, product = posts.creator[rows], posts.product[rows]
            creators = slice(int(creator[0]), int(creator[-1]) + 1)
            price, category = shelf.price[product], shelf.category[product]
            far = np.minimum((price - self.usual_price[creator]) ** 2, FAR_PRICE)
            share, traits = self.share[creator, category], self.traits[creator]
            fixed = np.column_stack(
                [
                    np.eye(self.c)[category],
                    posts.live[rows],
                    posts.partnership[rows],
                    price,
                    price**2,
                    share,
                    far,
                    traits,
                ]
            )
            captured = np.column_stack(
                [np.ones(last - first), traits[:, 0], self.log_posts[creator], share, posts.partnership[rows]]
            )
            item = product + len(shelf.price) * (posts.live[rows] > 0)
            yield _Block(rows, creators, creator - creators.start, product, item, fixed, captured)
            first = last

    def _values(self) -> tuple[Floats, Floats]:
        """What each item's active coordinates are multiplied by (2 p, a), and the products of two (2 p, pairs)."""
        shelf = self.shelf
        ones = np.ones(len(shelf.price))
        values = np.column_stack([ones, ones, shelf.price, self.brands[shelf.brand]])
        values = np.vstack([np.column_stack([values, live * ones]) for live in (0.0, 1.0)])
        return values, values[:, self.first] * values[:, self.second]

    def _means(self, block: _Block, values: Floats, squares: Floats) -> _Means:
        product, item, local = block.product, block.item, block.local
        theirs = self.mean[block.creators].ravel()[(local * self.d)[:, None] + self.coordinates[item]]
        cover = self.cover[block.creators].ravel()[(local * self.size)[:, None] + self.pairs[item]]
        log_rate = np.einsum("nf,f->n", block.fixed, self.fixed) + np.einsum("na,na->n", theirs, values[item])
        log_rate += 0.5 * np.einsum("nt,nt,t->n", cover, squares[item], self.twice)
        watched = self.posts.views[block.rows] * np.exp(np.clip(log_rate, -30.0, 10.0))
        own = (self.caught + 0.5 * self.caught_cover)[block.creators][local]
        caught = self.shelf.level[product] * np.exp(np.einsum("ng,g->n", block.captured, self.captured) + own)
        both = watched + caught
        return _Means(watched, both, self.posts.units[block.rows] * watched / both)

    def _creators(self) -> None:
        """Every creator's posterior, given what is common; then the spreads."""
        values, squares = self._values()
        moments, lives = np.zeros(self.d), 0.0
        for block in self.blocks:
            means = self._means(block, values, squares)
            local, item, count = block.local, block.item, block.creators.stop - block.creators.start
            slope = np.zeros(count * self.d)
            for a in range(values.shape[1]):
                weights = (means.credited - means.watched) * values[item, a] / self.dispersion
                place = local * self.d + self.coordinates[item, a]
                slope += np.bincount(place, weights=weights, minlength=len(slope))
            curve = np.zeros(count * self.size)
            for t in range(squares.shape[1]):
                place = local * self.size + self.pairs[item, t]
                weights = means.watched * squares[item, t] / self.dispersion
                curve += np.bincount(place, weights=weights, minlength=len(curve))
            curve = curve.reshape(count, self.size)
            curve[:, self.diagonal] += 1.0 / self.spread
            mean = self.mean[block.creators]
            slope = slope.reshape(count, self.d) - mean / self.spread
            cover = np.linalg.inv(unpacked(curve, self.d))
            step = np.einsum("mde,me->md", cover, slope)
            self.mean[block.creators] = mean + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
            self.cover[block.creators] = cover[:, *np.triu_indices(self.d)]
            second = self.mean[block.creators] ** 2 + self.cover[block.creators][:, self.diagonal]
            moments += second[self.there[block.creators]].sum(axis=0)
            lives += float(second[self.on_air[block.creators], -1].sum())
        # What all have in common moves to what is common: the two would take turns at it for hundreds of rounds.
        centre = _centred(self.mean[:, 0], self.there)
        self.fixed[: self.c] += centre
        moments /= self.there.sum()
        self.spread[0], self.spread[1 + self.c] = moments[0] - centre**2, moments[1 + self.c]
        self.spread[1 : 1 + self.c] = moments[1 : 1 + self.c].mean()
        if self.on_air.any():
            centre = _centred(self.mean[:, -1], self.on_air)
            self.fixed[self.c] += centre
            self.spread[-1] = max(lives / self.on_air.sum() - centre**2, LEAST_SPREAD)

    def _common(self) -> None:
        """One Gauss-Newton step of what is common to all, given every creator's posterior."""
        values, squares = self._values()
        b, size = len(self.brands), len(self.fixed) + len(self.captured)
        common = np.zeros(size), np.zeros((size, size))
        slope, curve = np.zeros((b, TASTES)), np.zeros((b, TASTES, TASTES))
        own_slope, own_curve = np.zeros(self.m), np.zeros(self.m)
        scatter, likelihood = 0.0, 0.0
        for block in self.blocks:
            means = self._means(block, values, squares)
            orders, caught = self.posts.units[block.rows], means.all - means.watched
            rest = orders - means.credited - caught
            columns = np.hstack([block.fixed * means.watched[:, None], block.captured * caught[:, None]])
            _add(common, columns, orders / means.all - 1.0, 1.0 / means.all)
            count = block.creators.stop - block.creators.start
            own_slope[block.creators] = np.bincount(block.local, weights=rest, minlength=count)
            own_curve[block.creators] = np.bincount(block.local, weights=caught, minlength=count)
            scatter += float(((orders - means.all) ** 2 / means.all).sum())
            likelihood += float((orders * np.log(means.all) - means.all).sum())
            self._add_brands(slope, curve, block, means, values)
        step = _newton(*common)
        self.fixed, self.captured = self.fixed + step[: len(self.fixed)], self.captured + step[len(self.fixed) :]
        self._own_caught(own_slope, own_curve)
        curve[:, np.arange(TASTES), np.arange(TASTES)] += 1.0 / self.brand_spread
        cover = np.linalg.inv(curve)
        step = np.einsum("bde,be->bd", cover, slope - self.brands / self.brand_spread)
        self.brands = self.brands + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        own = cover[:, np.arange(TASTES), np.arange(TASTES)]
        self.brand_spread = np.maximum((self.brands**2 + own).mean(axis=0), 1e-3)
        self.dispersion = max(1.0, scatter / len(self.posts))
        likelihood /= max(float(self.posts.units.sum()), 1.0)
        self.moved, self.likelihood = abs(likelihood - self.likelihood), likelihood

    def _own_caught(self, slope: Floats, curve: Floats) -> None:
        """One Newton step of what each creator catches beside others; then its spread."""
        cover = 1.0 / (curve / self.dispersion + 1.0 / self.caught_spread)
        step = cover * (slope / self.dispersion - self.caught / self.caught_spread)
        self.caught = self.caught + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        self.captured[0] += _centred(self.caught, self.there)
        self.caught_cover = cover
        self.caught_spread = max(float((self.caught**2 + cover)[self.there].mean()), LEAST_SPREAD)

    def _add_brands(self, slope: Floats, curve: Floats, block: _Block, means: _Means, values: Floats) -> None:
        local, item, b = block.local, block.item, len(slope)
        brand = self.shelf.brand[block.product]
        cover = unpacked(self.cover[block.creators], self.d)
        tastes = np.arange(self.c + 2, self.c + 2 + TASTES)
        mean = self.mean[block.creators][local][:, tastes]
        # What a creator's uncertainty adds: the covariance of tastes with all that the product reads.
        drawn = mean.copy()
        for a in range(values.shape[1]):
            drawn += cover[local, self.coordinates[item, a]][:, tastes] * values[item, a][:, None]
        weight, credit = means.watched / self.dispersion, means.credited / self.dispersion
        for k in range(TASTES):
            slope[:, k] += np.bincount(brand, weights=credit * mean[:, k] - weight * drawn[:, k], minlength=b)
            for j in range(k, TASTES):
                both = weight * (drawn[:, k] * drawn[:, j] + cover[local, tastes[k], tastes[j]])
                total = np.bincount(brand, weights=both, minlength=b)
                curve[:, k, j] += total
                if j != k:
                    curve[:, j, k] += total


def _habits(posts: Posts, shelf: Shelf, m: int, c: int) -> tuple[Floats, Floats, Floats]:
    """`Fitted.category_share`, `Fitted.usual_price`, and ln(1 + posts) less its mean over those who post."""
    place = posts.creator * c + shelf.category[posts.product]
    count = np.bincount(place, minlength=m * c).reshape(m, c).astype(np.float64)
    total = count.sum(axis=1)
    share = np.log((count + 0.5) / (total + 0.5 * c)[:, None] * c)
    price = np.bincount(posts.creator, weights=shelf.price[posts.product], minlength=m) / (total + 2.0)
    log_posts = np.log1p(total)
    return share, price, log_posts - log_posts[total > 0].mean()


def _centred(values: Floats, rows: Flags) -> float:
    """Takes their mean off ``values`` at ``rows``, in place, and gives it back."""
    centre = float(values[rows].mean())
    values[rows] -= centre
    return centre


def _add(sums: tuple[Floats, Floats], columns: Floats, residual: Floats, weight: Floats) -> None:
    slope, curve = sums
    slope += np.einsum("nf,n->f", columns, residual)
    for i in range(columns.shape[1]):
        curve[i] += np.einsum("nf,n->f", columns, weight * columns[:, i])


def _newton(slope: Floats, curve: Floats) -> Floats:
    step = np.linalg.solve(curve + 1e-3 * np.eye(len(slope)), slope)
    return np.asarray(np.clip(step, -LONGEST_STEP, LONGEST_STEP), dtype=np.float64)
