"""Shortlists: what was picked from rankings, to look at again, take away as a file, or push to a tool."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from nicegui import ui
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from marketplace.errors import CollabrankError
from serving.console.hooks import push
from serving.console.kept import Kept, KeptThing
from serving.console.pieces import (
    button,
    counted_text,
    empty_state,
    field,
    link,
    notice,
    panel,
    percent_text,
    plain_table,
    score_text,
    text,
)
from serving.console.ranked import Row
from serving.console.registry import Page, Visit
from serving.console.sessions import Session
from serving.console.shortlists import KIND, as_message, file_answer

__all__ = ["PAGE"]


class _View:
    """The lists, and the one that is open."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.open = visit.query.get("list", "")
        self._place = ui.element("div").classes("cr-body")
        self.draw()

    def draw(self) -> None:
        """Draw everything as it is kept now."""
        lists = self.visit.kept.all(KIND)
        self._place.clear()
        with self._place:
            if not lists:
                with empty_state("No shortlists yet", "Tick creators in a ranking and choose Shortlist."):
                    link("Go to the ranking", "/ranking", kind="primary")
                return
            opened = next((one for one in lists if one.id == self.open), lists[0])
            with panel("Lists"), ui.element("div").classes("cr-line"):
                for one in lists:
                    made = link(f"{one.name} · {len(one.what['rows'])}", f"/shortlists?list={one.id}", kind="plain")
                    if one is opened:
                        made.props('aria-current="true"').classes("cr-current")
            self._draw_list(opened)

    def _draw_list(self, one: KeptThing) -> None:
        rows: list[Row] = one.what["rows"]
        with panel(classes="cr-list"):
            with ui.element("div").classes("cr-line cr-spread"):
                text(one.name, tag="h2").props('dir="auto"')
                with ui.element("div").classes("cr-line"):
                    for ending in ("csv", "xlsx"):
                        link(
                            ending.upper(), f"/shortlists/{one.id}/export.{ending}", kind="plain", icon="download"
                        ).props(f'download aria-label="Export as {ending.upper()}"')
                    for name, _ in self.visit.settings.webhooks:
                        button(f"Push to {name}", partial(self._push, one, name), kind="plain", icon="send")
            changed = datetime.fromtimestamp(one.changed, UTC)
            about = (
                f"For {one.what['brief']} · model {one.what['model_version']} · changed {changed:%Y-%m-%d %H:%M} UTC"
            )
            text(about, tag="p", classes="cr-quiet cr-small").props('dir="auto"')
            self._said = ui.element("div")
            if rows:
                self._table(one, rows)
            else:
                text("Nobody is on it.", tag="p", classes="cr-quiet")
            with ui.element("details").classes("cr-manage"):
                text("Rename or delete", tag="summary")
                with ui.element("div").classes("cr-line"):
                    called = field("Name", value=one.name, wait=0.0)
                    button("Rename", lambda: self._rename(one, called.value), kind="plain")
                    button("Delete the list", lambda: self._delete(one), kind="plain")

    def _table(self, one: KeptThing, rows: list[Row]) -> None:
        query = one.what["query"]

        def cells(row: Row) -> list[str | Callable[[], Any]]:
            return [
                lambda: link(row["name"], f"/creators/{row['id']}?{query}"),
                score_text(row["score"]),
                row["u_text"],
                row["u_ends"],
                percent_text(row["p"] / 100),
                row["l_text"],
                row.get("added", ""),
                lambda: button(
                    "", lambda: self._remove(one, row["id"]), kind="bare", icon="close", title=f"Take {row['name']} off"
                ),
            ]

        heads = ["Creator", "Score", "Expected profit", "80 % between", "Chance of content", "Extra sales", "Added", ""]
        plain_table(heads, [cells(row) for row in rows], caption=f"Creators on {one.name}", numeric=[1, 2, 3, 4, 5])

    def _remove(self, one: KeptThing, creator_id: str) -> None:
        rows = [row for row in one.what["rows"] if row["id"] != creator_id]
        self.visit.kept.put(KIND, one.name, {**one.what, "rows": rows}, identity=one.id)
        self.open = one.id
        self.draw()

    def _rename(self, one: KeptThing, name: str | None) -> None:
        self.visit.kept.put(KIND, name or one.name, one.what, identity=one.id)
        self.open = one.id
        self.draw()

    def _delete(self, one: KeptThing) -> None:
        self.visit.kept.drop(KIND, one.id)
        self.open = ""
        self.draw()

    async def _push(self, one: KeptThing, name: str) -> None:
        self._say(f"Sending it to {name}.")
        try:
            await push(self.visit.settings, name, as_message(one))
        except CollabrankError as error:
            # Of the receiver, not of the ranking service, which has nothing to do with it.
            said = f"expected {error.expected}, received {error.received}"
            self._say(f"{name} has not taken the list: {said}. It can be pushed again.", kind="bad")
            return
        self._say(f"{name} has taken {counted_text(len(one.what['rows']), 'creator')}.", kind="good")

    def _say(self, said: str, *, kind: str = "info") -> None:
        self._said.clear()
        with self._said:
            notice(said, kind=kind)


async def _draw(visit: Visit) -> None:
    _View(visit)


async def _export(ending: str, session: Session, request: Request) -> Response:
    one = Kept(session.owner).one(KIND, request.path_params["identity"])
    if one is None:
        return PlainTextResponse("There is no such shortlist.\n", 404)
    return file_answer(one.name, one.what["currency"], one.what["rows"], ending)


PAGE = Page(
    "/shortlists",
    "Shortlists",
    _draw,
    icon="shortlist",
    about="Creators that you picked, with what was foretold of them then.",
    raw={f"/shortlists/{{identity}}/export.{ending}": partial(_export, ending) for ending in ("csv", "xlsx")},
)
