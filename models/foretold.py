"""The columns of what was foretold of invitations, whoever tells it: the service from its log, training afterwards."""

from __future__ import annotations

__all__ = ["FORETOLD", "PREDICTED", "TERMS"]

PREDICTED = ("accept", "deliver", "lift", "attributed", "lift_low_90", "lift_low", "lift_high", "lift_high_90")
"""Columns that `models.predict.predict` tells; chances from 0 to 1, and USD."""

TERMS = ("margin_rate", "commission_rate", "flat_fee_usd", "sample_cost_usd")
"""Columns of the terms under which it was told, as in `models.economics.Economics`."""

FORETOLD = (
    "campaign_id", "creator_id", "source", "model_version", "trained_until", "as_of", "logged_at", "request_id",
    "position", "success", *PREDICTED, *TERMS,
)  # fmt: skip
"""One row an invitation or answer: who said it (``source`` is ``log`` or ``champion``), from what (days in ISO form),
and the numbers of `models.planning.Offers`."""
