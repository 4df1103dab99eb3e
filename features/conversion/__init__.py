"""Conversion: a model of all posts that tells what watching a creator sells."""

from __future__ import annotations

from features.conversion.model import CONVERSION_SIGNALS, Conversion, conversion_columns, conversion_of

__all__ = ["CONVERSION_SIGNALS", "Conversion", "conversion_columns", "conversion_of"]
