"""Results: what came of past campaigns beside what was foretold of them, and the report that a brand prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import ui
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from serving.client import ReportEntry
from serving.console.figures import against_figure, figure
from serving.console.money import DOLLARS
from serving.console.pieces import (
    UNKNOWN,
    empty_state,
    facts,
    field,
    interval_bar,
    link,
    notice,
    panel,
    percent_text,
    plain_table,
    text,
)
from serving.console.registry import LOOKERS, Page, Visit
from serving.console.sessions import Session

__all__ = ["LIST", "PAGE", "points_of"]

_KINDS = {"added": "good", "took away": "bad", "nothing posted": "bad", "not told apart": "mid"}
_FOUND = {"holds": "good", "speaks against": "bad"}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def _path(campaign: str) -> str:
    return f"/results/{quote(campaign, safe='')}"


async def _list(visit: Visit) -> None:
    """All reports that the key may see, the newest brief first."""
    reports = list(await visit.client.reports())
    if not reports:
        with empty_state(
            "No reports yet",
            "Once campaigns are over, your operator makes their reports with: collabrank report MARKET --all",
        ):
            pass
        return
    told = points_of(reports)
    if len(told) > 1:
        with panel("Foretold and come", about="A point a campaign that is over. On the line as much came as foretold."):
            _against(told)
    with panel("Campaigns", classes="cr-dense"):
        _reports(reports)


Point = tuple[float, float, float, float, str]


def points_of(reports: Sequence[ReportEntry]) -> list[Point]:
    """Foretold, what came with the ends of its interval, and the campaign: of those that are over alone.

    Before that what came is of some of the invitations, and what was foretold of all of them.
    """
    found = []
    for one in reports:
        numbers = (one.expected, one.lift, one.lift_low, one.lift_high)
        if one.over and None not in numbers:
            foretold, came, low, high = (float(number) for number in numbers if number is not None)
            found.append((foretold, came, low, high, one.campaign_id))
    return found


def _against(told: Sequence[Point]) -> None:
    above = sum(came >= foretold for foretold, came, *_ in told)
    inside = sum(low <= foretold <= high for foretold, _, low, high, _ in told)
    figure(
        against_figure(told, currency=DOLLARS.currency),
        label=f"Added sales against what was foretold of {len(told)} campaigns; {above} came to more",
        tall=18,
        on_click=lambda event: ui.navigate.to(_path(str(event.data["id"]))),
    )
    text(
        f"Of {len(told)} campaigns {above} added more than foretold; in {inside} what was foretold lies within the "
        "interval of what came.",
        tag="p",
    )


def _reports(reports: Sequence[ReportEntry]) -> None:
    ends = [end for one in reports for end in (one.lift_low, one.lift_high) if end is not None]
    scale = (min([0.0, *ends]), max([1.0, *ends]))

    def lift(one: ReportEntry) -> None:
        if one.lift is None:
            text("not told")
            return
        with ui.element("span").classes("cr-meter cr-meter-wide"):
            text(DOLLARS.number(one.lift), classes="cr-meter-value")
            said = f"{DOLLARS.text(one.lift)}, interval {DOLLARS.span(one.lift_low, one.lift_high)}"
            interval_bar(one.lift_low, one.lift, one.lift_high, ends=scale, label=said)

    plain_table(
        (
            "Campaign",
            "Brief",
            "Where",
            "Verdict",
            f"Added sales, {DOLLARS.currency}",
            "Foretold",
            "Attributed",
            "Profit",
        ),
        [
            (
                partial(link, one.campaign_id, _path(one.campaign_id)),
                str(one.briefed_at)[:10],
                f"{one.market} · {one.category_id}",
                partial(_chip, one.verdict or UNKNOWN),
                partial(lift, one),
                _number(one.expected),
                _number(one.attributed),
                _number(one.profit),
            )
            for one in reports
        ],
        caption="Campaigns and what came of them",
        numeric=(5, 6, 7),
    )
    text(
        "Added: sales that would not have happened otherwise, an estimate. Attributed: sales that touched a creator. A "
        "dash: not told yet.",
        tag="p",
        classes="cr-quiet cr-small",
    )


def _number(amount: float | None) -> str:
    return DOLLARS.number(amount)


def _chip(verdict: str) -> None:
    text(verdict, classes=f"cr-chip cr-chip-{_KINDS.get(verdict, 'low')}")


async def _one(visit: Visit) -> None:
    """One campaign's report."""
    campaign = visit.path["campaign_id"]
    told = (await visit.client.report(campaign)).data
    with ui.element("div").classes("cr-head cr-line cr-spread"):
        with ui.element("div"):
            text(f"Campaign {told['campaign_id']}", tag="h1").props('dir="auto"')
            brand = told.get("brand_name") or told["brand_id"]
            text(
                f"{brand} · {told['market']} · {told['category_id']} · briefed {str(told['briefed_at'])[:10]}, "
                f"as of {told['as_of']}",
                tag="p",
                classes="cr-quiet",
            ).props('dir="auto"')
        link("Print the report", f"{_path(campaign)}/page", kind="primary", icon="print", new_tab=True)
    with panel():
        with ui.element("div").classes("cr-line"):
            _chip(str(told["verdict"]))
            text(f"{told['verdict_text']}.", classes="cr-lead")
        text(str(told["why"]), tag="p")
        if not told["over"]:
            notice(f"Not over: all of it is told from {told['told_from']} on.", kind="info")
    with ui.element("div").classes("cr-sides"):
        with panel("What came, and what was foretold"):
            _sums(told)
        with panel("What to do next"), ui.element("ul").classes("cr-list"):
            for step in told["next_steps"]:
                text(str(step), tag="li").props('dir="auto"')
    with panel("By creator", classes="cr-dense"):
        _creators(told["creators"])
    with panel("What the checks say"):
        _checks(told["checks"])
        text(str(told["source"]["text"]), tag="p", classes="cr-quiet cr-small")


def _sums(told: Mapping[str, Any]) -> None:
    till = DOLLARS
    lift, profit, foretold, counts = told["lift"], told["profit"], told["foretold"], told["counts"]

    def came(found: Mapping[str, Any] | None) -> tuple[str, str]:
        return (
            (UNKNOWN, UNKNOWN)
            if found is None
            else (till.number(found["estimate"]), till.span(found["low"], found["high"]))
        )

    def said(name: str) -> tuple[str, str]:
        if foretold is None:
            return UNKNOWN, UNKNOWN
        one = foretold[name]
        return till.number(one["expected"]), till.span(one["low"], one["high"])

    rows = [
        (f"Added sales, {till.currency}", *came(lift), *said("sales")),
        (f"Profit, {till.currency}", *came(profit), *said("profit")),
    ]
    for name, words in (("accepted", "Accepted"), ("posted", "Posted")):
        one = None if foretold is None else foretold["content" if name == "posted" else name]
        expected = (UNKNOWN, UNKNOWN)
        if one is not None:
            expected = (f"{one['expected']:.1f}", f"{one['low']:.0f} to {one['high']:.0f}")
        rows.append((words, f"{counts[name]:,}", f"of {counts['invited']:,}", *expected))
    plain_table(
        ("What", "Came", f"{percent_text(told['level'])} interval", "Foretold", "8 cases of 10"),
        rows,
        caption="What came beside what was foretold",
        numeric=(1, 2, 3, 4),
    )
    if lift is not None:
        facts(
            [
                ("Attributed sales", till.text(lift["attributed"])),
                (
                    "Attributed over added",
                    UNKNOWN if lift["attributed_over_lift"] is None else f"{lift['attributed_over_lift']:.2f} times",
                ),
                ("Partnerships counted", f"{lift['partnerships']:,}"),
            ]
        )


def _creators(creators: Sequence[Mapping[str, Any]]) -> None:
    place = ui.element("div")
    orders = {"lift": "Added sales", "profit": "Profit", "foretold": "Foretold profit"}

    def amount(one: Mapping[str, Any], order: str) -> float:
        found = (one["foretold"] or {}).get("profit") if order == "foretold" else one[order]
        return float("-inf") if found is None else float(found)

    def show(order: str) -> None:
        place.clear()
        with place:
            _creators_table(sorted(creators, key=lambda one: (-amount(one, order), str(one["creator_id"]))))

    by = field("Order by", kind="select", value="lift", options=orders, on_change=lambda name: show(str(name)))
    by.classes("cr-short").move(target_index=1)
    show("lift")


def _creators_table(creators: Sequence[Mapping[str, Any]]) -> None:
    till = DOLLARS
    ends = [end for one in creators for end in (one["lift_low"], one["lift_high"]) if end is not None]
    scale = (min([0.0, *ends]), max([1.0, *ends]))

    def lift(one: Mapping[str, Any]) -> None:
        if one["lift"] is None:
            text(UNKNOWN)
            return
        with ui.element("span").classes("cr-meter cr-meter-wide"):
            text(till.number(one["lift"]), classes="cr-meter-value")
            said = f"{till.text(one['lift'])}, interval {till.span(one['lift_low'], one['lift_high'])}"
            interval_bar(one["lift_low"], one["lift"], one["lift_high"], ends=scale, label=said)

    def foretold(one: Mapping[str, Any], name: str) -> float | None:
        return None if one["foretold"] is None else one["foretold"][name]

    plain_table(
        ("Creator", "What came", f"Added sales, {till.currency}", "Profit", "Chance of content", "Lift foretold",
         "Profit foretold"),
        [
            (
                partial(_creator, one),
                str(one["came"]) + (" (left out)" if one["left_out"] else ""),
                partial(lift, one),
                till.number(one["profit"]),
                percent_text(foretold(one, "success")),
                till.number(foretold(one, "lift")),
                till.number(foretold(one, "profit")),
            )
            for one in creators
        ],
        caption="What came of each invitation, beside what was foretold",
        numeric=(3, 4, 5, 6),
    )  # fmt: skip
    text(
        "Lift foretold is that of a partnership that delivers; profit foretold counts that it may come to nothing.",
        tag="p",
        classes="cr-quiet cr-small",
    )


def _creator(one: Mapping[str, Any]) -> None:
    link(str(one["username"] or one["creator_id"]), f"/creators/{quote(str(one['creator_id']), safe='')}")


def _checks(checks: Sequence[Mapping[str, Any]]) -> None:
    for one in checks:
        with ui.element("div").classes("cr-check-row"):
            text(str(one["found"]), classes=f"cr-chip cr-chip-{_FOUND.get(str(one['found']), 'low')}")
            with ui.element("div"):
                text(f"{one['title']}. ", tag="b")
                text(str(one["text"]))


async def _printed(session: Session, request: Request) -> Response:
    """The report as a page that prints; it runs no script."""
    page = await session.client.report_page(request.path_params["campaign_id"])
    return HTMLResponse(page, headers={"content-security-policy": _POLICY})


LIST = Page(
    "/results",
    "Results",
    _list,
    icon="results",
    about="What came of past campaigns, beside what was foretold of them.",
    scopes=LOOKERS,
)
PAGE = Page(
    "/results/{campaign_id}",
    "Result",
    _one,
    heading=False,
    raw={"/results/{campaign_id}/page": _printed},
    scopes=LOOKERS,
)
