"""Compare rankers on held-out campaigns: one table, with intervals and tests.

Two sources of evidence, each used where it exists:

- *logged outcomes*: the invited creators whose labels have matured.
  ``ndcg_at_10`` (gain = grade), ``map`` and ``auc_within_campaign`` (relevant =
  delivered, grade 2 or more), and the success probability's calibration error.
- *the simulator's truth*: every eligible creator of a held-out campaign.
  ``oracle_gain_share_at_20`` in expected incremental profit.

The campaign is the unit of every interval and test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Floats
from marketplace.display import Shown
from marketplace.errors import TrainingError
from training.stats import (
    BootstrapInterval,
    Gains,
    Groups,
    auc_within_campaign,
    average_precision,
    calibration_table,
    cluster_bootstrap,
    expected_calibration_error,
    gains_at_k,
    ndcg_at_k,
    paired_randomisation_test,
)

__all__ = ["METRICS", "Comparison", "Row", "compare", "known_outcomes"]

Values = dict[str, dict[str, Floats]]

GAIN_SHARE = "oracle_gain_share_at_20"
METRICS = (GAIN_SHARE, "ndcg_at_10", "map", "auc_within_campaign")
"""Metrics in the order they are shown; the first that could be measured is the headline."""

RELEVANT_GRADE = 2.0
KEY = ["campaign_id", "creator_id"]
SLICE_CAMPAIGNS = 3
"""A slice seen in fewer campaigns than this is not reported."""


@dataclass(frozen=True)
class Row:
    """One ranker on one metric, against the champion.

    ``estimate`` with its 95 % cluster-bootstrap interval: the pooled share for ``oracle_gain_share_at_20``, the
    mean over campaigns for the rest. ``p``, ``wins``, ``ties``, ``losses``: the ranker's campaigns against the
    champion's (paired randomisation test); p is NaN on the champion's own row.
    """

    ranker: str
    metric: str
    estimate: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int
    campaigns: int


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """What `compare` found.

    Attributes
    ----------
    rankers : tuple of str
        In the order given.
    champion : str
        The ranker that the others are tested against.
    campaigns : tuple of str
        Ids of the campaigns, ascending; every array below has one value for each, NaN where undefined.
    values : metric -> ranker -> float64 (n_campaigns,)
    rows : tuple of Row
    slices : "slice=value" -> metric -> ranker -> float64 (n_campaigns,)
    calibration : ranker -> {"error": float, "rows": int, "table": DataFrame[predicted, observed, count]}
    counts : str -> int
        How much evidence there was: pairs, labelled invitations, campaigns with labels and with truth.
    """

    rankers: tuple[str, ...]
    champion: str
    campaigns: tuple[str, ...]
    values: Values
    rows: tuple[Row, ...]
    slices: dict[str, Values] = field(default_factory=dict)
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that could be measured, headline first."""
        return tuple(self.values)

    def row(self, ranker: str, metric: str) -> Row:
        """One row of the table.

        Raises
        ------
        TrainingError
            There is none: the ranker is unknown, or the metric could not be measured.
        """
        for row in self.rows:
            if (row.ranker, row.metric) == (ranker, metric):
                return row
        raise TrainingError(
            f"{metric} of {ranker}",
            received=f"rankers {', '.join(self.rankers)}; metrics {', '.join(self.metrics)}",
            look="training/evaluation/comparison.py",
        )

    @property
    def headline(self) -> str:
        """The headline metric of the champion, beside how many rankers and campaigns there are."""
        first = self.metrics[0]
        row = self.row(self.champion, first)
        return (
            f"{self.champion} {first} {row.estimate:.3f} ({row.low:.3f} to {row.high:.3f}), among "
            f"{len(self.rankers)} rankers on {row.campaigns} campaigns"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a metric and ranker (the index), in the order of metrics, then best estimate first."""
        return pd.DataFrame([vars(row) for row in self.rows]).set_index(["metric", "ranker"])

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN as None, arrays as lists."""
        return {
            "champion": self.champion,
            "campaigns": list(self.campaigns),
            "counts": dict(self.counts),
            "rows": [{key: _plain(value) for key, value in vars(row).items()} for row in self.rows],
            "values": _lists(self.values),
            "slices": {name: _lists(values) for name, values in self.slices.items()},
            "calibration": {
                ranker: {
                    "error": _plain(found["error"]),
                    "rows": found["rows"],
                    "table": found["table"].to_dict(orient="list"),
                }
                for ranker, found in self.calibration.items()
            },
        }


def compare(
    scores: Mapping[str, npt.ArrayLike],
    pairs: pd.DataFrame,
    *,
    labels: pd.DataFrame | None = None,
    truth: pd.DataFrame | None = None,
    champion: str | None = None,
    success: Mapping[str, npt.ArrayLike] | None = None,
    slices: pd.DataFrame | None = None,
    seed: int = 0,
) -> Comparison:
    """Measure every ranker on the same creators of the same campaigns.

    Parameters
    ----------
    scores : mapping of ranker to float64 (n,)
        More is better; one score a row of ``pairs``. NaN ranks last.
    pairs : DataFrame[campaign_id, creator_id], n rows
        The eligible creators of the held-out campaigns, each once.
    labels : DataFrame, optional
        As `training.data.labels.build_labels` gives it, as known when the evaluation is made. Only labelled rows of
        settled campaigns count.
    truth : DataFrame[campaign_id, creator_id, incremental_profit], optional
        The simulator's. Campaigns in which a row of ``pairs`` has no truth are left out of the gain share.
    champion : str, optional
        The ranker to test against; the first by default.
    success : mapping of ranker to float64 (n,), optional
        Success probabilities (of delivery, given an invitation), for the calibration error.
    slices : DataFrame, n rows, optional
        One column a slice dimension, a value for each row of ``pairs`` (see `training.evaluation.slice_columns`).
    seed : int
        Of the bootstrap and the randomisation test.

    Raises
    ------
    TrainingError
        No ranker, an unknown champion, a score for fewer or more rows than ``pairs``, a pair twice, or no
        evidence at all.
    """
    ranked = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    champion = champion or next(iter(ranked), "")
    _check(ranked, pairs, champion)
    known = known_outcomes(pairs, labels, truth)
    campaigns = tuple(sorted(pairs["campaign_id"].astype(str).unique()))
    values, gains = _measure(ranked, known, campaigns)
    if not values:
        raise TrainingError(
            "matured labels or the simulator's truth for some held-out campaign",
            received=f"none for {len(campaigns)} campaigns",
            look="whether the campaigns' outcomes had matured by then: training/data/labels.py",
        )
    return Comparison(
        tuple(ranked),
        champion,
        campaigns,
        values,
        tuple(_rows(values, gains, champion, seed)),
        _sliced(ranked, known, campaigns, slices),
        _calibrated(success or {}, known),
        {
            "pairs": len(pairs),
            "labelled_invitations": int(known["grade"].notna().sum()),
            "campaigns": len(campaigns),
            "campaigns_with_labels": int(known.loc[known["grade"].notna(), "campaign_id"].nunique()),
            "campaigns_with_truth": int(known.loc[known["profit"].notna(), "campaign_id"].nunique()),
        },
    )


def _check(ranked: Mapping[str, Floats], pairs: pd.DataFrame, champion: str) -> None:
    look = "the docstring of training.evaluation.comparison.compare"
    if champion not in ranked:
        raise TrainingError("a champion among the rankers", received=champion or "no ranker", look=look)
    for name, values in ranked.items():
        if values.shape != (len(pairs),):
            raise TrainingError(f"{len(pairs)} scores of {name}", received=f"shape {values.shape}", look=look)
    if pairs.duplicated(KEY).any():
        raise TrainingError("each pair once", received=f"{int(pairs.duplicated(KEY).sum())} repeated", look=look)


def known_outcomes(pairs: pd.DataFrame, labels: pd.DataFrame | None, truth: pd.DataFrame | None) -> pd.DataFrame:
    """``pairs`` with ``grade`` and ``profit``, NaN where not known, in the order of ``pairs``.

    ``grade`` of the labelled invitations of settled campaigns; ``profit`` of campaigns whose every pair has truth.
    """
    known = pairs[KEY].astype(str).reset_index(drop=True)
    known["grade"] = np.nan
    known["profit"] = np.nan
    if labels is not None and len(labels):
        settled = labels.get("campaign_settled", True)
        rows = labels[(labels["status"] == "labelled") & settled]
        rows = rows.sort_values(["sent_at", "invitation_id"], kind="stable").drop_duplicates(KEY, keep="last")
        known["grade"] = known[KEY].merge(rows[[*KEY, "grade"]], on=KEY, how="left")["grade"].to_numpy()
    if truth is not None and len(truth):
        profit = known[KEY].merge(truth[[*KEY, "incremental_profit"]], on=KEY, how="left")["incremental_profit"]
        partly = known["campaign_id"][profit.isna()].unique()
        known["profit"] = profit.mask(known["campaign_id"].isin(partly)).to_numpy()
    return known


def _measure(
    ranked: Mapping[str, Floats], known: pd.DataFrame, campaigns: tuple[str, ...]
) -> tuple[Values, dict[str, Gains]]:
    """Values per metric, ranker and campaign; and the gains behind the gain share, where truth exists."""
    values: Values = {}
    gains: dict[str, Gains] = {}
    for column, metrics in (("profit", METRICS[:1]), ("grade", METRICS[1:])):
        row = np.flatnonzero(known[column].notna())
        if not row.size:
            continue
        groups = Groups.of(known["campaign_id"].to_numpy()[row], known["creator_id"].to_numpy()[row])
        place = np.searchsorted(np.array(campaigns, dtype=object), groups.campaign_ids)
        value = known[column].to_numpy()[row]
        for metric in metrics:
            values[metric] = {}
        for name, score in ranked.items():
            if column == "profit":
                first = next(iter(gains.values()), None)
                gains[name] = gains_at_k(groups, score[row], value, k=20, known=first)
                found = [gains[name].share]
            else:
                relevant = value >= RELEVANT_GRADE
                found = [
                    ndcg_at_k(groups, score[row], value, k=10),
                    average_precision(groups, score[row], relevant),
                    auc_within_campaign(groups, score[row], relevant),
                ]
            for metric, each in zip(metrics, found, strict=True):
                values[metric][name] = np.full(len(campaigns), np.nan)
                values[metric][name][place] = each
    measured = {m: v for m, v in values.items() if any(np.isfinite(each).any() for each in v.values())}
    return measured, gains


def _rows(values: Values, gains: Mapping[str, Gains], champion: str, seed: int) -> list[Row]:
    rows: list[Row] = []
    for metric, by_ranker in values.items():
        part: list[Row] = []
        for name, each in by_ranker.items():
            if metric == GAIN_SHARE:
                gain = gains[name]
                above = np.where(gain.stake > 0, gain.found - gain.chance, np.nan)
                interval: BootstrapInterval = cluster_bootstrap(above, gain.stake, seed=seed)
            else:
                interval = cluster_bootstrap(each, seed=seed)
            test = paired_randomisation_test(each, by_ranker[champion], seed=seed)
            p = float("nan") if name == champion else test.p
            row = Row(
                name, metric, interval.estimate, interval.low, interval.high,
                p, test.wins, test.ties, test.losses, int(np.isfinite(each).sum()),
            )  # fmt: skip
            part.append(row)
        rows.extend(sorted(part, key=lambda row: (-row.estimate, row.ranker)))
    return rows


def _sliced(
    ranked: Mapping[str, Floats], known: pd.DataFrame, campaigns: tuple[str, ...], slices: pd.DataFrame | None
) -> dict[str, Values]:
    found: dict[str, Values] = {}
    if slices is None:
        return found
    if len(slices) != len(known):
        raise TrainingError(
            f"{len(known)} rows of slices", received=str(len(slices)), look="training/evaluation/slices.py"
        )
    useful = (known["grade"].notna() | known["profit"].notna()).to_numpy()
    for dimension in slices.columns:
        column = slices[dimension].astype("str").to_numpy()
        for value in sorted(set(column[useful])):
            row = np.flatnonzero(useful & (column == value))
            if known["campaign_id"].iloc[row].nunique() < SLICE_CAMPAIGNS:
                continue
            part = {name: score[row] for name, score in ranked.items()}
            values, _ = _measure(part, known.iloc[row].reset_index(drop=True), campaigns)
            found[f"{dimension}={value}"] = values
    return found


def _calibrated(success: Mapping[str, npt.ArrayLike], known: pd.DataFrame) -> dict[str, dict[str, Any]]:
    row = np.flatnonzero(known["grade"].notna())
    outcome = (known["grade"].to_numpy()[row] >= RELEVANT_GRADE).astype(np.float64)
    return {
        name: {
            "error": expected_calibration_error(np.asarray(probability, dtype=np.float64)[row], outcome),
            "rows": int(row.size),
            "table": calibration_table(np.asarray(probability, dtype=np.float64)[row], outcome),
        }
        for name, probability in success.items()
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _lists(values: Values) -> dict[str, dict[str, list[float | None]]]:
    return {
        metric: {ranker: [_plain(float(x)) for x in each] for ranker, each in by_ranker.items()}
        for metric, by_ranker in values.items()
    }
