"""The written gate between a candidate and the champion's place.

`GATE` below is the whole of it: change a rule there, and nowhere else. Every
rule compares the candidate with a *reference* campaign by campaign on the same
held-out campaigns: the champion, or, while there is none, the best heuristic
on that metric. Values come from the runs' ``evidence.json``; nothing is fitted
or scored here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marketplace.arrays import Floats
from marketplace.errors import GateError
from marketplace.jsonable import json_text
from training.heads import RANKERS
from training.stats import LEAST_CAMPAIGNS, campaign_mean, p_text, paired_randomisation_test, sign_of

__all__ = [
    "CANDIDATE",
    "GATE",
    "Calibrated",
    "Check",
    "GateEvidence",
    "NoCollapse",
    "NotWorse",
    "best_heuristic",
    "check_gate",
    "require_gate",
]

Table = Mapping[str, Mapping[str, Sequence[float | None]]]

CANDIDATE = "candidate"
"""What the ranker under judgement is called in its evidence."""
_NOT_A_HEURISTIC = frozenset({CANDIDATE, "champion", "random", "oracle", *RANKERS})


@dataclass(frozen=True)
class NotWorse:
    """Refuse where the candidate's mean is worse than the reference's by more than ``margin``, or worse at all
    with a one-sided p under ``alpha`` (paired randomisation test over campaigns). Which way is worse is declared with
    the metric.

    ``unless`` names a metric that makes this one superfluous where it is there: a stand-in for what cannot
    be measured on a real marketplace does not overrule what can be measured on a simulated one.
    """

    metric: str
    margin: float
    alpha: float
    unless: str = ""


@dataclass(frozen=True)
class NoCollapse:
    """Refuse where, within one slice, the candidate's mean is worse than the reference's by more than ``drop`` with a
    one-sided p under ``alpha``. Slices seen in fewer than `training.stats.LEAST_CAMPAIGNS` campaigns are not judged.
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


Rule = NotWorse | NoCollapse | Calibrated

GATE: tuple[Rule, ...] = (
    # What the brand earns decides, where the truth is known (simulated marketplaces).
    NotWorse("oracle_gain_share_at_20", margin=0.02, alpha=0.05),
    NoCollapse("oracle_gain_share_at_20", drop=0.20, alpha=0.01),
    # Elsewhere the outcomes of the invited decide.
    NotWorse("ndcg_at_10", margin=0.02, alpha=0.05, unless="oracle_gain_share_at_20"),
    NoCollapse("ndcg_at_10", drop=0.20, alpha=0.01, unless="oracle_gain_share_at_20"),
    # A probability that a brand reads must mean what it says.
    Calibrated("success", at_most=0.10, rows=200),
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
    """

    fingerprint: str
    campaigns: tuple[str, ...]
    metrics: Table
    slices: Mapping[str, Table] = field(default_factory=dict)
    calibration: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    champion_version: int | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> GateEvidence:
        """From the JSON artifact.

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
            )
        except (KeyError, TypeError, ValueError) as reason:
            raise GateError(
                "evidence written by this version of collabrank",
                received=f"one without {reason}",
                look="train again: `collabrank train DIR`",
            ) from reason

    def digest(self) -> str:
        """SHA-256 (hex) of what the artifact says, however it is laid out."""
        return hashlib.sha256(json_text(self.as_dict(), indent=1).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """For the JSON artifact."""
        return {
            "fingerprint": self.fingerprint,
            "campaigns": list(self.campaigns),
            "metrics": self.metrics,
            "slices": self.slices,
            "calibration": self.calibration,
            "champion_version": self.champion_version,
        }


@dataclass(frozen=True)
class Check:
    """One rule's verdict: its name, whether it passed, and the figures in words."""

    rule: str
    passed: bool
    figures: str


def check_gate(
    candidate: GateEvidence,
    *,
    champion: GateEvidence | None = None,
    champion_version: int | None = None,
    rules: Sequence[Rule] = GATE,
) -> list[Check]:
    """Weigh ``candidate`` against the champion, or against the best heuristics where there is none.

    Parameters
    ----------
    candidate, champion : GateEvidence
    champion_version : int, optional
        The champion's version number; with ``champion`` or alone (then the candidate must have measured it).

    Returns
    -------
    list of Check
        One a rule that applies; for slices one a rule, naming the worst slice.

    Raises
    ------
    GateError
        The two were not measured on the same campaigns, or no rule applies at all.
    """
    if not candidate.metrics:
        raise GateError("metrics on held-out campaigns", received="none in the evidence", look="`collabrank train DIR`")
    reference = _Reference(candidate, champion, champion_version)
    checks: list[Check] = []
    for rule in rules:
        if isinstance(rule, Calibrated):
            found = candidate.calibration.get(rule.head)
            if found is not None and found["rows"] >= rule.rows and found["error"] is not None:
                text = f"calibration error {found['error']:.3f} on {found['rows']:.0f} rows, at most {rule.at_most:.3f}"
                checks.append(Check(f"{rule.head} calibrated", found["error"] <= rule.at_most, text))
        elif rule.metric in candidate.metrics and not (rule.unless and rule.unless in candidate.metrics):
            checks.append(_not_worse(rule, reference) if isinstance(rule, NotWorse) else _no_collapse(rule, reference))
    if not any(check.rule.endswith("not worse") for check in checks):
        raise GateError(
            "a metric that the gate names",
            received=", ".join(sorted(candidate.metrics)),
            look="training/tracking/gate.py, GATE",
        )
    return checks


def require_gate(checks: Sequence[Check]) -> None:
    """Nothing where every check passed.

    Raises
    ------
    GateError
        Naming every rule that failed and its figures.
    """
    failed = [check for check in checks if not check.passed]
    if failed:
        raise GateError(
            "a candidate that passes every rule of the gate",
            received="; ".join(f"{check.rule}: {check.figures}" for check in failed),
            look="GATE in training/tracking/gate.py; `collabrank promote --force --reason TEXT` overrides, on record",
        )


class _Reference:
    """Pairs the candidate's values with those of what it is measured against."""

    def __init__(self, candidate: GateEvidence, champion: GateEvidence | None, version: int | None) -> None:
        self.candidate = candidate
        self.champion: GateEvidence | None = None
        self.version = version
        if version is None or candidate.champion_version == version:
            return
        if champion is None or champion.fingerprint != candidate.fingerprint:
            raise GateError(
                f"the candidate and the champion (version {version}) measured on the same campaigns",
                received="different data",
                look="train again on the current data: `collabrank train DIR` measures the champion too",
            )
        self.champion = champion

    def pair(self, metric: str, slice_name: str | None = None) -> tuple[Floats, Floats, str]:
        """Candidate's values, reference's values (NaN where either lacks a campaign), the reference's name."""
        ours = _table(self.candidate, slice_name).get(metric, {})
        mine = _array(ours.get(CANDIDATE, []))
        if self.version is None:
            # Which heuristic is best is decided over all campaigns, so that a slice does not pick its own.
            whole = self.candidate.metrics[metric]
            best = best_heuristic(whole, metric)
            return mine, _array(ours.get(best, [None] * len(mine))), best
        if self.champion is None:
            return mine, _array(ours.get("champion", [None] * len(mine))), f"champion (version {self.version})"
        theirs = _table(self.champion, slice_name).get(metric, {}).get(CANDIDATE, [])
        by_campaign = dict(zip(self.champion.campaigns, theirs, strict=False))
        paired = _array([by_campaign.get(campaign) for campaign in self.candidate.campaigns])
        return mine, paired, f"champion (version {self.version})"


def best_heuristic(values: Mapping[str, Sequence[float | None]], metric: str) -> str:
    """The simple sort with the best mean of ``metric``, among rankers by name with their values by campaign.

    Raises
    ------
    GateError
        There is none.
    """
    names = sorted(name for name in values if name not in _NOT_A_HEURISTIC and not name.startswith("version "))
    if not names:
        raise GateError("a heuristic to compare with", received="none", look="training/evaluation/baselines.py")
    sign = sign_of(metric)
    means = {name: np.nan_to_num(sign * campaign_mean(_array(values[name])), nan=-np.inf) for name in names}
    return max(names, key=lambda name: (means[name], name))


def _table(evidence: GateEvidence, slice_name: str | None) -> Table:
    return evidence.metrics if slice_name is None else evidence.slices.get(slice_name, {})


def _array(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _not_worse(rule: NotWorse, reference: _Reference) -> Check:
    mine, theirs, name = reference.pair(rule.metric)
    both = ~(np.isnan(mine) | np.isnan(theirs))
    label = f"{rule.metric} not worse"
    if not both.any():
        return Check(label, False, f"no campaign has a value for both the candidate and {name}")
    sign = sign_of(rule.metric)
    test = paired_randomisation_test(sign * mine[both], sign * theirs[both])
    significant = test.difference < 0 and test.p / 2 < rule.alpha
    bound = "at least" if sign > 0 else "at most"
    text = (
        f"{campaign_mean(mine[both]):.3f} against {campaign_mean(theirs[both]):.3f} of {name} on {both.sum()} "
        f"campaigns, difference {sign * test.difference:+.3f} ({bound} {-sign * rule.margin:+.3f}), p {_is(test.p)}"
    )
    return Check(label, test.difference >= -rule.margin and not significant, text)


def _no_collapse(rule: NoCollapse, reference: _Reference) -> Check:
    label = f"{rule.metric} in slices"
    worst: tuple[float, str] | None = None
    collapsed: list[str] = []
    judged = 0
    sign = sign_of(rule.metric)
    for slice_name in sorted(reference.candidate.slices):
        if rule.metric not in reference.candidate.slices[slice_name]:
            continue
        mine, theirs, name = reference.pair(rule.metric, slice_name)
        both = ~(np.isnan(mine) | np.isnan(theirs))
        if both.sum() < LEAST_CAMPAIGNS:
            continue
        judged += 1
        test = paired_randomisation_test(sign * mine[both], sign * theirs[both])
        text = f"{slice_name} {sign * test.difference:+.3f} against {name} on {both.sum()} campaigns (p {_is(test.p)})"
        if worst is None or test.difference < worst[0]:
            worst = (test.difference, text)
        if test.difference < -rule.drop and test.p / 2 < rule.alpha:
            collapsed.append(text)
    if collapsed:
        return Check(label, False, "; ".join(collapsed))
    return Check(label, True, f"{judged} judged, worst: {worst[1]}" if worst else "none large enough to judge")


def _is(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"
