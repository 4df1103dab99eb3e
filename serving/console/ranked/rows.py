"""An answer of the service as rows for the table: numbers to sort by, and the same in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marketplace.text import printable
from serving.client import RankedCreator
from serving.console.money import Till
from serving.console.pieces import count_text, interval_text, money_text, percent_text
from serving.console.ranked.reasons import reason_lead, reason_text

__all__ = ["Row", "reasons_of", "rows_of", "unsigned"]

Row = dict[str, Any]


def _rounded(value: float | None, places: int = 2) -> float | None:
    return None if value is None else round(value, places)


def rows_of(creators: Iterable[RankedCreator], till: Till) -> list[Row]:
    """One row a creator, in the order of the answer; money in the till's currency.

    ``u`` is the expected profit, ``l`` the extra sales (with ``_low``, ``_high`` and words), ``p`` the chance of
    content in percent, ``i_NAME`` an index, ``d_NAME`` the ends of its interval and its confidence.
    """
    return [_row(one, till) for one in creators]


def _row(one: RankedCreator, till: Till) -> Row:
    row: Row = {
        "id": one.creator_id,
        "name": printable(one.username or one.creator_id),
        "place": one.position,
        "slot": one.slot,
        "score": round(one.score, 1),
        "p": round(100 * one.success_probability, 1),
        "p_text": percent_text(one.success_probability),
        "confidence": _rounded(one.confidence, 1),
        "followers": one.follower_count,
        "followers_text": count_text(one.follower_count),
        **reasons_of(one, till),
    }
    for letter, amount in (("u", one.utility), ("l", one.lift)):
        ends = [till.of(value, amount.currency) for value in (amount.expected, amount.low, amount.high)]
        row |= {
            letter: _rounded(ends[0]),
            f"{letter}_low": _rounded(ends[1]),
            f"{letter}_high": _rounded(ends[2]),
            f"{letter}_text": money_text(ends[0], till.currency),
            f"{letter}_ends": interval_text(ends[1], ends[2], till.currency),
        }
    if one.nothing_posted_probability is not None:
        row["nothing"] = round(100 * one.nothing_posted_probability, 1)
    for name, index in one.indices.items():
        low, high, confidence = one.index_doubt.get(name, (None, None, None))
        row[f"i_{name}"] = _rounded(index, 1)
        row |= {f"d_{name}": [_rounded(low, 1), _rounded(high, 1), confidence]}
    return row


def reasons_of(one: RankedCreator, till: Till) -> Row:
    """A creator's reasons, money in the till's currency.

    ``why`` are all of them in words, the strongest first, each with + or − in front; ``lead`` is the strongest one's
    amount of expected profit, and its words without it.
    """
    said = [f"{'+' if why.contribution >= 0 else '−'} {reason_text(why, till)}" for why in one.reasons]
    return {"why": said, "lead": list(reason_lead(one.reasons[0], till)) if said else []}


def unsigned(reason: str) -> str:
    """A reason of ``why`` without the sign in front, which its amount has, too: no text that begins like a formula."""
    return reason[2:] if reason[:2] in ("+ ", "− ") else reason
