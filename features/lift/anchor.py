"""The level that lifts have together, held to what products sold beyond their imputed path.

Lifts told apart lean on a shape: sales of a partnership fall over its window as its attributed orders do, and what is
likely of each is a share of these. Where the shape is wrong, all of them are wrong together: sales that are taken from
the days that follow, credit that is given for what would have been sold anyway. Summed, what was sold beyond the
imputed path (`features.lift.imputation`) needs no shape and no attribution; it is the better sum, and useless one by
one. So lifts keep their differences, and are brought to that sum by one factor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from features.lift.imputation import Imputation
from marketplace.arrays import Floats

__all__ = ["IMPUTED_WIDENING", "Anchor", "anchored"]

IMPUTED_WIDENING = 1.5
"""The imputed sums are given so many of their own standard errors: on simulated marketplaces their errors were so much
wider (sales that bursts of orders bring forward count with them).
"""

TOLD = 2.0
"""Standard errors from which on sales are missing after the windows."""

SCALE, FREEDOM = 0.15, 3.0
"""How far the factor is from 1 before the data speak: Student's t of this scale and freedom. Where nothing lifts
anything it is near 0, and no normal law would let the data say so."""

_PLACES = 4_001


@dataclass(frozen=True)
class Anchor:
    """What brings lifts to the imputed sum.

    Attributes
    ----------
    factor, se : float
        That lifts are multiplied by, with its standard error.
    """

    factor: float = 1.0
    se: float = 0.0


def anchored(imputation: Imputation | None, lift: Floats, read: Floats) -> Anchor:
    """The factor for ``lift`` (USD, (n,)), of which the share ``read`` (n,) was sold on days that are imputed.

    Of sales missing after the windows, ``z`` of their standard errors, the share ``1 - 4 / z^2`` is taken off where
    ``z`` is `TOLD` or more. The factor is the posterior mean under a prior about 1 (`SCALE`), at most 1: nothing
    that makes lifts told apart too low together is known, and a noisy sum shall raise none. It is 1 where the lifts'
    sum is not positive, or there is no ``imputation``.
    """
    if imputation is None or not len(imputation.rows):
        return Anchor()
    told = float(np.nansum((lift * read)[imputation.rows]))
    window, window_se = imputation.window
    after, after_se = imputation.after
    if not told > 0 or not window_se > 0:
        return Anchor()
    surely = max(0.0, 1.0 - (TOLD * IMPUTED_WIDENING * after_se / after) ** 2) if after < 0 else 0.0
    found = (window + surely * after) / told
    error = IMPUTED_WIDENING * math.hypot(window_se, surely * after_se) / told
    return _posterior(found, error)


def _posterior(found: float, error: float) -> Anchor:
    """What is to be thought of a factor that was found with a normal error."""
    place = np.linspace(0.0, 2.0, _PLACES)
    prior = -0.5 * (FREEDOM + 1.0) * np.log1p(np.square((place - 1.0) / SCALE) / FREEDOM)
    log_mass = prior - 0.5 * np.square((place - found) / max(error, 4.0 / _PLACES))
    mass = np.exp(log_mass - log_mass.max())
    mass /= mass.sum()
    mean = float(mass @ place)
    return Anchor(min(mean, 1.0), math.sqrt(float(mass @ np.square(place - mean))))
