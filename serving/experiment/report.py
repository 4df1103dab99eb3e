"""The report of an experiment: arms against the champion, slots that explore, and lists that were ranked unseen.

*Arms* are compared by the mean of what came of a list (`serving.experiment.sequences`); with several arms each has its
part of ``alpha``.

*Slots.* Of a request whose list explores, ``m`` creators are not shown as ranked, and those drawn among them have
outcome ``y_i`` and propensity ``pi_i``. What one of the ``m``, drawn evenly, would bring if shown is estimated by

- IPS (Horvitz-Thompson): the mean over requests of ``1/m sum_i y_i / pi_i``;
- SNIPS (Hajek): ``sum y_i / (m pi_i)`` over all requests by ``sum 1 / (m pi_i)``.

Beside them stand the plain means: of those drawn, and of the ranked creators right before and after them, who stand
where a brand looks as much.

*Unseen lists.* Let ``C`` be whom another arm would have shown, ``R`` the arm's own best of the same number. As
every eligible creator may be shown, what ``C`` would have brought beyond ``R`` is estimated without showing it:

``sum over the shown of (1[i in C] - 1[i in R]) y_i / pi_i``

given that what comes of a creator does not hang on the position. Requests without exploration, and those where no
more are eligible than are shown, tell nothing and are left out.

Source: Horvitz and Thompson (1952); Hajek (1971); Swaminathan and Joachims (2015), the self-normalised estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from marketplace.display import Shown, text_of
from marketplace.jsonable import jsonable
from serving.experiment.history import OUTCOMES, Asked, read_history
from serving.experiment.sequences import LEAST_BRANDS, Reading, compare_arms, mean_of_clusters

__all__ = ["ArmFigures", "ExperimentReport", "ShadowFigures", "SlotFigures", "experiment_report", "report_text"]

_Told = tuple[float | None, float | None, float | None, float | None]

ALPHA = 0.05
"""The chance that an arm is called better or worse though it is neither, however often one reads."""

DAYS = 28
"""The window in which outcomes of a list count, and the age at which a request does."""


@dataclass(frozen=True)
class ArmFigures:
    """One arm and outcome: the mean of a list, and its difference from the champion's.

    ``verdict``: ``better``, ``worse``, ``cannot tell yet``, ``too few brands``, or empty for the champion. Every number
    is None where it is not known.
    """

    arm: str
    outcome: str
    brands: int
    requests: int
    mean: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    verdict: str


@dataclass(frozen=True)
class SlotFigures:
    """What came of slots that explore, a creator shown: see the module's text for the estimators."""

    outcome: str
    requests: int
    slots: int
    drawn: float | None
    neighbours: float | None
    ips: float | None
    ips_low: float | None
    ips_high: float | None
    snips: float | None
    snips_low: float | None
    snips_high: float | None


@dataclass(frozen=True)
class ShadowFigures:
    """What an arm ranked unseen would have brought beyond the champion's own best, a list.

    ``agreement``: of those of the champion's best who were shown, the part that its list has too.
    """

    arm: str
    outcome: str
    requests: int
    agreement: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None


@dataclass(frozen=True, repr=False)
class ExperimentReport(Shown):
    """What an experiment says so far.

    Attributes
    ----------
    experiment : str or None
        The split's name; None where no request was dealt.
    as_of : str
        ISO 8601.
    days : int
        The window.
    alpha : float
    requests, young : int
        Requests that count, and those whose window has not passed.
    models : mapping of arm to list of str
        The versions that made its lists.
    arms : tuple of ArmFigures
    slots : tuple of SlotFigures
    shadows : tuple of ShadowFigures
    """

    experiment: str | None
    as_of: str
    days: int
    alpha: float
    requests: int
    young: int
    models: Mapping[str, list[str]]
    arms: tuple[ArmFigures, ...]
    slots: tuple[SlotFigures, ...]
    shadows: tuple[ShadowFigures, ...]

    @property
    def headline(self) -> str:
        """The experiment and how much it stands on."""
        name = "no split" if self.experiment is None else f"experiment {self.experiment!r}"
        return (
            f"{name}: {self.requests} requests whose {self.days} days have passed ({self.young} younger), as of "
            f"{self.as_of}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row an arm and outcome."""
        columns = list(ArmFigures.__dataclass_fields__)
        return pd.DataFrame([asdict(one) for one in self.arms], columns=columns).set_index(["arm", "outcome"])

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what is not known is None."""
        plain: dict[str, Any] = jsonable(asdict(self))
        return plain


def experiment_report(
    lines: Iterable[Mapping[str, Any]],
    *,
    experiment: str | None = None,
    days: int = DAYS,
    alpha: float = ALPHA,
    as_of: datetime | None = None,
    money: Mapping[tuple[str, str], float] | None = None,
) -> ExperimentReport:
    """Read the log's lines and compare.

    Parameters
    ----------
    lines : iterable of mapping
        As for `serving.experiment.history.read_history`.
    experiment : str, optional
        The split's name; by default that of the latest request that was dealt.
    days : int
        The window.
    alpha : float
        Of every comparison of an outcome, over all arms together.
    as_of : datetime, optional
        Now by default.
    money : mapping of (request_id, creator_id) to float, optional
        USD; without it money is not compared.
    """
    now = datetime.now(UTC) if as_of is None else as_of
    asked, young = read_history(lines, days=days, as_of=now, money=money)
    if experiment is None:
        experiment = next((one.experiment for one in reversed(asked) if one.experiment is not None), None)
    outcomes = OUTCOMES if money is not None else OUTCOMES[:-1]
    dealt = [one for one in asked if one.experiment == experiment and experiment is not None and one.brand_id]
    plain = [one for one in asked if one.arm == "champion" and one.explores and one.considered > len(one.places)]
    return ExperimentReport(
        experiment=experiment,
        as_of=now.isoformat(timespec="seconds"),
        days=days,
        alpha=alpha,
        requests=len(asked),
        young=young,
        models={
            arm: sorted({one.model_version for one in asked if one.arm == arm})
            for arm in sorted({one.arm for one in asked})
        },
        arms=tuple(_arms(dealt, outcomes, alpha)),
        slots=tuple(_slots(plain, outcomes, alpha)),
        shadows=tuple(_shadows(plain, outcomes, alpha)),
    )


def _arms(dealt: Sequence[Asked], outcomes: Sequence[str], alpha: float) -> list[ArmFigures]:
    if not dealt:
        return []
    there = sorted({one.arm for one in dealt} - {"champion"})
    found = []
    for outcome in outcomes:
        sums = {
            arm: _sums([one for one in dealt if one.arm == arm], lambda one: one.total(outcome))  # noqa: B023
            for arm in ("champion", *there)
        }
        champion = sums["champion"]
        for arm, own in sums.items():
            brands, requests = own.shape[1], int(own[0].sum())
            mean = float(own[1].sum() / requests) if requests else None
            told: _Told = (None, None, None, None)
            verdict = ""
            if arm != "champion":
                requests_of, total, squares = np.concatenate((own, champion), axis=1)
                treated = np.arange(requests_of.size) < brands
                told = _told(compare_arms(requests_of, total, squares, treated, alpha=alpha / len(there)))
                verdict = _verdict(told, min(brands, champion.shape[1]))
            found.append(ArmFigures(arm, outcome, brands, requests, mean, *told, verdict))
    return found


def _sums(asked: Sequence[Asked], value: Callable[[Asked], float]) -> np.ndarray:
    """Of each brand: requests, the sum of values and of their squares; float64 (3, brands)."""
    sums: dict[str, list[float]] = {}
    for one in asked:
        own = sums.setdefault(str(one.brand_id), [0.0, 0.0, 0.0])
        came = value(one)
        own[0] += 1.0
        own[1] += came
        own[2] += came * came
    return np.array([sums[name] for name in sorted(sums)], dtype=np.float64).reshape(-1, 3).T


def _verdict(told: _Told, brands: int) -> str:
    _, low, high, _ = told
    if brands < LEAST_BRANDS:
        return "too few brands"
    if low is None or high is None:
        return "cannot tell yet"
    return "better" if low > 0 else "worse" if high < 0 else "cannot tell yet"


def _told(reading: Reading) -> _Told:
    estimate, low, high, p = (
        float(value) if np.isfinite(value) else None
        for value in (reading.estimate, reading.low, reading.high, reading.p)
    )
    return estimate, low, high, p


def _cluster_of(one: Asked) -> str:
    # Who names no brand is a brand of its own: nothing says that two such requests belong together.
    return one.brand_id or f"request {one.request_id}"


def _clustered(asked: Sequence[Asked], top: Sequence[float], bottom: Sequence[float], alpha: float) -> Reading:
    names, place = np.unique([_cluster_of(one) for one in asked], return_inverse=True)
    sums = (
        np.bincount(place, weights=np.asarray(each, dtype=np.float64), minlength=len(names)) for each in (top, bottom)
    )
    return mean_of_clusters(*sums, count=float(len(asked)), alpha=alpha)


def _slots(asked: Sequence[Asked], outcomes: Sequence[str], alpha: float) -> list[SlotFigures]:
    asked = [one for one in asked if any(place.explored for place in one.places)]
    if not asked:
        return []
    found = []
    for outcome in outcomes:
        top, bottom, drawn, beside = [], [], [], []
        for one in asked:
            left = one.considered - sum(not place.explored for place in one.places)
            slots = [place for place in one.places if place.explored]
            top.append(sum(place.came.get(outcome, 0.0) / place.propensity for place in slots) / left)
            bottom.append(sum(1.0 / place.propensity for place in slots) / left)
            drawn += [place.came.get(outcome, 0.0) for place in slots]
            near = {place.position + step for place in slots for step in (-1, 1)}
            beside += [
                place.came.get(outcome, 0.0) for place in one.places if not place.explored and place.position in near
            ]
        ips = _clustered(asked, top, [1.0] * len(asked), alpha)
        snips = _clustered(asked, top, bottom, alpha)
        found.append(
            SlotFigures(
                outcome,
                len(asked),
                len(drawn),
                float(np.mean(drawn)),
                float(np.mean(beside)) if beside else None,
                *_told(ips)[:3],
                *_told(snips)[:3],
            )
        )
    return found


def _shadows(asked: Sequence[Asked], outcomes: Sequence[str], alpha: float) -> list[ShadowFigures]:
    arms = sorted({arm for one in asked for arm in one.unseen})
    found = []
    for arm in arms:
        own = [one for one in asked if arm in one.unseen]
        agreements = []
        for one in own:
            # Of its best creators a list shows all but some of those whose places were drawn for.
            best = [place.creator_id for place in one.places if place.place <= len(one.places)]
            agreements.append(sum(name in one.unseen[arm] for name in best) / max(len(best), 1))
        for outcome in outcomes:
            beyond = [
                sum(
                    ((place.creator_id in one.unseen[arm]) - (place.place <= len(one.places)))
                    * place.came.get(outcome, 0.0)
                    / place.propensity
                    for place in one.places
                )
                for one in own
            ]
            reading = _clustered(own, beyond, [1.0] * len(own), alpha / len(arms))
            found.append(ShadowFigures(arm, outcome, len(own), float(np.mean(agreements)), *_told(reading)))
    return found


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _range(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{_number(low)} .. {_number(high)}"


@text_of.register
def report_text(report: ExperimentReport) -> str:
    """The report as the command prints it."""
    lines = [report.headline]
    for arm, versions in report.models.items():
        lines.append(f"  {arm}: model {', '.join(versions)}")
    if report.arms:
        lines += [
            "",
            f"arms, a list, against the champion (intervals and p hold at every reading; alpha {report.alpha:g} over "
            "all arms)",
            f"  {'outcome':<10} {'arm':<11} {'brands':>6} {'requests':>8} {'mean':>9} {'difference':>10}  "
            f"{'interval':<24} {'p':>6}  verdict",
        ]
        lines += [
            f"  {one.outcome:<10} {one.arm:<11} {one.brands:>6} {one.requests:>8} {_number(one.mean):>9} "
            f"{_number(one.difference):>10}  {_range(one.low, one.high):<24} {_number(one.p):>6}  {one.verdict}"
            for one in report.arms
        ]
    else:
        lines += ["", "no request was dealt to arms: [split] in var/exploration.toml does that (docs/exploration.md)"]
    if report.slots:
        lines += [
            "",
            "slots that explore, a creator shown (IPS and SNIPS: of one drawn evenly from those not ranked)",
            f"  {'outcome':<10} {'slots':>6} {'drawn':>8} {'beside':>8} {'IPS':>8}  {'interval':<20} {'SNIPS':>8}  "
            "interval",
        ]
        lines += [
            f"  {one.outcome:<10} {one.slots:>6} {_number(one.drawn):>8} {_number(one.neighbours):>8} "
            f"{_number(one.ips):>8}  {_range(one.ips_low, one.ips_high):<20} {_number(one.snips):>8}  "
            f"{_range(one.snips_low, one.snips_high)}"
            for one in report.slots
        ]
    if report.shadows:
        lines += [
            "",
            "ranked unseen, a list, beyond the champion's own best (by the chances of being shown)",
            f"  {'outcome':<10} {'arm':<11} {'requests':>8} {'agreement':>9} {'difference':>10}  {'interval':<24} "
            f"{'p':>6}",
        ]
        lines += [
            f"  {one.outcome:<10} {one.arm:<11} {one.requests:>8} {_number(one.agreement):>9} "
            f"{_number(one.difference):>10}  {_range(one.low, one.high):<24} {_number(one.p):>6}"
            for one in report.shadows
        ]
    return "\n".join(lines)
