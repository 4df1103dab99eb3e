"""The lift report: `features.lift`'s estimates by campaign and in all, beside checks and (simulated) the truth."""

from __future__ import annotations

from training.lift.report import lift_report, ripe_evidence
from training.lift.run import run_lift
from training.lift.truth import lift_truth

__all__ = ["lift_report", "lift_truth", "ripe_evidence", "run_lift"]
