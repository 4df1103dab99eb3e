"""Worlds: the parameters of a simulated marketplace, and the families that depart from the baseline."""

from __future__ import annotations

from marketplace.simulator.worlds.families import FAMILIES, WORLDS, Family
from marketplace.simulator.worlds.markets import CURRENCIES, MARKETS
from marketplace.simulator.worlds.parameters import BASELINE, CATEGORIES, TRAITS, World, stream
from marketplace.simulator.worlds.wild import LAWS, Law, draw_law

__all__ = [
    "BASELINE",
    "CATEGORIES",
    "CURRENCIES",
    "FAMILIES",
    "LAWS",
    "MARKETS",
    "TRAITS",
    "WORLDS",
    "Family",
    "Law",
    "World",
    "draw_law",
    "stream",
]
