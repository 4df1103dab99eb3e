"""The lift report: `features.lift`'s estimates by campaign and in all, beside checks and (simulated) the truth."""

from __future__ import annotations

from training.lift.checks import LEAD
from training.lift.report import HARDLY_READ, LEVEL, Estimate, LiftReport, Z, lift_report, ripe_evidence
from training.lift.run import LiftResult, measure_lift
from training.lift.text import save_lift_figures
from training.lift.truth import lift_truth

__all__ = [
    "HARDLY_READ",
    "LEAD",
    "LEVEL",
    "Estimate",
    "LiftReport",
    "LiftResult",
    "Z",
    "lift_report",
    "lift_truth",
    "measure_lift",
    "ripe_evidence",
    "save_lift_figures",
]
