"""What a report says in words: the verdict, what the checks found, and what to do next. In plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pandas as pd

from features.lift import AFTER_DAYS
from models.planning import Outlook
from training.lift import HARDLY_READ, LEAD, Estimate, LiftReport

__all__ = ["VERDICTS", "Check", "Known", "Profit", "Verdict", "amount", "checks_of", "next_steps", "verdict_of"]

Verdict = Literal["added", "not told apart", "took away", "nothing posted", "too early", "cannot be told"]

VERDICTS: dict[Verdict, str] = {
    "added": "The campaign added sales that would not have happened otherwise",
    "not told apart": "Whether the campaign added any sales cannot be told from chance",
    "took away": "Sales were lower than without the campaign",
    "nothing posted": "Nobody posted, so the campaign added nothing",
    "too early": "It is too early to tell",
    "cannot be told": "What the campaign added cannot be told",
}
"""The verdict's word, and the sentence that a report opens with."""

_RATIO = 1.25  # attributed over added sales from which on a report speaks of it
_STEPS = 5
_LONGEST = 30  # characters of a name
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Check:
    """One thing that could speak against the estimates, and what it found.

    Attributes
    ----------
    name : str
        As `training.lift.LiftReport.flags` calls it.
    title, text : str
        For people.
    found : str
        ``holds``, ``speaks against`` or ``not possible``.
    """

    name: str
    title: str
    found: Literal["holds", "speaks against", "not possible"]
    text: str


@dataclass(frozen=True)
class Profit:
    """Incremental profit, USD, with the ends of its interval: as unsure as the lift in it. Costs are known."""

    estimate: float
    low: float
    high: float


class Known(Protocol):
    """What the words are made of: `training.results.CampaignReport` has it."""

    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def lift(self) -> Estimate | None: ...
    @property
    def profit(self) -> Profit | None: ...
    @property
    def foretold(self) -> Outlook | None: ...
    @property
    def creators(self) -> pd.DataFrame: ...
    @property
    def checks(self) -> Sequence[Check]: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def told_from(self) -> pd.Timestamp | None: ...
    @property
    def needed(self) -> float | None: ...
    @property
    def unknown(self) -> str: ...


def amount(value: float) -> str:
    """USD in words: whole dollars from 10 on, a true minus, ``unknown`` where it is not a number."""
    if math.isnan(value):
        return "unknown"
    size = f"{abs(value):,.0f}" if abs(value) >= 10 or value == 0 else f"{abs(value):,.2f}"
    return f"{_MINUS if value < 0 else ''}{size} USD"


def verdict_of(report: Known) -> tuple[Verdict, str]:
    """The verdict, and why, in one sentence or two."""
    lift, until = report.lift, report.told_from
    when = "" if until is None else f" All of it is told from {until:%d %B %Y} on."
    if lift is None:
        return _without_lift(report, when)
    if lift.read < HARDLY_READ:
        return "cannot be told", (
            f"{1 - lift.read:.0%} of the usual sales of these days fell on days on which the products were on sale. "
            "Part of that would have sold anyway, and nothing in the data tells how much."
        )
    span = f"{amount(lift.low)} to {amount(lift.high)}, in 9 cases of 10"
    so_far = (
        f" So far {lift.partnerships} of {report.counts['posted']} partnerships are counted.{when}" if until else ""
    )
    if lift.low <= 0 <= lift.high:
        may = f"The estimate is {amount(lift.estimate)}, and its range ({span}) holds zero: it may have been nothing."
        return "not told apart", f"{may}{so_far}"
    return "added" if lift.low > 0 else "took away", f"Estimated at {amount(lift.estimate)} ({span}).{so_far}"


def _without_lift(report: Known, when: str) -> tuple[Verdict, str]:
    if report.counts["counting"] or report.counts["waiting"]:
        return "too early", f"No partnership's sales are over yet.{when}"
    if not report.counts["posted"]:
        return "nothing posted", "There was no content, and so no sales of it."
    return "cannot be told", report.unknown or "The products of what was posted have no days in the shop's data."


def checks_of(lift: LiftReport | None, read: float | None) -> list[Check]:
    """Every check in plain words. All but the last look at all campaigns of the marketplace together.

    Parameters
    ----------
    lift : LiftReport or None
        None where nothing could be estimated: then no check was possible.
    read : float or None
        `training.lift.Estimate.read` of the campaign.
    """
    return [*_placebos(lift), *_windows(lift), *_others(lift), _sales_days(read)]


def _check(lift: LiftReport | None, name: str, title: str, holds: str, against: str, *, possible: bool) -> Check:
    if lift is None or not possible:
        return Check(name, title, "not possible", "The marketplace has not the data for it.")
    if name in lift.flags:
        return Check(name, title, "speaks against", against)
    return Check(name, title, "holds", holds)


def _placebos(lift: LiftReport | None) -> list[Check]:
    tests = [] if lift is None else lift.placebos
    moved = [test for test in tests if test.name != LEAD]
    windows = sum(test.windows for test in moved)
    return [
        _check(
            lift, "placebo", "Days on which nobody posted",
            f"The same arithmetic on {windows:,} windows before any post finds nothing, as it must.",
            "The same arithmetic finds sales in windows in which nobody posted: the true range is wider than told.",
            possible=bool(moved),
        ),
        _check(
            lift, "lead", "Sales before the first post",
            "Sales do not move when a brief begins, before anybody posts: briefs do not simply follow demand.",
            "Sales move when a brief begins, before anybody posts. Campaigns may follow demand that was there anyway, "
            "and some of what counts as added is that.",
            possible=any(test.name == LEAD for test in tests),
        ),
    ]  # fmt: skip


def _windows(lift: LiftReport | None) -> list[Check]:
    imputed = None if lift is None else lift.imputation
    possible = imputed is not None and len(imputed.rows) > 0
    return [
        _check(
            lift, "after", f"The {AFTER_DAYS} days after",
            "Sales afterwards are as usual: what was added was not merely bought earlier.",
            "Products sell less afterwards: part of what was added was only bought earlier.",
            possible=possible,
        ),
        _check(
            lift, "disagreement", "Counted without the platform's credit",
            "Sales beyond the usual, counted without looking at which orders the platform credits, agree.",
            "Sales beyond the usual, counted without the platform's credit, say something else; the estimates lean "
            "towards them.",
            possible=possible and lift is not None and math.isfinite(lift.disagreement),
        ),
    ]  # fmt: skip


def _others(lift: LiftReport | None) -> list[Check]:
    kin = None if lift is None else lift.siblings
    lose = kin is not None and kin.share < 0
    sense = None if lift is None else lift.sensitivity
    shock = math.nan if sense is None else sense.explains_away
    return [
        _check(
            lift, "siblings", "The brand's other products",
            "They sell as usual meanwhile: sales were not just moved from one product to another.",
            f"They {'lose' if lose else 'gain'} sales meanwhile: what was added in all is "
            f"{'less' if lose else 'more'} than told here.",
            possible=kin is not None,
        ),
        _check(
            lift, "synthetic", "Held against products that sell alike",
            "A different method, which builds each product a twin of others, finds the same.",
            "A different method, which builds each product a twin of others, finds another amount.",
            possible=lift is not None and lift.synthetic is not None,
        ),
        _check(
            lift, "sensitivity", "A cause that nobody sees",
            f"Something else would have had to raise sales by {shock:.0%} while campaigns ran to explain it away; "
            "nothing that large is seen where nobody posted.",
            "A common cause no larger than what is seen where nobody posted would explain it away.",
            possible=sense is not None and math.isfinite(sense.breakdown),
        ),
    ]  # fmt: skip


def _sales_days(read: float | None) -> Check:
    title = "Sales days in this campaign"
    if read is None:
        return Check("sales days", title, "not possible", "Nothing of this campaign is counted.")
    if read < HARDLY_READ:
        words = f"Only {read:.0%} of its usual sales fall on days without a sale: its figure is a guess."
        return Check("sales days", title, "speaks against", words)
    words = f"{read:.0%} of its usual sales fall on days without a sale; the rest is left out of the reading."
    return Check("sales days", title, "holds", words)


def next_steps(report: Known) -> list[str]:
    """What to do next, the most pressing first, at most five."""
    steps = [*_wait(report), *_read_on(report), *_answers(report), *_creators(report), *_money(report)]
    speak = [check.title.lower() for check in report.checks if check.found == "speaks against"]
    if speak:
        steps.append(
            f"Read the amounts with care: {', '.join(speak)} {'speaks' if len(speak) == 1 else 'speak'} against them."
        )
    if not steps:
        steps.append("Nothing stands out. Plan the next campaign with what this one taught the ranking.")
    return steps[:_STEPS]


def _wait(report: Known) -> list[str]:
    if report.told_from is None:
        return []
    return [
        f"Make this report again from {report.told_from:%d %B %Y} on: "
        f"{report.counts['waiting'] + report.counts['counting']} invitations are not over."
    ]


def _read_on(report: Known) -> list[str]:
    if report.verdict == "not told apart" and report.needed is not None and math.isfinite(report.needed):
        return [
            f"Run more before judging: a lift of this size takes about {report.needed:,.0f} partnerships to be told "
            "from chance in 8 of 10 cases."
        ]
    if report.verdict == "cannot be told":
        return (
            ["Plan the next campaign away from days on which its products are on sale, or its lift stays unknown."]
            if (report.lift is not None)
            else ["Bring the shop's daily sales by product (product_days): lift is read from them alone."]
        )
    return []


def _answers(report: Known) -> list[str]:
    foretold, counts = report.foretold, report.counts
    if foretold is None or report.told_from is not None:
        return []
    steps = []
    if counts["accepted"] < foretold.accepted.low:
        steps.append(
            f"Look at the offer: {counts['accepted']} accepted where {foretold.accepted.expected:.0f} were expected. "
            "More commission, a fee or a sample may win more; `collabrank plan` says what each would bring."
        )
    if counts["posted"] < foretold.content.low and counts["accepted"] >= foretold.accepted.low:
        steps.append(
            f"Look at what keeps content from coming: {counts['posted']} posted where {foretold.content.expected:.0f} "
            "were expected. Late samples and short deadlines are the usual reasons."
        )
    return steps


def _creators(report: Known) -> list[str]:
    rows = report.creators
    told = rows[rows["lift_usd"].notna() & rows["posted"]]
    earned = told[(told["low_usd"] > 0) & (told["profit_usd"] > 0)].sort_values("profit_usd", ascending=False)
    credited = told[(told["high_usd"] < told["attributed_usd"]) & (told["profit_usd"] < 0)]
    steps = []
    if len(earned):
        steps.append(f"Invite again: {_names(earned['name'].tolist())}. What they added pays for itself.")
    if len(credited):
        worst = credited.sort_values("profit_usd")["name"].tolist()
        steps.append(
            f"Think twice about {_names(worst)}: credited with more than they added, and dearer than what they brought."
        )
    return steps


def _names(names: list[str]) -> str:
    shown = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in names[:3]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _money(report: Known) -> list[str]:
    lift = report.lift
    if lift is None or report.verdict != "added":
        return []
    steps = []
    if lift.ratio > _RATIO:
        steps.append(
            f"Do not plan by attributed sales: the platform credits {lift.ratio:.1f} USD for every 1 USD that was "
            "added, and commission is owed on all of it."
        )
    profit = report.profit
    if profit is not None and profit.high < 0:
        steps.append(
            f"Change the terms: after fees, samples and commission the campaign lost {amount(-profit.estimate)}. "
            "`collabrank plan` gives each creator's break-even fee."
        )
    return steps
