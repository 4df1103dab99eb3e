"""Compare rankers on held-out campaigns: every declared metric, campaign by campaign, on the whole and in slices.

Sources of evidence, each used where it exists: *logged outcomes* (the invited creators whose labels have matured, and
what of it was sold), *profit by the log* (training/evaluation/profit.py) and *the simulator's truth* (every eligible
creator of a held-out campaign). Which metric needs which is declared with the metric (`training.stats.METRICS`). The
campaign is the unit of every interval and test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Floats, Ints
from marketplace.display import Shown
from marketplace.errors import TrainingError
from marketplace.jsonable import jsonable
from models.predict import Predictions
from training.data import LEAST_READ
from training.evaluation.baselines import SORTS
from training.evaluation.effects import EffectTest, check_effects
from training.evaluation.profit import ProfitLog
from training.evaluation.standings import Standing, rank_standings
from training.stats import (
    EVIDENCE,
    LEAST_CAMPAIGNS,
    METRICS,
    RELEVANT_GRADE,
    Groups,
    Known,
    Ranked,
    calibration_table,
    campaign_mean,
    expected_calibration_error,
    sign_of,
)

__all__ = ["KEY", "ByCampaign", "Comparison", "compare_rankers", "known_outcomes"]

ByCampaign = dict[str, dict[str, Floats]]
"""Metric to ranker to its value in each campaign."""

KEY = ["campaign_id", "creator_id"]


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """What `compare_rankers` found.

    Attributes
    ----------
    rankers : tuple of str
        In the order given.
    champion : str
        The ranker that the others are tested against.
    campaigns : tuple of str
        Ids of the campaigns, ascending; every array below has one value for each, NaN where undefined.
    values : metric -> ranker -> float64 (n_campaigns,)
        A metric that needs predictions has the rankers that tell some.
    slices : "slice=value" -> metric -> ranker -> float64 (n_campaigns,)
        Where at least `LEAST_CAMPAIGNS` campaigns have a value.
    calibration : ranker -> {"error": float, "rows": int, "table": DataFrame[predicted, observed, count]}
    effects : ranker -> EffectTest
        Whether the lift that it tells is the lift that is estimated, where it tells one.
    counts : str -> int
        How much evidence there was: pairs, labelled invitations, campaigns with labels and with truth.
    for_scale : tuple of str
        Rankers beside which the others are seen, and which no other competes with.
    seed : int
        Of intervals and tests.
    """

    rankers: tuple[str, ...]
    champion: str
    campaigns: tuple[str, ...]
    values: ByCampaign
    slices: dict[str, ByCampaign] = field(default_factory=dict)
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)
    effects: dict[str, EffectTest] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    for_scale: tuple[str, ...] = ()
    seed: int = 0
    _in_slices: dict[tuple[str, str], tuple[Standing, ...]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that could be measured, headline first."""
        return tuple(self.values)

    @cached_property
    def rows(self) -> tuple[Standing, ...]:
        """Every ranker on every metric, on the whole."""
        return rank_standings(self.values, reference=self.champion, for_scale=self.for_scale, seed=self.seed)

    def slice_rows(self, *metrics: str) -> tuple[Standing, ...]:
        """The same in every slice, for ``metrics`` or for all of them; each is worked out when it is asked for."""
        wanted = metrics or self.metrics
        for part, values in self.slices.items():
            for metric in (name for name in wanted if name in values and (part, name) not in self._in_slices):
                self._in_slices[part, metric] = rank_standings(
                    {metric: values[metric]},
                    reference=self.champion,
                    part=part,
                    for_scale=self.for_scale,
                    seed=self.seed,
                )
        asked = ((part, name) for part in self.slices for name in wanted)
        return tuple(row for key in asked for row in self._in_slices.get(key, ()))

    def held_against(self, metric: str) -> dict[str, str]:
        """What figures of ``metric`` show beside a ranker: the best simple sort and a random order, ranker to words."""
        means = {ranker: sign_of(metric) * campaign_mean(each) for ranker, each in self.values[metric].items()}
        sorts = [name for name in SORTS if np.isfinite(means.get(name, np.nan))]
        best = max(sorts, key=lambda name: means[name], default="")
        found = {best: f"best simple sort ({best})"} if best else {}
        return found | ({"random": "a random order"} if "random" in means else {})

    def row(self, ranker: str, metric: str) -> Standing:
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
        if not self.metrics:
            return f"nothing to measure on yet in {len(self.campaigns)} held-out campaigns"
        first = self.metrics[0]
        row = self.row(self.champion, first)
        return (
            f"{self.champion} {first} {row.estimate:.3f} ({row.low:.3f} to {row.high:.3f}), among "
            f"{len(self.rankers)} rankers on {row.campaigns} campaigns"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a metric and ranker (the index), in the order of metrics, then best estimate first."""
        columns = [one.name for one in fields(Standing)]
        rows = pd.DataFrame([vars(row) for row in self.rows], columns=columns)
        return rows.set_index(["metric", "ranker"]).drop(columns="slice")

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN as None, arrays as lists."""
        found: dict[str, Any] = jsonable(
            {
                "champion": self.champion,
                "campaigns": self.campaigns,
                "counts": self.counts,
                "rows": self.rows,
                "values": self.values,
                "slices": self.slices,
                "calibration": {
                    ranker: {**found, "table": found["table"].to_dict(orient="list")}
                    for ranker, found in self.calibration.items()
                },
                "effects": self.effects,
            }
        )
        return found


def compare_rankers(
    scores: Mapping[str, npt.ArrayLike],
    pairs: pd.DataFrame,
    *,
    labels: pd.DataFrame | None = None,
    truth: pd.DataFrame | None = None,
    champion: str | None = None,
    success: Mapping[str, npt.ArrayLike] | None = None,
    predictions: Mapping[str, Predictions] | None = None,
    profits: ProfitLog | None = None,
    slices: pd.DataFrame | None = None,
    for_scale: Mapping[str, npt.ArrayLike] | None = None,
    unmeasured: bool = False,
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
        The simulator's. Campaigns in which a row of ``pairs`` has no truth are left out of the metrics that need it.
    champion : str, optional
        The ranker to test against; the first by default.
    success : mapping of ranker to float64 (n,), optional
        Success probabilities (of delivery, given an invitation), for the calibration error and the metrics that need
        predictions.
    predictions : mapping of ranker to Predictions, optional
        All that a model tells of the n rows: the success probability, and the money that its heads are judged by.
    profits : ProfitLog of the n rows, optional
        What the log tells of their profit (`training.evaluation.profit.read_profits`).
    slices : DataFrame, n rows, optional
        One column a slice dimension, a value for each row of ``pairs`` (`training.evaluation.slices.slice_columns`).
    for_scale : mapping of ranker to float64 (n,), optional
        Rankers that are shown beside the others and belong to no family of tests.
    unmeasured : bool
        Take campaigns without any evidence: the comparison then has no metric.
    seed : int
        Of the bootstrap and the randomisation test.

    Raises
    ------
    TrainingError
        No ranker, an unknown champion, a score for fewer or more rows than ``pairs``, a pair twice, or no
        evidence at all (unless ``unmeasured``).
    """
    ranked = {name: np.asarray(values, dtype=np.float64) for name, values in {**scores, **(for_scale or {})}.items()}
    champion = champion or next(iter(ranked), "")
    _check(ranked, pairs, champion)
    known = known_outcomes(pairs, labels, truth)
    models = dict(predictions or {})
    if profits is not None:
        known["earned"] = profits.earned()
    told = {
        name: {"success": one.success_probability, "attributed": one.attributed, "lift": one.lift}
        for name, one in models.items()
    }
    for name, chances in (success or {}).items():
        told[name] = told.get(name, {}) | {"success": np.asarray(chances, dtype=np.float64)}
    campaigns = tuple(sorted(pairs["campaign_id"].astype(str).unique()))
    values = _measure(ranked, known, campaigns, np.arange(len(known)), told=told)
    if not values and not unmeasured:
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
        _sliced(ranked, known, campaigns, slices, told=told),
        _calibrated({name: one["success"] for name, one in told.items() if "success" in one}, known),
        {
            name: check_effects(one["lift"], known["lift"].to_numpy(np.float64), known["campaign_id"].to_numpy(object))
            for name, one in told.items()
            if "lift" in one and known["lift"].notna().any()
        },
        {
            "pairs": len(pairs),
            "labelled_invitations": int(known["grade"].notna().sum()),
            "campaigns": len(campaigns),
            "campaigns_with_labels": int(known.loc[known["grade"].notna(), "campaign_id"].nunique()),
            "campaigns_with_truth": int(known.loc[known["profit"].notna(), "campaign_id"].nunique()),
            **({} if profits is None else {f"campaigns_{why}": count for why, count in profits.counts.items()}),
        },
        tuple(for_scale or ()),
        seed,
    )


def _check(ranked: Mapping[str, Floats], pairs: pd.DataFrame, champion: str) -> None:
    look = "the docstring of training.evaluation.compare_rankers"
    if champion not in ranked:
        raise TrainingError("a champion among the rankers", received=champion or "no ranker", look=look)
    for name, values in ranked.items():
        if values.shape != (len(pairs),):
            raise TrainingError(f"{len(pairs)} scores of {name}", received=f"shape {values.shape}", look=look)
    if pairs.duplicated(KEY).any():
        raise TrainingError("each pair once", received=f"{int(pairs.duplicated(KEY).sum())} repeated", look=look)


def known_outcomes(pairs: pd.DataFrame, labels: pd.DataFrame | None, truth: pd.DataFrame | None) -> pd.DataFrame:
    """``pairs`` with a column for each of `training.stats.EVIDENCE`, NaN where not known, in the order of ``pairs``.

    ``grade`` of the labelled invitations of settled campaigns, ``attributed`` and ``lift`` (before shrinkage), USD, of
    those delivered, but for lift that sales days hide (`training.data.LEAST_READ`); ``profit`` of campaigns whose every
    pair has truth; ``earned`` is for the log to tell.
    """
    known = pairs[KEY].astype(str).reset_index(drop=True)
    for column in EVIDENCE.values():
        known[column] = np.nan
    if labels is not None and len(labels):
        settled = labels.get("campaign_settled", True)
        rows = labels[(labels["status"] == "labelled") & settled]
        rows = rows.sort_values(["sent_at", "invitation_id"], kind="stable").drop_duplicates(KEY, keep="last")
        came = known[KEY].merge(rows, on=KEY, how="left")
        known["grade"] = came["grade"].to_numpy(dtype=np.float64)
        delivered = known["grade"] >= RELEVANT_GRADE
        hidden = came["lift_read_share"] < LEAST_READ if "lift_read_share" in came else False
        for column, source in {"attributed": "attributed_usd", "lift": "lift_raw_usd"}.items():
            if source in came:
                there = delivered & ~hidden if column == "lift" else delivered
                known[column] = came[source].where(there).to_numpy(dtype=np.float64)
    if truth is not None and len(truth):
        profit = known[KEY].merge(truth[[*KEY, "incremental_profit"]], on=KEY, how="left")["incremental_profit"]
        partly = known["campaign_id"][profit.isna()].unique()
        known["profit"] = profit.mask(known["campaign_id"].isin(partly)).to_numpy()
    return known


Told = Mapping[str, Mapping[str, Floats]]
"""Ranker to quantity to what it tells of every row."""


def _measure(
    ranked: Mapping[str, Floats],
    known: pd.DataFrame,
    campaigns: tuple[str, ...],
    rows: Ints,
    *,
    told: Told,
    sliced: bool = False,
) -> ByCampaign:
    """Values of every metric that ``rows`` of ``known`` allow, by ranker and campaign."""
    values: ByCampaign = {}
    there = {need: known[column].notna().to_numpy() for need, column in EVIDENCE.items()}
    seen: dict[tuple[str, ...], tuple[Ints, dict[str, Ranked]]] = {}
    for metric in METRICS.values():
        if sliced and not metric.sliced:
            continue
        needs = tuple(need for need in EVIDENCE if need in metric.needs)
        if needs not in seen:
            row = rows[np.logical_and.reduce([there[need] for need in needs])[rows]]
            seen[needs] = _on(ranked, known, campaigns, row, told=told)
        place, by_ranker = seen[needs]
        found: dict[str, Floats] = {}
        for name, one in by_ranker.items():
            if "predictions" in metric.needs and one.success is None:
                continue
            found[name] = np.full(len(campaigns), np.nan)
            found[name][place] = metric.function(one)
        if any(np.isfinite(each).any() for each in found.values()):
            values[metric.name] = found
    return values


def _on(
    ranked: Mapping[str, Floats],
    known: pd.DataFrame,
    campaigns: tuple[str, ...],
    row: Ints,
    *,
    told: Told,
) -> tuple[Ints, dict[str, Ranked]]:
    """The place in ``campaigns`` of each campaign that has a row, and every ranker on the rows."""
    if not row.size:
        return row, {}
    groups = Groups.of(known["campaign_id"].to_numpy()[row], known["creator_id"].to_numpy()[row])
    place = np.searchsorted(np.array(campaigns, dtype=object), groups.campaign_ids)
    what = Known(
        groups,
        **{column: known[column].to_numpy(np.float64)[row] for column in EVIDENCE.values()},
        sorts=tuple(score[row] for name, score in ranked.items() if name in SORTS),
    )
    return place, {
        name: Ranked(what, score[row], {quantity: value[row] for quantity, value in told.get(name, {}).items()})
        for name, score in ranked.items()
    }


def _sliced(
    ranked: Mapping[str, Floats],
    known: pd.DataFrame,
    campaigns: tuple[str, ...],
    slices: pd.DataFrame | None,
    *,
    told: Told,
) -> dict[str, ByCampaign]:
    found: dict[str, ByCampaign] = {}
    if slices is None:
        return found
    if len(slices) != len(known):
        raise TrainingError(
            f"{len(known)} rows of slices", received=str(len(slices)), look="training/evaluation/slices.py"
        )
    useful = known[list(EVIDENCE.values())].notna().any(axis=1).to_numpy()
    for dimension in slices.columns:
        column = slices[dimension].astype("str").to_numpy()
        for value in sorted(set(column[useful])):
            rows = np.flatnonzero(useful & (column == value))
            if known["campaign_id"].iloc[rows].nunique() < LEAST_CAMPAIGNS:
                continue
            values = _measure(ranked, known, campaigns, rows, told=told, sliced=True)
            enough = {
                metric: by_ranker
                for metric, by_ranker in values.items()
                if max(int(np.isfinite(each).sum()) for each in by_ranker.values()) >= LEAST_CAMPAIGNS
            }
            if enough:
                found[f"{dimension}={value}"] = enough
    return found


def _calibrated(success: Mapping[str, Floats], known: pd.DataFrame) -> dict[str, dict[str, Any]]:
    row = np.flatnonzero(known["grade"].notna())
    outcome = (known["grade"].to_numpy()[row] >= RELEVANT_GRADE).astype(np.float64)
    return {
        name: {
            "error": expected_calibration_error(probability[row], outcome),
            "rows": int(row.size),
            "table": calibration_table(probability[row], outcome),
        }
        for name, probability in success.items()
    }
