"""Stylised facts: what is published about creator marketplaces, and what a marketplace shows of it."""

from __future__ import annotations

from marketplace.stylised.figure import facts_figure
from marketplace.stylised.measure import measure_facts

__all__ = ["facts_figure", "measure_facts"]
