"""Means and differences of arms with intervals that hold at every reading, however often one looks.

The split is dealt by brand, so brands are what is counted: a brand's requests share its product, season and taste, and
a thousand requests of ten brands say little more than ten. Brand *b* has ``n_b`` requests with mean ``y_b`` in an arm
of mean ``mu``::

    y_b ~ (mu, tau^2 + sigma^2 / n_b)

``sigma^2`` within brands and ``tau^2`` between them (within arms) come from the analysis of variance; an arm's mean
weighs its brands by ``1 / (tau^2 + sigma^2 / n_b)``. These weights are the efficient ones, and that is what makes
looking again and again over growing data a walk with independent steps (Scharfstein, Tsiatis and Robins 1997), so that
a bound for such walks holds for the estimate, though every look has the same brands in it. The variance is the larger
of the model's and of the one that the brands' scatter tells, and the statistic goes through Student's t.

With the estimate ``d``, its variance ``V``, ``z = d / sqrt(V)`` and ``t = (sigma^2 + tau^2) / V``, the difference
counted in independent requests, the normal mixture

``e = sqrt(rho / (t + rho)) * exp(z^2 t / (2 (t + rho)))``

is in the limit a supermartingale if there is no difference: the chance that it *ever* passes ``1 / alpha`` is at most
``alpha`` (Ville). So ``p = min(1, 1 / e)`` may be read at any time and acted on, and the interval

``d +- sqrt(V) * sqrt((t + rho) / t * log((t + rho) / (rho alpha^2)))``

holds at all times together. ``rho`` sets where it is tightest and nothing else. "In the limit" is of many brands: below
`LEAST_BRANDS` in an arm nothing is told.

Source: Robbins (1970), Statistical methods related to the law of the iterated logarithm; Howard, Ramdas, McAuliffe and
Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences; Waudby-Smith, Arbour, Sinha, Kennedy
and Ramdas (2024), Time-uniform central limit theory and asymptotic confidence sequences; Johari, Koomen, Pekelis and
Walsh (2022), Always valid inference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Flags, Floats, Many, as_floats

__all__ = ["LEAST_BRANDS", "RHO", "Reading", "compare_arms", "mean_of_clusters"]

LEAST_BRANDS = 8
"""Fewest brands with requests in an arm for which an interval is told."""

RHO = 5.0
"""Of the normal mixture, in independent requests: tightest where the difference counts some 50 of them."""


@dataclass(frozen=True)
class Reading:
    """What may be said now; every field (...,), NaN where too few brands are there.

    Attributes
    ----------
    estimate : float64
    low, high : float64
        The ends of the interval that holds at every reading, with probability ``1 - alpha``.
    p : float64
        Of no difference (of a mean of zero); may be read at any time.
    """

    estimate: Floats
    low: Floats
    high: Floats
    p: Floats


def compare_arms(
    requests: Many, total: Many, squares: Many, treated: Flags, *, alpha: float = 0.05, rho: float = RHO
) -> Reading:
    """The difference of two arms' means: those ``treated`` less the others.

    Parameters
    ----------
    requests, total, squares : float64 (..., brands)
        Of each brand: how many requests (0 where it has none), the sum of their values and the sum of the squares.
    treated : bool (..., brands)
    alpha : float
        The chance that the interval ever fails.
    rho : float
        Of the mixture.
    """
    n, y, yy = as_floats(requests), as_floats(total), as_floats(squares)
    there = n > 0
    count = np.where(there, n, 1.0)
    mean = y / count
    sides = [treated & there, ~treated & there]
    with np.errstate(invalid="ignore", divide="ignore"):
        within, between = _variances(n, mean, yy - y * mean, sides)
        weight = 1.0 / (between[..., None] + within[..., None] / count)
        centres, parts, freedoms, brands = zip(*(_arm(mean, weight, side) for side in sides), strict=True)
        estimate = centres[0] - centres[1]
        variance = parts[0] + parts[1]
        freedom = variance**2 / (parts[0] ** 2 / freedoms[0] + parts[1] ** 2 / freedoms[1])
        enough = (brands[0] >= LEAST_BRANDS) & (brands[1] >= LEAST_BRANDS) & (variance > 0) & np.isfinite(freedom)
        return _read(estimate, variance, freedom, within + between, enough, alpha=alpha, rho=rho)


def _variances(n: Floats, mean: Floats, scatter: Floats, sides: list[Flags]) -> tuple[Floats, Floats]:
    """``sigma^2`` and ``tau^2`` by the analysis of variance, both (...,); never below 0."""
    brands = sum(side.sum(axis=-1) for side in sides)
    within = np.maximum(np.sum(np.where(n > 0, scatter, 0.0), axis=-1), 0.0) / np.maximum(n.sum(axis=-1) - brands, 1.0)
    spread, size = np.zeros(n.shape[:-1]), np.zeros(n.shape[:-1])
    for side in sides:
        own = np.where(side, n, 0.0)
        all_of_it = own.sum(axis=-1)
        centre = (own * mean).sum(axis=-1) / np.where(all_of_it > 0, all_of_it, 1.0)
        spread = spread + (own * (mean - centre[..., None]) ** 2).sum(axis=-1)
        size = size + all_of_it - (own**2).sum(axis=-1) / np.where(all_of_it > 0, all_of_it, 1.0)
    free = brands - sum((side.sum(axis=-1) > 0).astype(float) for side in sides)
    between = np.maximum(spread - free * within, 0.0) / np.where(size > 0, size, 1.0)
    return within, between


def _arm(mean: Floats, weight: Floats, side: Flags) -> tuple[Floats, Floats, Floats, Floats]:
    """One arm's mean, the mean's variance, its degrees of freedom and the arm's brands, each (...,)."""
    own = np.where(side & np.isfinite(weight), weight, 0.0)
    total = own.sum(axis=-1)
    share = own / np.where(total > 0, total, 1.0)[..., None]
    centre = (share * mean).sum(axis=-1)
    brands = side.sum(axis=-1).astype(np.float64)
    scatter = (share**2 * (mean - centre[..., None]) ** 2).sum(axis=-1) * brands / np.maximum(brands - 1.0, 1.0)
    modelled = np.where(total > 0, 1.0 / total, np.nan)
    freedom = np.maximum(1.0 / (share**2).sum(axis=-1) - 1.0, 1.0)
    return centre, np.maximum(scatter, modelled), freedom, brands


def mean_of_clusters(
    values: Many, weights: Many, *, count: float | None = None, alpha: float = 0.05, rho: float = RHO
) -> Reading:
    """The ratio ``sum(values) / sum(weights)`` over clusters, with an interval that holds at every reading.

    Parameters
    ----------
    values, weights : float64 (clusters,)
        Each cluster's sums (a brand's, over its requests). What a cluster adds to the ratio's error is linear in them.
    count : float, optional
        Independent pieces that the sums are of, requests; the number of clusters by default.
    alpha, rho : float
        As for `compare_arms`.
    """
    top, bottom = as_floats(values), as_floats(weights)
    clusters, whole = top.size, float(bottom.sum())
    if clusters == 0 or whole <= 0:
        nothing = np.array(np.nan)
        return Reading(nothing, nothing, nothing, nothing)
    estimate = float(top.sum()) / whole
    pull = (top - estimate * bottom) / whole
    variance = float((pull**2).sum()) * clusters / max(clusters - 1, 1)
    # What one piece would scatter, if pieces were independent: t then counts pieces, fewer where brands differ.
    pieces = clusters if count is None else count
    size = bottom / whole
    freedom = max(1.0 / float((size**2).sum()) - 1.0, 1.0)
    enough = clusters >= LEAST_BRANDS and variance > 0
    return _read(
        np.array(estimate),
        np.array(variance),
        np.array(freedom),
        np.array(variance * pieces),
        np.array(enough),
        alpha=alpha,
        rho=rho,
    )


def _read(
    estimate: Floats, variance: Floats, freedom: Floats, unit: Floats, enough: Flags, *, alpha: float, rho: float
) -> Reading:
    """The mixture's bound and p; ``unit`` is the variance of one independent request."""
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    safe = np.where(enough, variance, 1.0)
    free = np.where(enough, freedom, 1.0)
    error = np.sqrt(safe)
    z = -ndtri(np.maximum(stdtr(free, -np.abs(estimate) / error), 1e-300))
    t = np.where(enough, unit, 1.0) / safe
    evidence = 0.5 * np.log(rho / (t + rho)) + 0.5 * z**2 * t / (t + rho)
    bound = np.sqrt((t + rho) / t * np.log((t + rho) / (rho * alpha**2)))
    reach = -stdtrit(free, np.maximum(ndtr(-bound), 1e-300)) * error
    p = np.exp(-np.maximum(evidence, 0.0))
    told = [np.where(enough, one, np.nan) for one in (estimate - reach, estimate + reach, p)]
    return Reading(as_floats(estimate), *(as_floats(one) for one in told))
