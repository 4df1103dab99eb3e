"""``collabrank evaluate``: the champion, or anybody's scores, measured on the held-out campaigns in every way.

The held-out campaigns are those briefed from the champion's cut-off on; where
there is no champion and a stranger's file is measured, the last third.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.signals import eligible_pairs
from marketplace.arrays import Floats
from marketplace.display import Shown
from marketplace.errors import TrainingError
from marketplace.jsonable import jsonable
from marketplace.progress import say, stage, staged
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import Bundle, bundle_folder, load_champion
from models.economics import Economics
from models.predict import Predictions
from training.data import split_of
from training.evaluation.baselines import baseline_scores
from training.evaluation.ceiling import fit_ceiling
from training.evaluation.comparison import Comparison, compare_rankers, known_outcomes
from training.evaluation.first import FirstLift, first_lifts
from training.evaluation.held_out import HeldOut, gather_held_out
from training.evaluation.quantities import Coverage, Reading, measure_quantities, observed_quantities
from training.evaluation.standings import WHOLE, Standing
from training.score_file import Missing, ScoreFile, read_scores
from training.stats import Groups

__all__ = ["CEILING", "CHAMPION", "FILE", "FOR_SCALE", "ORACLE", "SUCCESS", "Evaluation", "evaluate_marketplace"]


CHAMPION = "champion"
FILE = "file"
CEILING = "ceiling"
ORACLE = "oracle"
SUCCESS = "champion_success"

FOR_SCALE = (CEILING, ORACLE, SUCCESS)
"""Rankers beside which the others are seen, and which no other competes with."""


@dataclass(frozen=True, repr=False)
class Evaluation(Shown):
    """What `evaluate_marketplace` found.

    Attributes
    ----------
    comparison : Comparison
        The served rankers and the baselines, campaign by campaign; for scale ``champion_success``, and ``ceiling``
        and ``oracle`` where there is truth.
    readings : tuple of Reading
        Calibration of the champion's probabilities and money; empty without a champion.
    coverages : tuple of Coverage
        Of its intervals, on simulated marketplaces.
    firsts : tuple of FirstLift
        The mean predicted lift of the champion's first 20 of each campaign, with its 90 % interval.
    file : ScoreFile or None
        What became of the rows of a stranger's file.
    """

    comparison: Comparison
    readings: tuple[Reading, ...] = ()
    coverages: tuple[Coverage, ...] = ()
    file: ScoreFile | None = field(default=None, repr=False)
    firsts: tuple[FirstLift, ...] = ()

    @property
    def reference(self) -> str:
        """The ranker that all others were tested against."""
        return self.comparison.champion

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Every ranker on every metric, on the whole and by slice."""
        return (*self.comparison.rows, *self.comparison.slice_rows())

    def standing(self, ranker: str, metric: str, part: str = WHOLE) -> Standing:
        """One row.

        Raises
        ------
        TrainingError
            There is none.
        """
        rows = self.comparison.rows if part == WHOLE else self.comparison.slice_rows(metric)
        for row in rows:
            if (row.ranker, row.metric, row.slice) == (ranker, metric, part):
                return row
        raise TrainingError(
            f"{metric} of {ranker} in {part}",
            received=f"metrics {', '.join(self.comparison.metrics)}",
            look="training/evaluation/standings.py",
        )

    @property
    def headline(self) -> str:
        """The comparison's."""
        return self.comparison.headline

    def to_frame(self) -> pd.DataFrame:
        """One row a slice, metric and ranker (the index): estimate, interval, test and counts (`Standing`)."""
        return pd.DataFrame([vars(row) for row in self.standings]).set_index(["slice", "metric", "ranker"])

    def as_dict(self) -> dict[str, Any]:
        """For JSON, NaN as None: the comparison's keys and ``standings``, ``quantities``, ``coverage``,
        ``first_20_lift``, ``file``.
        """
        found: dict[str, Any] = jsonable(
            {
                **self.comparison.as_dict(),
                "standings": self.standings,
                "quantities": [
                    {**vars(row), "table": None if row.table is None else row.table.to_dict(orient="list")}
                    for row in self.readings
                ],
                "coverage": self.coverages,
                "first_20_lift": {
                    "level": 0.9,
                    "campaigns": len(self.firsts),
                    "holds_zero": sum(one.holds_zero for one in self.firsts),
                    "above_zero": sum(one.claims for one in self.firsts),
                    "holds_truth": sum(one.low <= one.truth <= one.high for one in self.firsts),
                    "rows": self.firsts,
                },
                "file": self.file and self.file.as_dict(),
            }
        )
        return found


@staged("evaluate", {"held-out campaigns": 9, "measures": 1})
def evaluate_marketplace(
    market: str | Path | Marketplace,
    *,
    scores: str | Path | None = None,
    missing: Missing = "refuse",
    ceiling: bool = False,
    seed: int = 0,
) -> Evaluation:
    """Measure the served bundle, and a file of scores where one is given, beside the baselines.

    Parameters
    ----------
    market : path or Marketplace
    scores : path, optional
        A Parquet or CSV file, read by the rules of `training.score_file` before anything is built.
    missing : {"refuse", "last"}
        What becomes of eligible creators whom the file leaves out.
    ceiling : bool
        Fit the informed ceiling too (simulated marketplaces alone).
    seed : int
        Of bootstrap, tests and the ranker ``random``.

    Raises
    ------
    BundleError
        There is no champion and no file, or the champion was trained on other signals.
    ContractError
        The file is refused, or the tables cannot be read.
    TrainingError
        No campaign was briefed after the cut-off, or nothing is known of any.
    """
    market = open_marketplace(market)
    bundle = _champion(required=scores is None)
    split = split_of(market, None if bundle is None else bundle.as_of)
    file = None
    if scores is not None:
        file = read_scores(scores, market, eligible_pairs(market, split.held_out), missing=missing)
    stage("held-out campaigns")
    held_out = gather_held_out(market, split.held_out, train_campaigns=split.train)
    stage("measures")
    ranked: dict[str, Floats] = {}
    readings: tuple[Reading, ...] = ()
    coverages: tuple[Coverage, ...] = ()
    firsts: tuple[FirstLift, ...] = ()
    told: dict[str, Predictions] = {}
    aside: dict[str, Floats] = {}
    if bundle is not None:
        frame, predictions = held_out.score(bundle)
        ranked[CHAMPION] = frame["score"].to_numpy(dtype=np.float64)
        told[CHAMPION] = predictions
        aside[SUCCESS] = predictions.success_probability
        observed = observed_quantities(
            held_out.pairs, labels=held_out.labels, truth=held_out.truth, economics=_terms(held_out)
        )
        readings, coverages = measure_quantities(
            predictions, observed, held_out.pairs["campaign_id"].to_numpy(), slices=held_out.slices, seed=seed
        )
        firsts = first_lifts(
            bundle,
            np.ascontiguousarray(held_out.X[list(bundle.signals)].to_numpy(dtype=np.float64)),
            groups=Groups.of(held_out.pairs["campaign_id"].to_numpy(), held_out.pairs["creator_id"].to_numpy()),
            scores=ranked[CHAMPION],
            expected=observed["truth"]["lift"] if "truth" in observed else None,
        )
    if file is not None:
        ranked[FILE] = file.scores
    ranked |= baseline_scores(held_out.X, indices=held_out.indices, seed=seed)
    known = known_outcomes(held_out.pairs, held_out.labels, held_out.truth)
    comparison = compare_rankers(
        ranked,
        held_out.pairs,
        labels=held_out.labels,
        truth=held_out.truth,
        predictions=told,
        profits=held_out.profits,
        slices=held_out.slices,
        for_scale=aside | _all_knowing(market, held_out, known, ceiling=ceiling, train=split.train, as_of=split.cutoff),
        seed=seed,
    )
    return Evaluation(comparison, readings, coverages, file, firsts)


def _champion(*, required: bool) -> Bundle | None:
    """The served bundle; None where there is none and none is required."""
    folder = bundle_folder()
    if not required and not any(folder.glob("*")):
        say("no champion here: the file is measured on the last third of the campaigns, beside the baselines alone")
        return None
    return load_champion()


def _terms(held_out: HeldOut) -> Economics:
    return Economics.of_many(held_out.briefs, held_out.pairs["campaign_id"].to_numpy(dtype=object))


def _all_knowing(
    market: Marketplace,
    held_out: HeldOut,
    known: pd.DataFrame,
    *,
    ceiling: bool,
    train: tuple[str, ...],
    as_of: pd.Timestamp,
) -> dict[str, Floats]:
    """Scores of the rankers that read the truth: the oracle where there is one, the ceiling where it is asked for."""
    out: dict[str, Floats] = {}
    if ceiling:
        say("fitting the informed ceiling on the truth of the training campaigns' invited …")
        frame, _ = held_out.score(fit_ceiling(market, train, as_of=as_of))
        out[CEILING] = frame["score"].to_numpy(dtype=np.float64)
    profit = known["profit"].to_numpy(dtype=np.float64)
    if np.isfinite(profit).any():
        out[ORACLE] = profit
    return out
