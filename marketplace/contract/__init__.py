"""The data contract: every table a marketplace hands over, its columns and its words, declared once."""

from __future__ import annotations

from marketplace.contract.outcomes import State
from marketplace.contract.tables import (
    ATTRIBUTION_DAYS,
    CONTENT_STATES,
    CURRENCIES,
    DECISIONS,
    FX_FILL_DAYS,
    GRACE_DAYS,
    LARGEST_RATE,
    LEAST_RATE,
    MARKETS,
    NOT_THE_CREATORS_FAULT,
    RATE_FACTOR,
    REFUND_DAYS,
    REPLY_DAYS,
    REPORTING_CURRENCY,
    SAMPLE_STATES,
    TABLES,
    Column,
    Table,
    arrow_schema,
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
