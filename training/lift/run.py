"""``collabrank lift``: the report of a marketplace, with the truth where it is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from features.time import as_of_day, known_until
from marketplace.display import Shown, text_of
from marketplace.tables import Marketplace, open_marketplace
from training.lift.report import Estimate, LiftReport, lift_report
from training.lift.text import lift_figures, lift_text
from training.lift.truth import LiftTruth, lift_truth

__all__ = ["LiftResult", "lift_result_text", "measure_lift"]


@dataclass(frozen=True, repr=False)
class LiftResult(Shown):
    """What partnerships added to sales: the report, and the truth beside it where the marketplace is simulated.

    Attributes
    ----------
    report : LiftReport
    truth : LiftTruth or None
    """

    report: LiftReport
    truth: LiftTruth | None

    @property
    def overall(self) -> Estimate:
        """All partnerships together."""
        return self.report.overall

    @property
    def flags(self) -> dict[str, str]:
        """The checks that failed, and what that means."""
        return self.report.flags

    @property
    def partnerships(self) -> pd.DataFrame:
        """One row a ripe partnership: attributed sales, lift and its standard error, USD; ``truth_usd`` where known."""
        return (self.report if self.truth is None else self.truth).partnerships.copy()

    @property
    def headline(self) -> str:
        """The sum in all, beside what is attributed."""
        best = self.overall
        flags = f"; flags: {', '.join(self.flags)}" if self.flags else "; no check failed"
        return (
            f"{best.estimate:,.0f} USD incremental ({best.low:,.0f} to {best.high:,.0f}) of {best.attributed:,.0f} "
            f"attributed, {best.partnerships} partnerships as of {self.report.as_of:%Y-%m-%d}{flags}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a campaign (the index), USD: attributed, incremental, its interval, and the truth where known."""
        rows = [
            {
                "campaign_id": one.name,
                "partnerships": one.partnerships,
                "attributed_usd": one.attributed,
                "incremental_usd": one.estimate,
                "se_usd": one.se,
                "low_usd": one.low,
                "high_usd": one.high,
                **({} if self.truth is None else {"truth_usd": self.truth.campaigns[one.name]}),
            }
            for one in self.report.campaigns
        ]
        return pd.DataFrame(rows).set_index("campaign_id")

    def figures(self) -> dict[str, Any]:
        """Matplotlib figures by name: ``lift_by_campaign``, ``lift_placebo``, and ``lift_against_truth`` with truth."""
        return lift_figures(self.report, self.truth)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN becomes None; the truth's keys where it is known."""
        return self.report.as_dict() | ({} if self.truth is None else self.truth.as_dict())


@text_of.register
def lift_result_text(result: LiftResult) -> str:
    """The campaigns, the sum, the checks and the flags (`training.lift.text.lift_text`)."""
    return lift_text(result.report, result.truth)


def measure_lift(market: str | Path | Marketplace, *, as_of: str | date | None = None, sample: int = 200) -> LiftResult:
    """What partnerships of ``market`` added to sales.

    Parameters
    ----------
    market : path or Marketplace
    as_of : date, optional
        Only what was known before that day is read. By default everything.
    sample : int
        Partnerships that synthetic difference-in-differences looks at, at most.

    Raises
    ------
    DateError
        ``as_of`` is no date in ISO form.
    TrainingError
        Nothing is ripe.
    """
    market = open_marketplace(market)
    report = lift_report(market, known_until(market) if as_of is None else as_of_day(as_of), sample=sample)
    return LiftResult(report, None if market.path is None else lift_truth(market.path, report))
