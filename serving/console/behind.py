"""What lies behind a card, drawn: the events that count in an index, past partnerships, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from features.cards import amount, outcome_words
from serving.client import Behind
from serving.console.pieces import UNKNOWN, counted_text, panel, plain_table, text

__all__ = ["counted", "left_out", "partnerships"]

_MOST = 60
"""Lines of a table; older ones are counted."""


def counted(label: str, index: Mapping[str, Any], behind: Behind, brands: Mapping[str, str]) -> None:
    """Draw a panel of the events that count in ``index``, and how many of other brands do; none where no event does.

    ``label`` is the index's name, ``brands`` has the names of those that are known by name.
    """
    parts = {part["name"]: part["text"] for part in index["components"]}
    mine = [one for one in behind.events if one.component in parts]
    others = sum(count for name, count in behind.others.items() if name in parts)
    if not mine and not others:
        return
    with panel("What was counted", about=f"The events that count in {label}, the newest first."):
        if mine:
            plain_table(
                ("Day", "Counts for", "Brand", "Amount", "Weight"),
                [
                    (
                        _day(one.day),
                        _words(parts[one.component]),
                        _brand(one.brand_id, brands),
                        amount(one.value, one.unit),
                        f"{one.weight:.2f}",
                    )
                    for one in mine[:_MOST]
                ],
                caption="Events that count in this index",
                numeric=(3, 4),
            )
            _older(len(mine))
        if others:
            what = "more event that counts is" if mine else "event that counts is"
            whats = "more events that count are" if mine else "events that count are"
            text(
                f"{others:,} {what if others == 1 else whats} not told here: they are other brands' business.",
                tag="p",
                classes="cr-quiet cr-small",
            )


def partnerships(behind: Behind, brands: Mapping[str, str]) -> None:
    """Draw the partnerships so far, and what they came to."""
    if behind.note or not behind.partnerships:
        text(_none(behind, "No partnership that your key may see."), tag="p", classes="cr-quiet")
        return
    plain_table(
        ("Invited", "Brand", "Campaign", "Category", "Due", "Posted", "What came"),
        [
            (
                _day(one.invited),
                _brand(one.brand_id, brands),
                one.campaign_id or UNKNOWN,
                one.category_id or UNKNOWN,
                _day(one.due),
                _day(one.posted),
                _words(outcome_words(one.outcome, one.reason)),
            )
            for one in behind.partnerships[:_MOST]
        ],
        caption="Partnerships, the newest first",
    )
    _older(len(behind.partnerships))


def left_out(behind: Behind, brands: Mapping[str, str]) -> None:
    """Draw what counts neither for nor against, and why."""
    if behind.note or not behind.left_out:
        text(_none(behind, "Nothing that your key may see was left out."), tag="p", classes="cr-quiet")
        return
    plain_table(
        ("Day", "What", "Id", "Brand", "Why"),
        [
            (_day(one.day), one.what, one.id, _brand(one.brand_id, brands), _words(one.reason))
            for one in behind.left_out[:_MOST]
        ],
        caption="What was left out of the last 180 days, and why",
    )
    _older(len(behind.left_out))


def _none(behind: Behind, otherwise: str) -> str:
    return f"{behind.note[:1].upper()}{behind.note[1:]}." if behind.note else otherwise


def _day(day: str | None) -> Callable[[], Any]:
    return partial(text, day or UNKNOWN, classes="cr-day")


def _words(words: str) -> Callable[[], Any]:
    return partial(text, words, classes="cr-words")


def _brand(brand_id: str | None, brands: Mapping[str, str]) -> str:
    return UNKNOWN if brand_id is None else brands.get(brand_id, brand_id)


def _older(count: int) -> None:
    if count > _MOST:
        text(f"and {counted_text(count - _MOST, 'older one')}", tag="p", classes="cr-quiet cr-small")
