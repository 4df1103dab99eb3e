"""The report of a campaign: what came of it beside what was foretold, as a table, as text, as JSON and as a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from features.briefs import Brief
from features.cards import CAME
from marketplace.contract import REPORTING_CURRENCY
from marketplace.display import Shown, text_of
from marketplace.jsonable import jsonable
from marketplace.text import TextTable, plain_text
from models.planning import Outlook
from training.lift import LEVEL, Estimate
from training.results.page import report_page
from training.results.words import VERDICTS, Check, Profit, Verdict, amount

__all__ = ["FORETOLD_OF_CREATORS", "CampaignReport", "Reports", "Source", "reports_text"]

FORETOLD_OF_CREATORS = ("accept", "success", "lift", "lift_low", "lift_high", "profit", "source", "position")


@dataclass(frozen=True)
class Source:
    """Where a report's predictions come from.

    Attributes
    ----------
    from_log, from_champion, without : int
        Invitations foretold by the decision log, by the champion as of the brief, and by nobody.
    model_versions : tuple of str
    learned_from : bool
        Whether the champion, where it is used, learned from outcomes known after the brief: this campaign may be
        among them, and then what it says is no forecast.
    text : str
        All of it in words.
    """

    from_log: int
    from_champion: int
    without: int
    model_versions: tuple[str, ...]
    learned_from: bool
    text: str


@dataclass(frozen=True, repr=False)
class CampaignReport(Shown):
    """What came of one campaign, and what was foretold.

    Attributes
    ----------
    brief : Brief
    brand_name : str
        Empty where it is not told.
    as_of : Timestamp
        What was known before it.
    counts : str -> int
        ``invited`` (without those left out), ``accepted``, ``posted``, ``counted`` (whose lift is told), ``counting``,
        ``waiting``, ``untold``, ``left_out``.
    lift : Estimate or None
        Added net sales of those counted, USD, 90 % interval; None where there is nothing to tell it from.
    profit : Profit or None
        Of invitations that are over.
    costs : str -> float
        ``fees``, ``samples``, ``commission`` of the same, USD.
    foretold : Outlook or None
        Of the invitations that the amounts above are of, where the campaign is over; else of all that were sent.
        Intervals of 80 %.
    source : Source
    creators : DataFrame
        One row an invitation: `training.results.came.came_of`, with ``name``, the lift's ``low_usd`` and ``high_usd``,
        and what was foretold under ``foretold_*``.
    checks : tuple of Check
    verdict : str
        One of `training.results.words.VERDICTS`; ``why`` the sentence after it.
    next_steps : tuple of str
    told_from : Timestamp or None
        From which day on all of it is told; None where it is over.
    needed : float or None
        Partnerships that it takes to tell such a lift from none.
    unknown : str
        Why no lift could be estimated in the marketplace; empty where it could.
    """

    brief: Brief
    brand_name: str
    as_of: pd.Timestamp
    counts: Mapping[str, int]
    lift: Estimate | None
    profit: Profit | None
    costs: Mapping[str, float]
    foretold: Outlook | None
    source: Source
    creators: pd.DataFrame
    checks: tuple[Check, ...]
    told_from: pd.Timestamp | None
    needed: float | None = None
    unknown: str = ""
    verdict: Verdict = "cannot be told"
    why: str = ""
    next_steps: tuple[str, ...] = field(default=())

    @property
    def campaign_id(self) -> str:
        """The campaign's id."""
        return str(self.brief.campaign_id)

    @property
    def over(self) -> bool:
        """Whether nothing is waited for."""
        return self.told_from is None

    @property
    def headline(self) -> str:
        """The verdict, with the amount where there is one."""
        told = (
            ""
            if self.lift is None
            else f": {amount(self.lift.estimate)} ({amount(self.lift.low)} to {amount(self.lift.high)})"
        )
        return f"{self.campaign_id} of {self.brand_name or self.brief.brand_id}, {self.verdict}{told}"

    def to_frame(self) -> pd.DataFrame:
        """One row an invitation, the index its id: what came of it beside what was foretold, USD."""
        return self.creators.set_index("invitation_id")

    def to_html(self) -> str:
        """The report as a page: two sheets of A4, no scripts, nothing from elsewhere."""
        return report_page(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN becomes None, days ISO text."""
        brief, lift = self.brief, self.lift
        told: dict[str, Any] = jsonable(
            {
                "campaign_id": self.campaign_id,
                "brand_id": brief.brand_id,
                "brand_name": self.brand_name or None,
                "market": brief.market,
                "category_id": brief.category_id,
                "product_ids": list(brief.product_ids),
                "briefed_at": brief.briefed_at.isoformat(),
                "starts_at": brief.starts_at.isoformat(),
                "ends_at": brief.ends_at.isoformat(),
                "as_of": f"{self.as_of:%Y-%m-%d}",
                "currency": REPORTING_CURRENCY,
                "level": LEVEL,
                "terms": {
                    "commission_rate": brief.commission_rate,
                    "flat_fee": brief.flat_fee_usd,
                    "sample_cost": brief.sample_cost_usd,
                    "margin_rate": brief.margin_rate,
                },
                "verdict": self.verdict,
                "verdict_text": VERDICTS[self.verdict],
                "why": self.why,
                "over": self.over,
                "told_from": None if self.told_from is None else f"{self.told_from:%Y-%m-%d}",
                "counts": dict(self.counts),
                "lift": None
                if lift is None
                else {
                    "estimate": lift.estimate,
                    "se": lift.se,
                    "low": lift.low,
                    "high": lift.high,
                    "attributed": lift.attributed,
                    "attributed_over_lift": lift.ratio,
                    "usual_sales": lift.expected,
                    "read_share": lift.read,
                    "partnerships": lift.partnerships,
                },
                "profit": self.profit,
                "costs": dict(self.costs),
                "foretold": None if self.foretold is None else asdict(self.foretold),
                "source": self.source,
                "needed_partnerships": self.needed,
                "creators": [_creator(row) for row in self.creators.to_dict("records")],
                "checks": list(self.checks),
                "next_steps": list(self.next_steps),
            }
        )
        return told

    def entry(self) -> dict[str, Any]:
        """The line of this report in the list of all (`training.results.shelf`)."""
        lift, nothing = self.lift, math.nan
        told: dict[str, Any] = jsonable(
            {
                "campaign_id": self.campaign_id,
                "brand_id": self.brief.brand_id,
                "brand_name": self.brand_name or None,
                "market": self.brief.market,
                "category_id": self.brief.category_id,
                "briefed_at": self.brief.briefed_at.isoformat(),
                "as_of": f"{self.as_of:%Y-%m-%d}",
                "lift": nothing if lift is None else lift.estimate,
                "lift_low": nothing if lift is None else lift.low,
                "lift_high": nothing if lift is None else lift.high,
                "attributed": nothing if lift is None else lift.attributed,
                "currency": REPORTING_CURRENCY,
                "expected": nothing if self.foretold is None else self.foretold.sales.expected,
                "profit": nothing if self.profit is None else self.profit.estimate,
                "expected_profit": nothing if self.foretold is None else self.foretold.profit.expected,
                "verdict": self.verdict,
                "over": self.over,
            }
        )
        return told


def _creator(row: Mapping[Any, Any]) -> dict[str, Any]:
    def number(name: str) -> float:
        return float(row[name])

    said = row["foretold_source"]
    return {
        "creator_id": row["creator_id"],
        "username": row["username"] or None,
        "outcome": row["outcome"],
        "came": CAME[row["outcome"]],
        "state": row["state"],
        "left_out": bool(row["left_out"]),
        "posted_at": None if pd.isna(row["posted_at"]) else row["posted_at"].isoformat(),
        "attributed": number("attributed_usd"),
        "lift": number("lift_usd"),
        "lift_se": number("lift_se_usd"),
        "lift_low": number("low_usd"),
        "lift_high": number("high_usd"),
        "cost": number("fee_usd") + number("sample_usd") + number("commission_usd"),
        "profit": number("profit_usd"),
        "foretold": None
        if pd.isna(said)
        else {
            "source": said,
            **{name: number(f"foretold_{name}") for name in FORETOLD_OF_CREATORS if name != "source"},
        },
    }


@dataclass(frozen=True, repr=False)
class Reports(Shown):
    """The reports of one marketplace, newest brief first; ``reports["ca_1"]`` is one, and they can be gone through."""

    reports: tuple[CampaignReport, ...]
    as_of: pd.Timestamp

    def __iter__(self) -> Iterator[CampaignReport]:
        return iter(self.reports)

    def __len__(self) -> int:
        return len(self.reports)

    def __getitem__(self, campaign_id: str) -> CampaignReport:
        for one in self.reports:
            if one.campaign_id == campaign_id:
                return one
        raise KeyError(campaign_id)

    @property
    def headline(self) -> str:
        """How many, as of when."""
        if len(self.reports) == 1:
            return self.reports[0].headline
        return f"{len(self.reports)} campaigns as of {self.as_of:%Y-%m-%d}"

    def to_frame(self) -> pd.DataFrame:
        """One row a campaign (the index), USD: what came, with intervals, beside what was foretold."""
        return pd.DataFrame([one.entry() for one in self.reports]).set_index("campaign_id")

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every report."""
        return {"reports": [one.as_dict() for one in self.reports]}


@text_of.register
def reports_text(reports: Reports) -> str:
    """A line a campaign; of a single one all that its two pages say, without the creators' table."""
    if len(reports) != 1:
        heads = ["campaign", "added USD", f"{LEVEL:.0%} interval", "attributed", "foretold", "verdict"]
        rows = [_line(one) for one in reports]
        return plain_text([TextTable(reports.headline, heads, rows), *_how_often(reports)])
    one = reports.reports[0]
    counts = one.counts
    lines = [
        one.headline,
        f"{VERDICTS[one.verdict]}. {one.why}",
        ", ".join(f"{counts[name]} {name}" for name in ("invited", "accepted", "posted", "counted")),
    ]
    if one.lift is not None:
        lines.append(f"attributed {amount(one.lift.attributed)}; added {amount(one.lift.estimate)}")
    if one.profit is not None:
        lines.append(
            f"profit {amount(one.profit.estimate)} ({amount(one.profit.low)} to {amount(one.profit.high)}, 90 %)"
        )
    if one.foretold is not None:
        sales, profit = one.foretold.sales, one.foretold.profit
        lines.append(
            f"foretold: sales {amount(sales.expected)} ({amount(sales.low)} to {amount(sales.high)}, 80 %), "
            f"profit {amount(profit.expected)} ({amount(profit.low)} to {amount(profit.high)})"
        )
    lines.append(one.source.text)
    lines += [f"{check.found}: {check.title}. {check.text}" for check in one.checks]
    lines += ["Next:", *(f"  - {step}" for step in one.next_steps)]
    return plain_text(lines)


def _how_often(reports: Reports) -> Iterator[str]:
    """How often what was foretold held, apart for campaigns that the model may have learned from."""
    over = [one for one in reports if one.over and one.lift is not None and one.foretold is not None]
    for some, which in (
        ([one for one in over if not one.source.learned_from], "that no model had learned from"),
        (
            [one for one in over if one.source.learned_from],
            "that the model may have learned from: no test of it",
        ),
    ):
        if some:
            held = sum(_held(one) for one in some)
            interval = "The foretold 80 % interval of added sales"
            yield f"{interval} holds what came of {held} of {len(some)} campaigns {which}."


def _held(one: CampaignReport) -> bool:
    return (
        one.lift is not None
        and one.foretold is not None
        and one.foretold.sales.low <= one.lift.estimate <= one.foretold.sales.high
    )


def _line(one: CampaignReport) -> list[str]:
    lift, foretold = one.lift, one.foretold
    return [
        one.campaign_id,
        "-" if lift is None else f"{lift.estimate:,.0f}",
        "-" if lift is None else f"{lift.low:,.0f} .. {lift.high:,.0f}",
        "-" if lift is None else f"{lift.attributed:,.0f}",
        "-" if foretold is None else f"{foretold.sales.expected:,.0f}",
        one.verdict,
    ]
