"""The population stability index (PSI) of each signal and prediction, with a verdict and the direction in words.

PSI = sum over bins of (now - then) ln(now / then): twice a symmetric Kullback-Leibler distance. Below .1 is called
steady, from .25 on drifted. A small sample shows some by chance alone: where nothing has moved, PSI is near
chi-squared with one degree less than there are bins, times 1/n + 1/m; what does not exceed its 95 % quantile is put
down to chance. n and m count rows that are worth an independent one, for those of one brief are alike; shares are drawn
in by half a row a bin, which is nothing where rows are many.

Source: Siddiqi, Credit Risk Scorecards, 2006 (the bounds); Yurdakul and Naranjo, Statistical properties of the
population stability index, Journal of Risk Model Validation, 2020 (its law).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Flags, Floats
from models.drift.reference import Column, Reference, Sample, binned, effective_rows

__all__ = ["DRIFTED", "STEADY", "VERDICTS", "Drift", "drift_of", "psi"]

STEADY = 0.1
DRIFTED = 0.25
VERDICTS = ("steady", "chance", "moved", "drifted")
_FLOOR = 1e-4
"""Least share of a bin, so that an empty one says much and not everything."""

_LEVEL = 0.95


@dataclass(frozen=True)
class Drift:
    """How far one column has moved.

    Attributes
    ----------
    kind : str
        ``signal`` or ``prediction``.
    name : str
    psi : float
        Against the eligible creators of the campaigns held out from training.
    chance : float
        PSI that samples so small reach by chance, one time in twenty.
    verdict : str
        ``steady``, ``moved``, ``drifted``, or ``chance``: not below .1, and no more than chance.
    direction : str
        What has changed, in words; empty where it is steady or chance.
    learned : float or None
        PSI against the rows that were learned from.
    """

    kind: str
    name: str
    psi: float
    chance: float
    verdict: str
    direction: str
    learned: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def psi(then: Sequence[float] | Floats, now: Sequence[float] | Floats) -> float:
    """The index of two sets of shares, bin by bin; a share below .0001 counts as that."""
    p, q = (np.maximum(np.asarray(one, dtype=np.float64), _FLOOR) for one in (now, then))
    return float(((p - q) * np.log(p / q)).sum())


def drift_of(reference: Reference, names: Sequence[str], sample: Sample) -> list[Drift]:
    """Every column of ``sample`` that ``reference`` knows; those that moved most come first.

    Parameters
    ----------
    names : sequence of k str
        The columns of ``sample.signals``.
    """
    place = {name: i for i, name in enumerate(names)}
    found = []
    for kind, name, column in reference.columns():
        if kind == "signal" and name in place:
            found.append(_drift(kind, name, column, sample.signals[:, place[name]], sample))
        elif kind == "prediction" and name in sample.predictions:
            found.append(_drift(kind, name, column, sample.predictions[name], sample))
    return sorted(found, key=lambda one: (-one.psi, one.name))


def _drift(kind: str, name: str, column: Column, values: Floats, sample: Sample) -> Drift:
    from scipy.stats import chi2

    places = binned(values, column.edges)
    now = np.bincount(places, minlength=len(column.edges) + 2) / max(1, len(places))
    then = np.asarray(column.eligible)
    filled = (now > 0) | (then > 0)
    n, m = max(1.0, effective_rows(places, sample.brief)), max(1.0, column.effective)
    moved = psi(_drawn_in(then, m, filled), _drawn_in(now, n, filled))
    chance = float(chi2.ppf(_LEVEL, filled.sum() - 1)) * (1.0 / n + 1.0 / m) if filled.sum() > 1 else 0.0
    verdict = "steady" if moved < STEADY else "chance" if moved <= chance else "moved" if moved < DRIFTED else "drifted"
    told = _direction(then, now) if verdict in ("moved", "drifted") else ""
    return Drift(kind, name, moved, chance, verdict, told, psi(column.learned, now) if column.learned else None)


def _drawn_in(shares: Floats, rows: float, filled: Flags) -> Floats:
    """Shares with half a row more in each bin that is filled at all: an empty bin of a few rows says little."""
    return np.where(filled, (shares * rows + 0.5) / (rows + 0.5 * filled.sum()), shares)


def _direction(then: Floats, now: Floats) -> str:
    missing = now[-1] - then[-1]
    lacking = abs(missing) * abs(np.log(max(now[-1], _FLOOR) / max(then[-1], _FLOOR))) if now[-1] != then[-1] else 0.0
    if lacking > psi(then, now) / 2:
        word = "more often" if missing > 0 else "less often"
        return f"{word} without a value ({then[-1]:.0%}, now {now[-1]:.0%})"
    before, after = (one[:-1] / max(one[:-1].sum(), _FLOOR) for one in (then, now))
    # The chance that a value drawn now exceeds one drawn then, less the chance that it falls short.
    below = np.concatenate([[0.0], np.cumsum(before)[:-1]])
    above = 1.0 - np.cumsum(before)
    shift = float((after * (below - above)).sum())
    if abs(shift) > 0.1:
        odds = (
            f"{(1 + shift) / 2:.0%} of values above what was usual"
            if shift > 0
            else (f"{(1 - shift) / 2:.0%} of values below what was usual")
        )
        return f"{'higher' if shift > 0 else 'lower'} ({odds})"
    outer = after[0] + after[-1] - before[0] - before[-1]
    return "more at both ends" if outer > 0 else "more in the middle"
