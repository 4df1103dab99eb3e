"""The eight handcrafted indices, 0..100: declarations, evidence, shrinkage, peers, values and cards."""

from __future__ import annotations

from features.indices.behind import counted_events, left_out, partnerships
from features.indices.build import (
    build_card,
    build_category_influence,
    build_indices,
    gather_everyone,
    index_scores,
)
from features.indices.cards import IndexFrame, ScoreCard, score_card
from features.indices.declare import CATEGORY_INDEX, CREATOR_INDEX_NAMES, FOLLOWER_TIERS, INDEX_NAMES, INDICES
from features.indices.history import with_history

__all__ = [
    "CATEGORY_INDEX",
    "CREATOR_INDEX_NAMES",
    "FOLLOWER_TIERS",
    "INDEX_NAMES",
    "INDICES",
    "IndexFrame",
    "ScoreCard",
    "build_card",
    "build_category_influence",
    "build_indices",
    "counted_events",
    "gather_everyone",
    "index_scores",
    "left_out",
    "partnerships",
    "score_card",
    "with_history",
]
