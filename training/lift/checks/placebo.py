"""Placebo tests of lift: windows in which nothing was posted, where the answer must be zero.

Two kinds. *Shifted*: every window of a campaign moved back by three and by six
weeks, into days on which none of its products had a partnership in force.
*Lead*: the days of a campaign's brief before its first post. A demand that the
brand foresaw when it wrote the brief is there before anybody posts, and the
shifted windows would miss it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from features.lift import LiftEvidence, SharedError, contrast, contrast_variance
from marketplace.arrays import Flags, Ints
from marketplace.contract import ATTRIBUTION_DAYS

__all__ = ["LEAD", "SHIFTS", "Placebo", "placebo_tests"]


SHIFTS = (21, 42)
"""Days by which windows are moved back; for `features.lift.evidence.gather_evidence`, with ``briefs``."""

LEAD = "lead"
_Z90 = float(norm.ppf(0.95))
_LEAST_LEAD = 2


@dataclass(frozen=True)
class Placebo:
    """One placebo test over all campaigns that allow it.

    Attributes
    ----------
    name : str
        ``back 21 days``, ``back 42 days`` or ``lead``.
    campaigns, windows : int
        Campaigns, and pairs of partnership and product (for the lead: of campaign and product), that take part.
    usd, se_usd : float
        Mean a window.
    share, se_share : float
        The sum as a share of what was expected to be sold.
    excluded : float
        Share of campaigns whose 90 % interval leaves out zero; .1 where all is well.
    spread : float
        Standard deviation between campaigns beyond what noise explains, as a share of expected sales.
    p_spread : float
        Chance of campaigns' estimates as far from zero as these, were there nothing but noise.
    """

    name: str
    campaigns: int
    windows: int
    usd: float
    se_usd: float
    share: float
    se_share: float
    excluded: float
    spread: float
    p_spread: float

    @property
    def z(self) -> float:
        """The mean in standard errors."""
        return self.usd / self.se_usd if self.se_usd > 0 else float("nan")


def placebo_tests(evidence: LiftEvidence, chosen: Flags) -> list[Placebo]:
    """Every placebo test that the marketplace allows.

    Parameters
    ----------
    evidence : LiftEvidence
        Gathered with `SHIFTS` and ``briefs``, so that the placebo's days were not fitted to.
    chosen : bool (n,)
        Partnerships whose windows are moved.
    """
    pairs = evidence.pairs[chosen[evidence.pairs["row"].to_numpy()]]
    campaign = evidence.rows["campaign_id"].to_numpy()[pairs["row"]]
    pairs = pairs.assign(campaign=pd.factorize(campaign, sort=True)[0])
    tests = [_test(evidence, f"back {shift} days", *_shifted(evidence, pairs, shift)) for shift in SHIFTS]
    tests.append(_test(evidence, LEAD, *_lead(evidence, pairs)))
    return [test for test in tests if test is not None]


Asked = list[tuple[int, Ints, Flags]]
"""Per product: its row, the campaigns (k,), and the days asked of each, bool (k, T)."""


def _shifted(evidence: LiftEvidence, pairs: pd.DataFrame, shift: int) -> tuple[Asked, int]:
    asked: Asked = []
    windows = 0
    for _, part in pairs.groupby("product", sort=True):
        p = int(part["product"].iloc[0])
        codes, place = np.unique(part["campaign"].to_numpy(), return_inverse=True)
        days = np.zeros((len(codes), evidence.panel.days), dtype=bool)
        for which, first in zip(place.tolist(), (part["start"].to_numpy() - shift).tolist(), strict=True):
            window = slice(first, first + ATTRIBUTION_DAYS)
            if first < 0 or evidence.treated[p, window].any() or not np.isfinite(evidence.panel.sales[p, window]).all():
                continue
            days[which, window] = True
            windows += 1
        heard = days.any(axis=1)
        if heard.any():
            asked.append((p, codes[heard].astype(np.int64), days[heard]))
    return asked, windows


def _lead(evidence: LiftEvidence, pairs: pd.DataFrame) -> tuple[Asked, int]:
    asked: Asked = []
    windows = 0
    for _, part in pairs.dropna(subset=["brief_start"]).groupby("product", sort=True):
        p = int(part["product"].iloc[0])
        codes, days = [], []
        for _, own in part.groupby("campaign", sort=True):
            lead = np.zeros(evidence.panel.days, dtype=bool)
            lead[max(0, int(own["brief_start"].min())) : max(0, int(own["start"].min()))] = True
            lead &= ~evidence.treated[p] & np.isfinite(evidence.panel.sales[p])
            if lead.sum() >= _LEAST_LEAD:
                codes.append(int(own["campaign"].iloc[0]))
                days.append(lead)
        if codes:
            windows += len(codes)
            asked.append((p, np.array(codes, dtype=np.int64), np.stack(days)))
    return asked, windows


def _test(evidence: LiftEvidence, name: str, asked: Asked, windows: int) -> Placebo | None:
    count = max((int(codes.max()) for _, codes, _ in asked), default=-1) + 1
    # The last group is the sum of all.
    shared = SharedError(evidence, count + 1)
    estimate, variance, expected = np.zeros(count + 1), np.zeros(count + 1), np.zeros(count + 1)
    for p, codes, days in asked:
        found = contrast(evidence, p, np.vstack([days, np.zeros((1, days.shape[1]), dtype=bool)]))
        if found is None:
            continue
        groups = np.append(codes, count)
        influence = found.influence.copy()
        influence[-1] = influence[:-1].sum(axis=0)
        # Campaigns that overlap on one product add up with their covariance.
        whole = contrast_variance(evidence, p, found.column, influence[-1])
        estimate[groups] += np.append(found.estimate[:-1], found.estimate[:-1].sum())
        variance[groups] += np.append(found.variance[:-1], whole)
        expected[groups] += np.append(found.expected[:-1], found.expected[:-1].sum())
        shared.add(p, found.column, influence, groups)
    if not count or expected[-1] <= 0:
        return None
    sd = np.sqrt(variance + shared.variance())
    total, own = (estimate[-1], sd[-1]), expected[:-1] > 0
    z = estimate[:-1][own] / sd[:-1][own]
    excess = float((estimate[:-1][own] ** 2 - sd[:-1][own] ** 2).sum()) / float((expected[:-1][own] ** 2).sum())
    return Placebo(
        name=name,
        campaigns=int(own.sum()),
        windows=windows,
        usd=float(total[0] / windows),
        se_usd=float(total[1] / windows),
        share=float(total[0] / expected[-1]),
        se_share=float(total[1] / expected[-1]),
        excluded=float(np.mean(np.abs(z) > _Z90)),
        spread=float(np.sqrt(max(excess, 0.0))),
        p_spread=float(chi2.sf(float((z**2).sum()), len(z))),
    )
