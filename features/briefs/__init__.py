"""Briefs: what a brand asks and offers, and the catalogue that completes one written by hand."""

from __future__ import annotations

from features.briefs.brief import OTHER_TERMS, TERMS, Brief, brief_columns, read_briefs
from features.briefs.catalogue import Catalogue, Product, read_catalogue
from features.briefs.doubts import Doubt, Known, completed, doubts_of, unknown_names
from features.briefs.names import Names, folded
from features.briefs.told import told_campaigns

__all__ = [
    "OTHER_TERMS",
    "TERMS",
    "Brief",
    "Catalogue",
    "Doubt",
    "Known",
    "Names",
    "Product",
    "brief_columns",
    "completed",
    "doubts_of",
    "folded",
    "read_briefs",
    "read_catalogue",
    "told_campaigns",
    "unknown_names",
]
