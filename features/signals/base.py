"""What a signal is, and the few pieces of arithmetic that declarations share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import ibis

__all__ = ["ENTITIES", "Entity", "Signal", "at_least_zero", "declare", "mean", "share", "shrunk"]

Entity = Literal["creator", "creator_category", "creator_brand", "brief_creator"]

ENTITIES: dict[Entity, tuple[str, ...]] = {
    "creator": ("creator_id",),
    "creator_category": ("creator_id", "category_id"),
    "creator_brand": ("creator_id", "brand_id"),
    "brief_creator": ("campaign_id", "creator_id"),
}
"""Each entity's keys."""


@dataclass(frozen=True)
class Signal:
    """One number about an entity as of a day: the single declaration that everything reads.

    Parameters
    ----------
    name : str
        ``<what>_<stat>_<window>``; signals of a creator x category begin with
        ``category_``, creator x brand with ``brand_``, brief x creator with
        ``brief_``.
    entity : {"creator", "creator_category", "creator_brand", "brief_creator"}
    unit : str
        What one of it is.
    window : str
        The days it looks back on, such as ``28d``; ``last`` for a latest
        reading, ``ever`` for all time, ``brief`` for what the brief says.
    doc : str
        One sentence; reasons given to brands are worded from it.
    monotone : {-1, 0, 1}
        Which way the expected value of inviting the creator must move with it
        by common sense; 0 where it may go either way.
    expression : callable
        `features.facts.windows.Windows` -> deferred Ibis column; for
        ``brief_creator``: (columns, brief columns) -> float64 array (n,).
    """

    name: str
    entity: Entity
    unit: str
    window: str
    doc: str
    monotone: int
    expression: Callable[..., Any]


def declare(entity: Entity, *rows: tuple[str, str, int, str, Callable[..., Any]]) -> tuple[Signal, ...]:
    """Signals of ``entity`` from rows of name, unit, monotone, doc, expression; the window is the name's last part."""
    return tuple(
        Signal(name, entity, unit, name.rsplit("_", 1)[1], doc, monotone, expression)
        for name, unit, monotone, doc, expression in rows
    )


def share(part: Any, whole: Any) -> Any:
    """``part / whole``; null where the whole is 0 or unknown."""
    return part / whole.nullif(0.0)


def mean(total: Any, count: Any) -> Any:
    """``total / count``; null without a count."""
    return share(total, count)


def at_least_zero(value: Any) -> Any:
    """``value``, and 0 where it is below; null stays null (an Ibis ``greatest`` would drop it)."""
    return ibis.ifelse(value > 0.0, value, value * 0.0)


def shrunk(successes: Any, trials: Any, *, prior: float, weight: float) -> Any:
    """``(successes + weight * prior) / (trials + weight)``: the prior where nothing has been tried yet."""
    return (successes + ibis.literal(weight * prior, "float64")) / (trials + ibis.literal(weight, "float64"))
