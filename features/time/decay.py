"""How what is long ago weighs less: one half-life for signals and indices alike."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np

from marketplace.arrays import Floats

__all__ = ["HALF_LIFE_DAYS", "decay", "decay_of"]

HALF_LIFE_DAYS = 45.0
"""Days in which an event's weight halves, in decayed signals and in every index. Source: indices.md."""


def decay(age_days: Any, half_life: float = HALF_LIFE_DAYS) -> Floats:
    """``2^(-age / half_life)`` of ages in days (any shape), float64."""
    return np.exp2(-np.asarray(age_days, dtype=np.float64) / half_life)


def decay_of(age_days: Any, half_life: float = HALF_LIFE_DAYS) -> Any:
    """The same of an Ibis column of ages in whole days, float64."""
    return ibis.literal(2.0, "float64") ** (age_days.cast("float64") / ibis.literal(-float(half_life), "float64"))
