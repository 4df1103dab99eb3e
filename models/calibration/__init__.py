"""Calibration: from a head's raw score to a probability or to money, with how sure that is."""

from __future__ import annotations

from models.calibration.curves import LogLinear, Platt, fit_log_linear, fit_platt
from models.calibration.intervals import LEVELS, MoneySpread, ProbabilitySpread
from models.calibration.scale import Calibration, Scale, Term, fit_money, fit_probability
from models.calibration.thinning import Counted

__all__ = [
    "LEVELS",
    "Calibration",
    "Counted",
    "LogLinear",
    "MoneySpread",
    "Platt",
    "ProbabilitySpread",
    "Scale",
    "Term",
    "fit_log_linear",
    "fit_money",
    "fit_platt",
    "fit_probability",
]
