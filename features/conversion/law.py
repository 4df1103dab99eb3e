"""What a fitted conversion model says of posts whose views are known: expected units, and draws of them.

    law = law_of(evidence, fitted, posts, shelf)
    law.expected                                  # units, (n,)
    law.draw(rng)                                 # units of the same posts as the law has them, (n,)

A draw takes one creator's conversion, and what it catches, from their posteriors for all of the creator's posts, then a
count of each post with the variance that the fit found, `Fitted.dispersion` times the mean: what real posts must look
like if the law holds.

Source: Gelman, Meng and Stern (1996), Posterior predictive assessment of model fitness via realized discrepancies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.conversion.coordinates import active, packed
from features.conversion.fit import FAR_PRICE, Fitted
from features.conversion.rows import ConversionData, Posts, Shelf
from marketplace.arrays import Floats, Ints, as_floats

__all__ = ["Law", "law_of"]

_LEAST_SCATTER = 1.01
"""Dispersion below which counts are drawn as Poisson."""


@dataclass(frozen=True)
class Law:
    """The law of n posts.

    Attributes
    ----------
    watched : float64 (n,)
        Units expected of watching, at the posterior mean of the rate.
    caught : float64 (n,)
        Units expected of what the product would have sold anyway, at the posterior mean.
    half_variance : float64 (n,)
        Half the posterior variance of the log rate.
    creator : int64 (n,)
        Row of ``roots``.
    coordinates : int64 (n, a)
        The coordinates of the creator that each post reads.
    values : float64 (n, a)
        What they are multiplied by.
    caught_deviations : float64 (m + 1,)
        Posterior standard deviations of ln of what each creator catches; the prior's last.
    roots : float64 (m + 1, d, d)
        Lower roots of creators' posterior covariances; of the prior for the last, who stands for all not known.
    dispersion : float
        Variance of a count over its mean.
    """

    watched: Floats
    caught: Floats
    half_variance: Floats
    creator: Ints
    coordinates: Ints
    values: Floats
    caught_deviations: Floats
    roots: Floats
    dispersion: float

    @property
    def expected(self) -> Floats:
        """Units expected of each post, (n,)."""
        return self.watched + self.caught

    def draw(self, rng: np.random.Generator) -> Floats:
        """Units of the same posts as the law has them: new float64 (n,)."""
        people = np.einsum("mde,me->md", self.roots, rng.standard_normal(self.roots.shape[:2]))
        away = (people[self.creator[:, None], self.coordinates] * self.values).sum(axis=1)
        deviation = self.caught_deviations[self.creator]
        catches = np.exp(deviation * rng.standard_normal(len(self.roots))[self.creator] - 0.5 * deviation**2)
        mean = self.watched * np.exp(away - self.half_variance) + self.caught * catches
        if self.dispersion < _LEAST_SCATTER:
            return as_floats(rng.poisson(mean))
        # Gamma-Poisson of mean mu and variance dispersion * mu.
        extra = self.dispersion - 1.0
        return as_floats(rng.poisson(rng.gamma(np.maximum(mean / extra, 1e-12), extra)))


def law_of(evidence: ConversionData, fitted: Fitted, posts: Posts, shelf: Shelf) -> Law:
    """What ``fitted``, fitted on ``evidence``, says of ``posts`` of the products on ``shelf``.

    Creators, brands and categories that the fit does not know (each its number in the evidence) take what is usual.
    """
    c, m, d = len(evidence.shelf.category_price), len(evidence.creator_ids), len(fitted.spread)
    creator, product = posts.creator, posts.product
    category, price = shelf.category[product], shelf.price[product]
    coordinates = active(shelf.category, c)[product]
    brands = np.vstack([fitted.brands, np.zeros(fitted.brands.shape[1])])
    ones = np.ones(len(posts))
    values = np.column_stack([ones, ones, price, brands[shelf.brand[product]], posts.live])
    mean = np.vstack([fitted.mean, np.zeros(d)])
    share = np.vstack([fitted.category_share, np.zeros(c)])[creator, category]
    far = np.minimum((price - np.append(fitted.usual_price, 0.0)[creator]) ** 2, FAR_PRICE)
    traits = np.vstack([evidence.traits, np.zeros(evidence.traits.shape[1])])[creator]
    columns = np.column_stack(
        [np.eye(c)[category], posts.live, posts.partnership, price, price**2, share, far, traits]
    )  # fmt: skip
    covers = _covers(fitted, m, d)
    half = np.zeros(len(posts))
    for a in range(values.shape[1]):
        for b in range(values.shape[1]):
            half += 0.5 * values[:, a] * values[:, b] * covers[creator, coordinates[:, a], coordinates[:, b]]
    rate = (columns * fitted.fixed).sum(axis=1) + (mean[creator[:, None], coordinates] * values).sum(axis=1) + half
    many = np.log1p(np.bincount(evidence.posts.creator, minlength=m + 1).astype(np.float64))
    habits = many - many[many > 0].mean()
    caught = np.column_stack([ones, traits[:, 0], habits[creator], share, posts.partnership])
    cover = np.append(fitted.caught_cover, fitted.caught_spread)
    own = (np.append(fitted.caught, 0.0) + 0.5 * cover)[creator]
    return Law(
        watched=posts.views * np.exp(np.clip(rate, -30.0, 10.0)),
        caught=shelf.level[product] * np.exp((caught * fitted.captured).sum(axis=1) + own),
        half_variance=half,
        creator=creator,
        coordinates=coordinates,
        values=values,
        caught_deviations=np.sqrt(cover),
        roots=as_floats(np.linalg.cholesky(covers)),
        dispersion=fitted.dispersion,
    )


def _covers(fitted: Fitted, m: int, d: int) -> Floats:
    """Posterior covariances (m + 1, d, d); the prior's last."""
    full = np.zeros((m + 1, d, d))
    rows, columns = np.triu_indices(d)
    full[:m, rows, columns] = full[:m, columns, rows] = fitted.cover[:, packed(rows, columns, d)]
    full[m] = np.diag(fitted.spread)
    return full
