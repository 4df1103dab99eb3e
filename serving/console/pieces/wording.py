"""Numbers in words as the console writes them: one way for money, shares, counts, indices; a dash for the unknown."""

from __future__ import annotations

import math

from marketplace.errors import CollabrankError

__all__ = [
    "UNKNOWN",
    "count_text",
    "counted_text",
    "index_name",
    "interval_text",
    "money_text",
    "percent_text",
    "said_of",
    "score_text",
]

UNKNOWN = "–"
"""What is not known; never a nought."""

_MINUS = "−"


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _short(value: float, *, digits: int = 3) -> str:
    """``value`` (0 or more) with K, M, B or T where it is long."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e5, "K")):
        if value >= size * (1.0 if letter == "K" else 0.99995):
            scaled = value / (1e3 if letter == "K" else size)
            places = max(0, digits - len(str(int(scaled))))
            return f"{scaled:,.{places}f}".rstrip("0").rstrip(".") + letter if places else f"{scaled:,.0f}{letter}"
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}"


def money_text(amount: float | None, currency: str) -> str:
    """An amount with its currency, such as ``2,308 USD``, ``−1.25M IDR``; a dash where it is not known."""
    if amount is None or not _known(amount):
        return UNKNOWN
    return f"{_MINUS if round(amount, 2) < 0 else ''}{_short(abs(amount))} {currency}"


def interval_text(low: float | None, high: float | None, currency: str = "") -> str:
    """The ends of an interval, such as ``−308 to 4,673 USD``."""
    if low is None or high is None or not (_known(low) and _known(high)):
        return UNKNOWN
    ends = [f"{_MINUS if round(end, 2) < 0 else ''}{_short(abs(end))}" for end in (low, high)]
    return f"{ends[0]} to {ends[1]}{f' {currency}' if currency else ''}"


def percent_text(share: float | None, *, places: int = 0) -> str:
    """A share of 1 in percent: ``34 %``."""
    return UNKNOWN if share is None or not _known(share) else f"{100 * share:.{places}f} %"


def count_text(count: float | None) -> str:
    """A count: ``418,759``; ``1.2M`` from a hundred thousand on."""
    return UNKNOWN if count is None or not _known(count) else _short(round(count))


def counted_text(count: int, what: str) -> str:
    """So many of something: ``1 applicant``, ``8 applicants``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def score_text(value: float | None) -> str:
    """A score or an index, 0..100, without places."""
    return UNKNOWN if value is None or not _known(value) else f"{value:.0f}"


def index_name(name: str) -> str:
    """An index's name as a heading: ``Category influence``."""
    return name.replace("_", " ").capitalize()


def said_of(error: Exception) -> tuple[str, str]:
    """An error for a user: what happened in one line, and what may be done about it."""
    status = getattr(error, "status", None)
    if not isinstance(error, CollabrankError) or status in (502, 503, 504):
        said = f"Expected {error.expected}; received {error.received}." if isinstance(error, CollabrankError) else ""
        return "The ranking service does not answer.", said or "It may be starting. Try again in a moment."
    if status == 401:
        return "Your key no longer opens the service.", "Sign out and in again, or ask your operator for a new key."
    if status == 429:
        return "That was more than your key may ask for at once.", "Wait a moment and try again."
    return f"Expected {error.expected}.", f"Received {error.received}."
