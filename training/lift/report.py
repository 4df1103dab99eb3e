"""``collabrank lift``: what partnerships added, campaign by campaign and in all, and what speaks against it.

Estimates are those that rankers learn from (features/lift/estimate.py), summed with the
standard error that a sum deserves (features/lift/sums.py). Beside them stand
checks that share as little with them as can be: sums of sales beyond an
imputed path (features/lift/imputation.py), placebo tests, a sensitivity value,
sibling products, and synthetic difference-in-differences.

By campaign the estimates are held to the imputed sum, as those that rankers learn from are (features/lift/anchor.py).
What is reported in all is one estimator (`averaged`): the mean of what is learned and what
is imputed, weighed by how likely it is, given how far the two are apart, that attributed
sales mislead. Its error counts the doubt about which of the two is right, and so does every campaign's.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from features.lift import (
    AFTER_SHIFTS,
    HYPERPRIOR,
    IMPUTED_WIDENING,
    Anchor,
    Imputation,
    LiftEvidence,
    Prior,
    anchored,
    attributed_days,
    fit_prior,
    gather_evidence,
    impute,
    one_thread,
    pair_lifts,
    posterior,
    sum_lifts,
    within_window,
)
from features.time import as_of_day, days_of
from marketplace.arrays import Flags, Floats
from marketplace.contract import ATTRIBUTION_DAYS
from marketplace.errors import TrainingError
from marketplace.jsonable import jsonable
from marketplace.tables import Marketplace
from training.lift.checks import (
    LEAD,
    SHIFTS,
    Placebo,
    Sensitivity,
    SiblingCheck,
    SyntheticCheck,
    expected_in_windows,
    placebo_tests,
    sensitivity,
    sibling_check,
    synthetic_check,
)
from training.outcomes import build_outcomes

__all__ = ["LEVEL", "Estimate", "LiftReport", "averaged", "doubted", "lift_report", "ripe_evidence"]


LEVEL = 0.9
"""Of every interval of the report."""

Z = float(norm.ppf(0.5 + LEVEL / 2.0))
ODD = float(norm.ppf(0.975))
"""Standard errors from which on a check is flagged."""

FORM_SD = 0.05
"""How far a form may be off for all partnerships at once, the prior's or the imputed path's, as a share of the sum.

Chosen on 15 simulated baseline marketplaces, where overall sums were off by 1.7 of their own standard errors.
"""

MISLED = 0.5
"""Chance, before the data speak, that attributed sales mislead about lift: even odds."""

HARDLY_READ = 0.5
"""`Estimate.read` below which a campaign is flagged."""

_KEYS = ["campaign_id", "creator_id"]


@dataclass(frozen=True)
class Estimate:
    """Incremental net sales in USD with standard error, beside what is attributed and what would have been sold.

    ``estimate`` and ``expected`` are NaN where the products have no days. ``read`` is the share of its partnerships'
    usual sales that falls outside the products' sales days: the rest is not read, the estimate stands for it too.
    """

    name: str
    partnerships: int
    attributed: float
    estimate: float
    se: float
    expected: float
    read: float = 1.0

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.estimate - Z * self.se

    @property
    def high(self) -> float:
        """Upper end."""
        return self.estimate + Z * self.se

    @property
    def ratio(self) -> float:
        """Attributed over incremental; NaN where the latter is not above zero."""
        return self.attributed / self.estimate if self.estimate > 0 else math.nan


@dataclass(frozen=True)
class LiftReport:
    """Everything that ``collabrank lift`` prints.

    Attributes
    ----------
    as_of : Timestamp
    partnerships : DataFrame[invitation_id, campaign_id, creator_id, posted_at, attributed_usd, lift_usd, lift_se_usd]
        The ripe ones.
    campaigns : list of Estimate, by name (``campaign_id``).
    learned : Estimate
        All of them, as rankers learn it: held to the imputed sum, as the campaigns are.
    overall : Estimate
        What is reported in all: the sum before it is held to the imputed one, and that one, scaled to all, as
        `averaged` weighs them.
    imputation, placebos, siblings, synthetic, sensitivity
        The checks; None where the marketplace does not allow one.
    disagreement : float
        Imputed sum in the windows less that of the same partnerships before it is held to it, in standard errors of
        the former.
    misled : float
        Chance that attributed sales mislead, the weight of the imputed sum in ``overall``; NaN without one.
    flags : str -> str
        Checks that failed, and what that means.
    """

    as_of: pd.Timestamp
    partnerships: pd.DataFrame
    campaigns: list[Estimate]
    learned: Estimate
    overall: Estimate
    imputation: Imputation | None
    disagreement: float
    misled: float
    placebos: list[Placebo]
    siblings: SiblingCheck | None
    synthetic: SyntheticCheck | None
    sensitivity: Sensitivity
    flags: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN becomes None."""
        imputed = self.imputation
        found = {
            "as_of": f"{self.as_of:%Y-%m-%d}",
            "level": LEVEL,
            "overall": _row(self.overall),
            "learned": _row(self.learned),
            "campaigns": [_row(one) for one in self.campaigns],
            "imputed": None
            if imputed is None
            else {
                "partnerships": len(imputed.rows),
                **{
                    f"{name}{end}": value
                    for name in ("window", "after", "net")
                    for end, value in zip(("_usd", "_se_usd"), getattr(imputed, name), strict=True)
                },
                "disagreement_z": self.disagreement,
                "misled": self.misled,
            },
            "placebos": [{**asdict(test), "z": test.z} for test in self.placebos],
            "siblings": None if self.siblings is None else {**asdict(self.siblings), "z": self.siblings.z},
            "synthetic": None if self.synthetic is None else {**asdict(self.synthetic), "z": self.synthetic.z},
            "sensitivity": asdict(self.sensitivity),
            "flags": dict(self.flags),
        }
        told: dict[str, Any] = jsonable(found)
        return told


@one_thread()
def lift_report(market: Marketplace, as_of: pd.Timestamp, *, sample: int = 200, seed: int = 7) -> LiftReport:
    """Estimates and checks for every partnership that is ripe before the day of ``as_of``.

    Parameters
    ----------
    sample : int
        Partnerships that synthetic difference-in-differences looks at, at most, drawn with ``seed``.

    Raises
    ------
    TrainingError
        No partnership is ripe, or the products of none have days.
    """
    day = as_of_day(as_of)
    outcomes, rows, sales, attributed, evidence, ripe = _gather(market, day)
    prior = fit_prior(evidence.blocks, HYPERPRIOR)
    mean, variance = posterior(evidence.blocks, prior, len(rows))
    usd = np.bincount(sales["row"], weights=sales["usd"], minlength=len(rows)).astype(np.float64)
    campaigns, learned = _estimates(evidence, prior, ripe, usd)
    imputation, placebos, siblings = None, list[Placebo](), None
    # One sum of everything has no clear days and no siblings.
    if not evidence.together:

        def again(**clear: Any) -> LiftEvidence | None:
            return gather_evidence(
                market, rows, sales, day=day, attributed=attributed, blocks=False, raw=evidence.raw, **clear
            )

        after, before, kin = again(shifts=AFTER_SHIFTS), again(shifts=SHIFTS, briefs=True), again(kin=True)
        imputation = None if after is None else impute(after, ripe)
        placebos = [] if before is None else placebo_tests(before, ripe)
        siblings = None if kin is None else sibling_check(market, kin, mean)
    anchor = anchored(imputation, mean, evidence.read)
    disagreement, misled, overall = _overall(evidence, learned, imputation, lift=mean, usd=usd)
    campaigns = doubted(campaigns, anchor, learned=learned, overall=overall)
    learned = _held(learned, anchor)
    brand = market.frame("products", ["product_id", "brand_id"]).drop_duplicates("product_id").set_index("product_id")
    brands = brand["brand_id"].reindex(evidence.panel.product_ids).fillna("").to_numpy(dtype=object)
    low, expected = (np.array([getattr(one, name) for one in campaigns]) for name in ("low", "expected"))
    report = LiftReport(
        as_of=day,
        partnerships=outcomes[["invitation_id", *_KEYS, "posted_at"]]
        .assign(
            attributed_usd=usd,
            lift_usd=np.round(anchor.factor * mean, 2),
            lift_se_usd=np.round(anchor.factor * np.sqrt(variance), 2),
        )[ripe]
        .reset_index(drop=True),
        campaigns=campaigns,
        learned=learned,
        overall=overall,
        imputation=imputation,
        disagreement=disagreement,
        misled=misled,
        placebos=placebos,
        siblings=siblings,
        synthetic=synthetic_check(evidence, pair_lifts(evidence, prior), ripe, brands=brands, sample=sample, seed=seed),
        sensitivity=sensitivity((overall.estimate, overall.se, overall.expected), (low, expected), placebos, z=Z),
    )
    report.flags.update(_flags(report))
    return report


@one_thread()
def ripe_evidence(market: Marketplace, as_of: pd.Timestamp) -> tuple[LiftEvidence, Flags]:
    """What the products' days say as of a day, and which partnerships are ripe, bool (n,).

    Raises
    ------
    TrainingError
        As `lift_report`.
    """
    *_, evidence, ripe = _gather(market, as_of_day(as_of))
    return evidence, ripe


def _gather(
    market: Marketplace, day: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, LiftEvidence, Flags]:
    outcomes = build_outcomes(market, day)
    outcomes = outcomes[outcomes["posted_at"].notna()].reset_index(drop=True)
    rows = outcomes[["invitation_id", *_KEYS, "content_id"]].assign(posted_day=days_of(outcomes["posted_at"]))
    attributed = attributed_days(market, day)
    sales = within_window(rows, attributed)
    evidence = gather_evidence(market, rows, sales, day=day, attributed=attributed) if len(rows) else None
    ripe = outcomes["ripe"].to_numpy(dtype=bool)
    if evidence is not None:
        ripe = ripe & (np.bincount(evidence.pairs["row"], minlength=len(rows)) > 0)
    if evidence is None or not ripe.any():
        raise TrainingError(
            "partnerships posted long enough ago, of products with days in the shop",
            received=f"{len(rows)} posted by {day:%Y-%m-%d}, {int(ripe.sum())} of them ripe{_lacking(market)}",
            look="product_days, deliveries and fx_rates in docs/contract.md, or a later --as-of",
        )
    return outcomes, rows, sales, attributed, evidence, ripe


def _lacking(market: Marketplace) -> str:
    """The tables that lift is read from and ``market`` does not have, in words."""
    lacking = [name for name in ("deliveries", "product_days", "fx_rates") if name not in market.present]
    return f"; the marketplace has no {', '.join(lacking)}" if lacking else ""


def _estimates(evidence: LiftEvidence, prior: Prior, ripe: Flags, usd: Floats) -> tuple[list[Estimate], Estimate]:
    names = evidence.rows["campaign_id"].to_numpy(dtype=object)
    known = np.unique(names[ripe].astype(str))
    campaign = np.where(ripe, np.searchsorted(known, names.astype(str)), -1).astype(np.int64)
    everything = np.where(ripe, 0, -1).astype(np.int64)
    by_group = []
    read = evidence.read
    sums = sum_lifts(evidence, prior, [campaign, everything])
    for group, labels, (mean, sd) in ((campaign, known.tolist(), sums[0]), (everything, ["all"], sums[1])):
        inside, expected = group >= 0, expected_in_windows(evidence, group)
        count = np.bincount(group[inside], minlength=len(mean))
        heard = np.bincount(group[inside], weights=read[inside], minlength=len(mean)) / np.maximum(count, 1)
        attributed = np.bincount(group[inside], weights=usd[inside], minlength=len(mean))
        by_group.append(
            [
                Estimate(
                    str(label), int(n), float(a), float(m), math.hypot(float(s), FORM_SD * float(m)), float(e), float(r)
                )
                for label, n, a, m, s, e, r in zip(labels, count, attributed, mean, sd, expected, heard, strict=True)
            ]
        )
    return by_group[0], by_group[1][0]


def _held(one: Estimate, anchor: Anchor) -> Estimate:
    """``one`` brought to the sum of all, and as unsure of it besides."""
    se = math.hypot(anchor.factor * one.se, anchor.se * one.estimate)
    return replace(one, estimate=anchor.factor * one.estimate, se=se)


def doubted(campaigns: list[Estimate], anchor: Anchor, *, learned: Estimate, overall: Estimate) -> list[Estimate]:
    """``campaigns`` brought to the sum of all, each as unsure as itself and as all of them are together.

    What makes all wrong together is in no campaign's own error: that attributed sales may mislead, and that the sum
    they are brought to is not known. It is what ``overall`` is less sure of than ``learned``, the sum before it is
    held, and how far the two are apart once it is; never less than the doubt about the factor. Each campaign bears its
    share, by the size of its estimate.
    """
    size = sum(abs(one.estimate) for one in campaigns)
    apart = overall.estimate - anchor.factor * learned.estimate
    common = max((anchor.se * learned.estimate) ** 2, overall.se**2 - learned.se**2 + apart**2)
    share = math.sqrt(common) / size if size > 0 else 0.0
    return [
        replace(one, estimate=anchor.factor * one.estimate, se=math.hypot(anchor.factor * one.se, share * one.estimate))
        for one in campaigns
    ]


def averaged(
    learned: Estimate, imputed: Estimate, *, apart: float, apart_se: float, scale: float
) -> tuple[float, Estimate]:
    """One estimate from two: the chance that attributed sales mislead, and the mean of both weighed by it.

    Either attributed sales tell of lift what they are taken to tell, and ``learned`` is right within its error; or
    they do not, ``learned`` is off by some ``N(0, scale^2)``, and ``imputed``, which reads no attribution, is right
    within its own. Beforehand each is as likely (`MISLED`); ``apart``, imputed less learned over the same
    partnerships, is ``N(0, apart_se^2)`` in the first case and ``N(0, apart_se^2 + scale^2)`` in the second, which
    gives the chance. The variance is that within the two and that between them, so the interval counts the doubt
    about which is right; nothing switches.

    Source: Hoeting, Madigan, Raftery and Volinsky (1999), Bayesian Model Averaging: A Tutorial, Statistical Science
    14 (4).

    Parameters
    ----------
    apart, apart_se, scale : float
        USD; ``apart_se`` above zero.

    Returns
    -------
    (float in 0..1, Estimate)
    """
    wide = math.hypot(apart_se, scale)
    log_odds = float(norm.logpdf(apart, 0.0, wide) - norm.logpdf(apart, 0.0, apart_se)) + math.log(
        MISLED / (1 - MISLED)
    )
    misled = float(expit(log_odds))
    mean = (1.0 - misled) * learned.estimate + misled * imputed.estimate
    between = misled * (1.0 - misled) * (imputed.estimate - learned.estimate) ** 2
    variance = (1.0 - misled) * learned.se**2 + misled * imputed.se**2 + between
    return misled, replace(learned, estimate=mean, se=math.sqrt(variance))


def _overall(
    evidence: LiftEvidence, learned: Estimate, imputation: Imputation | None, *, lift: Floats, usd: Floats
) -> tuple[float, float, Estimate]:
    """How far the imputed sum is from the learned one, the chance that attribution misleads, what is reported in all.

    Without an imputed sum there is nothing to hold the learned one, of ``lift`` (n,), against. Neither knows sales
    days, nor does ``usd`` (n,), attributed sales, less the share that fell on them.
    """
    if imputation is None or not len(imputation.rows) or not imputation.window[1] > 0:
        return math.nan, math.nan, learned
    same = imputation.rows
    estimate, se = imputation.window
    apart = estimate - float((lift * evidence.read)[same].sum())
    sold = abs(float((usd * evidence.read)[same].sum()))
    # What is true of those whose days after are over, on the days that are read, stands for all, sale for sale.
    share = learned.attributed / sold if sold > 0 else learned.partnerships / len(same)
    net = share * imputation.net[0]
    net_se = math.hypot(share * IMPUTED_WIDENING * imputation.net[1], FORM_SD * net)
    misled, overall = averaged(
        learned,
        replace(learned, estimate=net, se=net_se),
        apart=apart,
        apart_se=IMPUTED_WIDENING * se,
        # As far as its coefficient is taken to be off before the data speak.
        scale=float(HYPERPRIOR.sd[0]) * sold,
    )
    return apart / se, misled, overall


def _flags(report: LiftReport) -> dict[str, str]:
    flags = {}
    shifted = [test for test in report.placebos if test.name != LEAD]
    for test in shifted:
        if abs(test.z) > ODD:
            flags["placebo"] = "sales moved in windows where nothing was posted: the standard errors are too small"
    lead = next((test for test in report.placebos if test.name == LEAD), None)
    if lead is not None and (abs(lead.z) > ODD or _too_often(lead, shifted)):
        flags["lead"] = "demand moves when a brief begins, before anybody posts: briefs follow demand, and so may lift"
    if report.imputation is not None and report.imputation.after[0] < -ODD * report.imputation.after[1]:
        flags["after"] = "products sell less after the windows: some of the lift was only brought forward"
    if abs(report.disagreement) > ODD:
        flags["disagreement"] = (
            "sales beyond the imputed path contradict what attribution was taken to tell: the estimates lean towards "
            "them, those by campaign all by one factor"
        )
    if report.siblings is not None and abs(report.siblings.z) > ODD:
        kind = "lose" if report.siblings.share < 0 else "gain"
        flags["siblings"] = f"sibling products {kind} sales while a partnership is in force: lift is not the net effect"
    if report.synthetic is not None and abs(report.synthetic.z) > ODD:
        flags["synthetic"] = "synthetic difference-in-differences finds another mean"
    unread = sum(one.read < HARDLY_READ for one in report.campaigns)
    if unread:
        flags["sales days"] = (
            f"{unread} of {len(report.campaigns)} campaigns sold for the most part on days on which their products "
            "were on sale. Part of it would have sold anyway, and nothing here can tell how much: those days are left "
            "out, and these campaigns' figures are what the rest of their days, and other campaigns, suggest"
        )
    if report.sensitivity.breakdown < 1.0:
        flags["sensitivity"] = "a common shock no larger than seen where nothing was posted would explain the lift away"
    return flags


def _too_often(lead: Placebo, shifted: list[Placebo]) -> bool:
    """The lead's intervals leave out zero more often than the shifted windows' do (or than they should)."""
    count = sum(test.campaigns for test in shifted)
    usual = sum(test.excluded * test.campaigns for test in shifted) / count if count else 0.0
    usual = max(usual, 1.0 - LEVEL)
    spread = usual * (1.0 - usual) * (1.0 / lead.campaigns + (1.0 / count if count else 0.0))
    return lead.excluded - usual > Z * math.sqrt(spread)


def _row(one: Estimate) -> dict[str, Any]:
    return {
        "name": one.name,
        "partnerships": one.partnerships,
        "attributed_usd": one.attributed,
        "incremental_usd": one.estimate,
        "se_usd": one.se,
        "low_usd": one.low,
        "high_usd": one.high,
        "attributed_over_incremental": one.ratio,
        "expected_sales_usd": one.expected,
        "read_share": one.read,
        "days": ATTRIBUTION_DAYS,
    }
