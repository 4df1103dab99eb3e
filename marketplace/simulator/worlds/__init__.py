"""Worlds: the parameters of a simulated marketplace, and the families that depart from the baseline."""

from __future__ import annotations

from marketplace.simulator.worlds.families import FAMILIES, WORLDS, find_world
from marketplace.simulator.worlds.parameters import BASELINE, CATEGORIES, TRAITS, World, stream

__all__ = ["BASELINE", "CATEGORIES", "FAMILIES", "TRAITS", "WORLDS", "World", "find_world", "stream"]
