"""Sums of lifts, of a campaign or of all, with the standard error that a sum deserves.

The variance of a sum is not the sum of variances. Lifts on one product are
told apart at each other's cost; all lean on the same prior coefficients; and
the index of untreated products is off for all products of a category at once
(`features.lift.counterfactual.Baseline.shared`). Each of the three is added here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from features.lift.empirical_bayes import Prior
from features.lift.evidence import LiftEvidence, ProductDays, days_of_posting, lines_by_day, product_days
from marketplace.arrays import Floats, Ints

__all__ = ["SharedError", "days_of_block", "pair_lifts", "sum_lifts"]


class SharedError:
    """Adds up what estimates of many products owe to the same errors of the index.

    An estimate is linear in the products' daily ratios; its *influence* on each says how the errors that products
    share carry over.
    """

    def __init__(self, evidence: LiftEvidence, count: int) -> None:
        self.baseline, self.days, self.count = evidence.baseline, evidence.panel.days, count
        place = np.arange(self.days)
        self._memory = np.exp(-np.abs(place[:, None] - place) / evidence.baseline.memory)
        self._total: list[dict[tuple[int, int], Floats]] = [{} for _ in evidence.baseline.shared]
        self._own = np.zeros(count)

    def add(self, product: int, column: Ints, influence: Floats, groups: Ints) -> None:
        """``influence`` (len(groups), n): how each group's estimate, USD, moves with the ratio of each day."""
        for level, (codes, variance) in enumerate(self.baseline.shared):
            code = int(codes[product])
            spread = np.zeros((len(groups), self.days))
            spread[:, column] = influence * np.sqrt(variance[code, column])
            # A product's own share of it is within its drift already.
            self._own[groups] += np.einsum("gs,st,gt->g", spread, self._memory, spread, optimize=True)
            for group, row in zip(groups.tolist(), spread, strict=True):
                key = (code, group)
                known = self._total[level].get(key)
                self._total[level][key] = row if known is None else known + row

    def variance(self) -> Floats:
        """What is to be added to each group's variance, USD^2, float64 (count,); not negative."""
        found = -self._own
        for total in self._total:
            for (_, group), spread in total.items():
                found[group] += float(spread @ self._memory @ spread)
        return np.maximum(found, 0.0)


def days_of_block(evidence: LiftEvidence, number: int) -> ProductDays:
    """The days that block ``number`` of ``evidence`` was made from."""
    rows = evidence.block_pairs[number]
    part = evidence.pairs.iloc[rows]
    place, posted = days_of_posting(part["start"].to_numpy())
    return product_days(
        evidence.panel,
        evidence.baseline,
        product=int(part["product"].iloc[0]),
        start=posted,
        lines=lines_by_day(evidence.lines[rows], place, len(posted)),
        kernel=evidence.kernel,
        seen=evidence.seen,
    )


def sum_lifts(evidence: LiftEvidence, prior: Prior, groups: Sequence[Ints]) -> list[tuple[Floats, Floats]]:
    """Posterior mean and standard deviation of the summed lifts of groups of partnerships, USD.

    Parameters
    ----------
    groups : sequence of int64 (n,)
        Ways to group the n partnerships: the number 0.. of each one's group, -1 for none.

    Returns
    -------
    list of (mean (G,), sd (G,)), one for each way.
    """
    sizes = [int(group.max(initial=-1)) + 1 for group in groups]
    offset = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    count = int(offset[-1])
    mean, own, lean = np.zeros(count), np.zeros(count), np.zeros((count, len(prior.rho)))
    shared = SharedError(evidence, count)
    for number, block in enumerate(evidence.blocks):
        tau, centre = block.spread @ prior.variance, block.z @ prior.rho
        shrinker = np.linalg.inv(np.eye(len(block.pull)) + block.information * block.by_day(tau))
        # How a lift moves with its day's; each takes its own prior variance's part of it.
        known, foretold = shrinker @ block.information, block.foretold
        known = (known + known.T) / 2.0
        surprise = foretold.pull - foretold.reach @ prior.rho
        estimate = centre + tau * (shrinker @ surprise)[block.place]
        leaning = block.z - tau[:, None] * (shrinker @ foretold.reach)[block.place]
        # Rows: the groups that have a partnership on this product; a 1 for each of theirs.
        codes = [np.where(group[block.row] >= 0, group[block.row] + offset[i], -1) for i, group in enumerate(groups)]
        here = np.unique(np.concatenate(codes))
        here = here[here >= 0]
        if not len(here):
            continue
        member = sum((here[:, None] == code for code in codes), np.zeros((len(here), len(tau))))
        mean[here] += member @ estimate
        spread = block.by_day((member * tau).T).T
        own[here] += spread.sum(axis=1) - np.einsum("gi,ij,gj->g", spread, known, spread)
        lean[here] += member @ leaning
        days = days_of_block(evidence, number)
        shared.add(days.product, days.column, (spread @ shrinker) @ days.solve(days.design).T, here)
    variance = own + np.einsum("gi,ij,gj->g", lean, prior.covariance, lean) + shared.variance()
    sd = np.sqrt(np.maximum(variance, 0.0))
    return [(mean[a:b], sd[a:b]) for a, b in pairwise(offset.tolist())]


def pair_lifts(evidence: LiftEvidence, prior: Prior) -> Floats:
    """Posterior mean of the lift of each pair of partnership and product, USD, float64 (len(evidence.pairs),)."""
    mean = np.zeros(len(evidence.pairs))
    for block, pairs in zip(evidence.blocks, evidence.block_pairs, strict=True):
        tau, centre, foretold = block.spread @ prior.variance, block.z @ prior.rho, block.foretold
        surprise = foretold.pull - foretold.reach @ prior.rho
        matrix = np.eye(len(surprise)) + block.information * block.by_day(tau)
        mean[pairs] = centre + tau * np.linalg.solve(matrix, surprise)[block.place]
    return mean
