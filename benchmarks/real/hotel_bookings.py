"""Rates of few events, shrunk: how often will the bookings that a travel agent brings be cancelled?

An agent stands for a creator, a booking for a partnership, a cancellation for one that came to nothing. What an agent's
bookings arriving before `CUT` came to tells of those arriving from then on. Held against the future's own rates, each
agent weighed by the future bookings: the raw rate, the pooled one, and the indices' shrinkage
(`features.indices.shrinkage`) with all of the past and with the past decayed as the indices decay it. Whether the
intervals hold is also asked of bookings drawn in two halves, where nothing changes from one to the other; that was
added after the first look, and the luck of the other half counted after the second.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.real.published import Benchmark, Figure, Frames, figure
from features.indices.shrinkage import effective_n, estimate_prior, event_weight, interval, shrink
from marketplace.arrays import Flags, Floats
from models.calibration import LEVELS
from training.stats import cluster_bootstrap

__all__ = ["BENCHMARK", "CUT", "FEW", "MANY", "measure"]

CUT = pd.Timestamp("2016-08-01")
"""Thirteen months of arrivals before it, thirteen after."""

FEW = 30
"""Past bookings up to which an agent has few."""

MANY = 100
"""Bookings from which an agent's rate is told well enough to ask whether an interval holds it."""

Z80 = LEVELS[0.8]

NO_AGENT = "NULL"


def measure(frames: Frames, seed: int) -> list[Figure]:
    """Weighted mean squared errors of each way, differences from raw, and how often the 80 % intervals hold."""
    rows = _by_agent(frames["bookings"])
    past, future = _halves(rows, rows["past"].to_numpy(dtype=bool))
    true = (future["cancelled"] / future["bookings"]).to_numpy()
    weight = future["bookings"].to_numpy(dtype=np.float64)
    total, evidence = past["cancelled"].to_numpy(dtype=np.float64), past["bookings"].to_numpy(dtype=np.float64)
    prior = estimate_prior("rate", total, evidence)
    heard, faded, squares = (past[name].to_numpy(dtype=np.float64) for name in ("heard", "faded", "squares"))
    fading = estimate_prior("rate", heard, faded, evidence_e=effective_n(faded, squares))
    predicted = {
        "raw": total / evidence,
        "pooled": np.full(len(past), total.sum() / evidence.sum()),
        "shrunk, decayed as the indices are": shrink(fading.mean, fading.strength, heard, faded),
        "shrunk": shrink(prior.mean, prior.strength, total, evidence),
    }
    errors = {name: weight * (value - true) ** 2 for name, value in predicted.items()}
    figures = [Figure("agents", float(len(past))), Figure("trials the prior is worth", prior.strength)]
    figures += [
        figure(f"weighted squared error, {name}", cluster_bootstrap(error, weight, seed=seed))
        for name, error in errors.items()
    ]
    for name in ("pooled", "shrunk", "shrunk, decayed as the indices are"):
        found = cluster_bootstrap(errors[name] - errors["raw"], weight, seed=seed)
        figures.append(figure(f"{name} less raw", found, "0"))
    few = evidence <= FEW
    figures.append(Figure(f"agents with at most {FEW} past bookings", float(few.sum())))
    for name in ("raw", "shrunk"):
        found = cluster_bootstrap(np.abs(predicted[name] - true)[few], seed=seed)
        figures.append(figure(f"mean absolute error of those, {name}", found))
    figures.append(_coverage("80 % intervals that hold the future rate", past, future, seed))
    drawn = np.random.default_rng(seed).random(len(rows)) < 0.5
    one, other = _halves(rows, drawn)
    figures.append(_coverage("80 % intervals that hold the rate of the other half, drawn", one, other, seed))
    return figures


def _coverage(what: str, past: pd.DataFrame, other: pd.DataFrame, seed: int) -> Figure:
    """How often the 80 % interval of the shrunk rate of ``past`` holds the rate of ``other`` bookings, agent by agent.

    Of agents with at least `MANY` other bookings, each interval widened, in squares, by the luck of those.
    """
    total, evidence = past["cancelled"].to_numpy(dtype=np.float64), past["bookings"].to_numpy(dtype=np.float64)
    prior = estimate_prior("rate", total, evidence)
    value = shrink(prior.mean, prior.strength, total, evidence)
    low, high = interval("rate", value, evidence, strength=prior.strength, dispersion=1.0)
    count = other["bookings"].to_numpy(dtype=np.float64)
    rate = other["cancelled"].to_numpy(dtype=np.float64) / count
    # The other bookings' rate has its own luck beside the doubt that the interval tells.
    luck = Z80**2 * value * (1.0 - value) / count
    low, high = value - np.sqrt((value - low) ** 2 + luck), value + np.sqrt((high - value) ** 2 + luck)
    held = ((rate >= low) & (rate <= high))[count >= MANY]
    return figure(f"{what} ({held.size} agents)", cluster_bootstrap(held.astype(np.float64), seed=seed), ".8")


def _by_agent(bookings: pd.DataFrame) -> pd.DataFrame:
    """One row a booking that an agent brought: what it adds to the agent's sums, decayed as of `CUT` as well.

    Returns
    -------
    DataFrame[agent, bookings, cancelled, faded, heard, squares, past]
        ``past``: whether it arrives before `CUT`.
    """
    arrival = pd.to_datetime(
        bookings["arrival_date_year"].astype(str)
        + bookings["arrival_date_month"]
        + bookings["arrival_date_day_of_month"].astype(str),
        format="%Y%B%d",
    )
    weight: Floats = event_weight((CUT - arrival).dt.days.clip(lower=0))
    rows = pd.DataFrame(
        {
            "agent": bookings["agent"],
            "bookings": 1,
            "cancelled": bookings["is_canceled"],
            "faded": weight,
            "heard": weight * bookings["is_canceled"],
            "squares": weight**2,
            "past": arrival < CUT,
        }
    )
    brought: pd.DataFrame = rows[rows["agent"] != NO_AGENT].reset_index(drop=True)
    return brought


def _halves(rows: pd.DataFrame, first: Flags) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The sums of the ``first`` rows (bool, n) and of the others, of the agents that have both."""
    sums = rows.drop(columns="past")
    one, other = (sums[chosen].groupby("agent").sum() for chosen in (first, ~first))
    both = one.index.intersection(other.index)
    return one.loc[both], other.loc[both]


BENCHMARK = Benchmark(
    "hotel_bookings",
    "rates of few events, shrunk: agents' future cancellations",
    {
        "bookings": (
            "agent",
            "is_canceled",
            "arrival_date_year",
            "arrival_date_month",
            "arrival_date_day_of_month",
        )
    },
    measure,
)
