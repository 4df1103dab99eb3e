"""Experiments: what came of the arms' lists, compared by intervals and a test that may be read at any time."""

from __future__ import annotations

from serving.experiment.history import OUTCOMES, Asked, Place, read_history, read_money
from serving.experiment.report import ArmFigures, ExperimentReport, ShadowFigures, SlotFigures, experiment_report
from serving.experiment.sequences import LEAST_BRANDS, RHO, Reading, compare_arms, mean_of_clusters

__all__ = [
    "LEAST_BRANDS",
    "OUTCOMES",
    "RHO",
    "ArmFigures",
    "Asked",
    "ExperimentReport",
    "Place",
    "Reading",
    "ShadowFigures",
    "SlotFigures",
    "compare_arms",
    "experiment_report",
    "mean_of_clusters",
    "read_history",
    "read_money",
]
