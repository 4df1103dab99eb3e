"""A reason in words, its amounts in the currency of the page: what stands beside them is told in it."""

from __future__ import annotations

from serving.client import Reason
from serving.console.money import Till
from serving.console.pieces import money_text

__all__ = ["reason_lead", "reason_text"]


def reason_text(why: Reason, till: Till) -> str:
    """``why`` in words, its dollars as money of ``till``.

    A service of an earlier version does not tell the words apart from the amounts: then they stay in USD.
    """
    if till.currency == "USD" or not why.words:
        return why.text
    return f"{why.words}: {_amount(why, till)} ({_profit(why, till)} of expected profit)"


def reason_lead(why: Reason, till: Till) -> tuple[str, str]:
    """What ``why`` adds to the expected profit or takes from it, and its words without that."""
    return _profit(why, till), f"{why.words}: {_amount(why, till)}" if why.words else why.text


def _profit(why: Reason, till: Till) -> str:
    """With its sign."""
    return f"{'+' if why.contribution >= 0 else ''}{money_text(till.of(why.contribution, 'USD'), till.currency)}"


def _amount(why: Reason, till: Till) -> str:
    """The signal's amount: money where its unit is, else as the service says it."""
    unit, of, denominator = why.unit.partition(" per ")
    if unit == "USD" and denominator != "USD" and why.value is not None:
        return f"{money_text(till.of(why.value, 'USD'), till.currency)}{of}{denominator}"
    return why.text.removeprefix(f"{why.words}: ").rpartition(" (")[0]
