"""The words and windows that the whole contract shares: markets, currencies, deadlines."""

from __future__ import annotations

__all__ = [
    "ATTRIBUTION_DAYS",
    "CURRENCIES",
    "GRACE_DAYS",
    "MARKETS",
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

ATTRIBUTION_DAYS = 14
"""Days after posting in which a sale counts as the partnership's (attribution window)."""

REFUND_DAYS = 21
"""Days after an order in which it can still be refunded (refund window)."""

REPLY_DAYS = 7
"""Days after which an unanswered invitation has expired."""

GRACE_DAYS = 14
"""Days after the due date in which late content is still delivered (late), not failed."""
