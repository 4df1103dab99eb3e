"""Many small effects, shrunk: what the first looks at an online experiment tell of the rest of it.

A comparison is one experiment, variant and metric. What was seen by the last look within the first `EARLY` of its time
is the estimate: the relative difference of the arms' means, its error by the delta method. What the arms did from that
look to the last is the answer. A metric's comparisons are each other's peers (`features.indices.shrinkage`, means
weighed by their precision), the experiment itself left out of its own prior.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from benchmarks.real.published import Benchmark, Figure, Frames, mean_figure
from features.indices.shrinkage import estimate_prior, shrink
from marketplace.arrays import Floats

__all__ = ["BENCHMARK", "EARLY", "PICKED", "comparisons", "measure"]

EARLY = 1 / 3
"""Share of an experiment's time that the estimate may know."""

PICKED = float(norm.ppf(0.95))
"""Standard errors above zero from which on a comparison is picked as a winner (5 % one-sided)."""

KEYS = ["experiment_id", "variant_id", "metric_id"]
PER_CENT = 100.0


def measure(frames: Frames, seed: int) -> list[Figure]:
    """Squared errors of raw and shrunk effects, and what is promised of and got by the picked."""
    rows = comparisons(frames["checkpoints"])
    early, error, later = (rows[name].to_numpy() for name in ("early", "error", "later"))
    experiment = rows["experiment_id"].to_numpy()
    shrunk = _shrunk(rows)
    weight = rows["weight"].to_numpy()
    figures = [Figure("comparisons", float(len(rows))), Figure("experiments", float(len(np.unique(experiment))))]
    ways = {"raw": early, "no effect at all": np.zeros(len(rows)), "shrunk": shrunk}
    squares = {name: weight * (value - later) ** 2 for name, value in ways.items()}
    for name in ways:
        figures.append(
            mean_figure(
                f"weighted squared error, {name}, %^2",
                PER_CENT**2 * squares[name],
                weight,
                cluster=rows["experiment_id"],
                seed=seed,
            )
        )
    for name in ("no effect at all", "raw"):
        off = PER_CENT**2 * (squares["shrunk"] - squares[name])
        figures.append(
            mean_figure(
                f"squared error, shrunk less {name}, %^2",
                off,
                weight,
                cluster=rows["experiment_id"],
                seed=seed,
                against="0",
            )
        )
    picked = early > PICKED * error
    figures.append(Figure("picked as winners", float(picked.sum())))
    for name, value in (("raw", early), ("shrunk", shrunk)):
        part = rows.loc[picked, "experiment_id"]
        figures.append(
            mean_figure(f"promised of the picked, {name}, %", PER_CENT * value[picked], cluster=part, seed=seed)
        )
        off = PER_CENT * (value - later)[picked]
        figures.append(
            mean_figure(f"promised less got by the picked, {name}, %", off, cluster=part, seed=seed, against="0")
        )
    return figures


def comparisons(checkpoints: pd.DataFrame) -> pd.DataFrame:
    """One row a comparison: its relative effect early and later.

    Returns
    -------
    DataFrame[experiment_id, variant_id, metric_id, early, error, later, weight]
        ``early`` and its standard ``error``: by the last look within the first `EARLY` of the time; ``later``: of what
        was added from there to the last look, a user, ``weight`` the precision of it. Comparisons without an early
        look, or with nothing added, are left out.
    """
    rows = checkpoints.dropna().sort_values([*KEYS, "time_since_start"], kind="stable")
    span = rows.groupby(KEYS)["time_since_start"].transform("max")
    last = rows.groupby(KEYS).tail(1).set_index(KEYS)
    first = rows[rows["time_since_start"] <= EARLY * span].groupby(KEYS).tail(1).set_index(KEYS)
    last = last.loc[first.index]
    added = {
        arm: (last[f"count_{arm}"] * last[f"mean_{arm}"] - first[f"count_{arm}"] * first[f"mean_{arm}"])
        / last[f"count_{arm}"]
        for arm in ("c", "t")
    }
    found = pd.DataFrame(
        {
            "early": first["mean_t"] / first["mean_c"] - 1.0,
            "error": _relative_error(first),
            "later": added["t"] / added["c"] - 1.0,
            # The later part's own variances are not published; the whole's error stands for how the counts go.
            "weight": _relative_error(last) ** -2.0,
        }
    )
    usable = (first["mean_c"] > 0) & (added["c"] > 0) & (added["t"] > 0) & (found["error"] > 0)
    kept: pd.DataFrame = found[usable & np.isfinite(found.to_numpy()).all(axis=1)].reset_index()
    return kept


def _relative_error(looks: pd.DataFrame) -> pd.Series:
    ratio = looks["mean_t"] / looks["mean_c"]
    relative = {arm: looks[f"variance_{arm}"] / looks[f"count_{arm}"] for arm in ("c", "t")}
    error: pd.Series = np.sqrt(relative["t"] + ratio**2 * relative["c"]) / looks["mean_c"]
    return error


def _shrunk(rows: pd.DataFrame) -> Floats:
    out = np.zeros(len(rows))
    precision = rows["error"].to_numpy() ** -2.0
    total = precision * rows["early"].to_numpy()
    experiment, metric = rows["experiment_id"].to_numpy(), rows["metric_id"].to_numpy()
    for own in np.unique(experiment):
        for one in np.unique(metric[experiment == own]):
            peers = (experiment != own) & (metric == one)
            here = (experiment == own) & (metric == one)
            prior = estimate_prior("mean", total[peers], precision[peers], dispersion=1.0)
            out[here] = shrink(prior.mean, prior.strength, total[here], precision[here])
    return out


BENCHMARK = Benchmark(
    "asos_experiments",
    "many small effects, shrunk: early looks against the rest of an experiment",
    {
        "checkpoints": (
            *KEYS,
            "time_since_start",
            "count_c",
            "count_t",
            "mean_c",
            "mean_t",
            "variance_c",
            "variance_t",
        )
    },
    measure,
)
