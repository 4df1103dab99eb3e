"""Time: two clocks on whole days, when a thing happened and when it could be known (bitemporal)."""

from __future__ import annotations

from features.time.clocks import (
    FOREVER,
    as_of_day,
    as_of_days,
    day_number,
    day_of,
    days_of,
    known_latest,
    known_once,
    known_states,
    meet,
    seconds_between,
)
from features.time.entities import default_as_of, known_ids, known_until
from features.time.money import brief_rates, fx_intervals, in_usd, to_usd, usd_rates

__all__ = [
    "FOREVER",
    "as_of_day",
    "as_of_days",
    "brief_rates",
    "day_number",
    "day_of",
    "days_of",
    "default_as_of",
    "fx_intervals",
    "in_usd",
    "known_ids",
    "known_latest",
    "known_once",
    "known_states",
    "known_until",
    "meet",
    "seconds_between",
    "to_usd",
    "usd_rates",
]
