"""Whether predicted chances and sums of money come true, and how often the intervals hold the truth.

*Calibration.* Mean predicted against mean observed: ``bias`` (predicted minus
observed) with its 95 % cluster-bootstrap interval over campaigns, and
``error``, the mean gap over ten bins of equal count, both in the quantity's own
unit. Against the simulator's truth every eligible creator counts; against
logged outcomes those whose outcome has matured (for lift, the estimate from
the product's days, with all its noise).

*Coverage.* The share of rows whose truth lies within the interval, at both
levels that the model keeps. Two truths exist for lift: the *realised* one of
those that were delivered, which the interval speaks of, and the *expected* one
of a delivered partnership, which is steadier and lies in it more often.
Utility's interval is held against the expected profit alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.arrays import Flags, Floats, Ints
from models.calibration import LEVELS
from models.economics import Economics
from models.predict import Predictions
from training.data import LEAST_READ
from training.evaluation.standings import WHOLE
from training.heads import QUANTITIES, Quantity
from training.stats import LEAST_CAMPAIGNS, calibration_table, cluster_bootstrap, expected_calibration_error

__all__ = ["Coverage", "Reading", "measure_quantities", "observed_quantities"]


KEY = ["campaign_id", "creator_id"]

LEAST_ROWS = 30
"""A slice with fewer rows than this is not reported."""

REPORTED: Mapping[str, Quantity] = {name: one for name, one in QUANTITIES.items() if one.reported}
"""What is held against the outcomes, beside the utility that is made of it."""


@dataclass(frozen=True)
class Reading:
    """One predicted quantity against one kind of evidence in one slice; ``table`` (bins) for the whole alone."""

    quantity: str
    unit: str
    against: str
    slice: str
    rows: int
    campaigns: int
    predicted: float
    observed: float
    bias: float
    low: float
    high: float
    error: float
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class Coverage:
    """How often one interval holds one truth in one slice.

    ``coverage`` with its 95 % cluster-bootstrap interval; ``below``, ``above``: shares of rows whose truth lies below
    and above the interval; ``width``: its mean, USD.
    """

    quantity: str
    against: str
    level: float
    slice: str
    rows: int
    campaigns: int
    coverage: float
    low: float
    high: float
    below: float
    above: float
    width: float


def observed_quantities(
    pairs: pd.DataFrame, *, labels: pd.DataFrame, truth: pd.DataFrame | None, economics: Economics
) -> dict[str, dict[str, Floats]]:
    """What each quantity turned out to be: evidence -> quantity -> float64 (n,), NaN where not known.

    Parameters
    ----------
    pairs : DataFrame[campaign_id, creator_id], n rows
    labels : DataFrame
        As `training.data.labels.build_labels` gives it.
    truth : DataFrame, optional
        The simulator's outcomes.
    economics : Economics
        Terms of each row's brief.

    Returns
    -------
    dict
        ``logged``: labels of settled campaigns, no lift where sales days hide it (`training.data.LEAST_READ`);
        ``truth``: expectations; ``realised``: the lift that came of
        deliveries, where the simulator tells.
    """
    rows = pairs[KEY].astype("str").reset_index(drop=True)
    last = labels.sort_values(["sent_at", "invitation_id"], kind="stable").drop_duplicates(KEY, keep="last")
    seen = rows.merge(last, on=KEY, how="left")
    if "lift_read_share" in seen:
        seen.loc[seen["lift_read_share"] < LEAST_READ, "lift_usd"] = np.nan
    read = {"accepted", *(name for one in REPORTED.values() for name in (one.column, one.given) if name)}
    column = {name: seen[name].to_numpy(dtype=np.float64) for name in sorted(read)}
    settled = ((seen["status"] == "labelled") & seen["campaign_settled"].eq(True)).to_numpy()
    worth = economics.worth(column["lift_usd"], column["attributed_usd"])
    earned = np.where(column["delivered"] == 1.0, worth, 0.0)
    earned = earned - np.where(column["accepted"] == 1.0, economics.sample_cost_usd, 0.0)
    known = {"replied": seen["reply_matured"].eq(True).to_numpy(), "settled": settled}
    out = {
        "logged": {
            name: one.where(column[one.column], known[one.known], column[one.given] if one.given else None)
            for name, one in REPORTED.items()
        }
        | {"utility": np.where(settled, earned, np.nan)}
    }
    if truth is not None:
        outcomes = rows.merge(truth, on=KEY, how="left")
        told = {name: outcomes[name].to_numpy(dtype=np.float64) for name in outcomes.columns if name not in KEY}
        expected = {name: one.expected(told) for name, one in REPORTED.items()}
        out["truth"] = {name: value for name, value in expected.items() if value is not None}
        out["truth"]["utility"] = told["incremental_profit"]
        out["realised"] = {name: told[one.realised] for name, one in REPORTED.items() if one.realised in told}
    return out


def measure_quantities(
    predictions: Predictions,
    observed: Mapping[str, Mapping[str, Floats]],
    campaign_ids: npt.ArrayLike,
    *,
    slices: pd.DataFrame | None = None,
    seed: int = 0,
) -> tuple[tuple[Reading, ...], tuple[Coverage, ...]]:
    """Calibration of every quantity and coverage of lift's and utility's intervals, on the whole and by slices.

    Parameters
    ----------
    predictions : Predictions of n rows
    observed : evidence -> quantity -> float64 (n,)
        As `observed_quantities` gives it.
    campaign_ids : (n,)
    slices : DataFrame, n rows, optional
    seed : int
        Of the bootstrap.
    """
    campaign = pd.factorize(np.asarray(campaign_ids, dtype=object), sort=True)[0].astype(np.int64)
    told = {name: one.predicted(predictions) for name, one in REPORTED.items()}
    predicted = {name: value for name, value in told.items() if value is not None} | {"utility": predictions.utility}
    p = predictions
    ends = {
        "lift": [(p.lift_low - p.lift, p.lift_high - p.lift), (p.lift_low_90 - p.lift, p.lift_high_90 - p.lift)],
        "utility": [
            (p.utility_low - p.utility, p.utility_high - p.utility),
            (p.utility_low_90 - p.utility, p.utility_high_90 - p.utility),
        ],
    }
    readings: list[Reading] = []
    coverages: list[Coverage] = []
    for name, inside in _parts(slices, len(predictions)):
        for against, quantities in observed.items():
            for quantity, value in quantities.items():
                rows = np.flatnonzero(inside & np.isfinite(value))
                campaigns = len(np.unique(campaign[rows]))
                small = len(rows) < LEAST_ROWS or campaigns < LEAST_CAMPAIGNS
                if quantity not in predicted or not rows.size or (name != WHOLE and small):
                    continue
                said, came, where = predicted[quantity][rows], value[rows], campaign[rows]
                bias = cluster_bootstrap(*_sums(said - came, where), seed=seed)
                readings.append(
                    Reading(
                        quantity, _unit(quantity), against, name, len(rows), campaigns,
                        float(said.mean()), float(came.mean()), bias.estimate, bias.low, bias.high,
                        expected_calibration_error(said, came),
                        calibration_table(said, came) if name == WHOLE else None,
                    )
                )  # fmt: skip
                # A logged lift is an estimate and no truth, and one invitation's profit is a lottery.
                if quantity in ends and against != "logged":
                    coverages += [
                        Coverage(
                            quantity, against, level, name, len(rows), campaigns,
                            **_covered([end[rows] for end in sides], came - said, where, seed=seed),
                        )
                        for level, sides in zip(LEVELS, ends[quantity], strict=True)
                    ]  # fmt: skip
    return tuple(readings), tuple(coverages)


def _unit(quantity: str) -> str:
    return REPORTED[quantity].unit if quantity in REPORTED else "USD"


def _covered(ends: list[Floats], off: Floats, campaign: Ints, *, seed: int) -> dict[str, float]:
    """Coverage's figures from the ends of the interval and the truth, both measured from the prediction."""
    low, high = ends
    below, above = off < low, off > high
    inside = cluster_bootstrap(*_sums((~below & ~above).astype(np.float64), campaign), seed=seed)
    return {
        "coverage": inside.estimate,
        "low": inside.low,
        "high": inside.high,
        "below": float(below.mean()),
        "above": float(above.mean()),
        "width": float((high - low).mean()),
    }


def _sums(value: Floats, campaign: Ints) -> tuple[Floats, Floats]:
    """Sum and count of each campaign that has rows."""
    places = np.unique(campaign, return_inverse=True)[1]
    return np.bincount(places, weights=value).astype(np.float64), np.bincount(places).astype(np.float64)


def _parts(slices: pd.DataFrame | None, n: int) -> Iterator[tuple[str, Flags]]:
    yield WHOLE, np.ones(n, dtype=bool)
    if slices is None:
        return
    for dimension in slices.columns:
        column = slices[dimension].astype("str").to_numpy()
        for value in sorted(set(column)):
            yield f"{dimension}={value}", np.asarray(column == value, dtype=bool)
