"""What one worker scored lately: a few rows of each ranking, and the chances of those shown.

It is bounded, and cheap to add to: 16 rows of a ranking are copied while its request is answered. Whoever wants to know
how far they have drifted looks later, on a thread of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from marketplace.arrays import Floats, Ints

__all__ = ["Lately"]

ROWS = 16
"""Candidates of a ranking that are kept, evenly over them."""

RANKINGS = 128
"""Rankings that are kept, the latest."""


class Lately:
    """The latest rankings of one bundle on one snapshot; may be offered to and read from several threads."""

    def __init__(self) -> None:
        self._kept: deque[tuple[Floats, Floats]] = deque(maxlen=RANKINGS)
        self._lock = threading.Lock()
        self._count = 0

    def __len__(self) -> int:
        """How many rankings have been offered in all."""
        return self._count

    def offer(self, candidates: int, matrix: Callable[[Ints], Floats], shown: Sequence[float]) -> None:
        """Keep some of a ranking.

        Parameters
        ----------
        candidates : int
            How many were scored.
        matrix : callable
            Gives the signals (n, k) of candidates by their places, int64 (n,); a new array.
        shown : sequence of float
            P(success) of those in the answer.
        """
        if not candidates:
            return
        # Another first place each time, so that over many rankings everybody is looked at.
        places = (self._count * 7919 + np.arange(min(ROWS, candidates)) * max(1, candidates // ROWS)) % candidates
        rows = np.array(matrix(places.astype(np.int64)), dtype=np.float64)
        with self._lock:
            self._count += 1
            self._kept.append((rows, np.asarray(shown, dtype=np.float64)))

    def rows(self) -> tuple[Floats, Ints] | None:
        """The kept rows' signals (n, k) and which ranking each is of (n,); None where there are none."""
        kept = self._read()
        if not kept:
            return None
        sizes = [len(rows) for rows, _ in kept]
        return np.concatenate([rows for rows, _ in kept]), np.repeat(np.arange(len(kept)), sizes)

    def shown(self) -> Floats:
        """P(success) of all those shown in the kept rankings."""
        kept = self._read()
        return np.concatenate([shown for _, shown in kept]) if kept else np.empty(0)

    def _read(self) -> list[tuple[Floats, Floats]]:
        with self._lock:
            return list(self._kept)
