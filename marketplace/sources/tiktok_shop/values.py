"""The API's ways to write an amount, a rate, an instant and an age band, read as the contract wants them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

__all__ = ["age_band", "amount", "at", "of_ten_thousand", "percentage", "whole"]

_GROUPED = re.compile(r"[^\d.,-]*(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)[^\d.,]*")


def amount(told: Any) -> float | None:
    """An amount in major units, from ``"12.50"``, ``12.5``, ``"$1,234.50"`` or an object with ``amount``; None where
    it is none, or could be read in two ways."""
    if isinstance(told, dict):
        told = told.get("amount")
    if isinstance(told, str):
        found = _GROUPED.fullmatch(told.strip())
        told = found[1].replace(",", "") if found else None
    try:
        value = float(told)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value >= 0.0 else None


def whole(told: Any) -> int | None:
    """A count; None where it is none."""
    value = amount(told)
    return int(value) if value is not None and value == int(value) else None


def of_ten_thousand(told: Any) -> float | None:
    """A fraction from hundredths of a percent: 3587 is 0.3587; None outside 0 to 1."""
    value = amount(told)
    return value / 10_000 if value is not None and value <= 10_000 else None


def percentage(told: Any) -> float | None:
    """A fraction from ``"60.85%"`` or ``"60.85"``; None outside 0 to 1."""
    value = amount(str(told).strip().removesuffix("%")) if told not in (None, "") else None
    return value / 100 if value is not None and value <= 100 else None


def at(told: Any) -> datetime | None:
    """An instant in UTC, from seconds since 1970 (number or text) or an ISO time; without a zone it counts as UTC."""
    if told in (None, "", 0, "0"):
        return None
    try:
        if isinstance(told, str) and not told.strip().isdigit():
            read = datetime.fromisoformat(told)
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        return datetime.fromtimestamp(int(told), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def age_band(told: Any) -> str | None:
    """``"35-44"`` from itself or from ``"AGE_RANGE_35_44"``; ``"55+"`` from ``"AGE_RANGE_55_AND_ABOVE"``."""
    if not isinstance(told, str) or not told:
        return None
    return told.removeprefix("AGE_RANGE_").replace("_AND_ABOVE", "+").replace("_", "-")
