"""Which positions of a list explore: fixed by the list's length and the share alone, never by who is in it.

A position that hung on scores would tie what a creator gains from being seen there to how good the creator looks, and
the log could not tell the two apart.
"""

from __future__ import annotations

import math

__all__ = ["ALWAYS_RANKED", "LARGEST_SHARE", "LEAST_TOP", "slot_positions"]

ALWAYS_RANKED = 3
"""The first positions, which are never explored: most invitations come of them."""

LEAST_TOP = 5
"""The shortest list that explores."""

LARGEST_SHARE = 0.5
"""The largest share of a list that may explore."""


def slot_positions(top: int, share: float) -> tuple[int, ...]:
    """The positions (from 1, ascending) of a list of ``top`` that explore.

    There are ``k = floor(share * top)`` of them. What comes after the first `ALWAYS_RANKED` positions is cut into
    ``k`` equal runs, and each run gives its middle: of 20 with a share of .1 the positions 8 and 16, of 10 the
    position 7. None below `LEAST_TOP`, nor where the share of a short list is less than one position.
    """
    if top < LEAST_TOP or share <= 0:
        return ()
    # A hair of slack, so that .07 of 100 is 7.
    count = min(math.floor(min(share, LARGEST_SHARE) * top + 1e-9), top - ALWAYS_RANKED)
    run = (top - ALWAYS_RANKED) / max(count, 1)
    return tuple(ALWAYS_RANKED + math.ceil((place + 0.5) * run) for place in range(count))
