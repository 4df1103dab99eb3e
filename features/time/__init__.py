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
    known_rows_of,
    known_states,
    meet,
    seconds_between,
)
from features.time.decay import HALF_LIFE_DAYS, decay, decay_of
from features.time.entities import (
    creators_before,
    default_as_of,
    known_creators,
    known_ids,
    known_until,
    midnight_after,
    midnight_of,
)
from features.time.money import brief_rates, fx_intervals, in_usd, money_is_told, to_usd, unrated_share, usd_rates

__all__ = [
    "FOREVER",
    "HALF_LIFE_DAYS",
    "as_of_day",
    "as_of_days",
    "brief_rates",
    "creators_before",
    "day_number",
    "day_of",
    "days_of",
    "decay",
    "decay_of",
    "default_as_of",
    "fx_intervals",
    "in_usd",
    "known_creators",
    "known_ids",
    "known_latest",
    "known_once",
    "known_rows_of",
    "known_states",
    "known_until",
    "meet",
    "midnight_after",
    "midnight_of",
    "money_is_told",
    "seconds_between",
    "to_usd",
    "unrated_share",
    "usd_rates",
]
