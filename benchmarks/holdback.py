"""What invitations drawn at random tell of the rest.

A log may hold, beside the ranker's lists, invitations drawn uniformly from all
eligible creators (``impressions.policy`` = `POLICY`, with the chance of it).
What that identifies: nobody chose these creators, so how the cheap proxies of
their partnerships (attributed sales, organic and paid, what is likely to be
captured) go with lift is free of whatever the brand's choice goes by. What it
does not: there is no arm of campaigns or creators left alone, so a demand that
moves with the *brief* is in both arms alike, and the products' days must tell
that (training/lift/checks/placebo.py).

Two estimators. *By proxies*: the coefficients of lift on the proxies are
learned from the randomised partnerships alone, all others on their products
being free to be what they like; total lift is those coefficients times
everybody's proxies. *Corrected*: the estimate that rankers learn from, times a
factor by which lifts of the randomised differ from what the coefficients of
the others foretell; before the data speak it is taken for 1 with the standard
deviation `FACTOR_SD`.

Source: Athey, Chetty, Imbens and Kang (2019), The Surrogate Index: Combining Short-Term Proxies to Estimate Long-Term
Treatment Effects, for proxies learned in one sample and applied in another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.lift import HYPERPRIOR, TERMS, Block, LiftEvidence, Prior, fit_prior, one_thread, sum_lifts
from marketplace.arrays import Flags
from marketplace.tables import Marketplace

__all__ = ["POLICY", "Calibrated", "calibrate", "randomised"]


POLICY = "random_holdback"
FACTOR_SD = 0.25
"""How far, as a share, choice is taken to bend the way from proxies to lift."""

_FREE = 100.0
"""Partnerships that nobody drew have a prior this many times as wide as usual."""


@dataclass(frozen=True)
class Calibrated:
    """Total lift by the proxies, as learned from randomised partnerships.

    Attributes
    ----------
    randomised, partnerships : int
        How many it was learned from, and how many it is told of.
    total, se : float
        By proxies, USD; the error counts the coefficients' doubt and each lift's own scatter.
    factor, factor_se : float
    corrected, corrected_se : float
        The learned total times the factor, USD.
    prior : Prior
        The coefficients of `features.lift.evidence.TERMS`.
    """

    randomised: int
    partnerships: int
    total: float
    se: float
    factor: float
    factor_se: float
    corrected: float
    corrected_se: float
    prior: Prior


def randomised(market: Marketplace, rows: pd.DataFrame) -> Flags:
    """Which of ``rows`` (campaign_id, creator_id) were drawn at random, bool (n,); none where the log does not say."""
    keys = ["campaign_id", "creator_id"]
    shown = market.frame("impressions", [*keys, "policy"])
    drawn = pd.MultiIndex.from_frame(shown.loc[shown["policy"] == POLICY, keys].astype(object))
    asked = pd.MultiIndex.from_frame(rows[keys].astype(object))
    return np.asarray(asked.isin(drawn), dtype=np.bool_)


@one_thread()
def calibrate(evidence: LiftEvidence, drawn: Flags, chosen: Flags) -> Calibrated:
    """Total lift of the ``chosen`` partnerships by what the ``drawn`` ones teach, both bool (n,).

    With no partnership drawn, the coefficients are what is taken for likely beforehand (`features.lift.HYPERPRIOR`).
    """
    blocks = [reduced for block in evidence.blocks if (reduced := _of(block, drawn)) is not None]
    prior = (
        fit_prior(blocks, HYPERPRIOR)
        if blocks
        else Prior(HYPERPRIOR.mean, np.diag(HYPERPRIOR.sd**2), HYPERPRIOR.variance)
    )
    kept = [chosen[block.row] for block in evidence.blocks]
    proxies = sum(
        (block.z[own].sum(axis=0) for block, own in zip(evidence.blocks, kept, strict=True)), np.zeros(len(TERMS))
    )
    scatter = sum(
        float((block.spread[own] @ prior.variance).sum()) for block, own in zip(evidence.blocks, kept, strict=True)
    )
    factor, factor_se = _factor(evidence, blocks, drawn)
    ((mean, sd),) = sum_lifts(
        evidence, fit_prior(evidence.blocks, HYPERPRIOR), [np.where(chosen, 0, -1).astype(np.int64)]
    )
    learned, learned_se = (float(mean[0]), float(sd[0])) if len(mean) else (0.0, 0.0)
    return Calibrated(
        randomised=len(set(np.concatenate([block.row for block in blocks]).tolist())) if blocks else 0,
        partnerships=int(chosen.sum()),
        total=float(proxies @ prior.rho),
        se=float(np.sqrt(proxies @ prior.covariance @ proxies + scatter)),
        factor=factor,
        factor_se=factor_se,
        corrected=factor * learned,
        corrected_se=float(np.hypot(factor * learned_se, factor_se * learned)),
        prior=prior,
    )


def _factor(evidence: LiftEvidence, blocks: list[Block], drawn: Flags) -> tuple[float, float]:
    """Lift of those drawn over what the coefficients of the others foretell, and its standard error."""
    rest = [reduced for block in evidence.blocks if (reduced := _of(block, ~drawn)) is not None]
    precision, pull = FACTOR_SD**-2.0, FACTOR_SD**-2.0
    if rest:
        prior = fit_prior(rest, HYPERPRIOR)
        for block in blocks:
            foretold = block.by_day(block.z) @ prior.rho
            # Seen = factor x foretold + each lift's own scatter + noise.
            scatter = block.by_day(block.spread) @ prior.variance
            shrunk = np.linalg.solve(
                np.eye(len(scatter)) + block.information * scatter,
                np.column_stack([block.information @ foretold, block.pull]),
            )
            precision += float(foretold @ shrunk[:, 0])
            pull += float(foretold @ shrunk[:, 1])
    return pull / precision, precision**-0.5


def _of(block: Block, drawn: Flags) -> Block | None:
    """What the block's days say of the drawn ones, the others taken out as free, and nothing taken for late."""
    own = drawn[block.row]
    if not own.any():
        return None
    if own.all():
        return block if block.late is None else replace(block, late=None)
    wide = block.by_day(np.where(own, 0.0, block.spread.sum(axis=1) * _FREE**2))
    both = np.column_stack([block.information, block.pull])
    left = np.linalg.solve(np.eye(len(wide)) + block.information * wide, both).astype(np.float64)
    days, place = np.unique(block.place[own], return_inverse=True)
    return Block(
        left[np.ix_(days, days)],
        left[days, -1],
        block.z[own],
        block.spread[own],
        block.row[own],
        place.astype(np.int64),
    )
