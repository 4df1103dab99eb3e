"""What a part of an exact sum scatters like, where only the sum can be counted.

An estimate of one partnership's lift is mostly noise; what is attributed to it is exact, sale by sale. So lift's
scatter is read off attributed sales. Of a partnership's ``n`` sales each would not have happened otherwise with a
chance of mean ``p = lift foretold / attributed sales foretold``, which differs between partnerships for reasons that
nobody sees: the number of those is beta-binomial, with `CONCENTRATION`. Over all partnerships together that is a
distribution of lift over what is foretold of it; in it are how attributed sales scatter about their own prediction,
the luck of small numbers and the doubt about ``p``. Its quantiles are the interval's ends.

It says nothing of a level that is off for all alike: `models.calibration.scale.fit_money` adds what is unsure of that.

Source: Rényi (1956), A characterization of Poisson processes, for thinning; Skellam (1948), A probability distribution
derived from the binomial distribution by regarding the probability of success as variable between the sets of trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Floats
from marketplace.errors import TrainingError

__all__ = ["CONCENTRATION", "Counted", "thinned_ends"]

CONCENTRATION = 2.0
"""``a + b`` of the beta distribution that a partnership's chance has: at a mean of one half every chance is as likely.
Assumed; without end, or 1, the ends hold nearly as many (docs/laws.md)."""

_MOST_ROWS = 5_000
_MOST_SALES = 200
"""Of one partnership; more are taken together, for their scatter is the chance's by then."""
_SURE = 1e-6
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Counted:
    """Exact sums of which an amount is a part, n rows.

    Attributes
    ----------
    total : float64 (n,)
        USD; NaN where not known.
    foretold : float64 (n,)
        What a model says of it, up to a factor that all rows share.
    each : float64 (n,)
        The usual size of one sale, USD; NaN where not known.

    Raises
    ------
    TrainingError
        Arrays of different lengths.
    """

    total: Floats
    foretold: Floats
    each: Floats

    def __post_init__(self) -> None:
        if not self.total.shape == self.foretold.shape == self.each.shape or self.total.ndim != 1:
            raise TrainingError(
                "sums, predictions of them and sizes of one length",
                received=f"shapes {self.total.shape}, {self.foretold.shape} and {self.each.shape}",
                look="models.calibration.thinning.Counted",
            )

    def take(self, rows: np.ndarray) -> Counted:
        """The same of some rows: an index or a mask of (n,)."""
        return Counted(self.total[rows], self.foretold[rows], self.each[rows])


def thinned_ends(predicted: Floats, counted: Counted, levels: Sequence[float], *, least: int) -> tuple[float, ...]:
    """The ends of each level's interval as multiples of the prediction: low and high of the first level, and so on.

    Where nothing is likelier than the lower tail, the interval begins at nothing and its upper tail has the whole of
    what may lie outside. Low ends are at most 1, high ones at least.

    Parameters
    ----------
    predicted : float64 (n,)
        What is foretold of the part, in the unit of ``counted.total``; rows at or below 0 are left out.
    counted : Counted of n rows
    levels : sequence of float
        Of the intervals, 0..1.
    least : int
        With fewer rows than this, or nothing sold, the answer is empty.

    Returns
    -------
    tuple of 2 x len(levels) float, or an empty one.
    """
    fine = np.isfinite(counted.total) & (counted.foretold > 0) & (predicted > 0) & (counted.each > 0)
    rows = np.flatnonzero(fine)
    if not len(rows) or len(rows) < least:
        return ()
    rows = rows[:: -(-len(rows) // _MOST_ROWS)]
    if not counted.total[rows].sum() > 0:
        return ()
    share, weight = _thinned(predicted[rows], counted.take(rows))
    order = np.argsort(share, kind="stable")
    share, below = share[order], np.cumsum(weight[order]) / weight.sum()
    nothing = float(below[np.searchsorted(share, 0.0, side="right") - 1]) if share[0] <= 0 else 0.0

    def quantile(of: float) -> float:
        return float(share[min(int(np.searchsorted(below, of - _ROUNDING)), len(share) - 1)])

    ends: list[float] = []
    for level in levels:
        tail = (1.0 - level) / 2.0
        low, high = (0.0, quantile(level)) if nothing > tail else (quantile(tail), quantile(1.0 - tail))
        ends += [min(low, 1.0), max(high, 1.0)]
    return tuple(ends)


def _thinned(predicted: Floats, counted: Counted) -> tuple[Floats, Floats]:
    """Every number of sales that may have been added, over what was foretold, and its probability: (m,) each."""
    from scipy.special import betaln, gammaln

    sold = np.maximum(counted.total, 0.0)
    usual = counted.foretold * (sold.sum() / counted.foretold.sum())
    chance = np.clip(predicted / np.maximum(usual, predicted), _SURE, 1.0 - _SURE)  # by no 0, whatever underflows
    number = np.where(sold > 0, np.maximum(np.rint(sold / counted.each), 1.0), 0.0)
    number = np.minimum(number, _MOST_SALES).astype(np.int64)
    of = np.repeat(np.arange(len(sold)), number + 1)
    added = np.arange(len(of)) - np.repeat(np.cumsum(number + 1) - (number + 1), number + 1)
    n, a, b = number[of], CONCENTRATION * chance[of], CONCENTRATION * (1.0 - chance[of])
    ways = gammaln(n + 1.0) - gammaln(added + 1.0) - gammaln(n - added + 1.0)
    mass = np.exp(ways + betaln(added + a, n - added + b) - betaln(a, b))
    # Both as shares of all that was sold, which is what a ratio takes: next to nothing has digits, too.
    each = (sold / sold.sum() / np.maximum(number, 1))[of]
    share = counted.foretold / counted.foretold.sum() * chance
    return added * each / share[of], mass
