"""Log-linear parts of a money head: a ridge regression of money on a few standardised signals, told as a scale.

Trees are steps, and learn slowly what is a straight line on a logarithmic scale; a line goes on where trees are flat,
and says the same thing in every corner. A part is fitted by quasi-Poisson likelihood with a ridge penalty::

    sum_i w_i (mu_i - y_i ln mu_i) + strength / 2 * F |b|^2,    ln mu_i = offset_i + a + sum_j b_j z_ij

with ``z`` the signals (or their logarithms) of mean 0 and variance 1 over the rows, and ``F = sum_i w_i mu_i``, what
the rows tell of one coefficient: a strength of 1 halves what a lone signal would have. It asks no positive labels: a
label of lift is as often too low as too high, and only sums of labels enter. The strength is chosen by whole campaigns
left out.

Source: McCullagh and Nelder (1989), Generalized Linear Models, chapter 9; Hoerl and Kennard (1970), Ridge Regression:
Biased Estimation for Nonorthogonal Problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from marketplace.arrays import Flags, Floats, Ints
from models.calibration import Scale, Term
from training.data import TrainingData

__all__ = [
    "RATIO_SIGNALS",
    "SALES_SIGNALS",
    "STRENGTHS",
    "LinearPart",
    "fit_linear_part",
    "held_ridge",
    "quasi_poisson_loss",
    "ridge",
    "term_of",
]

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, np.inf)
"""Ridge strengths tried, weakest first; at the last there are no terms."""

SALES_SIGNALS: Mapping[str, bool] = MappingProxyType(
    {
        "brief_sales_expected_365d": True,
        "brief_views_expected_365d": True,
        "brief_conversion_mean_365d": True,
        "brief_price_brief": True,
        "net_gmv_sum_90d": True,
        "category_net_gmv_sum_90d": True,
        "campaign_gmv_per_partnership_365d": True,
        "category_gmv_per_partnership_365d": True,
        "organic_gmv_per_1000_views_90d": True,
        "organic_views_per_post_90d": True,
        "shoppable_posts_sum_90d": True,
        "follower_count_last": True,
        "live_minutes_sum_28d": True,
        "live_gmv_share_90d": False,
        "brief_price_distance_180d": False,
        "brief_category_gmv_share_90d": False,
        "partnerships_open_42d": False,
    }
)
"""What attributed sales are regressed on; whether by its logarithm."""

RATIO_SIGNALS: Mapping[str, bool] = MappingProxyType(
    {
        "follower_count_last": True,
        "shoppable_posts_sum_90d": True,
        "net_gmv_sum_90d": True,
        "live_gmv_share_90d": False,
        "brief_category_gmv_share_90d": False,
        "tenure_days_last": True,
        "brief_conversion_general_365d": False,
        "click_rate_90d": True,
        "brief_price_brief": True,
        "agency_managed_last": False,
    }
)
"""What the share of attributed sales that is incremental is regressed on; whether by its logarithm."""

LIKELY = 0.3
"""Standard deviation that a standardised signal's coefficient has beforehand, in log units."""

_ITERATIONS = 50
_LONGEST = 2.0


@dataclass(frozen=True)
class LinearPart:
    """A fitted part.

    Attributes
    ----------
    scale : Scale or None
        Fitted on all of its rows; None at strength inf.
    out_of_fold : float64 (n,)
        ln of its factor for every row of the data, by coefficients that did not see the row's campaign. A constant is
        left to the calibration.
    strength : float
    losses : mapping of strength to float
        Mean out-of-fold loss.
    """

    scale: Scale | None
    out_of_fold: Floats
    strength: float
    losses: Mapping[float, float]


def term_of(data: TrainingData, signal: str, *, log: bool, coefficient: float = 1.0) -> Term | None:
    """The term of ``signal`` within what the invited had; None where it is never known, or never above 0 for ``log``.

    Bounds and the usual value are those of all invitations, so that terms of one signal can be added up.
    """
    values = data.X[:, data.signals.index(signal)]
    known = values[np.isfinite(values)]
    if log:
        known = known[known > 0]
    if not known.size:
        return None
    low, middle, high = np.quantile(known, [0.02 if log else 0.0, 0.5, 1.0]).tolist()
    return Term(signal, low, high, middle, coefficient, log)


def fit_linear_part(
    data: TrainingData,
    blocks: Ints,
    *,
    rows: Flags,
    y: Floats,
    weights: Floats,
    offset: Floats,
    signals: Mapping[str, bool],
    strengths: Sequence[float] = STRENGTHS,
    beside: Sequence[Scale | None] = (),
) -> LinearPart:
    """Fit the part and choose its strength.

    Parameters
    ----------
    data : TrainingData of n rows
    blocks : int64 (n,)
        The fold of each row's campaign.
    rows : bool (n,)
        Rows that have a label.
    y, weights, offset : float64 (n,)
        Label, USD; weight, about one over USD; ln of what is known already. The first two are read at ``rows``.
    signals : mapping of signal to whether its logarithm enters
    strengths : sequence of float
        Of which the one with the least out-of-fold loss is taken; `held_ridge` says where one is not enough.
    beside : sequence of Scale or None
        What the part will be added to: a signal of theirs keeps the bounds that it has there. (They may have been made
        of more rows than ``data`` has.)
    """
    theirs = {term.signal: term for scale in beside if scale is not None for term in scale.terms}
    known = {name: log for name, log in signals.items() if name in data.signals}
    made = [
        replace(theirs[name], coefficient=1.0) if name in theirs else term_of(data, name, log=log)
        for name, log in known.items()
    ]
    terms = [term for term in made if term is not None]
    columns = [term.of(data.X[:, data.signals.index(term.signal)]) for term in terms]
    raw = np.column_stack([*columns]) if columns else np.zeros((len(data), 0))
    centre, spread = raw[rows].mean(axis=0), raw[rows].std(axis=0)
    terms = [term for term, one in zip(terms, spread, strict=True) if one > 1e-9]
    kept = spread > 1e-9
    z = (raw[:, kept] - centre[kept]) / spread[kept]
    folds = np.unique(blocks)
    predicted = {strength: np.zeros(len(data)) for strength in strengths}
    for fold in folds.tolist():
        inside, learn = blocks == fold, rows & (blocks != fold)
        start: Floats | None = None
        for strength in sorted(strengths, reverse=True):
            start = held_ridge(z[learn], y[learn], weights[learn], offset[learn], strength=strength, start=start)
            predicted[strength][inside] = z[inside] @ start[1:]
    losses = {strength: quasi_poisson_loss(y, weights, offset + predicted[strength], rows) for strength in strengths}
    best = min(strengths, key=lambda strength: (losses[strength], -strength))
    if not np.isfinite(best) or not terms:
        return LinearPart(None, np.zeros(len(data)), float(best), MappingProxyType(losses))
    b = held_ridge(z[rows], y[rows], weights[rows], offset[rows], strength=best)[1:] / spread[kept]
    scale = Scale(tuple(replace(term, coefficient=float(one)) for term, one in zip(terms, b, strict=True)))
    # The scale has no mean of its own: every fold's is moved to where the whole's lies.
    return LinearPart(scale, predicted[best] + float(centre[kept] @ b), float(best), MappingProxyType(losses))


def held_ridge(
    z: Floats, y: Floats, w: Floats, offset: Floats, *, strength: float, start: Floats | None = None
) -> Floats:
    """`ridge`, its coefficients drawn to zero at least as far as the prior that `LIKELY` says.

    That prior's strength is the dispersion (Pearson's, about the fit) over its variance, as a share of the weighted sum
    of ``y``. Estimates that scatter about nothing would fit any coefficients, and out-of-fold loss could not tell.

    Source: McCullagh and Nelder (1989), Generalized Linear Models, 2nd edition, 4.5, for the dispersion.
    """
    b = ridge(z, y, w, offset, strength=strength, start=start)
    total = float(w @ y)
    if total <= 0:
        return b
    fitted = np.exp(np.minimum(b[0] + z @ b[1:] + offset, 50.0))
    least = float(np.square(w * (y - fitted)).sum()) / (float(w @ fitted) * LIKELY**2 * total)
    return b if least <= strength else ridge(z, y, w, offset, strength=least, start=start)


def ridge(z: Floats, y: Floats, w: Floats, offset: Floats, *, strength: float, start: Floats | None = None) -> Floats:
    """The constant and the coefficients of ``z`` (n, k), float64 (1 + k,), by damped Newton steps from ``start``.

    All zero where the weighted sum of ``y`` is not positive: there is no such mean.
    """
    total = float(w @ y)
    if total <= 0 or not len(y):
        return np.zeros(1 + z.shape[1])
    level = float(np.log(total) - np.log(w @ np.exp(offset - offset.max())) - offset.max())
    if not np.isfinite(strength):
        return np.concatenate([[level], np.zeros(z.shape[1])])
    design = np.column_stack([np.ones(len(z)), z])
    b = np.concatenate([[level], np.zeros(z.shape[1])]) if start is None else start.copy()
    penalty = np.full(len(b), strength * total)
    penalty[0] = 0.0

    def value(b: Floats) -> float:
        eta = np.minimum(design @ b + offset, 50.0)
        return float(w @ (np.exp(eta) - y * eta)) + 0.5 * float(penalty @ b**2)

    now = value(b)
    for _ in range(_ITERATIONS):
        mu = w * np.exp(np.minimum(design @ b + offset, 50.0))
        slope = design.T @ (mu - w * y) + penalty * b
        curve = design.T @ (mu[:, None] * design) + np.diag(penalty + 1e-9 * total)
        step = np.clip(np.linalg.solve(curve, slope), -_LONGEST, _LONGEST)
        size = 1.0
        while size > 1e-6 and value(b - size * step) > now:
            size /= 2.0
        b = b - size * step
        after = value(b)
        if now - after <= 1e-10 * max(abs(now), 1.0):
            break
        now = after
    return b


def quasi_poisson_loss(y: Floats, w: Floats, eta: Floats, rows: Flags) -> float:
    """Weighted mean of ``mu - y ln mu`` at ``rows``, with ln mu = ``eta`` and the best constant; all (n,)."""
    y, w, f = y[rows], w[rows], eta[rows]
    level = np.log(max(np.average(y, weights=w), 1e-9) / np.average(np.exp(f), weights=w))
    return float(np.average(np.exp(f + level) - y * (f + level), weights=w))
