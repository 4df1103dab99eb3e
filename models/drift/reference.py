"""What a bundle remembers of the rows that it was made on: how each signal and each prediction was distributed.

Ten bins a column, cut at quantiles, and the share of rows without a value. Two populations are kept by the same cuts:
the *eligible* creators of campaigns that were held out, which is whom the service scores, and the *learned* from, who
were invited. A later sample is held against the first to see whether the world has moved, and against the second to
see how far the model is from where it learned.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.errors import BundleError
from models.predict import Predictions

__all__ = [
    "BINS",
    "PREDICTED",
    "Column",
    "Reference",
    "Sample",
    "binned",
    "effective_rows",
    "predicted_columns",
    "spread_rows",
]

BINS = 10
"""Most bins of values; one more holds the rows without."""

PREDICTED = ("accept", "deliver", "success_probability", "lift", "attributed", "utility")
"""The predictions that are watched, by their names in `models.predict.Predictions`."""

_MOST = 1_000
_KEYS = {"edges", "eligible", "learned", "effective"}


@dataclass(frozen=True)
class Sample:
    """Rows that were scored, a few of each brief.

    Parameters
    ----------
    signals : float64 (n, k)
        NaN where not known.
    predictions : mapping of str to float64 (n,)
        `PREDICTED`; may be empty.
    brief : int64 (n,)
        Which brief each row was scored for.
    """

    signals: Floats
    predictions: Mapping[str, Floats]
    brief: Ints

    def __len__(self) -> int:
        return len(self.brief)


@dataclass(frozen=True)
class Column:
    """How one signal or prediction was distributed.

    Attributes
    ----------
    edges : tuple of float, rising
        Bin i holds values above edge i - 1 and up to edge i; the last bin what lies above all.
    eligible, learned : tuple of float
        Share of rows in each bin, then of rows without a value. ``learned`` is empty where nothing is known of it.
    effective : float
        How many independent rows the eligible ones are worth: rows of one brief are alike.
    """

    edges: tuple[float, ...]
    eligible: tuple[float, ...]
    learned: tuple[float, ...]
    effective: float


@dataclass(frozen=True)
class Reference:
    """Distributions by name; signals under their own, predictions under theirs."""

    signals: Mapping[str, Column]
    predictions: Mapping[str, Column]

    @classmethod
    def of(cls, names: Sequence[str], eligible: Sample, learned: Sample | None = None) -> Reference:
        """Of a sample of the eligible and one of those learned from (its briefs are not looked at).

        Parameters
        ----------
        names : sequence of k str
            The columns of ``signals``.
        """
        found = {
            name: _column(values, eligible.brief, None if learned is None else learned.signals[:, place])
            for place, (name, values) in enumerate(zip(names, eligible.signals.T, strict=True))
        }
        told = {
            name: _column(values, eligible.brief, None if learned is None else learned.predictions.get(name))
            for name, values in eligible.predictions.items()
        }
        return cls(found, told)

    def columns(self) -> Iterator[tuple[str, str, Column]]:
        """Kind (``signal`` or ``prediction``), name and distribution of each."""
        yield from (("signal", name, column) for name, column in self.signals.items())
        yield from (("prediction", name, column) for name, column in self.predictions.items())

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it back."""
        return {
            kind: {
                name: {
                    "edges": list(column.edges),
                    "eligible": list(column.eligible),
                    "learned": list(column.learned),
                    "effective": column.effective,
                }
                for name, column in columns.items()
            }
            for kind, columns in (("signals", self.signals), ("predictions", self.predictions))
        }

    @classmethod
    def from_dict(cls, content: object, *, signals: Sequence[str]) -> Reference:
        """Read what `as_dict` wrote, for a model of ``signals``.

        Raises
        ------
        BundleError
            It is no such thing: names that are not the model's, edges that do not rise, shares that do not add up.
        """
        if not isinstance(content, Mapping) or set(content) != {"signals", "predictions"}:
            raise _refuse("signals and predictions", repr(content)[:80])
        for kind, names in (("signals", signals), ("predictions", PREDICTED)):
            held = content[kind]
            if not isinstance(held, Mapping) or not set(held) <= set(names):
                raise _refuse(f"{kind} of the model's own", repr(held)[:80])
        return cls(
            {name: _read(name, one) for name, one in content["signals"].items()},
            {name: _read(name, one) for name, one in content["predictions"].items()},
        )


def predicted_columns(predictions: Predictions) -> dict[str, Floats]:
    """The predictions that are watched, by name."""
    columns = predictions.columns()
    return {name: columns[name] for name in PREDICTED}


def spread_rows(brief: Ints, most: int) -> Ints:
    """Up to ``most`` rows of each brief, evenly over those it has: rows of ``brief`` (n,), ascending."""
    order = np.argsort(brief, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(brief[order]) != 0]) if len(brief) else np.empty(0, dtype=np.int64)
    stops = np.r_[starts[1:], len(brief)]
    kept = [
        order[start + (np.arange(min(most, stop - start)) * (stop - start)) // min(most, stop - start)]
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=False)
    ]
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, dtype=np.int64)


def _column(values: Floats, brief: Ints, learned: Floats | None) -> Column:
    known = values[~np.isnan(values)]
    cuts = np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf") if len(known) else np.empty(0)
    edges = np.unique([float(f"{cut:.6g}") for cut in cuts if math.isfinite(cut)])
    edges = edges[edges < known.max()] if len(known) else edges
    places = binned(values, edges)
    count = len(edges) + 2
    return Column(
        tuple(edges.tolist()),
        _shares(places, count),
        () if learned is None or not len(learned) else _shares(binned(learned, edges), count),
        float(f"{effective_rows(places, brief):.4g}"),
    )


def binned(values: Floats, edges: Floats | Sequence[float]) -> Ints:
    """The bin of each value, (n,): 0 up to the first edge, …, the number of edges above all, one more for NaN."""
    cuts = np.asarray(edges, dtype=np.float64)
    return np.where(np.isnan(values), len(cuts) + 1, np.searchsorted(cuts, values, side="left")).astype(np.int64)


def _shares(places: Ints, count: int) -> tuple[float, ...]:
    return tuple(float(f"{share:.5f}") for share in np.bincount(places, minlength=count) / max(1, len(places)))


def effective_rows(places: Ints, brief: Ints) -> float:
    """How many independent rows ``places`` are worth, whose briefs are ``brief``: n / (1 + (m - 1) r).

    r is the correlation of bins within a brief (analysis of variance), m the rows of a brief as a row finds them.

    Source: Kish, Survey Sampling, 1965, on the design effect of clusters.
    """
    n = len(places)
    _, group = np.unique(brief, return_inverse=True)
    sizes = np.bincount(group).astype(np.float64)
    groups = len(sizes)
    if groups < 2 or n <= groups:
        return float(groups)
    values = places.astype(np.float64)
    means = np.bincount(group, values) / sizes
    within = float(((values - means[group]) ** 2).sum()) / (n - groups)
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (groups - 1)
    usual = (n - float((sizes**2).sum()) / n) / (groups - 1)
    total = between + (usual - 1.0) * within
    alike = max(0.0, (between - within) / total) if total > 0 else 0.0
    return n / (1.0 + (float((sizes**2).sum()) / n - 1.0) * alike)


def _read(name: str, content: object) -> Column:
    if not isinstance(content, Mapping) or set(content) != _KEYS:
        raise _refuse(f"{', '.join(sorted(_KEYS))} of {name}", repr(content)[:80])
    edges, eligible, learned = (_numbers(name, content[key]) for key in ("edges", "eligible", "learned"))
    (effective,) = _numbers(name, [content["effective"]])
    shares = [one for one in (eligible, learned) if one]
    whole = all(len(one) == len(edges) + 2 and min(one) >= 0 and abs(sum(one) - 1) < 1e-3 for one in shares)
    if len(edges) > BINS or any(a >= b for a, b in itertools.pairwise(edges)) or not eligible or not whole:
        raise _refuse(f"rising edges and shares of 1 for {name}", repr(content)[:80])
    return Column(edges, eligible, learned, effective)


def _numbers(name: str, content: object) -> tuple[float, ...]:
    numbers = isinstance(content, list) and all(type(one) in (int, float) and math.isfinite(one) for one in content)
    if not numbers or not isinstance(content, list) or len(content) > _MOST:
        raise _refuse(f"finite numbers of {name}", repr(content)[:80])
    return tuple(map(float, content))


def _refuse(expected: str, received: str) -> BundleError:
    return BundleError(expected, received=received, look="the bundle's reference.json")
