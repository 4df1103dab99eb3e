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

FACTOR_SD = 0.5
"""How far the factor is taken to be from 1 before the data speak."""

FACTORS = (0.1, 2.0)
"""Within which it stays."""


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
    ``z`` is `TOLD` or more. The factor is drawn towards 1 by its own error; it is 1 where the lifts' sum is not
    positive, or there is no ``imputation``.
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
    share = FACTOR_SD**2 / (FACTOR_SD**2 + error**2)
    factor = 1.0 + share * (found - 1.0)
    return Anchor(float(np.clip(factor, *FACTORS)), math.sqrt(share) * error)
