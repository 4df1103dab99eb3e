"""What a benchmark on published data is: the files it reads, and the figures it prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from marketplace.arrays import Flags, Floats
from marketplace.errors import SourceError
from training.stats import BootstrapInterval, cluster_bootstrap

__all__ = ["PAGE", "Benchmark", "Figure", "Frames", "figure", "gap_figure", "mean_figure", "read_frames"]

PAGE = "docs/real_data.md"

Frames = Mapping[str, pd.DataFrame]
"""A data set's tables, by the name of their file."""


@dataclass(frozen=True)
class Figure:
    """One figure: ``value`` with its interval (NaN where it has none), and what it is held ``against`` in words."""

    what: str
    value: float
    low: float = math.nan
    high: float = math.nan
    against: str = ""


@dataclass(frozen=True)
class Benchmark:
    """A data set as a benchmark.

    Parameters
    ----------
    name : str
        As ``python -m benchmarks.real NAME`` takes it.
    about : str
        What it tests, in a line.
    columns : mapping of str to sequence of str
        The Parquet files' names without their ending, and the columns that are read of each.
    measure : callable
        The tables and a seed -> the figures.
    """

    name: str
    about: str
    columns: Mapping[str, tuple[str, ...]]
    measure: Callable[[Frames, int], list[Figure]]


def read_frames(benchmark: Benchmark, folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of ``benchmark`` from the Parquet files in ``folder``.

    Raises
    ------
    SourceError
        A file or a column of it is missing.
    """
    frames = {}
    for name, columns in benchmark.columns.items():
        file = folder / f"{name}.parquet"
        try:
            frames[name] = pq.read_table(file, columns=list(columns)).select(list(columns)).to_pandas()
        except (OSError, KeyError, ValueError, pa.ArrowException) as reason:
            raise SourceError(f"{file} with {', '.join(columns)}", received=str(reason), look=PAGE) from reason
    return frames


def figure(what: str, found: BootstrapInterval, against: str = "") -> Figure:
    """A bootstrap interval as a `Figure`."""
    return Figure(what, found.estimate, found.low, found.high, against)


def mean_figure(
    what: str,
    values: Floats | Flags,
    weights: Floats | None = None,
    *,
    cluster: pd.Series,
    seed: int,
    against: str = "",
) -> Figure:
    """``sum(values) / sum(weights)`` (each 1 by default), both (n,), with a 95 % interval over clusters, (n,)."""
    each = np.ones(len(values)) if weights is None else weights
    rows = pd.DataFrame({"value": np.asarray(values, dtype=np.float64), "weight": each})
    sums = rows.groupby(cluster.to_numpy()).sum()
    found = cluster_bootstrap(sums["value"].to_numpy(), sums["weight"].to_numpy(), seed=seed)
    return figure(what, found, against)


def gap_figure(
    what: str, values: Floats, first: Floats, second: Floats, *, cluster: pd.Series, seed: int, against: str = ""
) -> Figure:
    """Mean of ``values`` where ``first`` less their mean where ``second``, with a 95 % interval over clusters.

    Every row's part of the difference, ``(value - mean) (first / n_first - second / n_second) n``, is summed by
    cluster, and the clusters are drawn again (`training.stats.cluster_bootstrap`).

    Parameters
    ----------
    values : float64 (n,)
    first, second : float64 (n,), 1 where a row is of that group, 0 else.
    cluster : (n,)
    """
    part = (values - values.mean()) * (first / first.mean() - second / second.mean())
    return mean_figure(what, part, cluster=cluster, seed=seed, against=against)
