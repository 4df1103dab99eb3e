"""The windows and limits that the whole contract shares."""

from __future__ import annotations

__all__ = [
    "ATTRIBUTION_DAYS",
    "FIRST_DAY",
    "FX_FILL_DAYS",
    "GRACE_DAYS",
    "LARGEST_RATE",
    "LARGEST_TOTAL_USD",
    "LAST_DAY",
    "LEAST_RATE",
    "LONGEST_TEXT",
    "RATE_FACTOR",
    "REFUND_DAYS",
    "REPLY_DAYS",
    "REPORTING_CURRENCY",
    "USUAL_FACTOR",
]

REPORTING_CURRENCY = "USD"

FX_FILL_DAYS = 7
"""A day without a rate takes the latest of the days before, at most this many back (weekends, holidays)."""

LEAST_RATE = 1e-6
LARGEST_RATE = 1e3
"""USD for one unit of any currency there is lies between these."""

RATE_FACTOR = 10.0
"""A rate this many times off its currency's median, up or down, is a slip of the decimal point and no movement."""

USUAL_FACTOR = 8.0
"""A rate this many times off what its currency is usually worth is another currency's, or upside down."""

LARGEST_TOTAL_USD = 1e12
"""More than a column of money ever comes to; sums are exact in millionths of a dollar up to some times as much."""

FIRST_DAY = "1990-01-01"
LAST_DAY = "2100-01-01"
"""What has happened lies between these; a plan may lie beyond (9999-12-31 for "without end")."""

LONGEST_TEXT = 1_000
"""Characters of an identifier, a handle or a word, at most."""

ATTRIBUTION_DAYS = 14
"""Days after posting in which a sale counts as the partnership's (attribution window)."""

REFUND_DAYS = 21
"""Days after an order in which it can still be refunded (refund window)."""

REPLY_DAYS = 7
"""Days after which an unanswered invitation has expired."""

GRACE_DAYS = 14
"""Days after the due date in which late content is still delivered (late), not failed."""
