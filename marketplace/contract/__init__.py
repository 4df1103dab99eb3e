"""The data contract: every table a marketplace hands over, its columns and its words, declared once."""

from __future__ import annotations

from marketplace.contract.columns import Column, Table
from marketplace.contract.markets import CURRENCIES, MARKETS, USUAL_RATES, Market
from marketplace.contract.outcomes import CONTENT_STATES, DECISIONS, NOT_THE_CREATORS_FAULT, SAMPLE_STATES, State
from marketplace.contract.tables import TABLES, arrow_schema
from marketplace.contract.terms import (
    ATTRIBUTION_DAYS,
    FIRST_DAY,
    FX_FILL_DAYS,
    GRACE_DAYS,
    LARGEST_RATE,
    LARGEST_TOTAL_USD,
    LAST_DAY,
    LEAST_RATE,
    LONGEST_TEXT,
    RATE_FACTOR,
    REFUND_DAYS,
    REPLY_DAYS,
    REPORTING_CURRENCY,
    USUAL_FACTOR,
)

__all__ = [
    "ATTRIBUTION_DAYS",
    "CONTENT_STATES",
    "CURRENCIES",
    "DECISIONS",
    "FIRST_DAY",
    "FX_FILL_DAYS",
    "GRACE_DAYS",
    "LARGEST_RATE",
    "LARGEST_TOTAL_USD",
    "LAST_DAY",
    "LEAST_RATE",
    "LONGEST_TEXT",
    "MARKETS",
    "NOT_THE_CREATORS_FAULT",
    "RATE_FACTOR",
    "REFUND_DAYS",
    "REPLY_DAYS",
    "REPORTING_CURRENCY",
    "SAMPLE_STATES",
    "TABLES",
    "USUAL_FACTOR",
    "USUAL_RATES",
    "Column",
    "Market",
    "State",
    "Table",
    "arrow_schema",
]
