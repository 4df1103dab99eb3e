"""Signals: the model's features, each declared once for training, serving and the documentation."""

from __future__ import annotations

from features.signals.brief import PRODUCT_SUMS, brief_signals, one_signal
from features.signals.build import build_creator, build_entity, build_matrix, eligible_pairs
from features.signals.registry import ENTITIES, SIGNALS, Signal, names_of

__all__ = [
    "ENTITIES",
    "PRODUCT_SUMS",
    "SIGNALS",
    "Signal",
    "brief_signals",
    "build_creator",
    "build_entity",
    "build_matrix",
    "eligible_pairs",
    "names_of",
    "one_signal",
]
