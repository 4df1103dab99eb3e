"""Drift: how far what is scored now lies from what a model was made on, and how well it may be expected to do."""

from __future__ import annotations

from models.drift.expected import Expected, expected_performance
from models.drift.measure import STEADY, VERDICTS, Drift, drift_of
from models.drift.reference import PREDICTED, Reference, Sample, predicted_columns, spread_rows

__all__ = [
    "PREDICTED",
    "STEADY",
    "VERDICTS",
    "Drift",
    "Expected",
    "Reference",
    "Sample",
    "drift_of",
    "expected_performance",
    "predicted_columns",
    "spread_rows",
]
