"""Which world a name means; for ``wild`` the first law drawn by the seed in which there is something to learn.

The rule by which a drawn law is kept stands in `is_kept`. It looks at a pilot alone: creators and briefs without posts,
sales or history, of a fixed size, so that the law hangs on the seed and not on the size of the marketplace.
"""

from __future__ import annotations

from itertools import count

import numpy as np

from marketplace.errors import ContractError
from marketplace.simulator.mechanisms import expect_fresh
from marketplace.simulator.worlds import FAMILIES, World, draw_law

__all__ = ["find_world", "is_kept"]

_PILOT = {"creators": 1_500, "campaigns": 48, "days": 300}
_INVITED = 20
_ASKED = 5
LEAST_GAINS = 0.7
"""Least share of the pilot's briefs in which the best creators bring a profit."""
LEAST_EVER = 0.25
"""Least share of creators who accept at least one of `_ASKED` invitations."""
LEAST_DELIVERED = 0.05
"""Least share of invitations that end in a delivery."""


def is_kept(world: World, seed: int) -> bool:
    """Whether a drawn law is kept, by the expectations of a pilot of 1,500 creators and 48 briefs.

    It is where all of this holds over creators whom nobody has asked yet: in seven tenths of the briefs the 20 best of
    the eligible bring a profit together; a quarter of the creators accept at least one of five invitations; one
    invitation in twenty ends in a delivery.
    """
    gains, accepts, delivers = [], [], []
    for told in expect_fresh(world, seed, **_PILOT):
        gains.append(float(np.sort(told.profit)[-_INVITED:].sum()) > 0.0)
        accepts.append(1.0 - (1.0 - told.accept) ** _ASKED)
        delivers.append(told.accept * told.deliver)
    ever, delivered = float(np.concatenate(accepts).mean()), float(np.concatenate(delivers).mean())
    return float(np.mean(gains)) >= LEAST_GAINS and ever >= LEAST_EVER and delivered >= LEAST_DELIVERED


def find_world(name: str, *, seed: int = 0) -> World:
    """The world called ``name``; where each seed draws its own (``wild``), that of ``seed``.

    Raises
    ------
    ContractError
        There is no such world.
    """
    if name not in FAMILIES:
        raise ContractError(f"a world: {', '.join(FAMILIES)}", received=name, look="`collabrank simulate --worlds`")
    family = FAMILIES[name]
    if not family.drawn:
        return family.world
    if seed < 0:
        raise ContractError("a seed of zero or more", received=str(seed), look="`collabrank simulate --help`")
    return next(world for attempt in count() if is_kept(world := draw_law(seed, attempt), seed))
