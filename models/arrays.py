"""The array types that the models share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Integers", "Many", "as_floats"]

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Many: TypeAlias = NDArray[Any] | Sequence[float]


def as_floats(values: Many | float) -> Floats:
    """``values`` as float64; copied only where the type differs."""
    return np.asarray(values, dtype=np.float64)
