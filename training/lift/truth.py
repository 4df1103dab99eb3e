"""How near estimated lift comes to the truth of a simulated marketplace. Nothing but the evaluation reads the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from marketplace.tables import read_truth
from training.lift.report import Estimate, LiftReport

__all__ = ["LiftTruth", "lift_truth"]


@dataclass(frozen=True)
class LiftTruth:
    """The truth beside a `LiftReport`, USD.

    Attributes
    ----------
    partnerships : DataFrame
        The report's, with ``truth_usd``.
    campaigns : campaign_id -> float
        True incremental net sales.
    overall : float
    error : float
        Reported less true, as a share of the true one; NaN where that is zero.
    held : bool
        The overall interval holds it.
    coverage : float
        Share of campaigns whose interval holds the truth.
    partnership_coverage : float
        The same for single partnerships.
    """

    partnerships: pd.DataFrame
    campaigns: dict[str, float]
    overall: float
    error: float
    held: bool
    coverage: float
    partnership_coverage: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON, under the key ``truth``."""
        return {
            "truth": {
                "overall_usd": self.overall,
                "error": None if math.isnan(self.error) else self.error,
                "overall_held": self.held,
                "campaign_coverage": self.coverage,
                "partnership_coverage": self.partnership_coverage,
                "campaigns_usd": dict(self.campaigns),
            }
        }


def lift_truth(directory: str | Path, report: LiftReport) -> LiftTruth | None:
    """The truth of the marketplace in ``directory``; None where it is real.

    The truth counts every sale that would not have happened otherwise, those of siblings and of later days included.
    """
    outcomes = read_truth(directory, "outcomes")
    if outcomes is None:
        return None
    known = outcomes[["campaign_id", "creator_id", "incremental_gmv_realised"]].dropna()
    rows = report.partnerships.merge(known, on=["campaign_id", "creator_id"], how="left")
    rows = rows.rename(columns={"incremental_gmv_realised": "truth_usd"}).fillna({"truth_usd": 0.0})
    by_campaign = rows.groupby("campaign_id")["truth_usd"].sum()
    total = float(rows["truth_usd"].sum())
    half = (report.overall.high - report.overall.low) / 2.0
    z = half / report.overall.se if report.overall.se > 0 else math.nan
    inside = (rows["lift_usd"] - rows["truth_usd"]).abs() <= z * rows["lift_se_usd"]
    return LiftTruth(
        partnerships=rows,
        campaigns={str(name): float(value) for name, value in by_campaign.items()},
        overall=total,
        error=report.overall.estimate / total - 1.0 if total != 0 else math.nan,
        held=_holds(report.overall, total),
        coverage=float(np.mean([_holds(one, float(by_campaign[one.name])) for one in report.campaigns])),
        partnership_coverage=float(inside.mean()),
    )


def _holds(one: Estimate, truth: float) -> bool:
    return bool(one.low <= truth <= one.high)
