"""The words and windows that the whole contract shares: markets, currencies, deadlines."""

from __future__ import annotations

__all__ = [
    "ATTRIBUTION_DAYS",
    "CURRENCIES",
    "FX_FILL_DAYS",
    "GRACE_DAYS",
    "LARGEST_RATE",
    "LEAST_RATE",
    "MARKETS",
    "RATE_FACTOR",
    "REFUND_DAYS",
    "REPLY_DAYS",
    "REPORTING_CURRENCY",
]

MARKETS = {
    "ID": "IDR",
    "MY": "MYR",
    "PH": "PHP",
    "SG": "SGD",
    "TH": "THB",
    "VN": "VND",
    "GB": "GBP",
    "US": "USD",
}
"""Market (ISO 3166 alpha-2) to the currency it sells in (ISO 4217)."""

CURRENCIES = (*MARKETS.values(), "EUR")
REPORTING_CURRENCY = "USD"

FX_FILL_DAYS = 7
"""A day without a rate takes the latest of the days before, at most this many back (weekends, holidays)."""

LEAST_RATE = 1e-6
LARGEST_RATE = 1e3
"""USD for one unit of any currency there is lies between these."""

RATE_FACTOR = 10.0
"""A rate this many times off its currency's median, up or down, is a slip of the decimal point and no movement."""

ATTRIBUTION_DAYS = 14
"""Days after posting in which a sale counts as the partnership's (attribution window)."""

REFUND_DAYS = 21
"""Days after an order in which it can still be refunded (refund window)."""

REPLY_DAYS = 7
"""Days after which an unanswered invitation has expired."""

GRACE_DAYS = 14
"""Days after the due date in which late content is still delivered (late), not failed."""
