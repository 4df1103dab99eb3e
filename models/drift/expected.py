"""How well a model may be expected to do before any outcome is known, from its own calibrated probabilities.

If a probability is calibrated, so many of those given p come true; what a metric will be follows from the
probabilities alone, in expectation. It cannot see what breaks calibration itself: a changed relation between signals
and outcomes shows when outcomes ripen, not before.

Source: NannyML, Confidence-based performance estimation (CBPE), documentation of nannyml 0.13, 2024.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Many, as_floats

__all__ = ["ASSUMES", "Expected", "expected_performance"]

ASSUMES = "if the probabilities are still calibrated, which only outcomes can tell"
_Z90 = 1.6448536269514722


@dataclass(frozen=True)
class Expected:
    """What is to be expected of n creators who were shown, `ASSUMES`.

    Attributes
    ----------
    rows : int
    success : float
        Share that will succeed.
    success_low, success_high : float
        Where the share will lie nine times in ten, if they succeed independently of one another.
    brier : float
        Mean squared error of the probabilities.
    roc_auc : float
        Chance that one who succeeds was given a higher probability than one who does not; NaN where all are certain.
    accuracy : float
        Share told rightly by calling .5 and above a success.
    """

    rows: int
    success: float
    success_low: float
    success_high: float
    brier: float
    roc_auc: float
    accuracy: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON; None where a figure is not defined."""
        told = {name: None if isinstance(value, float) and math.isnan(value) else value
                for name, value in asdict(self).items()}  # fmt: skip
        return {**told, "assumes": ASSUMES}


def expected_performance(probability: Many) -> Expected:
    """What follows from probabilities (n,) that are calibrated; all figures are NaN where n is 0."""
    p = as_floats(probability)
    if not len(p):
        return Expected(0, *(math.nan,) * 6)
    miss = p * (1.0 - p)
    share = float(p.mean())
    spread = _Z90 * math.sqrt(float(miss.sum())) / len(p)
    return Expected(
        rows=len(p),
        success=share,
        success_low=max(0.0, share - spread),
        success_high=min(1.0, share + spread),
        brier=float(miss.mean()),
        roc_auc=_auc(p),
        accuracy=float(np.maximum(p, 1.0 - p).mean()),
    )


def _auc(p: Floats) -> float:
    """Expected wins of successes over failures, a tie half a win, over the expected number of such pairs."""
    values, counts = np.unique(p, return_counts=True)
    hit, fail = values * counts, (1.0 - values) * counts
    below = np.concatenate([[0.0], np.cumsum(fail)[:-1]])
    # A row is not paired with itself.
    tied = 0.5 * (hit * fail - counts * values * (1.0 - values))
    pairs = float(hit.sum() * fail.sum() - (p * (1.0 - p)).sum())
    return float((hit * below + tied).sum()) / pairs if pairs > 0 else math.nan
