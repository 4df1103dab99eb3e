"""What another policy would have earned, from the log of the one that ran: IPS, SNIPS and doubly robust.

A policy says how likely it is to invite each eligible creator of a campaign: ``p_i``. Its value is
``V = mean over campaigns of sum_i p_i E[profit_i]``. The log holds the profit of those who were invited, drawn by the
older ranker with chances that the impressions tell.

**The chance of being invited.** Two draws could invite creator *i*. First a holdback, uniform without replacement:
``m`` of ``n``, so that everybody's chance of being among them is ``h = m / n``; its rows carry ``h``. Then the list,
drawn from those who were *not* held back; its rows carry ``e_i``, the chance of being invited by it *given that*
``i`` *is not held back*: a sum over every order the list could have had, so that nothing is left to be said about
places. The total is

``pi_i = h + (1 - h) e_i``

A row that was held back tells ``h`` and not the ``e_i`` it would have had, so ``1 / pi_i`` cannot be written down for
it from the log. It need not be. Each draw alone gives an unbiased account of creator *i*, ``1[held] / h`` and
``1[listed and invited] / ((1 - h) e_i)``, and so does any mixture of the two whose share ``a_i`` does not depend on
who was drawn:

``weight_i = a_i / h`` if held back, ``(1 - a_i) / ((1 - h) e_i)`` if invited by the list, else 0

With ``a_i = h / (h + (1 - h) e_i)`` both are ``1 / pi_i`` (the balance heuristic, the least variance among such
mixtures). Here ``a_i`` takes a *modelled* ``e_i`` in both branches (training/off_policy/log.py): a poor model costs
precision, never the mean, for the divisors are the logged chances.

Within one campaign the draws are without replacement. The mean of the estimators needs first-order inclusion chances
alone; the intervals resample whole campaigns, so no second-order chance is needed either.

**Estimators**, over C campaigns, ``w_i`` the weight above, ``r_i`` the profit, ``q_i`` a model's profit:

- IPS (Horvitz-Thompson): ``1/C sum_i p_i w_i r_i``
- SNIPS (Hajek): ``(sum_i p_i w_i r_i / sum_i p_i w_i) * (sum_i p_i / C)``
- DR: ``1/C sum_i (p_i q_i + p_i w_i (r_i - q_i))``, ``q`` fitted without the campaign it speaks for.

Effective sample size: ``(sum p_i w_i)^2 / sum (p_i w_i)^2``, in invitations (Kish).

Sources: Horvitz and Thompson (1952); Hajek (1971); Veach and Guibas (1995), the balance heuristic; Dudik, Langford
and Li (2011), Doubly robust policy evaluation and learning; Swaminathan and Joachims (2015), the self-normalised
estimator; Kish (1965), Survey sampling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marketplace.arrays import Flags, Floats, Ints
from marketplace.errors import TrainingError
from training.stats import BootstrapInterval, cluster_bootstrap

__all__ = [
    "ESTIMATORS",
    "LEAST_EFFECTIVE",
    "LEAST_MATURED",
    "LEVEL",
    "Log",
    "OffPolicyValue",
    "estimate",
    "invitation_weights",
    "mixture",
    "soft_policy",
    "top_policy",
]


ESTIMATORS = ("ips", "snips", "dr")

LEVEL = 0.90
"""Coverage of the intervals."""

LEAST_EFFECTIVE = 50.0
"""Effective sample size, in invitations, below which no value is told."""

LEAST_MATURED = 10
"""Matured campaigns below which no value is told: weighed outcomes of invitations spread wider than metrics do."""


@dataclass(frozen=True)
class Log:
    """What the older policy did with the eligible creators of C campaigns, n rows, campaigns together.

    Attributes
    ----------
    campaign_ids : tuple of C str
    campaign : int64 (n,)
        Place of the row's campaign in ``campaign_ids``, rising.
    creator_ids : object (n,)
        Ascending within a campaign; they break ties.
    held, listed : bool (n,)
        Invited by the holdback, and invited by the list.
    held_chance : float64 (n,)
        Chance of being held back (``h``), 0 where there was no holdback.
    listed_chance : float64 (n,)
        Logged chance of being invited by the list, given that one is not held back; NaN where not logged.
    modelled_chance : float64 (n,)
        The same from a model, for everybody: it divides the work between the two draws.
    profit : float64 (n,)
        USD that the invitation brought; NaN for those not invited.
    """

    campaign_ids: tuple[str, ...]
    campaign: Ints
    creator_ids: npt.NDArray[np.object_]
    held: Flags
    listed: Flags
    held_chance: Floats
    listed_chance: Floats
    modelled_chance: Floats
    profit: Floats

    def __len__(self) -> int:
        return len(self.campaign)

    @property
    def invited(self) -> Flags:
        """Invited by either draw, bool (n,)."""
        return self.held | self.listed

    def per_campaign(self, values: Floats) -> Floats:
        """Sums of ``values`` (n,) over each campaign's rows, float64 (C,)."""
        total = np.bincount(self.campaign, weights=values, minlength=len(self.campaign_ids))
        return total.astype(np.float64)

    def take(self, campaigns: Flags) -> Log:
        """The rows of some campaigns, by a mask (C,)."""
        rows = campaigns[self.campaign]
        place = np.cumsum(campaigns) - 1
        columns = {
            name: getattr(self, name)[rows]
            for name in ("creator_ids", "held", "listed", "held_chance", "listed_chance", "modelled_chance", "profit")
        }
        names = tuple(name for name, kept in zip(self.campaign_ids, campaigns, strict=True) if kept)
        return Log(campaign_ids=names, campaign=place[self.campaign[rows]].astype(np.int64), **columns)


@dataclass(frozen=True)
class OffPolicyValue:
    """What `estimate` found. Money is USD of profit a campaign, for ``invited`` invitations each.

    Attributes
    ----------
    estimates : estimator -> BootstrapInterval
        ``ips``, ``snips`` and, where a model was given, ``dr``, each with its 90 % cluster-bootstrap interval.
    logged : BootstrapInterval
        What the older policy's own invitations earned, a campaign, however many it sent.
    effective : float
        Effective sample size, in invitations.
    matched : int
        Logged invitations that the policy could have sent as well.
    largest_share : float
        Part of all the weight that the heaviest single invitation has.
    invited : float
        Invitations that the policy sends, a campaign.
    campaigns : int
    logged_invitations : int
    """

    estimates: Mapping[str, BootstrapInterval]
    logged: BootstrapInterval
    effective: float
    matched: int
    largest_share: float
    invited: float
    campaigns: int
    logged_invitations: int


def top_policy(log: Log, score: npt.ArrayLike, *, top: int) -> Floats:
    """Invite the ``top`` best by ``score`` in each campaign, all where fewer are eligible: 1 or 0, float64 (n,).

    Equal scores go by creator_id, ascending; a score that is NaN ranks last.
    """
    values = np.nan_to_num(np.asarray(score, dtype=np.float64), nan=-np.inf)
    order = np.lexsort((log.creator_ids.astype(str), -values, log.campaign))
    campaign = log.campaign[order]
    first = np.flatnonzero(np.concatenate(([True], campaign[1:] != campaign[:-1]))) if len(order) else order
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.concatenate((first, [len(order)]))))
    chosen = np.zeros(len(order))
    chosen[order] = place < top
    return chosen


def soft_policy(log: Log, score: npt.ArrayLike, *, top: int, spread: float) -> Floats:
    """Invite each creator on their own, those with better scores more likely, ``top`` a campaign on average.

    ``p_i = 1 - exp(-t exp(z_i / spread))``, ``z_i`` the normal score of the creator's rank in the campaign (so
    that only the order counts) and ``t`` such that the campaign's ``p`` sum to ``top`` (to n where fewer are
    eligible). As ``spread`` falls to 0 this becomes `top_policy`; as it grows everybody is equally likely.
    """
    from scipy.stats import norm

    values = np.nan_to_num(np.asarray(score, dtype=np.float64), nan=-np.inf)
    chance = np.ones(len(log))
    for one in range(len(log.campaign_ids)):
        rows = np.flatnonzero(log.campaign == one)
        n = len(rows)
        if n <= top:
            continue
        rank = np.empty(n)
        rank[np.lexsort((log.creator_ids[rows].astype(str), -values[rows]))] = np.arange(n)
        strength = norm.ppf(1.0 - (rank + 0.5) / n) / spread
        # The logarithm of t, halved in on: exp(-50) leaves nobody, exp(50) everybody.
        low, high = -strength.max() - 50.0, -strength.min() + 50.0
        for _ in range(200):
            middle = 0.5 * (low + high)
            if _arrived(middle + strength).sum() < top:
                low = middle
            else:
                high = middle
        chance[rows] = _arrived(high + strength)
    return chance


def _arrived(log_time: Floats) -> Floats:
    return np.asarray(-np.expm1(-np.exp(np.clip(log_time, -700.0, 50.0))), dtype=np.float64)


def mixture(parts: Mapping[str, tuple[float, Floats]]) -> Floats:
    """Draw one of several policies for each campaign, with the given shares: ``sum_j share_j p_j``, float64 (n,)."""
    shares = np.array([share for share, _ in parts.values()])
    if not parts or (shares < 0).any() or abs(shares.sum() - 1.0) > 1e-9:
        raise TrainingError(
            "shares of 0 or more that sum to 1",
            received=f"{shares.tolist()}",
            look="training/off_policy/estimators.py, mixture",
        )
    return np.asarray(sum(share * chance for share, chance in parts.values()), dtype=np.float64)


def invitation_weights(log: Log) -> Floats:
    """What one logged invitation stands for (the module's ``weight_i``), 0 for those not invited, float64 (n,).

    Raises
    ------
    TrainingError
        A chance of an invitation lies outside 0..1 or is not known.
    """
    used = np.where(log.held, log.held_chance, log.listed_chance)[log.invited]
    if not (np.isfinite(used).all() and (used > 0).all() and (used <= 1).all()):
        raise TrainingError(
            "a chance above 0 and at most 1 for every logged invitation",
            received=f"{int((~((used > 0) & (used <= 1))).sum())} of {used.size} outside or not known",
            look="impressions.propensity",
        )
    h = log.held_chance
    model = np.clip(np.nan_to_num(log.modelled_chance, nan=0.0), 0.0, 1.0)
    total = h + (1.0 - h) * model
    share = np.where(h > 0, h / np.where(total > 0, total, 1.0), 0.0)
    weights = np.zeros(len(log))
    weights[log.held] = (share[log.held] / h[log.held]) if log.held.any() else 0.0
    other = log.listed
    weights[other] = (1.0 - share[other]) / ((1.0 - h[other]) * log.listed_chance[other])
    return weights


def estimate(
    log: Log, policy: npt.ArrayLike, *, model: npt.ArrayLike | None = None, seed: int = 0, draws: int = 2_000
) -> OffPolicyValue:
    """The value of ``policy``, with 90 % intervals, or a refusal.

    Parameters
    ----------
    log : Log
    policy : float64 (n,)
        Chance that the policy invites each row, 0..1.
    model : float64 (n,), optional
        A profit for every row from a model that did not see the row's campaign; without it there is no ``dr``.
    seed, draws : int
        Of the bootstrap over campaigns.

    Raises
    ------
    TrainingError
        Shapes or chances that do not fit, fewer than `LEAST_MATURED` campaigns, or an effective sample size
        below `LEAST_EFFECTIVE`: the log holds too little of what this policy would do.
    """
    p = np.asarray(policy, dtype=np.float64)
    look = "training/off_policy/estimators.py, estimate"
    if p.shape != (len(log),) or not ((p >= 0) & (p <= 1)).all():
        raise TrainingError(f"{len(log)} chances between 0 and 1", received=f"shape {p.shape}", look=look)
    count = len(log.campaign_ids)
    if count < LEAST_MATURED:
        raise TrainingError(
            f"{LEAST_MATURED} campaigns or more whose outcomes have matured",
            received=f"{count}",
            look="a longer history; campaigns mature once posting, attribution and refunds have run out",
        )
    weight = p * invitation_weights(log)
    profit = np.where(log.invited, log.profit, 0.0)
    total = float(weight.sum())
    effective = total**2 / float((weight**2).sum()) if total > 0 else 0.0
    if effective < LEAST_EFFECTIVE:
        raise TrainingError(
            f"an effective sample of {LEAST_EFFECTIVE:.0f} invitations or more",
            received=f"{effective:.1f}, from {int((weight > 0).sum())} of {int(log.invited.sum())} logged invitations",
            look="a policy nearer to the logged one (--soften, a larger --top), a larger holdback or more campaigns",
        )
    invited = float(p.sum()) / count

    def interval(values: Floats, weights: Floats | None = None) -> BootstrapInterval:
        return cluster_bootstrap(values, weights, level=LEVEL, draws=draws, seed=seed)

    gained = log.per_campaign(weight * profit)
    found = {
        "ips": interval(gained),
        "snips": interval(gained * invited, log.per_campaign(weight)),
    }
    if model is not None:
        q = np.asarray(model, dtype=np.float64)
        if q.shape != (len(log),) or not np.isfinite(q).all():
            raise TrainingError(f"{len(log)} modelled profits", received=f"shape {q.shape}", look=look)
        found["dr"] = interval(log.per_campaign(p * q + weight * (profit - q)))
    return OffPolicyValue(
        estimates=found,
        logged=interval(log.per_campaign(profit)),
        effective=effective,
        matched=int((weight > 0).sum()),
        largest_share=float(weight.max() / total),
        invited=invited,
        campaigns=count,
        logged_invitations=int(log.invited.sum()),
    )
