"""The lift report: `features.lift`'s estimates by campaign and in all, beside checks and (simulated) the truth."""

from __future__ import annotations

from training.lift.report import lift_report, ripe_evidence
from training.lift.run import LiftResult, measure_lift
from training.lift.text import save_lift_figures
from training.lift.truth import lift_truth

__all__ = ["LiftResult", "lift_report", "lift_truth", "measure_lift", "ripe_evidence", "save_lift_figures"]
