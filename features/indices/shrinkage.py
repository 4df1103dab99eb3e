"""The statistics of the indices: decayed weights, priors, shrunk values, mid-ranks, confidence.

Pure functions over float64 arrays; no tables. A *prior* is estimated from the
peers (empirical Bayes, method of moments) and says what is expected of a
creator of whom nothing is known and how much evidence moves that. Only
``+ - * /`` and comparisons touch the shrunk values, so one creator computed
alone equals the same creator within a batch bit for bit.

Source: indices.md ("Common machinery"); the between-creator variance is the
Cochran / DerSimonian-Laird moment estimator (Controlled Clinical Trials 7,
1986), weights as given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from features.time import decay
from marketplace.arrays import Floats

__all__ = [
    "IDLE_HALF_LIFE_DAYS",
    "MEAN_STRENGTH",
    "RATE_STRENGTH",
    "Kind",
    "Prior",
    "confidence",
    "decayed_exposure",
    "effective_n",
    "estimate_prior",
    "event_weight",
    "index_interval",
    "interval",
    "mid_rank",
    "shrink",
    "weighted_index",
]

Kind = Literal["rate", "count", "mean"]
"""``rate``: beta-binomial. ``count``: gamma-Poisson. ``mean``: normal."""

IDLE_HALF_LIFE_DAYS = 60.0
"""Days without any act in which the confidence in a creator's indices halves."""
RATE_STRENGTH = (3.0, 50.0)
"""Bounds of *m*, the trials that a rate's prior is worth."""
MEAN_STRENGTH = (1.0, 50.0)
"""Bounds of *k*, the events that a mean's prior is worth."""
COUNT_STRENGTH = (0.02, 2.0)
"""Bounds of *beta* as a multiple of the peers' mean exposure."""
PRECISION_STRENGTH = (0.02, 50.0)
"""Bounds of *k* as a multiple of the peers' mean precision (inverse-variance means)."""

_TENTH = 1.2815515655446004  # standard normal quantile of .9: 80 % lie within +- this many deviations


def event_weight(age_days: Any) -> Floats:
    """``2^(-a/45)`` of events aged ``age_days`` (any shape), float64."""
    return decay(age_days)


def decayed_exposure(days: Any, window: int) -> Floats:
    """Sum of the weights of the days at ages ``1..min(days, window)``: the exposure *T* in weighted days.

    ``days`` is int64 (n,), the days that the creator has been watched; below 1 gives 0.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(event_weight(np.arange(1, window + 1)))])
    return cumulative[np.clip(np.asarray(days, dtype=np.int64), 0, window)]


def effective_n(weights: Floats, squares: Floats) -> Floats:
    """``n_e = (sum w)^2 / sum w^2`` from both sums, (n,); 0 where there is nothing."""
    return np.divide(weights * weights, squares, out=np.zeros_like(weights), where=squares > 0)


@dataclass(frozen=True)
class Prior:
    """What the peers lead one to expect.

    Attributes
    ----------
    kind : {"rate", "count", "mean"}
    mean : float
        ``mu_g``; NaN where no peer has any evidence.
    strength : float
        The evidence the prior is worth: ``m`` (trials), ``beta`` (exposure) or ``k`` (events).
    dispersion : float
        ``count``: variance over mean of one exposure's count (1 is Poisson).
        ``mean``: the variance within a creator.
    """

    kind: Kind
    mean: float
    strength: float
    dispersion: float = 1.0


def estimate_prior(
    kind: Kind,
    total: Floats,
    evidence: Floats,
    *,
    evidence_e: Floats | None = None,
    squares: Floats | None = None,
    dispersion: float | None = None,
) -> Prior:
    """The peers' prior from their sufficient statistics, by moments.

    Parameters
    ----------
    kind : {"rate", "count", "mean"}
    total : float64 (n,)
        ``sum w*s`` of a rate, ``N`` of a count, ``sum w*x`` of a mean.
    evidence : float64 (n,)
        ``sum w`` of a rate or mean, exposure ``T`` of a count.
    evidence_e : float64 (n,), optional
        ``n_e`` of a rate or mean; ``evidence`` where left out.
    squares : float64 (n,), optional
        ``sum w*x^2`` of a mean: gives its variance within creators.
    dispersion : float, optional
        Given instead of estimated: variance over mean of a count; within-creator variance of a mean.
        A mean with dispersion given is an inverse-variance mean: ``evidence`` is then its precision
        and the prior's strength is bounded relative to the peers' mean precision.

    Returns
    -------
    Prior
        ``m = clip(mu(1-mu)/tau^2 - 1, 3, 50)``, ``beta = dispersion*mu/tau^2``, ``k = sigma^2/tau^2``,
        each within its bounds. NaN mean and the lower bound's strength where nobody has evidence.
    """
    known = evidence > 0
    if not known.any():
        return Prior(kind, float("nan"), {"rate": RATE_STRENGTH, "mean": MEAN_STRENGTH}.get(kind, (1.0, 1.0))[0])
    total, evidence = total[known], evidence[known]
    n_e = evidence if evidence_e is None else evidence_e[known]
    weight = evidence if kind == "count" else n_e
    raw = total / evidence
    mean = float((weight * raw).sum() / weight.sum())
    within = 1.0 if dispersion is None else dispersion
    if kind == "rate":
        within = mean * (1.0 - mean)
    elif kind == "count":
        within *= mean
    elif dispersion is None:
        within = _variance_within(total, evidence, n_e, None if squares is None else squares[known])
    between = _variance_between(raw, weight, mean, within)
    if kind == "rate":
        ratio = within / between - 1.0 if between > 0 else np.inf
        return Prior(kind, mean, float(np.clip(ratio, *RATE_STRENGTH)))
    ratio = within / between if between > 0 else np.inf
    if kind == "count":
        low, high = (bound * float(evidence.mean()) for bound in COUNT_STRENGTH)
        return Prior(kind, mean, float(np.clip(ratio, low, high)), 1.0 if dispersion is None else dispersion)
    low, high = MEAN_STRENGTH
    if dispersion is not None:
        low, high = (bound * float(evidence.mean()) for bound in PRECISION_STRENGTH)
    return Prior(kind, mean, float(np.clip(ratio, low, high)), within)


def _variance_within(total: Floats, evidence: Floats, n_e: Floats, squares: Floats | None) -> float:
    """Pooled variance of one event within a creator: weighted squares over weighted degrees of freedom."""
    if squares is None:
        return 0.0
    spread = np.maximum(squares - total * total / evidence, 0.0)
    freedom = evidence * (1.0 - 1.0 / np.maximum(n_e, 1.0))
    return float(spread.sum() / freedom.sum()) if freedom.sum() > 0 else 0.0


def _variance_between(raw: Floats, weight: Floats, mean: float, within: float) -> float:
    """``tau^2 = (sum n (r - mu)^2 - (I - 1) sigma^2) / (N - sum n^2 / N)``, at least 0."""
    size = float(weight.sum())
    spread = float((weight * (raw - mean) * (raw - mean)).sum())
    room = size - float((weight * weight).sum()) / size
    return max(0.0, (spread - (raw.size - 1) * within) / room) if room > 0 else 0.0


def shrink(prior_mean: Any, prior_strength: Any, total: Floats, evidence: Floats, n_e: Floats | None = None) -> Floats:
    """The shrunk value (posterior mean), float64 (n,).

    With ``n_e`` left out, ``(total + strength*mu) / (evidence + strength)``: the beta-binomial
    ``(sum w*s + m*mu)/(sum w + m)`` and the gamma-Poisson ``(N + alpha)/(T + beta)``, ``alpha = mu*beta``.
    With ``n_e``, the normal ``(n_e*xbar + k*mu)/(n_e + k)``, ``xbar = total/evidence``.
    A creator without evidence gets ``mu``.
    """
    strength = np.broadcast_to(np.asarray(prior_strength, dtype=np.float64), total.shape)
    mean = np.broadcast_to(np.asarray(prior_mean, dtype=np.float64), total.shape)
    if n_e is not None:
        xbar = np.divide(total, evidence, out=np.zeros_like(total), where=evidence > 0)
        total, evidence = n_e * xbar, n_e
    return np.where(evidence > 0, (total + strength * mean) / (evidence + strength), mean)


def interval(kind: Kind, value: Floats, evidence: Floats, *, strength: Any, dispersion: Any) -> tuple[Floats, Floats]:
    """The posterior's 10 % and 90 % quantiles of shrunk ``value``s, two float64 (n,).

    Beta(``r*(n+m)``, ``(1-r)*(n+m)``); Gamma with shape ``value*(T+beta)/dispersion`` and rate
    ``(T+beta)/dispersion``; Normal with variance ``dispersion/(n_e+k)``. ``evidence`` is ``sum w``,
    ``T`` or ``n_e``. The ends never cross the value.
    """
    from scipy import special

    weight = evidence + strength
    if kind == "rate":
        value_in = np.clip(value, 1e-9, 1.0 - 1e-9)
        first, second = value_in * weight, (1.0 - value_in) * weight
        low, high = special.betaincinv(first, second, 0.1), special.betaincinv(first, second, 0.9)
    elif kind == "count":
        scale = np.broadcast_to(np.asarray(dispersion, dtype=np.float64), value.shape) / weight
        shape = np.maximum(np.where(scale > 0, value / np.where(scale > 0, scale, 1.0), 0.0), 1e-9)
        low, high = special.gammaincinv(shape, 0.1) * scale, special.gammaincinv(shape, 0.9) * scale
    else:
        half = _TENTH * np.sqrt(np.maximum(dispersion, 0.0) / weight)
        low, high = value - half, value + half
    return np.fmin(low, value), np.fmax(high, value)


def mid_rank(values: Floats, reference: Floats, *, less_is_better: bool = False) -> Floats:
    """``P`` = 100 x mid-rank of ``values`` (n,) in the sorted ``reference`` (r,): float64 in 0..100.

    ``100 * (#{below} + #{equal}/2) / r``; reversed where less is better. NaN values and an
    empty reference give 50.
    """
    if reference.size == 0:
        return np.full(values.shape, 50.0)
    below = np.searchsorted(reference, values, side="left")
    not_above = np.searchsorted(reference, values, side="right")
    rank = 100.0 * (below + not_above) / (2.0 * reference.size)
    rank = 100.0 - rank if less_is_better else rank
    return np.where(np.isnan(values), 50.0, rank)


def weighted_index(percentiles: Floats, weights: Floats) -> Floats:
    """The index: weighted mean of the components' ``P``; (n, c) and (c,) -> (n,). NaN counts as 50."""
    total = np.zeros(percentiles.shape[0])
    for column, weight in enumerate(weights):  # a fixed order of additions, whatever the number of rows
        total += weight * np.where(np.isnan(percentiles[:, column]), 50.0, percentiles[:, column])
    return np.clip(total / float(sum(weights)), 0.0, 100.0)


def index_interval(
    value: Floats, percentiles: Floats, lows: Floats, highs: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """An index's 80 % interval from its components', two float64 (n,) within 0..100.

    Components are taken as independent: half-widths add in squares,
    ``low = value - sqrt(sum (v_j (P_j - P_j,low))^2)``. All inputs (n, c) but ``value`` (n,), ``weights`` (c,).
    """
    below, above = np.zeros_like(value), np.zeros_like(value)
    share = weights / float(sum(weights))
    for column in range(percentiles.shape[1]):
        below += (share[column] * (percentiles[:, column] - lows[:, column])) ** 2
        above += (share[column] * (highs[:, column] - percentiles[:, column])) ** 2
    return np.clip(value - np.sqrt(below), 0.0, 100.0), np.clip(value + np.sqrt(above), 0.0, 100.0)


def confidence(evidence: Floats, strength: Floats, quality: Floats, weights: Floats, idle_days: Floats) -> Floats:
    """``100 * sum_j v_j a_j n_j/(n_j + m_j) * 2^(-idle/60)``, float64 (n,) in 0..100.

    ``evidence``, ``strength``, ``quality`` are (n, c): ``n_j``, ``m_j`` and ``a_j`` (1 exact, .6 a range or
    projected, 0 missing); ``weights`` (c,) are ``v_j``; ``idle_days`` (n,) is infinite where nothing ever happened.
    """
    total = np.zeros(evidence.shape[0])
    share = weights / float(sum(weights))
    for column in range(evidence.shape[1]):
        weight = evidence[:, column] + strength[:, column]
        part = np.divide(evidence[:, column], weight, out=np.zeros_like(weight), where=weight > 0)
        total += share[column] * quality[:, column] * part
    return np.clip(100.0 * total * decay(idle_days, IDLE_HALF_LIFE_DAYS), 0.0, 100.0)
