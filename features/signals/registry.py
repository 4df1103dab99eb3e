"""Every signal, declared once: the same declaration serves training, serving and docs/signals.md.

    from features.signals.registry import SIGNALS
    SIGNALS["net_gmv_sum_28d"].doc

The declarations are in this folder, one module an entity; what a signal is, in
`features.signals.base`; the sums they are made of, in `features.facts.store`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from features.facts import Windows
from features.signals.base import ENTITIES, Entity, Signal
from features.signals.brief import BRIEF_SIGNALS
from features.signals.creator import CREATOR_SIGNALS
from features.signals.fit import BRAND_SIGNALS, CATEGORY_SIGNALS
from features.signals.partnership import PARTNERSHIP_SIGNALS

__all__ = ["ENTITIES", "SIGNALS", "Entity", "Signal", "declared_columns", "names_of"]

SIGNALS: Mapping[str, Signal] = MappingProxyType(
    {
        signal.name: signal
        for signal in (*CREATOR_SIGNALS, *PARTNERSHIP_SIGNALS, *CATEGORY_SIGNALS, *BRAND_SIGNALS, *BRIEF_SIGNALS)
    }
)
"""Every signal by name, ordered by entity: the order of the matrix's columns."""


@cache
def names_of(entity: Entity) -> tuple[str, ...]:
    """The names of an entity's signals, in order."""
    return tuple(name for name, signal in SIGNALS.items() if signal.entity == entity)


@cache
def declared_columns(entity: Entity) -> tuple[Windows, Mapping[str, Any]]:
    """The requests of an entity's signals and their deferred columns (not for ``brief_creator``)."""
    windows = Windows(ENTITIES[entity], code="features.signals")
    return windows, MappingProxyType({name: SIGNALS[name].expression(windows) for name in names_of(entity)})
