"""The written gate between a candidate and the champion's place.

`GATE` below is the whole of it: change a rule there, and nowhere else. Nothing is fitted or scored here: values by
campaign come from the runs' ``evidence.json``.

**Verdicts.** The candidate is held against a *reference* on the same held-out campaigns: the champion, or, while there
is none, the best simple sort. The mean difference over campaigns has an interval, and the interval gives the verdict:

- *better*: it lies above zero;
- *not worse*: it lies above minus a margin, and not below zero;
- *cannot tell*: it holds both zero and minus the margin, or there are too few campaigns for one;
- *worse*: it lies below zero.

**Money first.** Where the truth is known (simulated marketplaces) the share of the possible gain is money. Elsewhere
the log tells of it (`training.evaluation.profit`): the estimated profit of the first 20. The luck of single posts makes
that estimate wide, so *cannot tell* is what it mostly says on a few dozen campaigns, and then the heads are asked, each
on what it predicts: success on who delivered, attributed on what was sold.

**What follows.**

- *A first champion* goes in on *better*; where there is no truth, only if its success head is better than chance (else
  it is luck, and nobody can tell). On *not worse* and *cannot tell* it goes in only if its success head is better than
  the best simple sort, and its attributed head knows something beyond all simple sorts and is not worse than the best
  of them.
- *A successor* goes in on *better*; where there is no truth, only if no head is worse than the champion's. On *not
  worse* it goes in only for a stated reason: that it learned from newer outcomes, or one given with ``--reason``. Where
  money cannot tell, but both heads are not worse than the champion's, that is *not worse* too.
- *Cannot tell* and *worse* keep the champion. So does a first 20 that loses money with confidence, a slice that
  collapses, and a probability that is not calibrated.

**Held-out campaigns wear out.** Whoever tries often enough beats anybody by luck. Every interval is drawn at
``alpha / n``, where n is how many candidates the registry has measured on the same held-out campaigns (Bonferroni).

**What the gate cannot know.** It reads the same labels that the model learned from. Where something bends all of them
alike, such as a sales day that falls on every campaign, no figure here shows it; the checks of ``collabrank lift``
(placebo windows, sales before the post) look for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from marketplace.arrays import Floats
from marketplace.errors import GateError
from marketplace.jsonable import json_text
from training.heads import RANKERS
from training.stats import (
    LEAST_CAMPAIGNS,
    BootstrapInterval,
    campaign_mean,
    p_text,
    paired_randomisation_test,
    randomisation_interval,
    sign_of,
)

__all__ = [
    "CANDIDATE",
    "GATE",
    "Calibrated",
    "Check",
    "Gate",
    "GateEvidence",
    "Head",
    "Judgement",
    "Money",
    "NoCollapse",
    "Verdict",
    "best_heuristic",
    "check_gate",
    "require_gate",
    "verdict_of",
]

Table = Mapping[str, Mapping[str, Sequence[float | None]]]

CANDIDATE = "candidate"
"""What the ranker under judgement is called in its evidence."""
_NOT_A_HEURISTIC = frozenset({CANDIDATE, "champion", "random", "oracle", *RANKERS})


class Verdict(StrEnum):
    """What an interval of differences says; `training.tracking.gate` has the words."""

    BETTER = "better"
    NOT_WORSE = "not worse"
    CANNOT_TELL = "cannot tell"
    WORSE = "worse"


@dataclass(frozen=True)
class Money:
    """What a ranker earns, by ``metric``; the first of `Gate.money` that the evidence has is judged.

    ``margin``: what *not worse* allows, in the metric's unit; with ``share`` it is that part of the reference's mean.
    ``truth``: whether it is told by the simulator. ``loses``: refuse where the mean itself lies below zero.
    """

    metric: str
    margin: float
    share: bool = False
    truth: bool = False
    loses: bool = False


@dataclass(frozen=True)
class Head:
    """One head on what it predicts, by ``metric``, with the ``margin`` of *not worse*.

    ``chance``: the metric's value of a head that knows nothing. ``beyond``: a metric that tells what the head knows
    beyond all simple sorts, 0 where nothing; empty: it must be better than the best of them by ``metric`` itself.
    """

    name: str
    metric: str
    margin: float
    chance: float
    beyond: str = ""


@dataclass(frozen=True)
class NoCollapse:
    """Refuse where, within one slice, the candidate's mean is worse than the reference's by more than ``drop`` with a
    one-sided p under ``alpha``, divided by the number of slices judged. Slices seen in fewer than
    `training.stats.LEAST_CAMPAIGNS` campaigns are not judged. ``unless`` names a metric that makes this one superfluous
    where it is there.
    """

    metric: str
    drop: float
    alpha: float
    unless: str = ""


@dataclass(frozen=True)
class Calibrated:
    """Refuse where the head's expected calibration error on held-out invitations is above ``at_most``.

    Judged from ``rows`` matured invitations up; fewer say nothing.
    """

    head: str
    at_most: float
    rows: int


@dataclass(frozen=True)
class Gate:
    """All rules. ``alpha``: of each bound of an interval, before it is divided by the number of candidates."""

    alpha: float
    money: tuple[Money, ...]
    heads: tuple[Head, ...]
    slices: tuple[NoCollapse, ...]
    calibrated: tuple[Calibrated, ...]


GATE = Gate(
    alpha=0.05,
    money=(
        # What the brand earns decides, where the truth is known (simulated marketplaces).
        Money("oracle_gain_share_at_20", margin=0.02, truth=True),
        # Elsewhere what the log tells of it.
        Money("profit_usd_at_20", margin=0.10, share=True, loses=True),
    ),
    heads=(
        Head("success", "success_auc", margin=0.02, chance=0.5),
        Head("attributed", "attributed_rank_correlation", margin=0.05, chance=0.0, beyond="attributed_beyond_sorts"),
    ),
    slices=(
        NoCollapse("oracle_gain_share_at_20", drop=0.20, alpha=0.05),
        NoCollapse("success_auc", drop=0.10, alpha=0.05, unless="oracle_gain_share_at_20"),
    ),
    # A probability that a brand reads must mean what it says.
    calibrated=(Calibrated("success", at_most=0.10, rows=200),),
)


@dataclass(frozen=True)
class GateEvidence:
    """What a run measured on its held-out campaigns.

    Attributes
    ----------
    fingerprint : str
        Of the marketplace's tables.
    campaigns : tuple of str
        The held-out campaigns; every list below has one value a campaign, in this order, None where undefined.
    metrics : mapping metric -> ranker -> values
        The ranker under judgement is called ``candidate``; heuristics go by their names.
    slices : mapping "slice=value" -> metric -> ranker -> values
    calibration : mapping head -> {"error": float, "rows": int}
    champion_version : int or None
        Whose values the ranker ``champion`` holds, where there was a champion at training time.
    effects : mapping of str to float
        Whether the candidate's lift is the lift that came (`training.evaluation.effects.EffectTest`); for the record.
    noise : mapping of str to float
        How one partnership's estimated lift scattered before the cut-off (`models.planning.Noise`); empty where too
        few were ripe. For the record, and for the service's plans.
    """

    fingerprint: str
    campaigns: tuple[str, ...]
    metrics: Table
    slices: Mapping[str, Table] = field(default_factory=dict)
    calibration: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    champion_version: int | None = None
    effects: Mapping[str, Any] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> GateEvidence:
        """From what the artifact says.

        Raises
        ------
        GateError
            It is not what this version of collabrank writes.
        """
        try:
            champion = raw["champion_version"]
            return cls(
                str(raw["fingerprint"]),
                tuple(raw["campaigns"]),
                raw["metrics"],
                raw["slices"],
                raw["calibration"],
                None if champion is None else int(champion),
                raw["effects"],
                raw.get("noise", {}),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as reason:
            raise GateError(
                "evidence written by this version of collabrank",
                received=f"one without {reason}",
                look="train again: `collabrank train DIR`",
            ) from reason

    @property
    def held_out(self) -> str:
        """SHA-256 (hex) of the data and the held-out campaigns: what candidates are counted by."""
        return hashlib.sha256("\n".join((self.fingerprint, *sorted(self.campaigns))).encode()).hexdigest()

    def content(self) -> bytes:
        """The artifact's bytes."""
        return json_text(self.as_dict(), indent=1).encode() + b"\n"

    def digest(self) -> str:
        """SHA-256 (hex) of the artifact, which the run's bundle is signed with."""
        return hashlib.sha256(self.content()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """For the JSON artifact."""
        return {
            "fingerprint": self.fingerprint,
            "campaigns": list(self.campaigns),
            "metrics": self.metrics,
            "slices": self.slices,
            "calibration": self.calibration,
            "champion_version": self.champion_version,
            "effects": self.effects,
            "noise": self.noise,
        }


@dataclass(frozen=True)
class Check:
    """One rule's finding: its name, whether it lets the candidate pass, the figures in words, and its verdict where it
    compares. A finding that does not decide passes.
    """

    rule: str
    passed: bool
    figures: str
    verdict: str = ""


@dataclass(frozen=True)
class Judgement:
    """What the gate says of a candidate.

    Attributes
    ----------
    verdict : Verdict
    words : str
        The verdict and what follows from it, for the brand.
    checks : tuple of Check
        What it rests on; the last one is the verdict's own.
    candidates : int
        Measured on these held-out campaigns so far, this one included: what ``alpha`` was divided by.
    """

    verdict: Verdict
    words: str
    checks: tuple[Check, ...]
    candidates: int = 1

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


def verdict_of(interval: BootstrapInterval, *, margin: float) -> Verdict:
    """What an interval of differences (more is better) says, given the margin of *not worse*."""
    if interval.low > 0:
        return Verdict.BETTER
    if interval.high < 0:
        return Verdict.WORSE
    return Verdict.NOT_WORSE if interval.low >= -margin else Verdict.CANNOT_TELL


def check_gate(
    candidate: GateEvidence,
    *,
    champion: GateEvidence | None = None,
    champion_version: int | None = None,
    candidates: int = 1,
    reason: str = "",
    gate: Gate = GATE,
) -> Judgement:
    """Weigh ``candidate`` against the champion, or against the best simple sorts where there is none.

    Parameters
    ----------
    candidate, champion : GateEvidence
    champion_version : int, optional
        The champion's version number; with ``champion`` or alone (then the candidate must have measured it).
    candidates : int
        How many were measured on these held-out campaigns, this one included.
    reason : str
        Why a successor that is not worse should take the champion's place; empty: it does not.

    Raises
    ------
    GateError
        The two were not measured on the same campaigns, or the evidence has nothing that the gate judges by.
    """
    if not candidate.metrics:
        raise GateError("metrics on held-out campaigns", received="none in the evidence", look="`collabrank train DIR`")
    known = [*(rule.metric for rule in gate.money), *(head.metric for head in gate.heads)]
    if not set(known) & set(candidate.metrics):
        raise GateError(
            f"a metric that the gate names ({', '.join(known)})",
            received=", ".join(sorted(candidate.metrics)),
            look="training/tracking/gate.py, GATE",
        )
    weighing = _Weighing(candidate, champion, champion_version, gate, gate.alpha / max(candidates, 1))
    checks = [*weighing.money(), *weighing.heads()]
    verdict, passed, words = weighing.first() if champion_version is None else weighing.successor(reason)
    checks += [*weighing.slices(), *weighing.calibrated()]
    figures = words
    if candidates > 1:
        figures += (
            f" {candidates} candidates were measured on these campaigns, so every interval is drawn at "
            f"{gate.alpha:g} / {candidates} a side."
        )
    checks.append(Check("verdict", passed, figures, verdict))
    return Judgement(verdict, words, tuple(checks), candidates)


def require_gate(judgement: Judgement) -> None:
    """Nothing where every check passed.

    Raises
    ------
    GateError
        Naming every rule that failed and its figures.
    """
    failed = [check for check in judgement.checks if not check.passed]
    if failed:
        raise GateError(
            "a candidate that passes every rule of the gate",
            received="; ".join(f"{check.rule}: {check.figures}" for check in failed),
            look="docs/evaluation.md, The gate; `collabrank promote --force --reason TEXT` overrides, on record",
        )


@dataclass(frozen=True)
class _Comparison:
    """A verdict with what it rests on; differences are such that more is better."""

    verdict: Verdict
    figures: str


class _Weighing:
    """The candidate against what it is measured against, rule by rule."""

    def __init__(
        self,
        candidate: GateEvidence,
        champion: GateEvidence | None,
        version: int | None,
        gate: Gate,
        alpha: float,
    ) -> None:
        self.candidate, self.version, self.gate, self.alpha = candidate, version, gate, alpha
        self.champion: GateEvidence | None = None
        self.rule = next((rule for rule in gate.money if rule.metric in candidate.metrics), None)
        self.losing = False
        self.earning = _Comparison(Verdict.CANNOT_TELL, "nothing in the log tells what was earned")
        self.by_head: dict[str, _Comparison] = {}
        if version is None or candidate.champion_version == version:
            return
        if champion is None or champion.fingerprint != candidate.fingerprint:
            raise GateError(
                f"the candidate and the champion (version {version}) measured on the same campaigns",
                received="different data",
                look="train again on the current data: `collabrank train DIR` measures the champion too",
            )
        self.champion = champion

    def money(self) -> list[Check]:
        """What it earns against the reference, and whether it loses money outright."""
        rule = self.rule
        if rule is None:
            return [Check("money", True, self.earning.figures, self.earning.verdict)]
        mine, theirs, name = self._pair(rule.metric)
        margin = rule.margin
        if rule.share:
            margin *= abs(float(np.nan_to_num(campaign_mean(theirs))))
        self.earning = self._compare(rule.metric, mine, theirs, name, margin=margin)
        checks = [
            Check(rule.metric, self.earning.verdict is not Verdict.WORSE, self.earning.figures, self.earning.verdict)
        ]
        if rule.loses:
            interval = randomisation_interval(mine, alpha=self.alpha)
            self.losing = bool(interval.high < 0)
            checks.append(
                Check(
                    "first 20 lose no money",
                    not self.losing,
                    f"{_figure(interval.estimate)} USD a campaign, {_span(interval, self.alpha)}",
                )
            )
        return checks

    def heads(self) -> list[Check]:
        """Each head on what it predicts; these decide where money cannot tell."""
        checks = []
        for head in self.gate.heads:
            if head.metric not in self.candidate.metrics:
                continue
            mine, theirs, name = self._pair(head.metric)
            found = self._compare(head.metric, mine, theirs, name, margin=head.margin)
            self.by_head[head.name] = found
            checks.append(Check(f"{head.name} head", True, found.figures, found.verdict))
            if head.beyond in self.candidate.metrics and self.version is None:
                beyond = self._beyond(head)
                interval = randomisation_interval(beyond, alpha=self.alpha)
                checks.append(
                    Check(
                        f"{head.name} head beyond simple sorts",
                        True,
                        f"{head.beyond} {interval.estimate:.3f}, {_span(interval, self.alpha)}",
                        verdict_of(interval, margin=0.0),
                    )
                )
        return checks

    @property
    def by_truth(self) -> bool:
        """Whether what is earned is told by the truth."""
        return self.rule is not None and self.rule.truth

    def first(self) -> tuple[Verdict, bool, str]:
        """The verdict on a candidate where there is no champion, whether it lets pass, and why."""
        verdict = self.earning.verdict
        if self.losing or verdict is Verdict.WORSE:
            what = "its first 20 lose money" if self.losing else "it earns less than the best simple sort"
            return Verdict.WORSE, False, f"Worse: {what}, and that is no accident of these campaigns."
        if verdict is Verdict.BETTER and (self.by_truth or self._learned()):
            return verdict, True, "Better: it earns more than the best simple sort."
        if verdict is Verdict.BETTER:
            words = (
                "Cannot tell: it earned more than the best simple sort, but does not tell better than chance who "
                "delivers, so that looks like luck."
            )
            return Verdict.CANNOT_TELL, False, words
        opening = "Not worse: it earns about what the best simple sort does"
        if verdict is Verdict.CANNOT_TELL:
            opening = "Cannot tell: these campaigns are too few to say whether it earns more than the best simple sort"
        lacking = [text for head in self.gate.heads if (text := self._short_of_sorts(head))]
        if lacking:
            return verdict, False, f"{opening}, and {'; '.join(lacking)}. Sort by that, or wait for more campaigns."
        words = (
            f"{opening}. It tells who delivers better than every simple sort, and knows of their sales what no simple "
            "sort knows, so it may be the first champion."
        )
        return verdict, True, words

    def successor(self, reason: str) -> tuple[Verdict, bool, str]:
        """The same where there is a champion."""
        verdict = self.earning.verdict
        champion = f"champion version {self.version}"
        if self.losing or verdict is Verdict.WORSE:
            what = "its first 20 lose money" if self.losing else f"it earns less than {champion}"
            return Verdict.WORSE, False, f"Worse: {what}, and that is no accident of these campaigns. {_KEPT}"
        worse = [name for name, found in self.by_head.items() if found.verdict is Verdict.WORSE]
        if verdict is Verdict.BETTER and (self.by_truth or not worse):
            return verdict, True, f"Better: it earns more than {champion}."
        if verdict is Verdict.BETTER:
            words = f"Cannot tell: it earned more than {champion}, but its {' and '.join(worse)} head is worse. {_KEPT}"
            return Verdict.CANNOT_TELL, False, words
        steady = [found.verdict in (Verdict.BETTER, Verdict.NOT_WORSE) for found in self.by_head.values()]
        by_heads = (
            verdict is Verdict.CANNOT_TELL and not self.by_truth and len(steady) == len(self.gate.heads) and all(steady)
        )
        if verdict is Verdict.CANNOT_TELL and not by_heads:
            return verdict, False, f"Cannot tell: these campaigns do not say which of the two earns more. {_KEPT}"
        how = "its heads foretell as well as those of" if by_heads else "it earns as much as"
        if reason:
            words = f"Not worse: {how} {champion}, and it takes its place because {reason}."
            return Verdict.NOT_WORSE, True, words
        words = (
            f"Not worse: {how} {champion}, but nothing speaks for the change: it learned from no newer outcomes. "
            f"{_KEPT} `--reason TEXT` states another reason."
        )
        return Verdict.NOT_WORSE, False, words

    def slices(self) -> list[Check]:
        """No slice collapses."""
        return [
            self._no_collapse(rule)
            for rule in self.gate.slices
            if rule.metric in self.candidate.metrics and not (rule.unless and rule.unless in self.candidate.metrics)
        ]

    def calibrated(self) -> list[Check]:
        """Probabilities mean what they say."""
        checks = []
        for rule in self.gate.calibrated:
            found = self.candidate.calibration.get(rule.head)
            if found is not None and found["rows"] >= rule.rows and found["error"] is not None:
                text = f"calibration error {found['error']:.3f} on {found['rows']:.0f} rows, at most {rule.at_most:.3f}"
                checks.append(Check(f"{rule.head} calibrated", found["error"] <= rule.at_most, text))
        return checks

    def _learned(self) -> bool:
        """Whether the first head of the gate tells more than chance."""
        head = self.gate.heads[0]
        mine = _array(self.candidate.metrics.get(head.metric, {}).get(CANDIDATE, []))
        return bool(randomisation_interval(mine - head.chance, alpha=self.alpha).low > 0)

    def _short_of_sorts(self, head: Head) -> str:
        """What a head lacks to stand above the simple sorts; empty where nothing."""
        found = self.by_head.get(head.name)
        if found is None:
            return f"nothing is known of what its {head.name} head predicts"
        _, _, name = self._pair(head.metric)
        if not head.beyond:
            lacking = found.verdict is not Verdict.BETTER
            return f"its {head.name} head has not shown that it is better than {name}" if lacking else ""
        if found.verdict is Verdict.WORSE:
            return f"its {head.name} head is worse than {name}"
        interval = randomisation_interval(self._beyond(head), alpha=self.alpha)
        return "" if interval.low > 0 else f"its {head.name} head has not shown that it knows more than {name}"

    def _beyond(self, head: Head) -> Floats:
        return _array(self.candidate.metrics.get(head.beyond, {}).get(CANDIDATE, []))

    def _compare(self, metric: str, mine: Floats, theirs: Floats, name: str, *, margin: float) -> _Comparison:
        both = ~(np.isnan(mine) | np.isnan(theirs))
        if not both.any():
            return _Comparison(Verdict.CANNOT_TELL, f"no campaign has a value for both the candidate and {name}")
        sign = sign_of(metric)
        alpha = self.alpha
        interval = randomisation_interval(sign * (mine - theirs), alpha=alpha)
        if self.version is None and verdict_of(interval, margin=margin) is Verdict.WORSE:
            # The best of several sorts is partly the luckiest: being behind it by chance must be that much rarer.
            alpha /= len(_heuristics(self.candidate.metrics[metric]))
            interval = randomisation_interval(sign * (mine - theirs), alpha=alpha)
        verdict = verdict_of(interval, margin=margin)
        text = (
            f"{_figure(campaign_mean(mine[both]))} against {_figure(campaign_mean(theirs[both]))} of {name} on "
            f"{both.sum()} campaigns, difference {_signed(sign * interval.estimate)}, {_span(interval, alpha, sign)}, "
            f"margin {_figure(margin)}"
        )
        return _Comparison(verdict, text)

    def _pair(self, metric: str, slice_name: str | None = None) -> tuple[Floats, Floats, str]:
        """Candidate's values, reference's values (NaN where either lacks a campaign), the reference's name."""
        ours = _table(self.candidate, slice_name).get(metric, {})
        mine = _array(ours.get(CANDIDATE, []))
        if self.version is None:
            # Which heuristic is best is decided over all campaigns, so that a slice does not pick its own.
            best = best_heuristic(self.candidate.metrics[metric], metric)
            return mine, _array(ours.get(best, [None] * len(mine))), best
        if self.champion is None:
            return mine, _array(ours.get("champion", [None] * len(mine))), f"champion (version {self.version})"
        theirs = _table(self.champion, slice_name).get(metric, {}).get(CANDIDATE, [])
        by_campaign = dict(zip(self.champion.campaigns, theirs, strict=False))
        paired = _array([by_campaign.get(campaign) for campaign in self.candidate.campaigns])
        return mine, paired, f"champion (version {self.version})"

    def _no_collapse(self, rule: NoCollapse) -> Check:
        label = f"{rule.metric} in slices"
        sign = sign_of(rule.metric)
        judged: list[tuple[float, float, str]] = []
        for slice_name in sorted(self.candidate.slices):
            if rule.metric not in self.candidate.slices[slice_name]:
                continue
            mine, theirs, name = self._pair(rule.metric, slice_name)
            both = ~(np.isnan(mine) | np.isnan(theirs))
            if both.sum() < LEAST_CAMPAIGNS:
                continue
            test = paired_randomisation_test(sign * mine[both], sign * theirs[both])
            text = (
                f"{slice_name} {sign * test.difference:+.3f} against {name} on {both.sum()} campaigns (p {_is(test.p)})"
            )
            judged.append((test.difference, test.p / 2, text))
        collapsed = [text for difference, p, text in judged if difference < -rule.drop and p < rule.alpha / len(judged)]
        if collapsed:
            return Check(label, False, "; ".join(collapsed))
        worst = min(judged, default=None)
        return Check(label, True, f"{len(judged)} judged, worst: {worst[2]}" if worst else "none large enough to judge")


_KEPT = "The champion stays."


def best_heuristic(values: Mapping[str, Sequence[float | None]], metric: str) -> str:
    """The simple sort with the best mean of ``metric``, among rankers by name with their values by campaign.

    Raises
    ------
    GateError
        There is none.
    """
    names = _heuristics(values)
    if not names:
        raise GateError("a heuristic to compare with", received="none", look="training/evaluation/baselines.py")
    sign = sign_of(metric)
    means = {name: np.nan_to_num(sign * campaign_mean(_array(values[name])), nan=-np.inf) for name in names}
    return max(names, key=lambda name: (means[name], name))


def _heuristics(values: Mapping[str, Sequence[float | None]]) -> list[str]:
    return sorted(name for name in values if name not in _NOT_A_HEURISTIC and not name.startswith("version "))


def _table(evidence: GateEvidence, slice_name: str | None) -> Table:
    return evidence.metrics if slice_name is None else evidence.slices.get(slice_name, {})


def _array(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _span(interval: BootstrapInterval, alpha: float, sign: float = 1.0) -> str:
    if np.isnan(interval.low):
        return "too few campaigns for an interval"
    ends = sorted((sign * interval.low, sign * interval.high))
    return f"{100 * (1 - 2 * alpha):.4g} % interval {_signed(ends[0])} to {_signed(ends[1])}"


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}" if abs(value) < 10 else f"{value:+,.0f}"


def _is(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"
