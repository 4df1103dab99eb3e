"""Exploration: a share of a list's places goes, by known chances, to creators whom the ranking would not show."""

from __future__ import annotations

from serving.exploration.draw import FLOOR, Drawn, draw_places, place_chances
from serving.exploration.listing import Listing, Mark, explored_listing, noop_listing, ranked_listing, shuffle_listing
from serving.exploration.slots import ALWAYS_RANKED, LARGEST_SHARE, LEAST_TOP, slot_positions

__all__ = [
    "ALWAYS_RANKED",
    "FLOOR",
    "LARGEST_SHARE",
    "LEAST_TOP",
    "Drawn",
    "Listing",
    "Mark",
    "draw_places",
    "explored_listing",
    "noop_listing",
    "place_chances",
    "ranked_listing",
    "shuffle_listing",
    "slot_positions",
]
