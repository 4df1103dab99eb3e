"""Exact raw scores of a bundle's heads, bit for bit LightGBM's own, for one brief and very many creators.

With the brief fixed, a row's leaf is the first that is left by what the creator's own signals rule out, what the brief
rules out, and what the two together do. The first is worked out once for all briefs, the second once a request.
"""

from __future__ import annotations

from models.scoring.forest import Forest, forest_of
from models.scoring.kept import ENOUGH_OFTEN, Prepared, plain_scorer, prepared, worth_compiling
from models.scoring.kernels import BLOCK
from models.scoring.scorer import CHUNK, Plan, Scorer, share
from models.scoring.states import Masks

__all__ = [
    "BLOCK",
    "CHUNK",
    "ENOUGH_OFTEN",
    "Forest",
    "Masks",
    "Plan",
    "Prepared",
    "Scorer",
    "forest_of",
    "plain_scorer",
    "prepared",
    "share",
    "worth_compiling",
]
