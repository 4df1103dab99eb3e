"""Many noisy, entangled estimates made steadier by what they have in common.

Products are independent *blocks*. In a block, days of sales say of its J
lifts ``information = D' C^-1 D`` and ``pull = D' C^-1 y`` (generalised least
squares, unsolved, so that lifts that cannot be told apart do no harm). The
prior is ``lift_j ~ N(rho . z_j, sum_i v_i spread_ji)`` with ``rho ~ N(m, S)``;
``v`` maximises the evidence with ``rho`` integrated out. What the prior foretells may show on other days than
what it does not (`Late`): ``E`` in the place of ``D`` for ``rho . z``.

Partnerships that one product got on one day have the same column in ``D``: its
days speak of their sum alone, and what each is given of it is its prior
variance's share. All linear algebra is therefore over the U days of posting,
not over the J partnerships, with the same answer: work grows with J itself.

Source: Efron and Morris (1975), Data analysis using Stein's estimator; Lindley and Smith (1972), Bayes
estimates for the linear model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketplace.arrays import Floats, Ints
from marketplace.progress import say

__all__ = ["Block", "Hyperprior", "Late", "Prior", "fit_prior", "posterior", "unshrunk"]


_EVALUATIONS = 500
"""At most; some 110 are usual, some 220 where nothing lifts anything."""


@dataclass(frozen=True)
class Late:
    """What a block's days say where the part of a lift that the prior foretells shows on days of its own.

    With ``E`` (n, U) for these and ``a`` (U,) for what was taken off beforehand in that shape, ``x = E z`` by day:
    ``pull = D' C^-1 (y + E a)`` (U,), ``reach = D' C^-1 x`` (U, q), ``seen = x' C^-1 x`` (q, q) and
    ``heard = x' C^-1 (y + E a)`` (q,).
    """

    pull: Floats
    reach: Floats
    seen: Floats
    heard: Floats


@dataclass(frozen=True)
class Block:
    """What one product's days say of its J partnerships, which were posted on U days.

    ``information`` (U, U) and ``pull`` (U,) of their sums by day, ``z`` (J, q) terms of the prior mean, ``spread``
    (J, r) terms of the prior variance (not negative), ``row`` (J,) number of the partnership, ``place`` (J,) which of
    the U days it was posted on. ``late``: where what the prior foretells shows on other days; None where on the same.
    """

    information: Floats
    pull: Floats
    z: Floats
    spread: Floats
    row: Ints
    place: Ints
    late: Late | None = None

    @property
    def foretold(self) -> Late:
        """``late``, or the same of days that are no others."""
        if self.late is not None:
            return self.late
        z = self.by_day(self.z)
        reach = self.information @ z
        return Late(self.pull, reach, z.T @ reach, z.T @ self.pull)

    def by_day(self, values: Floats) -> Floats:
        """``values`` (J, ...) of the partnerships summed over those of one day, (U, ...)."""
        out = np.zeros((len(self.pull), *values.shape[1:]))
        np.add.at(out, self.place, values)
        return out


@dataclass(frozen=True)
class _Stack:
    """B blocks padded with zeros to U days each, and their N partnerships one after another.

    ``information`` (B, U, U), ``pull`` (B, U) and ``spread`` (B, U, r) summed by day; ``told`` (B, U) and ``reach``
    (B, U, q), and ``seen`` (q, q) and ``heard`` (q,) summed over blocks, of `Block.foretold`; ``own_z`` (N, q),
    ``own_spread`` (N, r), ``row`` (N,) and ``at``, block and day (N,), of each partnership.
    """

    information: Floats
    pull: Floats
    spread: Floats
    told: Floats
    reach: Floats
    seen: Floats
    heard: Floats
    own_z: Floats
    own_spread: Floats
    row: Ints
    at: tuple[Ints, Ints]


@dataclass(frozen=True)
class Hyperprior:
    """Before the data: ``mean`` and ``sd`` (q,) of rho; ``variance`` (r,) the start of v, held within a factor of
    about e^1.5 either way by a normal prior on its logarithm.
    """

    mean: Floats
    sd: Floats
    variance: Floats


@dataclass(frozen=True)
class Prior:
    """The fitted prior: ``rho`` (q,) with ``covariance`` (q, q), and ``variance`` (r,).

    ``converged`` is False where the search for ``variance`` was given up before it settled.
    """

    rho: Floats
    covariance: Floats
    variance: Floats
    converged: bool = True


def fit_prior(blocks: Sequence[Block], hyperprior: Hyperprior) -> Prior:
    """Maximise the evidence of ``blocks`` over the variances, with rho integrated out.

    Says so on standard error, and in `Prior.converged`, where the search does not settle.
    """
    from scipy.optimize import minimize

    stacks = _stack(blocks)
    count = len(hyperprior.variance)

    def totals(variance: Floats) -> tuple[float, Floats, Floats]:
        """LiftEvidence but for rho; precision (q, q) and target (q,) of rho."""
        evidence, precision, target = 0.0, np.diag(hyperprior.sd**-2.0), hyperprior.mean * hyperprior.sd**-2.0
        for stack in stacks:
            own, seen, heard = _weigh(stack, stack.spread @ variance)
            evidence, precision, target = evidence + own, precision + seen, target + heard
        return evidence, precision, target

    def loss(log_ratio: Floats) -> float:
        evidence, precision, target = totals(hyperprior.variance * np.exp(log_ratio))
        evidence += float(target @ np.linalg.solve(precision, target)) - float(np.linalg.slogdet(precision)[1])
        return -0.5 * evidence + 0.5 * float(np.sum((log_ratio / 1.5) ** 2))

    corners = np.vstack([np.zeros(count), np.eye(count)])
    options = {"maxfev": _EVALUATIONS, "xatol": 0.05, "fatol": 0.02, "initial_simplex": corners}
    found = minimize(loss, np.zeros(count), method="Nelder-Mead", options=options)
    if not found.success:
        say(f"lift: the prior has not converged after {found.nfev} evaluations; estimates lean on where it stopped")
    variance = hyperprior.variance * np.exp(found.x)
    _, precision, target = totals(variance)
    covariance: Floats = np.linalg.inv(precision).astype(np.float64)
    return Prior(covariance @ target, covariance, variance, bool(found.success))


def posterior(blocks: Sequence[Block], prior: Prior, size: int) -> tuple[Floats, Floats]:
    """Posterior mean and variance of each partnership's lift (summed over its products), both (size,).

    The variance includes the doubt that is left about rho.
    """
    mean, own = np.zeros(size), np.zeros(size)
    lean = np.zeros((size, len(prior.rho)))
    for stack in _stack(blocks):
        tau, each = stack.spread @ prior.variance, stack.own_spread @ prior.variance
        shrinker = _shrinker(stack, tau)
        surprise = stack.told - stack.reach @ prior.rho
        np.add.at(mean, stack.row, stack.own_z @ prior.rho + each * _times(shrinker, surprise)[stack.at])
        np.add.at(own, stack.row, _left(stack, shrinker, each, tau))
        # d mean / d rho
        np.add.at(lean, stack.row, stack.own_z - each[:, None] * (shrinker @ stack.reach)[stack.at])
    shared = np.einsum("ni,ij,nj->n", lean, prior.covariance, lean)
    return mean, np.maximum(own + shared, 0.0)


def unshrunk(blocks: Sequence[Block], size: int, *, width: float = 100.0) -> tuple[Floats, Floats]:
    """Mean and variance of each lift from its product's days alone, both (size,).

    The prior is about zero and ``width`` times as wide as the square root of the summed spread, so that it only
    decides what the days cannot: lifts that fall on the same days.
    """
    mean, own = np.zeros(size), np.zeros(size)
    for stack in _stack(blocks):
        tau, each = stack.spread.sum(axis=2) * width**2, stack.own_spread.sum(axis=1) * width**2
        shrinker = _shrinker(stack, tau)
        np.add.at(mean, stack.row, each * _times(shrinker, stack.pull)[stack.at])
        np.add.at(own, stack.row, _left(stack, shrinker, each, tau))
    return mean, own


def _stack(blocks: Sequence[Block]) -> list[_Stack]:
    """Blocks of about as many days together, padded."""
    by_size: dict[int, list[Block]] = {}
    for block in blocks:
        count = len(block.pull)
        by_size.setdefault(1 << (count - 1).bit_length() if count < 64 else count, []).append(block)
    stacks = []
    for size in sorted(by_size):
        part = by_size[size]
        shape, foretold = (len(part), size), [block.foretold for block in part]
        stack = _Stack(
            np.zeros((*shape, size)),
            np.zeros(shape),
            np.zeros((*shape, part[0].spread.shape[1])),
            np.zeros(shape),
            np.zeros((*shape, part[0].z.shape[1])),
            np.sum([one.seen for one in foretold], axis=0),
            np.sum([one.heard for one in foretold], axis=0),
            np.concatenate([block.z for block in part]),
            np.concatenate([block.spread for block in part]),
            np.concatenate([block.row for block in part]),
            (
                np.repeat(np.arange(len(part)), [len(block.row) for block in part]),
                np.concatenate([block.place for block in part]),
            ),
        )
        for b, (block, one) in enumerate(zip(part, foretold, strict=True)):
            n = len(block.pull)
            stack.information[b, :n, :n] = block.information
            stack.pull[b, :n], stack.told[b, :n] = block.pull, one.pull
            stack.reach[b, :n], stack.spread[b, :n] = one.reach, block.by_day(block.spread)
        stacks.append(stack)
    return stacks


def _shrinker(stack: _Stack, tau: Floats) -> Floats:
    """``G = (I + P T)^-1`` (B, U, U) for prior variances ``tau`` (B, U) of the sums."""
    matrix = np.eye(tau.shape[1]) + stack.information * tau[:, None, :]
    inverse: Floats = np.linalg.inv(matrix).astype(np.float64)
    return inverse


def _left(stack: _Stack, shrinker: Floats, each: Floats, tau: Floats) -> Floats:
    """Variance that the days leave to each partnership (N,), of prior variance ``each`` (N,).

    Of the day's ``tau`` (B, U) the days leave ``tau G``; all of the partnership's own that is not the day's stays.
    """
    together = tau[stack.at]
    share = np.divide(each, together, out=np.zeros_like(each), where=together > 0)
    left: Floats = each * ((1.0 - share) + share * np.einsum("bii->bi", shrinker)[stack.at])
    return left


def _weigh(stack: _Stack, tau: Floats) -> tuple[float, Floats, Floats]:
    """A stack's evidence ``sum h' T G h - log |I + P T|``, precision (q, q) and target (q,) of rho.

    With pull ``h``, reach ``R`` and ``W = T^1/2 M^-1 T^1/2``, ``M = I + T^1/2 P T^1/2``, which holds for T = 0 too:
    ``sum seen - R' W R`` and ``sum heard - R' W h``.
    """
    root = np.sqrt(tau)
    matrix = np.eye(tau.shape[1]) + root[:, :, None] * stack.information * root[:, None, :]
    right = root[..., None] * np.concatenate([stack.told[..., None], stack.reach], axis=2)
    cross = np.swapaxes(right, 1, 2) @ np.linalg.solve(matrix, right)
    logdet = 2.0 * float(np.log(np.einsum("bii->bi", np.linalg.cholesky(matrix))).sum())
    total = cross.sum(axis=0)
    seen, heard = stack.seen - total[1:, 1:], stack.heard - total[1:, 0]
    return float(total[0, 0]) - logdet, (seen + seen.T) / 2.0, heard


def _times(matrices: Floats, vectors: Floats) -> Floats:
    """(B, U, U) times (B, U)."""
    product: Floats = (matrices @ vectors[..., None])[..., 0]
    return product
