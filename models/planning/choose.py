"""The best choice within limits, with a proof: by sorting where that is enough, else by an integer programme.

    maximise  value . x   subject to   weights x <= caps,  at most so many of each group,  x in {0, 1}

**Where sorting is enough.** Every limit is an upper bound on what is used, so an offer of no value is never worth
taking. Where each limit weighs all offers alike, only how many are taken matters, and at most one way of grouping them
binds: the sets that may be taken are then the independent sets of a truncated partition matroid, over which taking the
most valuable that still fits is optimal (Rado, 1957; Edmonds, 1971).

**Else** greedy rules can be wrong, and it is an integer programme:

1. The relaxation ``0 <= x <= 1`` gives prices ``y`` of the limits. For *any* ``y >= 0``
   ``L(y) = y . caps + sum_i max(0, value_i - y . weights_i)`` is an upper bound of what any choice is worth
   (Lagrange), whoever computed ``y``.
2. A good choice is found with the offers about the margin, where ``value - y . weights`` is near zero.
3. An offer on the wrong side of the margin by more than the gap between bound and choice cannot be part of a better
   one: it is settled. What is left is few, and HiGHS solves it to the end.

A choice comes with the upper bound on what any choice can be worth; where both agree, it is proven best.

Source: Balas and Zemel (1980), An algorithm for large zero-one knapsack problems; Huangfu and Hall (2018), HiGHS.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from marketplace.arrays import Floats, Ints, Many, as_floats
from marketplace.errors import BriefError
from models.planning.hush import hushed
from models.planning.limits import Constraints

__all__ = ["CORE", "Choice", "choose", "choose_greedily"]

CORE = 60
"""Offers about the margin with which a first good choice is made."""

_TOLERANCE = 1e-9
"""Of the value, relative: two choices this near are one."""

_CUTS = 50
_UNIT = 0.01
"""The greatest weight of a row, as HiGHS gets it: it holds a row to an absolute millionth, and a choice to a millionth
of one, and the latter must not pass the former. What HiGHS lets through so is cut off.
"""


@dataclass(frozen=True)
class Choice:
    """Offers chosen, and how good any other choice could be.

    Attributes
    ----------
    rows : int64 (m,)
        Places among the offers, ascending.
    value : float
        Sum of their values.
    bound : float
        No choice within the limits is worth more; ``value`` itself where this one is proven best.
    method : str
        ``sort``, ``integer programme`` or the greedy rule's name.
    seconds : float
    """

    rows: Ints
    value: float
    bound: float
    method: str
    seconds: float

    @property
    def proven(self) -> bool:
        """Whether no other choice can be better."""
        return self.bound <= self.value + _TOLERANCE * max(1.0, abs(self.value)) * 10.0


def choose(value: Many, limits: Constraints, *, seconds: float = 60.0) -> Choice:
    """The offers whose sum of ``value`` is the greatest within ``limits``.

    Parameters
    ----------
    value : float64 (n,)
    limits : Constraints
    seconds : float
        How long the integer programme may take; after that the best choice found is given with its bound.

    Raises
    ------
    BriefError
        Values or weights that are not finite, or negative weights.
    """
    began = time.perf_counter()
    worth = as_floats(value)
    _require(worth, limits)
    rows = _useful(worth, limits)
    if not rows.size:
        return Choice(rows, 0.0, 0.0, "sort", time.perf_counter() - began)
    own = _settled(limits, rows, np.empty(0, dtype=np.int64))
    if _alike(own):
        taken = _fill(own, np.argsort(-worth[rows], kind="stable"))
        chosen = np.sort(rows[taken])
        total = float(worth[chosen].sum())
        return Choice(chosen, total, total, "sort", time.perf_counter() - began)
    taken, bound = _programme(worth[rows], own, seconds)
    chosen = np.sort(rows[taken])
    total = float(worth[chosen].sum())
    return Choice(chosen, total, max(bound, total), "integer programme", time.perf_counter() - began)


def choose_greedily(value: Many, limits: Constraints, *, by: str = "value") -> Choice:
    """What people do: go down a list and take what still fits. No bound comes with it.

    Parameters
    ----------
    by : {"value", "ratio"}
        Most valuable first, or most valuable for what it uses of the limits (each as a share of its cap) first.
    """
    began = time.perf_counter()
    worth = as_floats(value)
    rows = _useful(worth, limits)
    own = _settled(limits, rows, np.empty(0, dtype=np.int64))
    first = worth[rows]
    if by == "ratio":
        used = (own.weights / np.maximum(own.caps, 1e-300)[:, None]).sum(axis=0)
        first = first / np.maximum(used, 1e-300)
    chosen = np.sort(rows[_fill(own, np.argsort(-first, kind="stable"))])
    return Choice(chosen, float(worth[chosen].sum()), np.inf, f"greedy by {by}", time.perf_counter() - began)


def _require(worth: Floats, limits: Constraints) -> None:
    fine = np.isfinite(worth).all() and np.isfinite(limits.weights).all() and np.isfinite(limits.caps).all()
    if not fine or (limits.weights < 0).any() or limits.weights.shape[1] != worth.size:
        raise BriefError(
            "a finite value and finite weights of 0 or more for every offer",
            received=f"{worth.size} values and weights of shape {limits.weights.shape}",
            look="models/planning/choose.py",
        )


def _useful(worth: Floats, limits: Constraints) -> Ints:
    """Offers of any value that keep every limit when taken alone."""
    alone = (limits.weights <= limits.caps[:, None]).all(axis=0)
    for codes, caps in limits.groups:
        alone &= caps[codes] > 0
    return np.flatnonzero((worth > 0) & alone)


def _settled(limits: Constraints, rows: Ints, taken: Ints) -> Constraints:
    """The limits of ``rows``, less what ``taken`` uses, without those that can bind nothing any more."""
    caps = np.maximum(limits.caps - limits.weights[:, taken].sum(axis=1), 0.0)
    left = tuple(few - np.bincount(codes[taken], minlength=len(few)) for codes, few in limits.groups)
    own = limits.take(rows, caps, left)
    binds = own.weights.sum(axis=1) > own.caps
    groups = tuple((codes, few) for codes, few in own.groups if (np.bincount(codes, minlength=len(few)) > few).any())
    return Constraints(own.weights[binds], own.caps[binds], groups)


def _alike(limits: Constraints) -> bool:
    """Whether every limit weighs all offers alike, and at most one way of grouping binds."""
    return len(limits.groups) <= 1 and bool((np.ptp(limits.weights, axis=1) == 0).all())


def _fill(limits: Constraints, order: Ints, start: Ints | None = None) -> Ints:
    """Offers in ``order`` that still fit, one after another, beside those of ``start``; places, as taken."""
    taken = [] if start is None else start.tolist()
    left = limits.caps - limits.weights[:, taken].sum(axis=1)
    groups = [(codes, few - np.bincount(codes[taken], minlength=len(few))) for codes, few in limits.groups]
    slack = 1e-12 * np.maximum(limits.caps, 1.0)
    for place in order.tolist():
        own = limits.weights[:, place]
        if (own <= left + slack).all() and all(few[codes[place]] > 0 for codes, few in groups):
            taken.append(place)
            left = left - own
            for codes, few in groups:
                few[codes[place]] -= 1
    return np.array(taken, dtype=np.int64)


def _rows_of(limits: Constraints) -> tuple[csr_array, Floats]:
    """Every limit as a row, each scaled so that its greatest weight is `_UNIT`: (k, n) and (k,)."""
    size = np.maximum(limits.weights.max(axis=1, initial=0.0), 1e-300) / _UNIT
    parts = [csr_array(limits.weights / size[:, None])]
    caps = [limits.caps / size]
    for codes, few in limits.groups:
        binding = np.flatnonzero(np.bincount(codes, minlength=len(few)) > few)
        place = np.full(len(few), -1)
        place[binding] = np.arange(binding.size)
        inside = np.flatnonzero(place[codes] >= 0)
        shape = (binding.size, codes.size)
        parts.append(csr_array((np.full(inside.size, _UNIT), (place[codes[inside]], inside)), shape=shape))
        caps.append(_UNIT * few[binding])
    return csr_array(vstack(parts)), np.concatenate(caps)


def _programme(worth: Floats, limits: Constraints, seconds: float) -> tuple[Ints, float]:
    """The best places, and an upper bound of what any are worth."""
    deadline = time.perf_counter() + seconds
    matrix, caps = _rows_of(limits)
    relaxed = linprog(-worth, A_ub=matrix, b_ub=caps, bounds=(0.0, 1.0), method="highs")
    prices = np.zeros(len(caps)) if relaxed.status != 0 else np.maximum(-relaxed.ineqlin.marginals, 0.0)
    reduced = worth - matrix.T @ prices
    bound = float(prices @ caps + np.maximum(reduced, 0.0).sum())
    # A first choice: what is clearly good, then what still fits, best reduced value first.
    order = np.argsort(-reduced, kind="stable")
    best = _fill(limits, order)
    margin = np.argsort(np.abs(reduced), kind="stable")[:CORE]
    inside = np.zeros(worth.size, dtype=bool)
    inside[margin] = True
    sure = np.flatnonzero((reduced > 0) & ~inside)
    if limits.allows(sure):
        best = _better(worth, best, _solve(worth, limits, sure, np.sort(margin), deadline)[0])
    gap = bound - float(worth[best].sum()) + _TOLERANCE * max(1.0, bound)
    sure, open_ = np.flatnonzero(reduced > gap), np.flatnonzero(np.abs(reduced) <= gap)
    if open_.size:
        found, top = _solve(worth, limits, sure, open_, deadline)
        best = _better(worth, best, found)
        bound = min(bound, max(top, float(worth[best].sum())))
    return best, bound


def _better(worth: Floats, one: Ints, other: Ints) -> Ints:
    return other if worth[other].sum() > worth[one].sum() else one


def _solve(worth: Floats, limits: Constraints, sure: Ints, open_: Ints, deadline: float) -> tuple[Ints, float]:
    """``sure`` with the best of ``open_`` that fits beside them, and an upper bound; ``sure`` must fit."""
    base = float(worth[sure].sum())
    own = _settled(limits, open_, sure)
    if not len(own.caps) and not own.groups:
        return np.concatenate([sure, open_]), base + float(worth[open_].sum())
    matrix, caps = _rows_of(own)
    top = np.inf
    for _ in range(_CUTS):
        left = max(0.01, deadline - time.perf_counter())
        with hushed():
            solved = milp(
                -worth[open_],
                constraints=LinearConstraint(matrix, -np.inf, caps),
                integrality=np.ones(open_.size),
                bounds=Bounds(0.0, 1.0),
                options={"mip_rel_gap": 0.0, "presolve": False, "time_limit": left},
            )
        if solved.x is None:
            break
        top = min(top, base - float(solved.mip_dual_bound))
        inside = solved.x > 0.5
        found = np.concatenate([sure, open_[inside]])
        if limits.allows(found):
            return found, top
        # Passed by less than HiGHS looks at. Whatever holds all of these passes it too, so that no such choice is lost.
        cut = csr_array(inside.astype(np.float64)[None, :] * _UNIT)
        matrix, caps = csr_array(vstack([matrix, cut])), np.append(caps, _UNIT * (inside.sum() - 1.0))
    order = np.argsort(-worth[open_], kind="stable")
    return _fill(limits, open_[order], sure), top
