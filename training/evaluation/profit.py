"""What the first twenty of a ranking earn, told from the log alone: doubly robust, campaign by campaign.

On a real marketplace nobody knows what an invitation that was not sent would have brought. The log knows what came of
those that were sent and, where impressions keep it, the chance that each creator had of being invited. For every
creator *i* whom the log could have invited,

``earned_i = q_i + w_i (r_i - q_i)``

with ``r_i`` the estimated incremental profit of the invitation, USD (margin on estimated lift, less fee, commission and
sample), ``w_i`` one over the chance of being invited (`training.off_policy`), 0 for those not invited, and ``q_i`` a
prediction of the profit. Whatever ``q`` is, ``earned_i`` is right on average wherever the chances are; a good ``q``
takes noise away. A ranker's first twenty then earn, in campaign *c*,

``V_c = 20 / m * sum of earned_i over its first m``, ``m = min(20, half of those it may choose from)``

so that two rankers differ by those on whom they differ. Half: where a log invited 25, the first 20 of them are nearly
everybody, and every ranker would look alike.

**Control variate.** ``q = a + b * (what is foreseen)``, ``a`` and ``b`` by least squares on the logged profits of the
*other* campaigns (five folds), ``b`` within 0 and 1. Foreseen is the utility that the stated prior of small shops
predicts (`training.priors.stated_prior`): it learned from nothing, so it has seen none of these campaigns, and it is
the same whichever rankers are compared, so that a ranker's figure is the same in every comparison and none is judged by
its own claims. The fit takes back what outcomes do not bear out.

**Where chances are not logged** the campaign's invited are all that is known: rankers choose among them and
``w_i = 1``. Such a campaign tells who of the invited brought most, and nothing of those whom the older ranker never let
through.

A campaign takes part once it is so old that most of what is delivered in this marketplace has been posted and has
ripened by then (`RIPENED`), if it is settled and the profit of all but a few of its invitations is known; the few stand
as ``q`` has them. Age comes first: among younger campaigns those are complete early in which little was delivered, and
to judge by these would tell what is earned too low. What the estimate cannot see: an error in
the estimated lifts that all creators share, such as a shock to sales on the day of a campaign; the checks of
``collabrank lift`` look for it.

Source: Robins, Rotnitzky and Zhao (1994), Estimation of regression coefficients when some regressors are not always
observed; Dudik, Langford and Li (2011), Doubly robust policy evaluation and learning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from features.time import known_until
from marketplace.arrays import Flags, Floats, Ints
from marketplace.contract import ATTRIBUTION_DAYS, REFUND_DAYS
from marketplace.errors import TrainingError
from marketplace.tables import Marketplace
from models.economics import Economics
from training.evaluation.quantities import observed_quantities
from training.off_policy import SELLERS_DOING, invitation_weights, log_of, logged_chances
from training.outcomes import SETTLED_SHARE

__all__ = ["ProfitLog", "read_profits"]

KEY = ["campaign_id", "creator_id"]
FOLDS = 5
RIPENED = 0.5
"""Of a marketplace's deliveries so many are posted and, with their refunds, ripe at the age from which a campaign is
judged.
"""
LEAST_FITTED = 30
"""Fewer logged profits than this in the other campaigns, and the control variate is their mean."""


@dataclass(frozen=True)
class ProfitLog:
    """What the log tells of the profit of n pairs.

    Attributes
    ----------
    campaign : int64 (n,)
        Number of the row's campaign, ascending by id.
    offered : bool (n,)
        Rows that rankers may choose from: whoever could have been invited, in campaigns that take part.
    weight : float64 (n,)
        What one invitation stands for: one over its chance; 1 where chances are not logged; 0 for those not invited.
    profit : float64 (n,)
        Estimated incremental profit, USD, of those invited; NaN elsewhere and where it is not known.
    counts : str -> int
        Campaigns: judged ``by_chance`` and ``among_invited``, and those left out by reason.
    foreseen : float64 (n,), optional
        Expected profit of each row, USD, by what has not seen these campaigns and hangs on no ranker that is compared;
        without it the control variate is the mean of the other campaigns.
    """

    campaign: Ints
    offered: Flags
    weight: Floats
    profit: Floats
    counts: Mapping[str, int] = field(default_factory=dict)
    foreseen: Floats | None = None

    def earned(self) -> Floats:
        """``earned_i`` (the module's formula), USD, float64 (n,); NaN where the row is not offered."""
        q = self._control()
        invited = self.offered & (self.weight > 0)
        off = np.where(invited & np.isfinite(self.profit), self.profit - q, 0.0)
        return np.where(self.offered, q + self.weight * off, np.nan)

    def _control(self) -> Floats:
        told = np.zeros(len(self.campaign)) if self.foreseen is None else np.nan_to_num(self.foreseen, nan=0.0)
        known = self.offered & (self.weight > 0) & np.isfinite(self.profit)
        fold = self.campaign % FOLDS
        q = np.zeros(len(told))
        for one in range(FOLDS):
            rows = known & (fold != one)
            if not rows.any():
                continue
            w, x, y = self.weight[rows], told[rows], self.profit[rows]
            mean, level = float(np.average(x, weights=w)), float(np.average(y, weights=w))
            spread = float(np.average((x - mean) ** 2, weights=w))
            slope = 0.0
            if int(rows.sum()) >= LEAST_FITTED and spread > 0:
                slope = float(np.clip(np.average((x - mean) * (y - level), weights=w) / spread, 0.0, 1.0))
            q[fold == one] = level + slope * (told[fold == one] - mean)
        return q


def read_profits(
    market: Marketplace,
    pairs: pd.DataFrame,
    *,
    labels: pd.DataFrame,
    economics: Economics,
    foreseen: Floats | None = None,
) -> ProfitLog:
    """The log of the campaigns of ``pairs`` whose profits are known.

    Parameters
    ----------
    market : Marketplace
        ``impressions`` are read where there are any.
    pairs : DataFrame[campaign_id, creator_id], n rows
        The eligible creators, each once.
    labels : DataFrame
        As `training.data.build_labels` gives it, as known at the end of the data.
    economics : Economics
        Terms of each row's brief.
    foreseen : float64 (n,), optional
        As `ProfitLog` takes it.
    """
    rows = pairs[KEY].astype("str").reset_index(drop=True)
    ids, code = np.unique(rows["campaign_id"].to_numpy(dtype=object), return_inverse=True)
    code = code.astype(np.int64)
    last = labels.sort_values(["sent_at", "invitation_id"], kind="stable").drop_duplicates(KEY, keep="last")
    seen = rows.merge(last[[*KEY, "invitation_id", "reason", "campaign_settled"]], on=KEY, how="left")
    invited = seen["invitation_id"].notna().to_numpy(dtype=np.bool_)
    profit = observed_quantities(rows, labels=labels, truth=None, economics=economics)["logged"]["utility"]
    profit = np.where(seen["reason"].isin(SELLERS_DOING).to_numpy(dtype=np.bool_), 0.0, profit)
    profit = np.where(invited, profit, np.nan)

    count = np.bincount(code, invited, minlength=len(ids))
    unknown = np.bincount(code, invited & ~np.isfinite(profit), minlength=len(ids))
    unsettled = np.bincount(code, invited & ~seen["campaign_settled"].eq(True).to_numpy(), minlength=len(ids))
    young = _too_young(market, ids, labels)
    left_out: dict[str, int] = {}
    taken = np.ones(len(ids), dtype=np.bool_)
    for reason, rule in {
        "without_invitations": count == 0,
        "too_young": young,
        "not_settled": unsettled > 0,
        "with_unknown_profits": unknown > SETTLED_SHARE * count,
    }.items():
        if (taken & rule).any():
            left_out[reason] = int((taken & rule).sum())
        taken &= ~rule

    weight, reachable, by_chance = _chances(market, rows, code, ids, invited=invited)
    chances = by_chance[code]
    offered = taken[code] & np.where(chances, reachable, invited)
    return ProfitLog(
        campaign=code,
        offered=offered,
        weight=np.where(offered & invited, np.where(chances, weight, 1.0), 0.0),
        profit=np.where(offered, profit, np.nan),
        counts={
            "by_chance": int((taken & by_chance).sum()),
            "among_invited": int((taken & ~by_chance).sum()),
            **left_out,
        },
        foreseen=foreseen,
    )


def _too_young(market: Marketplace, ids: np.ndarray, labels: pd.DataFrame) -> Flags:
    """Campaigns of which, by their age alone, less than `RIPENED` of what will be delivered can have ripened, (c,)."""
    posted = labels.loc[labels["delivered"].eq(1.0) & labels["posted_at"].notna()]
    if posted.empty:
        return np.zeros(len(ids), dtype=np.bool_)
    # Of campaigns of the last weeks only the quick deliveries are there yet: those long past tell how long it takes.
    waited = (posted["posted_at"] - posted["briefed_at"]).dt.total_seconds() / 86_400.0
    old = posted["briefed_at"] <= posted["briefed_at"].median()
    needed = float(waited[old].quantile(RIPENED)) + ATTRIBUTION_DAYS + REFUND_DAYS
    campaigns = market.frame("campaigns", ["campaign_id", "briefed_at"]).drop_duplicates("campaign_id")
    briefed = campaigns.set_index("campaign_id")["briefed_at"].reindex(pd.Index(ids))
    age = (known_until(market) - briefed).dt.total_seconds().to_numpy() / 86_400.0
    return np.asarray(age < needed, dtype=np.bool_)


def _chances(
    market: Marketplace, rows: pd.DataFrame, code: Ints, ids: np.ndarray, *, invited: Flags
) -> tuple[Floats, Flags, Flags]:
    """Weights (n,), whom the log could have invited (n,), and the campaigns whose every invitation has its chance."""
    nothing = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.bool_), np.zeros(len(ids), dtype=np.bool_)
    try:
        shown = logged_chances(market)
    except TrainingError:
        # No impressions, none with a chance, or lists that compete: the invited are all that is known.
        return nothing
    log = log_of(tuple(ids.tolist()), code, pairs=rows, shown=shown, invited=invited, profit=np.full(len(rows), np.nan))
    size, listed = np.bincount(code), np.bincount(code, log.listed, minlength=len(ids))
    used = np.where(log.held, log.held_chance, log.listed_chance)
    valid = np.isfinite(used) & (used > 0) & (used <= 1)
    by_chance = np.bincount(code, invited & ~valid, minlength=len(ids)) == 0
    if not by_chance.any():
        return nothing
    kept = by_chance[code]
    part = log.take(by_chance)
    # How the work is divided between the two draws costs precision alone, so the list's usual chance will do.
    usual = (listed / size)[code][kept]
    weight = np.zeros(len(rows))
    weight[kept] = invitation_weights(replace(part, modelled_chance=usual))
    reachable = (log.held_chance > 0) | (np.nan_to_num(log.listed_chance) > 0) | invited
    return weight, reachable & kept, by_chance
