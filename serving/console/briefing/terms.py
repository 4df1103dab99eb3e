"""Between the fields of the form and a brief as the service takes it: percent and shares, days and instants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["FIELDS", "as_brief", "as_fields", "faults_of", "is_begun", "still_needed"]

FIELDS = (
    "brand_id", "market", "category_id", "product_ids", "objective", "collaboration", "price", "currency",
    "commission_rate", "flat_fee", "budget", "has_free_sample", "starts_at", "ends_at",
)  # fmt: skip
"""Of a brief, what the form has fields for."""


def as_brief(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is filled in, as `serving.schema.BriefBody` takes it; what is empty is left out.

    ``commission_rate`` is in percent in the form and a share of 1 in the brief; days become instants in UTC.
    """
    brief: dict[str, Any] = {}
    for name in FIELDS:
        value = fields.get(name)
        if value is None or value in ("", []):
            continue
        if name == "commission_rate":
            brief[name] = round(value / 100, 6)
        elif name in ("starts_at", "ends_at"):
            brief[name] = f"{value}T00:00:00Z"
        elif name == "market":
            brief[name] = value.strip().upper()
        elif isinstance(value, str):
            brief[name] = value.strip()
        else:
            brief[name] = value
    return brief


def as_fields(brief: Mapping[str, Any]) -> dict[str, Any]:
    """What the form shows of a brief."""
    fields = {name: brief.get(name) for name in FIELDS}
    if fields["commission_rate"] is not None:
        fields["commission_rate"] = round(100 * fields["commission_rate"], 4)
    for name in ("starts_at", "ends_at"):
        if fields[name] is not None:
            fields[name] = str(fields[name])[:10]
    fields["product_ids"] = list(fields["product_ids"] or ())
    return fields


def still_needed(brief: Mapping[str, Any]) -> dict[str, str]:
    """What has to be filled in before the service can rank, in words, by field."""
    needed = {}
    if "market" not in brief:
        needed["market"] = "a market"
    if "category_id" not in brief and not brief.get("product_ids"):
        needed["category_id"] = "a category or a product"
    if "commission_rate" not in brief:
        needed["commission_rate"] = "a commission"
    return needed


def is_begun(brief: Mapping[str, Any]) -> bool:
    """Whether anything is filled in that an empty form has not."""
    return any(name not in ("objective", "collaboration", "currency", "has_free_sample") for name in brief)


def faults_of(brief: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong in the form's own units, by field; all else the service says."""
    rate = brief.get("commission_rate", 0.0)
    faults = {} if 0 <= rate <= 1 else {"commission_rate": "Between 0 and 100 %."}
    if {"starts_at", "ends_at"} <= set(brief) and brief["ends_at"] <= brief["starts_at"]:
        faults["ends_at"] = "After the first day."
    return faults
