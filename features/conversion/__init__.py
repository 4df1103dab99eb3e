"""Conversion: a model of all posts that tells what watching a creator sells, and how well its law holds."""

from __future__ import annotations

from features.conversion.check import ConversionCheck, check_conversion, check_text
from features.conversion.coordinates import TASTES
from features.conversion.model import CONVERSION_SIGNALS, Conversion, conversion_columns, conversion_of

__all__ = [
    "CONVERSION_SIGNALS",
    "TASTES",
    "Conversion",
    "ConversionCheck",
    "check_conversion",
    "check_text",
    "conversion_columns",
    "conversion_of",
]
