"""Facts: a marketplace's tables as day-grained integer sums that can be read as of any day."""

from __future__ import annotations

from features.facts.base import MICRO, flag
from features.facts.content import promoted_states, view_rows
from features.facts.sales import DEFAULT_MARGIN_RATE, product_identity
from features.facts.store import FACTS, fact_table, is_known, measure_is_known
from features.facts.windows import Windows

__all__ = [
    "DEFAULT_MARGIN_RATE",
    "FACTS",
    "MICRO",
    "Windows",
    "fact_table",
    "flag",
    "is_known",
    "measure_is_known",
    "product_identity",
    "promoted_states",
    "view_rows",
]
