"""Creator: the score card, with what stands behind each index, past partnerships, and what would raise it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import ui
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from features.cards import (
    amount_words,
    card_headline,
    card_page,
    card_rows,
    component_formula,
    gains,
    index_formula,
    is_guess,
)
from serving.client import Behind, History, Similar
from serving.console import behind as behind_card
from serving.console.figures import figure, weeks_figure
from serving.console.pages.creators import remember_creator
from serving.console.pieces import (
    Answers,
    button,
    count_text,
    empty_state,
    facts,
    field,
    index_meter,
    index_name,
    link,
    notice,
    panel,
    percent_text,
    plain_table,
    score_text,
    text,
)
from serving.console.registry import LOOKERS, Page, Visit
from serving.console.sessions import Session

__all__ = ["PAGE"]

_ALIKE = {"category": "Category", "audience": "Audience", "taste": "Taste"}
_RAISE = 6
_WHOSE = "Invitations that were accepted, with the brands that your key is for."
_READING = "0 to 100. Light: where the value lies in 8 cases of 10. Hollow: from peers alone."

Index = Mapping[str, Any]


async def _card(visit: Visit) -> None:
    """One card."""
    name = visit.path["creator_id"]
    card = (await visit.client.card(name)).data
    creator = str(card["creator_id"])
    history, behind = await asyncio.gather(visit.client.history(creator), visit.client.behind(creator))
    # A creator's own key opens its card, and nothing of others.
    alike, brands = None, {}
    if visit.session.scope in LOOKERS:
        alike, catalogue = await asyncio.gather(visit.client.similar(creator), visit.catalogue())
        brands = {one.brand_id: one.name for one in catalogue.brands if one.name}
    rows = card_rows(card)
    remember_creator(visit, creator, str(card["username"] or creator))
    _head(card)
    with ui.element("div").classes("cr-halves cr-halves-wide"):
        with ui.element("div").classes("cr-beneath"):
            with panel("The indices", about=_READING, classes="cr-dense"):
                chosen = _Chosen(rows, history, behind, brands)
                _overview(rows, chosen)
            with panel(
                "What would raise an index the most",
                about="One more good event of today, everything else as it is.",
                classes="cr-raises",
            ):
                _raises(rows)
        with panel(classes="cr-detail"):
            chosen.place = ui.element("div").props('aria-live="polite" id="index"')
    # Events may be many: they have the page's whole width, and leave no column beside them empty.
    chosen.events = ui.element("div").props('id="counted"')
    chosen.show(_first(rows, visit.query.get("index", "")))
    with panel("What is not known"):
        _unknown(rows)
    with panel("Past partnerships", about=_WHOSE):
        behind_card.partnerships(behind, brands)
    with panel("Left out, and why", about="Of the last 180 days: what counts neither for nor against."):
        behind_card.left_out(behind, brands)
    if alike is not None:
        with panel("Alike"):
            _similar(visit, creator, alike)


def _head(card: Mapping[str, Any]) -> None:
    with ui.element("div").classes("cr-head cr-line cr-spread"):
        with ui.element("div"):
            text(str(card["username"] or card["creator_id"]), tag="h1").props('dir="auto"')
            text(
                f"As of {str(card['as_of'])[:10]}, from what was known before that day. "
                "Brand and creator see the same card.",
                tag="p",
                classes="cr-quiet",
            )
        link(
            "Print",
            f"/creators/{quote(str(card['creator_id']), safe='')}/page",
            kind="plain",
            icon="print",
            new_tab=True,
        )
    with panel(classes="cr-detail"):
        facts(
            [
                ("Creator", str(card["creator_id"])),
                ("Market", str(card["market"])),
                ("Followers", "unknown" if card["follower_count"] is None else f"{card['follower_count']:,}"),
                ("Language", str(card["language"] or "unknown")),
                ("Represented", str(card["agency_status"] or "unknown").lower().replace("_", " ")),
                ("Joined", str(card["joined_on"])),
            ]
        )
    if card.get("basis"):
        notice(f"The indices need no model; rankings beside this card are {card['basis']}", kind="info")


def _label(name: str, category: str) -> str:
    return f"{index_name(name)}: {category}" if category else index_name(name)


def _first(rows: list[tuple[str, str, dict[str, Any]]], asked: str) -> int:
    """The row that the address asks for, else the first of which something is known."""
    for place, (name, _, _) in enumerate(rows):
        if name == asked:
            return place
    return next((place for place, row in enumerate(rows) if not is_guess(row[2])), 0)


def _overview(rows: list[tuple[str, str, dict[str, Any]]], chosen: _Chosen) -> None:
    def choose(place: int) -> ui.element:
        name, category, _ = rows[place]
        made = button(category or index_name(name), lambda: chosen.pick(place), kind="quiet")
        made.classes("cr-pick").props('aria-controls="index"')
        if category:
            made.classes("cr-within")
            made.props(f'aria-label="{index_name(name)}: {category}"')
        chosen.buttons.append(made)
        return made

    def bar(index: Index) -> None:
        guess = is_guess(index)
        said = f"{index['value']:.0f}, 80 % interval {index['low']:.0f} to {index['high']:.0f}"
        made = index_meter(
            index["value"], low=index["low"], high=index["high"], label=f"{said}, from peers alone" if guess else said
        )
        if guess:
            made.classes("cr-guess")

    body: list[tuple[Any, ...]] = []
    for place, (name, category, index) in enumerate(rows):
        if category and not rows[place - 1][1]:
            body.append((partial(text, index_name(name), classes="cr-group"), "", "", ""))
        body.append(
            (
                partial(choose, place),
                partial(bar, index),
                score_text(index["confidence"]),
                f"{index['peer_rank']} of {index['peer_count']}",
            )
        )
    plain_table(
        ("Index", "Value and interval", "Confidence", "Rank"),
        body,
        caption="Every index, its value and interval",
        numeric=(2, 3),
    )


class _Chosen:
    """The index whose parts are shown."""

    def __init__(
        self,
        rows: list[tuple[str, str, dict[str, Any]]],
        history: History,
        behind: Behind,
        brands: Mapping[str, str],
    ) -> None:
        self.rows = rows
        self.history = history
        self.behind = behind
        self.brands = brands
        self.buttons: list[ui.element] = []
        self.place: ui.element = ui.element("div")
        self.events: ui.element = ui.element("div")

    def pick(self, at: int) -> None:
        """Draw row ``at``, and bring it into sight where it lies below the list."""
        self.show(at)
        ui.run_javascript("collabrank.index()")

    def show(self, at: int) -> None:
        """Draw row ``at``."""
        for place, made in enumerate(self.buttons):
            made.props(f'aria-pressed="{"true" if place == at else "false"}"')
        name, category, index = self.rows[at]
        self.place.clear()
        with self.place:
            _detail(name, category, index, self.history)
        self.events.clear()
        with self.events:
            behind_card.counted(_label(name, category), index, self.behind, self.brands)


def _detail(name: str, category: str, index: Index, history: History) -> None:
    with ui.element("div").classes("cr-line cr-spread"):
        text(_label(name, category), tag="h2").props('dir="auto"')
        text(score_text(index["value"]), classes="cr-figure")
    text(f"{index['says'][:1].upper()}{index['says'][1:]}.", tag="p")
    if is_guess(index):
        notice(
            "Nothing of the creator's own is known of this: the value is what peers lead one to expect.", kind="warn"
        )
    elif index.get("note"):
        notice(f"{index['note'][:1].upper()}{index['note'][1:]}.", kind="warn")
    change = index["change_28d"]
    average = index["peer_average"]
    facts(
        [
            ("80 % interval", f"{index['low']:.0f} to {index['high']:.0f}"),
            ("Confidence", score_text(index["confidence"])),
            ("In 28 days", "not known then" if change is None else f"{change:+.1f}".replace("-", "−")),
            ("Among peers", f"{index['peer_rank']} of {index['peer_count']}"),
            ("Peers", str(index["peers"])),
            ("Their average", score_text(average)),
        ]
    )
    _weeks(name, category, history)
    text("How it comes about", tag="h3")
    text(index_formula(index), tag="p", classes="cr-formula")
    plain_table(
        ("Part", "Weight x place", "Points"),
        [
            (
                partial(_part, part),
                f"{part['weight']:.2f} x {part['percentile']:.1f}",
                f"{part['weight'] * part['percentile']:.1f}",
            )
            for part in index["components"]
        ],
        caption=f"The parts of {_label(name, category)}",
        numeric=(1, 2),
    )
    told = gains(index)
    if told:
        text("What would raise it", tag="h3")
        with ui.element("ul").classes("cr-list"):
            for words, points in told:
                text(f"{words[:1].upper()}{words[1:]}: +{points:.1f}", tag="li")


def _part(part: Mapping[str, Any]) -> None:
    with ui.element("div"):
        text(f"{part['text'][:1].upper()}{part['text'][1:]}: ")
        text(amount_words(part), tag="b")
    text(component_formula(part), tag="div", classes="cr-quiet cr-small")


def _weeks(name: str, category: str, history: History) -> None:
    if history.note:
        text(f"Week by week: {history.note}.", tag="p", classes="cr-quiet cr-small")
    values = () if category else history.indices.get(name, ())
    if len(values) < 2:
        return
    known = [(day, value) for day, value in zip(history.days, values, strict=True) if value is not None]
    if len(known) < 2:
        return
    (first, start), (last, end) = known[0], known[-1]
    figure(
        weeks_figure(list(history.days), list(values)),
        label=f"Week by week, from {start:.0f} on {first} to {end:.0f} on {last}",
        tall=7.5,
    )
    text(f"From {start:.0f} on {first} to {end:.0f} on {last}, week by week.", tag="p", classes="cr-quiet cr-small")


def _raises(rows: list[tuple[str, str, dict[str, Any]]]) -> None:
    told = [(points, words, _label(name, category)) for name, category, index in rows for words, points in gains(index)]
    told.sort(key=lambda one: (-one[0], one[2], one[1]))
    if not told:
        text("No single event would move an index by a tenth of a point.", tag="p")
        return
    plain_table(
        ("What", "Index", "Points"),
        [(f"{words[:1].upper()}{words[1:]}", label, f"+{points:.1f}") for points, words, label in told[:_RAISE]],
        caption="What would raise an index the most",
        numeric=(2,),
    )


def _unknown(rows: list[tuple[str, str, dict[str, Any]]]) -> None:
    found: dict[tuple[str, str], list[str]] = {}
    for name, category, index in rows:
        parts = "; ".join(part["text"] for part in index["components"] if part["own"] is None)
        if parts:
            found.setdefault((name, parts), []).extend([category] if category else [])
    if not found:
        text("Something of the creator's own is known of every part.", tag="p")
        return
    with ui.element("ul").classes("cr-list"):
        for (name, parts), within in found.items():
            of = f" ({', '.join(within)})" if within else ""
            text(f"{index_name(name)}{of}: {parts}", tag="li").props('dir="auto"')


def _similar(visit: Visit, creator: str, found: Similar) -> None:
    place = ui.element("div").props('aria-live="polite"')
    answers = Answers(place)

    async def show(by: str) -> None:
        await answers.show(lambda: visit.client.similar(creator, by=by), _similar_table, again=lambda: show(by))

    by = field("Alike by", kind="select", value=found.by, options=_ALIKE, on_change=lambda name: show(str(name)))
    by.classes("cr-short").move(target_index=1)
    with place:
        _similar_table(found)


def _similar_table(found: Similar) -> None:
    if not found.similar:
        with empty_state("Nobody is much alike", found.note or ""):
            pass
        return
    plain_table(
        ("Creator", "Market", "Followers", "Alike", "In what"),
        [
            (
                partial(link, one.username or one.creator_id, f"/creators/{quote(one.creator_id, safe='')}"),
                one.market,
                count_text(one.followers),
                percent_text(one.similarity),
                partial(text, "; ".join(one.alike), classes="cr-words"),
            )
            for one in found
        ],
        caption="Creators who are alike",
        numeric=(2, 3),
    )


async def _printed(session: Session, request: Request) -> Response:
    """The card as a page that prints; it runs no script."""
    card = dict((await session.client.card(request.path_params["creator_id"])).data)
    creator = str(card["creator_id"])
    history, behind = await asyncio.gather(session.client.history(creator), session.client.behind(creator))
    weeks = {name: list(values) for name, values in history.indices.items()}
    card["history"] = {"days": list(history.days), "indices": weeks}
    if behind.note is None:
        card["events"] = [asdict(one) for one in behind.events]
        card["others"] = behind.others
        card["left_out"] = [asdict(one) for one in behind.left_out]
        card["partnerships"] = [asdict(one) for one in behind.partnerships]
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    page = card_page(card, card_headline(card), card_rows(card))
    return HTMLResponse(page, headers={"content-security-policy": policy})


PAGE = Page(
    "/creators/{creator_id}",
    "Creator",
    _card,
    heading=False,
    raw={"/creators/{creator_id}/page": _printed},
    scopes=(*LOOKERS, "creator"),
)
