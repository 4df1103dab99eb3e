"""The first twenty of a ranking, campaign by campaign: what they are said to add on average, and how sure that is.

For each held-out campaign the mean predicted lift of the ranker's first `FIRST`,
with the 90 % interval of `models.calibration.intervals.MoneySpread.mean_interval`: it holds
what is unsure for all rows alike (the level and slope of the calibration, as
seen from campaign to campaign in training, on estimates that no prior has
touched) beside what averages out.

A ranker *claims* a lift in a campaign where this interval lies above zero. In a
marketplace where nothing lifts anything it should claim one in about 5 of 100
campaigns, and the interval should hold zero in about 90; campaigns that share a
model share its error, so only many marketplaces can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marketplace.arrays import Floats
from models.bundle import Bundle
from models.calibration import MoneySpread
from models.predict import factors, raw_scores
from training.stats import Groups

__all__ = ["FIRST", "FirstLift", "first_lifts"]


FIRST = 20
LEVEL = 0.9


@dataclass(frozen=True)
class FirstLift:
    """One campaign: ``mean`` predicted lift of its first ``rows`` creators given delivery, USD, ``low`` and ``high``
    of its 90 % interval, and ``truth``, the mean of their expected lifts (NaN where there is no truth).
    """

    campaign_id: str
    rows: int
    mean: float
    low: float
    high: float
    truth: float

    @property
    def holds_zero(self) -> bool:
        """Whether the interval holds zero."""
        return self.low <= 0.0 <= self.high

    @property
    def claims(self) -> bool:
        """Whether it lies above zero: the ranker claims that these creators add sales."""
        return self.low > 0.0


def first_lifts(
    bundle: Bundle,
    X: Floats,
    *,
    groups: Groups,
    scores: npt.ArrayLike,
    expected: Floats | None = None,
) -> tuple[FirstLift, ...]:
    """The first `FIRST` of each campaign by ``scores``, in order of campaign id.

    Parameters
    ----------
    bundle : Bundle
    X : float64 (n, n_signals)
        Columns as ``bundle.signals``.
    groups : Groups of the n rows
        Ties of ``scores`` are broken by creator id, as everywhere.
    scores : float64 (n,)
    expected : float64 (n,), optional
        The true expected lift given delivery, USD.
    """
    calibration = bundle.calibration["lift"]
    spread = calibration.spread
    if not isinstance(spread, MoneySpread):
        return ()
    order = groups.order(scores)
    order = order[groups.place <= FIRST]
    matrix = X[order]
    # The interval is kept in the calibration's own unit: prices of the product, where it has a scale.
    factor = factors(bundle, matrix).get("lift", np.ones(len(order)))
    value = calibration.value(calibration.score(raw_scores(bundle, matrix)))
    out = []
    for place, campaign_id in enumerate(groups.campaign_ids):
        inside = groups.code[order] == place
        rows = order[inside]
        low, mean, high = spread.mean_interval(value[inside], LEVEL)
        size = float(factor[inside].mean())
        out.append(
            FirstLift(
                str(campaign_id), len(rows), mean * size, low * size, high * size,
                float("nan") if expected is None else float(expected[rows].mean()),
            )
        )  # fmt: skip
    return tuple(out)
