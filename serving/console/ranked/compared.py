"""Why one creator stands above another: what differs in the score, and which signals make the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nicegui import ui

from serving.client import Amount, AsyncClient, RankedCreator, Reason
from serving.console.asking import Asking
from serving.console.money import Till
from serving.console.pieces import (
    index_name,
    interval_text,
    money_text,
    percent_text,
    plain_table,
    score_text,
    text,
)

__all__ = ["Difference", "compare_two", "differences", "points_of"]


@dataclass(frozen=True)
class Difference:
    """One signal's part in the distance between two creators, in the currency of the reasons."""

    signal: str
    first: float | None
    second: float | None
    said: str

    @property
    def apart(self) -> float | None:
        """How much it speaks for the first over the second; None where it is among the strongest of one alone.

        What it is worth to the other is not told then: less than the least of the other's strongest, not nothing.
        """
        return None if self.first is None or self.second is None else self.first - self.second

    @property
    def size(self) -> float:
        """How far apart it may set the two: the difference, or all that is known of it."""
        return abs((self.first or 0.0) - (self.second or 0.0))


def differences(first: RankedCreator, second: RankedCreator) -> list[Difference]:
    """The signals among the strongest reasons of either, the largest difference first."""
    one, two = ({why.signal: why for why in creator.reasons} for creator in (first, second))
    found = []
    for signal in {**one, **two}:
        mine, other = one.get(signal), two.get(signal)
        why = mine or other
        said = signal if why is None else _subject(why)
        found.append(
            Difference(signal, mine.contribution if mine else None, other.contribution if other else None, said)
        )
    return sorted(found, key=lambda one: (-one.size, one.signal))


def _subject(why: Reason) -> str:
    """What a reason is about: without its verdict in front and its amounts behind."""
    said = why.words or why.text.rpartition(": ")[0] or why.text
    return said.partition(". ")[2] or said


def points_of(weights: Mapping[str, float], first: RankedCreator, second: RankedCreator) -> dict[str, float]:
    """Points of the score between two creators by what they come from; ``model`` is what the indices do not explain.

    An index that is not known counts 50, as in the score.
    """
    total = sum(weights.values()) or 1.0
    points = {}
    for name, index in first.indices.items():
        other = second.indices.get(name)
        mine = 50.0 if index is None else index
        points[name] = weights.get(name, 0.0) / total * (mine - (50.0 if other is None else other))
    return {"model": first.score - second.score - sum(points.values()), **points}


async def compare_two(
    client: AsyncClient,
    asking: Asking,
    till: Till,
    ids: tuple[str, str],
    *,
    weights: Mapping[str, float] | None,
    place: ui.element,
) -> None:
    """Draw into ``place`` why the better one of two stands above the other.

    Raises
    ------
    CollabrankError
        What the service refuses.
    """
    answer = await client.explain(list(ids), weights=weights, **asking.body)
    place.clear()
    with place:
        if len(answer.creators) < 2:
            text("One of the two is not eligible for this brief.", tag="p", classes="cr-quiet")
            return
        first, second = sorted(answer.creators, key=lambda one: one.position)
        _draw(first, second, till, points_of(answer.weights, first, second))


def _name(one: RankedCreator) -> str:
    return one.username or one.creator_id


def _standing(one: RankedCreator, name: str, index: float | None) -> str:
    return f"{score_text(index)} (peers alone)" if one.guessed(name) else score_text(index)


def _draw(first: RankedCreator, second: RankedCreator, till: Till, points: Mapping[str, float]) -> None:
    with ui.element("h2"):
        for part, of in (("Why ", "span"), (_name(first), "bdi"), (" stands above ", "span"), (_name(second), "bdi")):
            text(part, tag=of)
    sources = sorted(points.items(), key=lambda pair: -pair[1])
    lead = [
        f"{'the prediction' if name == 'model' else index_name(name).lower()} (+{worth:.1f})"
        for name, worth in sources
        if worth >= 0.05
    ][:3]
    drag = [
        f"{'the prediction' if name == 'model' else index_name(name).lower()} (−{-worth:.1f})"
        for name, worth in reversed(sources)
        if worth <= -0.05
    ][:2]
    said = f"{first.score - second.score:.1f} points of the score lie between them"
    said += f": for it, {', '.join(lead)}" if lead else ""
    said += f"; against it, {', '.join(drag)}" if drag else ""
    text(said + ".", tag="p")

    def amounts(amount: Amount) -> tuple[str, str]:
        low, mid, high = (till.of(v, amount.currency) for v in (amount.low, amount.expected, amount.high))
        return money_text(mid, till.currency), interval_text(low, high)

    rows: list[list[str]] = [["Place", str(first.position), str(second.position)]]
    rows.append(["Score", f"{first.score:.1f}", f"{second.score:.1f}"])
    for head, one, two in (
        ("Expected profit", first.utility, second.utility),
        ("Extra sales, if delivered", first.lift, second.lift),
    ):
        (mine, mine_ends), (other, other_ends) = amounts(one), amounts(two)
        rows += [[head, mine, other], ["  80 % between", mine_ends, other_ends]]
    rows.append(
        ["Chance of content", percent_text(first.success_probability), percent_text(second.success_probability)]
    )
    rows += [
        [index_name(name), _standing(first, name, index), _standing(second, name, second.indices.get(name))]
        for name, index in first.indices.items()
    ]
    plain_table(["", _name(first), _name(second)], rows, caption="The two side by side", numeric=[1, 2])
    text("What makes the difference in expected profit", tag="h3")
    text(
        "Each creator's strongest reasons, by how far they set the two apart; a dash: the signal is not among them, "
        "and what it is worth there is smaller than all that are.",
        tag="p",
        classes="cr-quiet cr-small",
    )
    # Reasons are told in USD; the till turns them into the currency of the page.
    plain_table(
        ["Signal", _name(first), _name(second), "Difference"],
        [
            [
                one.said,
                *(money_text(till.of(v, "USD"), till.currency) for v in (one.first, one.second, one.apart)),
            ]
            for one in differences(first, second)
        ],
        caption="Signals by how much they set the two apart",
        numeric=[1, 2, 3],
    )
