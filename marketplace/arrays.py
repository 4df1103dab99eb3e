"""The array types that everything shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Flags", "Floats", "Ints", "Many", "as_floats"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Many: TypeAlias = npt.NDArray[Any] | Sequence[float]


def as_floats(values: Many | float) -> Floats:
    """``values`` as float64; copied only where the type differs."""
    return np.asarray(values, dtype=np.float64)
