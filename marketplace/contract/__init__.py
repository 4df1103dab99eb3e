"""The data contract: every table a marketplace hands over, its columns and its words, declared once."""

from __future__ import annotations

from marketplace.contract.columns import Column, Table
from marketplace.contract.outcomes import CONTENT_STATES, DECISIONS, NOT_THE_CREATORS_FAULT, SAMPLE_STATES, State
from marketplace.contract.tables import TABLES, arrow_schema
from marketplace.contract.terms import (
    ATTRIBUTION_DAYS,
    CURRENCIES,
    FX_FILL_DAYS,
    GRACE_DAYS,
    LARGEST_RATE,
    LEAST_RATE,
    MARKETS,
    RATE_FACTOR,
    REFUND_DAYS,
    REPLY_DAYS,
    REPORTING_CURRENCY,
)

__all__ = [
    "ATTRIBUTION_DAYS",
    "CONTENT_STATES",
    "CURRENCIES",
    "DECISIONS",
    "FX_FILL_DAYS",
    "GRACE_DAYS",
    "LARGEST_RATE",
    "LEAST_RATE",
    "MARKETS",
    "NOT_THE_CREATORS_FAULT",
    "RATE_FACTOR",
    "REFUND_DAYS",
    "REPLY_DAYS",
    "REPORTING_CURRENCY",
    "SAMPLE_STATES",
    "TABLES",
    "Column",
    "State",
    "Table",
    "arrow_schema",
]
