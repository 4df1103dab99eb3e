"""A marketplace drawn from a structural causal model, with the truth beside it.

The model in one picture (an arrow is a cause)::

    traits ─► posts ─► views ─► order lines ─► product days
       │        brand fit, price, affinity ─┘        ▲
       ├─► acceptance ─► sample ─► delivery ─► partnership's content
       └─► compliance, lateness ─► reviews           │
    size in the category ─► captured organic demand ─┘ (attributed, yet not incremental)
    30-day GMV ─► the older ranker ─► lists, invitations (a share of them random)

The same mechanisms take other laws (`marketplace.simulator.worlds.wild`): all of them are parameters that are neutral
where a world does not set them. Each stage draws from its own stream, so that a change in one does not shift
another. The same arguments give the same bytes.
"""

from __future__ import annotations

from marketplace.simulator.drawing import Lists, find_world, simulate
from marketplace.simulator.worlds import BASELINE, FAMILIES, LAWS, WORLDS, World

__all__ = ["BASELINE", "FAMILIES", "LAWS", "WORLDS", "Lists", "World", "find_world", "simulate"]
