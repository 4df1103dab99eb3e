"""What stands behind a card, as tables of words: the counted events, what was left out and why, past partnerships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from features.cards.formula import amount
from features.cards.rows import outcome_words

__all__ = ["BehindTable", "tables_behind"]


@dataclass(frozen=True)
class BehindTable:
    """One table, latest first.

    Attributes
    ----------
    heads : tuple of str
    rows : sequence of tuple of str, as wide as ``heads``
    nothing : str
        What to say where there are no rows; may be empty.
    foot : str
        A sentence below it; may be empty.
    """

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    nothing: str
    foot: str = ""


def tables_behind(card: Mapping[str, Any]) -> Iterator[BehindTable]:
    """The tables of which ``card`` holds anything (`features.indices.with_history` gives it all of them)."""
    if "events" in card:
        counted = [
            (one["day"], one["component"].replace("_", " "), one["brand_id"] or "unknown",
             amount(one["value"], one["unit"]), f"{one['weight']:.2f}")
            for one in card["events"]
        ]  # fmt: skip
        elsewhere = sum((card.get("others") or {}).values())
        nothing = "" if elsewhere else "Nothing between this creator and a brand counts yet."
        heads = ("Day", "Counts for", "Brand", "Amount", "Weight")
        yield BehindTable("What was counted", heads, counted, nothing, _elsewhere(elsewhere))
    if "left_out" in card:
        apart = [(one["day"], one["what"], one["id"], one["reason"]) for one in card["left_out"]]
        yield BehindTable(
            "What was left out, and why", ("Day", "What", "Id", "Why"), apart, "Nothing was left out."
        )  # fmt: skip
    if "partnerships" in card:
        came = [
            (one["invited"], one["brand_id"] or "unknown", one["campaign_id"] or "unknown", one["due"] or "unknown",
             one["posted"] or "", outcome_words(one["outcome"], one["reason"]))
            for one in card["partnerships"]
        ]  # fmt: skip
        columns = ("Invited", "Brand", "Campaign", "Due", "Posted", "What came")
        yield BehindTable("Past partnerships", columns, came, "Nobody's invitation was accepted yet.")


def _elsewhere(count: int) -> str:
    if not count:
        return ""
    said = "1 event counts that is" if count == 1 else f"{count:,} events count that are"
    return f"{said} other brands' business alone."
