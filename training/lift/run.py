"""``collabrank lift``: the report of a marketplace's folder, with the truth where it is simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from features.time import known_until
from marketplace.errors import TrainingError
from marketplace.progress import say
from marketplace.tables import open_marketplace
from training.lift.report import lift_report
from training.lift.text import lift_text, save_lift_figures
from training.lift.truth import lift_truth

__all__ = ["run_lift"]


def run_lift(
    directory: str | Path, *, as_of: str | None = None, figures: Path | None = None
) -> tuple[dict[str, Any], str]:
    """The report as JSON-ready values and as text.

    Parameters
    ----------
    as_of : str, optional
        YYYY-MM-DD; only what was known before it is read. By default everything.
    figures : path, optional
        Folder for the figures.

    Raises
    ------
    TrainingError
        ``as_of`` is no day, or nothing is ripe.
    """
    market = open_marketplace(directory)
    if as_of is None:
        day = known_until(market)
    else:
        try:
            day = pd.Timestamp(pd.to_datetime(as_of, format="%Y-%m-%d"))
        except ValueError as reason:
            raise TrainingError("a day, YYYY-MM-DD", received=as_of, look="`collabrank lift --help`") from reason
    report = lift_report(market, day)
    truth = lift_truth(directory, report)
    if figures is not None:
        say(f"{len(save_lift_figures(report, figures, truth))} figures in {figures}")
    found = report.as_dict()
    if truth is not None:
        found |= truth.as_dict()
    return found, lift_text(report, truth)
