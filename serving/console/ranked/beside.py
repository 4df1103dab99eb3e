"""What is told of one creator beside the table: predictions, reasons, indices with intervals, and who is alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui

from marketplace.errors import CollabrankError
from serving.client import AsyncClient, RankedCreator
from serving.console.asking import Asking
from serving.console.money import Till
from serving.console.pieces import (
    button,
    confidence_chip,
    count_text,
    index_meter,
    index_name,
    interval_bar,
    interval_text,
    link,
    money_text,
    percent_text,
    refusal_panel,
    score_text,
    text,
    waiting,
)
from serving.console.ranked.alike import look_alikes
from serving.console.ranked.reasons import reason_text

__all__ = ["CreatorBeside"]


class CreatorBeside:
    """The panel beside the table; empty and away until a creator is opened.

    Parameters
    ----------
    client : AsyncClient
        Whom to ask.
    asking : Asking
        The brief.
    till : Till
        The currency to show.
    on_shortlist : callable
        Told of the creator that is to be kept.
    """

    def __init__(
        self,
        client: AsyncClient,
        asking: Asking,
        till: Till,
        *,
        on_shortlist: Callable[[str], Awaitable[None]],
    ) -> None:
        self._client = client
        self._asking = asking
        self._till = till
        self._on_shortlist = on_shortlist
        self._round = 0
        self._panel = ui.element("aside").classes("cr-beside").props('aria-label="The creator" tabindex="-1"')
        self._panel.set_visibility(False)

    def close(self) -> None:
        """Put the panel away."""
        self._round += 1
        self._panel.set_visibility(False)
        self._panel.clear()

    async def show(self, creator_id: str, weights: Mapping[str, float] | None) -> None:
        """Open a creator."""
        self._round += 1
        mine = self._round
        self._panel.clear()
        self._panel.set_visibility(True)
        with self._panel:
            waiting(6, label="Loading the creator")
        try:
            answer = await self._client.explain([creator_id], weights=weights, **self._asking.body)
        except CollabrankError as error:
            if mine == self._round:
                self._panel.clear()
                with self._panel:
                    self._head(creator_id, creator_id)
                    refusal_panel(error, again=lambda: self.show(creator_id, weights))
            return
        if mine != self._round:
            return
        self._panel.clear()
        with self._panel:
            if not answer.creators:
                self._head(creator_id, creator_id)
                text("Not eligible for this brief.", tag="p", classes="cr-quiet")
                return
            self._draw(answer.creators[0], answer.considered)
        ui.run_javascript("collabrank.beside()")

    def _head(self, creator_id: str, name: str) -> None:
        with ui.element("div").classes("cr-line cr-spread"):
            text(name, tag="h2", classes="cr-beside-name").props('dir="auto"')
            button("", self.close, kind="quiet", icon="close", title="Close")
        text(creator_id, tag="p", classes="cr-quiet cr-small")

    def _draw(self, one: RankedCreator, considered: int) -> None:
        self._head(one.creator_id, one.username or one.creator_id)
        with ui.element("div").classes("cr-line"):
            text(f"Place {one.position} of {count_text(considered)}", classes="cr-chip cr-chip-accent")
            text(f"Score {score_text(one.score)}", classes="cr-chip")
            confidence_chip(one.confidence)
        with ui.element("div").classes("cr-line cr-actions"):

            async def keep() -> None:
                await self._on_shortlist(one.creator_id)

            button("Shortlist", keep, kind="plain", icon="shortlist")
            link("Score card", f"/creators/{one.creator_id}?{self._asking.query}", kind="plain", icon="creator")
        self._predictions(one)
        text("Why", tag="h3")
        self._reasons(one)
        text("Indices", tag="h3")
        self._indices(one)
        text("Look-alikes", tag="h3")
        look_alikes(self._client, one.creator_id, query=self._asking.query)

    def _predictions(self, one: RankedCreator) -> None:
        text("Predicted", tag="h3")
        with ui.element("div").classes("cr-predicted"):
            for head, amount in (("Expected profit", one.utility), ("Extra sales, if delivered", one.lift)):
                low, mid, high = (self._till.of(v, amount.currency) for v in (amount.low, amount.expected, amount.high))
                said = interval_text(low, high, self._till.currency)
                ends = (1.15 * min(0.0, low or 0.0), 1.15 * max(1.0, high or 0.0))
                with ui.element("div"):
                    text(head, classes="cr-quiet cr-small")
                    text(money_text(mid, self._till.currency), classes="cr-strong")
                    interval_bar(low, mid, high, ends=ends, label=f"{head}: 80 % between {said}")
                    text(f"80 %: {said}", classes="cr-quiet cr-small")
            with ui.element("div"):
                text("Chance of content", classes="cr-quiet cr-small")
                text(percent_text(one.success_probability), classes="cr-strong")
            if one.nothing_posted_probability is not None:
                with ui.element("div"):
                    text("Chance that nothing is posted", classes="cr-quiet cr-small")
                    text(percent_text(one.nothing_posted_probability), classes="cr-strong")

    def _reasons(self, one: RankedCreator) -> None:
        if not one.reasons:
            text("No reason stands out.", tag="p", classes="cr-quiet")
        with ui.element("ul").classes("cr-reasons"):
            for why in one.reasons:
                speaks_for = why.contribution >= 0
                with ui.element("li").classes("cr-for" if speaks_for else "cr-against"):
                    text("+" if speaks_for else "−", classes="cr-mark").props(
                        f'role="img" aria-label="{"speaks for" if speaks_for else "speaks against"}"'
                    )
                    text(reason_text(why, self._till)).props('dir="auto"')

    def _indices(self, one: RankedCreator) -> None:
        with ui.element("div").classes("cr-indices"):
            for name, index in one.indices.items():
                low, high, _ = one.index_doubt.get(name, (None, None, None))
                said = f"{index_name(name)} {score_text(index)}"
                if low is not None and high is not None:
                    said += f", 80 % between {score_text(low)} and {score_text(high)}"
                if one.guessed(name):
                    said += ": expected from peers alone"
                text(f"{index_name(name)}{' (peers alone)' if one.guessed(name) else ''}", classes="cr-small")
                index_meter(index, low=low, high=high, label=said)
