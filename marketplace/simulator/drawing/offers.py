"""Lists from outside, by ids: what a ranking service would show, in the place of the older ranker's lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from marketplace.arrays import Ints
from marketplace.errors import ContractError
from marketplace.simulator.drawing.shards import Ids
from marketplace.simulator.mechanisms import Offered

__all__ = ["Lists", "offers_of"]

Lists = Callable[[str, int], Sequence[tuple[str, float]] | None]
"""Given a campaign_id and how many the brand wants to invite: the creator_ids to show, best first, each with the chance
of being in the list (0 < p <= 1); None where the older ranker makes the list."""


def offers_of(lists: Lists | None, ids: Ids) -> Callable[[int, Ints, int], Offered | None]:
    """``lists`` by positions, as `marketplace.simulator.mechanisms.run_campaigns` asks for them.

    Raises
    ------
    ContractError
        When a list is asked for: it holds a creator twice, one who cannot be invited, or a chance that is none.
    """
    if lists is None:
        return lambda _brief, _eligible, _wanted: None
    campaigns, creators = ids.campaigns.to_pylist(), ids.creators.to_pylist()
    position = {creator: place for place, creator in enumerate(creators)}

    def offer(i: int, eligible: Ints, wanted: int) -> Offered | None:
        offered = lists(campaigns[i], wanted)
        if offered is None:
            return None
        at = np.array([position.get(creator, -1) for creator, _ in offered], dtype=np.int64)
        chance = np.array([chance for _, chance in offered], dtype=np.float64)
        rows = np.searchsorted(eligible, at)
        known = np.isin(at, eligible)
        sound = (chance > 0.0) & (chance <= 1.0)
        if not (known & sound).all() or len(np.unique(at)) < len(at):
            wrong = [creator for (creator, _), good in zip(offered, known & sound, strict=True) if not good]
            raise ContractError(
                f"a list for {campaigns[i]} of creators who can be invited, each once, with chances above 0 up to 1",
                received=f"{wrong[0]} among them" if wrong else "a creator twice",
                look="the `lists` given to `simulate`",
            )
        return Offered(rows.astype(np.int64), chance)

    return offer
