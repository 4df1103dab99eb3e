"""Whether variants differ over marketplaces: means, clustered errors, tests and a word each (`benchmarks.choices`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Floats, Ints
from training.stats import holm, paired_randomisation_test

__all__ = ["LEVEL", "Verdict", "cell_shares", "judge", "world_means"]

LEVEL = 0.05
"""A difference is called one where its p, corrected for all variants judged, is below this."""

Cell = tuple[str, int]


def cell_shares(rows: Sequence[Mapping[str, Any]]) -> dict[Cell, dict[str, float]]:
    """Cell to variant to share, where it is defined; a cell's rows may hold different variants."""
    cells: dict[Cell, dict[str, float]] = {}
    for row in rows:
        known = {name: one["share"] for name, one in row["variants"].items() if one["share"] is not None}
        cells.setdefault((row["world"], row["seed"]), {}).update(known)
    return cells


def world_means(rows: Sequence[Mapping[str, Any]], variants: Sequence[str]) -> dict[str, dict[str, float]]:
    """Variant to world to its mean share over the seeds; worlds where it has none are left out."""
    cells = cell_shares(rows)
    means: dict[str, dict[str, float]] = {name: {} for name in variants}
    for world in dict.fromkeys(world for world, _ in cells):
        for name in variants:
            known = [shares[name] for (its, _), shares in cells.items() if its == world and name in shares]
            if known:
                means[name][world] = float(np.mean(known))
    return means


@dataclass(frozen=True)
class Verdict:
    """A variant against another, over the marketplaces that both have a share of.

    Attributes
    ----------
    variant, against : str
    cells, seeds : int
        Marketplaces, and the seeds that they were drawn with.
    difference : float
        Mean of the variant's share minus the other's; NaN without cells.
    error : float
        Its standard error, clustered by seed; NaN with fewer than two seeds.
    wins, ties, losses : int
        Marketplaces.
    p, corrected : float
        Two-sided paired randomisation test over the seeds, and Holm's correction for all variants judged.
    word : str
        ``better``, ``worse``, ``no difference shown``, or ``not measured``.
    """

    variant: str
    against: str
    cells: int
    seeds: int
    difference: float
    error: float
    wins: int
    ties: int
    losses: int
    p: float
    corrected: float
    word: str


def judge(rows: Sequence[Mapping[str, Any]], against: Mapping[str, str]) -> list[Verdict]:
    """Each variant of ``against`` held against the one that it names, best first.

    The same seed draws much the same marketplace in every world, so the seed is the unit: the error is
    ``sqrt(S / (S - 1) sum_s (sum_i in s (d_i - mean d))^2) / n`` over S seeds and n marketplaces, and the test flips
    the signs of the seeds' mean differences. With S seeds no p is below ``2 / 2^S``.

    Source: Liang and Zeger (1986), Longitudinal data analysis using generalized linear models (the clustered error).
    """
    cells = cell_shares(rows)
    found = [_judged(cells, name, other) for name, other in against.items()]
    # What was measured nowhere was not tested.
    corrected = holm([one["p"] if one["cells"] else float("nan") for one in found]).tolist()
    verdicts = [
        Verdict(**one, corrected=p, word=_word(one["difference"], p)) for one, p in zip(found, corrected, strict=True)
    ]
    return sorted(verdicts, key=lambda one: (math.isnan(one.difference), -one.difference, one.variant))


def _judged(cells: Mapping[Cell, Mapping[str, float]], name: str, against: str) -> dict[str, Any]:
    both = [(seed, one[name], one[against]) for (_, seed), one in cells.items() if name in one and against in one]
    seeds, mine, other = np.array(both, dtype=np.float64).reshape(-1, 3).T
    by_cell = paired_randomisation_test(mine, other)
    codes = np.unique(seeds, return_inverse=True)[1]
    count = np.bincount(codes)
    by_seed = [np.bincount(codes, weights=values) / count for values in (mine, other)]
    return {
        "variant": name, "against": against, "cells": len(both), "seeds": len(count),
        "difference": by_cell.difference, "error": _clustered_error(mine - other, codes),
        "wins": by_cell.wins, "ties": by_cell.ties, "losses": by_cell.losses,
        "p": paired_randomisation_test(*by_seed).p,
    }  # fmt: skip


def _clustered_error(differences: Floats, codes: Ints) -> float:
    clusters = len(np.unique(codes))
    if clusters < 2:
        return float("nan")
    sums = np.bincount(codes, weights=differences - differences.mean())
    return float(np.sqrt(clusters / (clusters - 1) * np.sum(sums**2)) / len(differences))


def _word(difference: float, p: float) -> str:
    if math.isnan(difference):
        return "not measured"
    if p >= LEVEL:
        return "no difference shown"
    return "better" if difference > 0 else "worse"
