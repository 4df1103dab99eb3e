"""Draw a marketplace from its mechanisms: which world, campaigns in time order, shards of creators."""

from __future__ import annotations

from marketplace.simulator.drawing.find import find_world
from marketplace.simulator.drawing.offers import Lists
from marketplace.simulator.drawing.run import simulate

__all__ = ["Lists", "find_world", "simulate"]
