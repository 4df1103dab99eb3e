"""How late what creators are credited with, and did not cause, is missing from the shop's own sales.

Whoever buys through a creator what he would have bought anyway need not have bought it that day: part of it is missing
from the days that follow. Held against the days of posting alone, sales that come a little earlier pass for sales that
would not have come. So the delay is read off all products together: their days against what is captured
(`features.lift.evidence.TERMS`), by generalised least squares, under a share of it that is delayed and a half-life,
for each pair of these on a grid. What is used is the mean over the grid, each pair by its likelihood; beforehand no
delay at all is as likely as any. Only days that sell less count: that sales grow after posts is no delay.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.linalg import convolution_matrix

from marketplace.arrays import Floats

__all__ = ["DELAYS", "DELAY_DAYS", "delayed", "fit_delay"]

DELAY_DAYS = 60
"""Days over which what was captured on one is missing, at most."""

_HALF_LIVES = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
_SHARES = np.arange(1, 11) / 10.0


def _delays() -> Floats:
    after = np.arange(1, DELAY_DAYS + 1)
    found = np.zeros((1 + len(_HALF_LIVES), 1 + DELAY_DAYS))
    found[0, 0] = 1.0
    for row, half_life in zip(found[1:], _HALF_LIVES, strict=True):
        row[1:] = 2.0 ** (-after / half_life)
    found /= found.sum(axis=1, keepdims=True)
    return found


DELAYS = _delays()
"""Shares by days of delay, (7, DELAY_DAYS + 1), each row summing to 1: none, then by half-life."""


def fit_delay(information: Floats, pull: Floats) -> Floats:
    """How much falls to each of `DELAYS`, (7,), summing to 1.

    Parameters
    ----------
    information : float64 (7, 7)
        Of what is captured as it would be missing under each of `DELAYS`, summed over products: ``X' C^-1 X``.
    pull : float64 (7,)
        The same of the days: ``X' C^-1 y``.
    """
    none: Floats = np.eye(len(DELAYS))[0]
    mixed = [none]
    for late in np.eye(len(DELAYS))[1:]:
        mixed.extend((1.0 - share) * none + share * late for share in _SHARES)
    weight = np.array(mixed)
    seen = np.einsum("gi,ij,gj->g", weight, information, weight)
    if not (seen > 0.0).all():
        return none
    likelihood = 0.5 * np.minimum(weight @ pull, 0.0) ** 2 / seen
    mass = np.exp(likelihood - likelihood.max())
    mass[0] *= len(mass) - 1
    shares: Floats = np.asarray((mass / mass.sum()) @ weight, dtype=np.float64)
    return shares


def delayed(shapes: Floats) -> Floats:
    """``shapes`` (U, A) by day, each day's share spread over those that follow by each of `DELAYS`: (7, U, A + 60)."""
    late: Floats = shapes @ _spread(shapes.shape[1])
    return late


@cache
def _spread(days: int) -> Floats:
    return np.stack([convolution_matrix(delay, days).T for delay in DELAYS])
