"""Worlds: the parameters of a simulated marketplace, and the families that depart from the baseline."""

from __future__ import annotations

from marketplace.simulator.worlds.families import FAMILIES, WORLDS, Family
from marketplace.simulator.worlds.parameters import BASELINE, CATEGORIES, TRAITS, World, stream
from marketplace.simulator.worlds.wild import LAWS, Law, draw_law

__all__ = [
    "BASELINE",
    "CATEGORIES",
    "FAMILIES",
    "LAWS",
    "TRAITS",
    "WORLDS",
    "Family",
    "Law",
    "World",
    "draw_law",
    "stream",
]
