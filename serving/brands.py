"""Whose campaigns a key may see: a snapshot as it looks to one brand.

A key that is bound to brands gets answers from a view of what is served in which
the campaigns and products of other brands are not there. Whatever works on the
view says of them what it says of anything unknown, in the same words, so that
nobody learns whether they exist. A brief that names another brand is refused
(403), whether that brand exists or not: this is also what keeps the signals of
``creator x brand`` apart, for they are gathered by the brief's brand alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from marketplace.errors import AccessError
from serving.keys import ApiKey
from serving.pair import Served
from serving.schema import BriefBody

__all__ = ["briefs_in", "forbidden", "gone_over", "require_own_brands", "seen_by"]

V = TypeVar("V")


class _Only(Mapping[str, V]):
    """The part of a mapping whose values ``sees`` holds true of."""

    def __init__(self, whole: Mapping[str, V], sees: Callable[[V], bool]) -> None:
        self._whole = whole
        self._sees = sees

    def __getitem__(self, name: str) -> V:
        value = self._whole[name]
        if not self._sees(value):
            raise KeyError(name)
        return value

    @property
    def whole(self) -> int:
        """How many entries whoever reads all of it goes over."""
        return len(self._whole)

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in self._whole.items() if self._sees(value))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def gone_over(mapping: Mapping[str, V]) -> int:
    """How many entries whoever reads all of ``mapping`` goes over: of a view, those that it does not show as well."""
    return mapping.whole if isinstance(mapping, _Only) else len(mapping)


def seen_by(served: Served, key: ApiKey | None) -> Served:
    """What is served, as ``key`` may see it; all of it where the key is bound to no brands."""
    if key is None or key.brands is None:
        return served
    may_see = key.sees
    snapshot = copy.copy(served.snapshot)
    snapshot.campaigns = _Only(snapshot.campaigns, lambda campaign: may_see(campaign.brand_id))
    products = _Only(snapshot.catalogue.products, lambda product: may_see(product.brand_id))
    known, own = snapshot.catalogue.brand_names, frozenset(key.brands)
    # Asked at every request: not brand by brand where there are many.
    names = {name: known[name] for name in key.brands if name in known}
    snapshot.catalogue = replace(snapshot.catalogue, products=products, brand_names=names)
    snapshot.brand_ids = tuple(filter(own.__contains__, snapshot.brand_ids))
    return replace(served, snapshot=snapshot)


def briefs_in(body: object) -> Iterator[BriefBody]:
    """Every brief that a body holds, however deep."""
    if isinstance(body, BriefBody):
        yield body
    elif isinstance(body, BaseModel):
        for name in type(body).model_fields:
            yield from briefs_in(getattr(body, name))
    elif isinstance(body, Mapping):
        for value in body.values():
            yield from briefs_in(value)
    elif isinstance(body, list | tuple):
        for value in body:
            if isinstance(value, BaseModel | Mapping | list | tuple):
                yield from briefs_in(value)


def require_own_brands(body: object, key: ApiKey | None) -> None:
    """Whether every brief in ``body`` is of a brand that ``key`` may ask for.

    Raises
    ------
    AccessError
        One is not; its ``status`` is 403.
    """
    if key is None or key.brands is None:
        return
    for brief in briefs_in(body):
        if not key.sees(brief.brand_id):
            raise forbidden("a brief of a brand that the key is for", received=f"brand_id {brief.brand_id!r}")


def forbidden(expected: str, *, received: str) -> AccessError:
    """A refusal of what a valid key may not ask for (403)."""
    error = AccessError(expected, received=received, look="docs/access.md")
    error.status = 403
    return error
