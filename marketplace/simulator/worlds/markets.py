"""The markets and currencies that the simulated worlds have, in the order in which they are drawn.

The contract takes any market; these stay as they are, so that a world's seed goes on writing the same bytes.
"""

from __future__ import annotations

__all__ = ["CURRENCIES", "MARKETS"]

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
"""Market to the currency it sells in."""

CURRENCIES = (*MARKETS.values(), "EUR")
"""Currencies of which ``fx_rates`` has rates."""
