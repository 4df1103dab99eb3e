"""What a fact and its measures are; the declarations are the other modules here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

__all__ = ["COUNT", "MICRO", "Fact", "Measure", "fixed", "flag", "measures"]

MICRO = 1_000_000
"""Fixed-point steps of one unit: money in millionths of a USD, rates and logarithms in millionths."""

COUNT = 1
"""Whole things need no fixed point."""


@dataclass(frozen=True)
class Measure:
    """One integer measure of a fact.

    Parameters
    ----------
    name, unit, doc : str
    scale : int
        How many of the stored integers make one ``unit``.
    needs : tuple of str
        Columns (``table.column``) without a value of which the measure is unknown: its sums are null, not zero.
    """

    name: str
    unit: str
    doc: str
    scale: int = COUNT
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """One fact: what a row is, its keys, its measures and where they come from.

    Parameters
    ----------
    name, doc : str
    keys : tuple of str
        The finest grain; `features.facts.store.fact_table` sums up to any part of it.
    measures : mapping of str to Measure
    needs : tuple of str
        The tables and columns (``table.column``) without which the fact is unknown (its sums are null, not zero).
    rows : callable
        Marketplace -> Ibis table with ``keys``, ``event_day``, ``since_day``,
        ``until_day`` (see `features.time.clocks`) and the measures as integers.
    made_of : tuple of (fact, keys)
        Other facts that this one is made of; ``rows`` is given their tables after the marketplace.
    """

    name: str
    doc: str
    keys: tuple[str, ...]
    measures: Mapping[str, Measure]
    needs: tuple[str, ...]
    rows: Callable[..., Any]
    made_of: tuple[tuple[str, tuple[str, ...]], ...] = ()


def measures(*declared: Measure) -> Mapping[str, Measure]:
    """``declared`` by name, read-only."""
    return MappingProxyType({measure.name: measure for measure in declared})


def fixed(value: Any) -> Any:
    """A float64 Ibis column in millionths, rounded to int64; null stays null."""
    return (value * float(MICRO)).round().cast("int64")


def flag(condition: Any) -> Any:
    """A boolean Ibis column as 1 or 0 (int64); null is 0."""
    return condition.fill_null(False).cast("int64")
