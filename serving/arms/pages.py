"""The pages of one list: what was drawn on the first page is in no later one, and nobody is skipped for it."""

from __future__ import annotations

import numpy as np

from marketplace.arrays import Floats
from models.ranking import top_rows
from serving.arms.plan import BASELINES, Plan, listing_of
from serving.exploration import Listing

__all__ = ["page_of"]


def page_of(
    plan: Plan, score: Floats, creator_ids: np.ndarray, *, top: int, shown: int, first: str, size: int
) -> Listing:
    """Whom the plan's arm shows on one page.

    The first page is `serving.arms.plan.listing_of`'s, with its slots that explore; the later ones are everybody else
    as ranked.

    Parameters
    ----------
    score : float64 (n,)
    creator_ids : (n,) of str
        All different.
    top : int
        How many to show on this page.
    shown : int
        How many the pages before it have shown.
    first : str
        The id of the request that the first page answered, which its draw hangs on.
    size : int
        How many the first page was asked for.
    """
    if not shown:
        return listing_of(plan, score, creator_ids, top=top, request_id=first)
    if plan.arm in BASELINES:
        return listing_of(plan, score, creator_ids, top=shown + top, request_id=first).after(shown)
    begun = listing_of(plan, score, creator_ids, top=size, request_id=first)
    drawn = int(begun.explored.sum())
    order = top_rows(score, creator_ids, top=shown + top + drawn)
    others = np.flatnonzero(~np.isin(order, begun.rows))[max(0, shown - len(begun)) :][:top]
    return Listing(order[others], np.zeros(len(others), dtype=bool), np.ones(len(others)), others + 1)
