"""The lists that are shown: as ranked, with slots that explore, and the two baselines that know nothing.

Rows in, rows out. Everything random hangs on the request id alone, which the service draws: the same id over the same
candidates gives the same list, and the log needs to keep nothing else to tell how likely it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np

from marketplace.arrays import Flags, Floats, Ints, Many, as_floats
from models.ranking import top_rows
from serving.exploration.draw import FLOOR, draw_places
from serving.exploration.slots import slot_positions

__all__ = ["Listing", "Mark", "explored_listing", "noop_listing", "ranked_listing", "shuffle_listing"]

_Ids = Sequence[str] | np.ndarray


_RANKERS = ("champion", "challenger")


class Mark(TypedDict):
    """Of one position: whether it was drawn for, by which policy, how likely, and the creator's place by the ranker."""

    slot: Literal["ranked", "explored"]
    policy: str
    propensity: float
    place: int


@dataclass(frozen=True)
class Listing:
    """Whom to show, in order; m of the n candidates.

    Attributes
    ----------
    rows : int64 (m,)
        Rows among the candidates, no one twice.
    explored : bool (m,)
        Whether the position was drawn for.
    propensity : float64 (m,)
        The chance, 0 < p <= 1, that this creator would be in the list, given the positions that are not drawn for.
    place : int64 (m,)
        Place in the arm's own order of all candidates, from 1, whoever was drawn.
    """

    rows: Ints
    explored: Flags
    propensity: Floats
    place: Ints

    def __len__(self) -> int:
        return len(self.rows)

    def after(self, shown: int) -> Listing:
        """The list without its first ``shown``."""
        return Listing(self.rows[shown:], self.explored[shown:], self.propensity[shown:], self.place[shown:])

    @classmethod
    def empty(cls) -> Listing:
        """Nobody."""
        return _as_ordered(np.empty(0, dtype=np.int64))

    def marks(self, arm: str) -> list[Mark]:
        """What the answer and the log say of each position of a list that ``arm`` made."""
        return [
            Mark(
                slot="explored" if explored else "ranked",
                policy="explore" if explored and arm in _RANKERS else arm,
                propensity=propensity,
                place=place,
            )
            for explored, propensity, place in zip(
                self.explored.tolist(), self.propensity.tolist(), self.place.tolist(), strict=True
            )
        ]


def _as_ordered(rows: Ints) -> Listing:
    shown = len(rows)
    return Listing(rows, np.zeros(shown, dtype=bool), np.ones(shown), np.arange(1, shown + 1))


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()


def ranked_listing(score: Many, creator_ids: _Ids, *, top: int) -> Listing:
    """The ``top`` highest scores, best first; ties by creator_id. Everybody's propensity is 1."""
    return _as_ordered(top_rows(score, creator_ids, top=top))


def explored_listing(
    score: Many, creator_ids: _Ids, *, top: int, share: float, request_id: str, floor: float = FLOOR
) -> Listing:
    """The highest scores, with ``share`` of the positions drawn from the others (`serving.exploration.draw`).

    Those ranked keep their order. Where no more are eligible than are shown there is nobody to draw, and the list is as
    ranked. Who stands in which slot hangs on no score.

    Parameters
    ----------
    score : float64 (n,)
    creator_ids : (n,) of str
        All different.
    top : int
        How many to show.
    share : float
        Of the positions, as for `serving.exploration.slots.slot_positions`.
    request_id : str
        Decides the draw.
    floor : float
        The uniform part of the draw.
    """
    values, ids = as_floats(score), np.asarray(creator_ids)
    slots = slot_positions(top, share)
    if not slots or values.size <= top:
        return ranked_listing(values, ids, top=top)
    ranked = top_rows(values, ids, top=top - len(slots))
    u = int.from_bytes(_digest("explore", request_id)[:8]) / 2.0**64
    # The nearest float to the largest digests is 1 itself.
    drawn = draw_places(values.size, len(ranked), len(slots), u=min(u, 1.0 - 2.0**-53), floor=floor)
    found = _rows_at(values, ids, drawn.places)
    mixed = sorted(range(len(slots)), key=lambda one: _digest("slot", request_id, str(ids[found[one]])))
    explored = np.zeros(top, dtype=bool)
    explored[np.array(slots) - 1] = True
    rows, place = np.empty(top, dtype=np.int64), np.empty(top, dtype=np.int64)
    propensity = np.ones(top)
    rows[~explored], place[~explored] = ranked, np.arange(1, len(ranked) + 1)
    rows[explored] = found[mixed]
    place[explored] = np.array(drawn.places)[mixed]
    propensity[explored] = np.array(drawn.chances)[mixed]
    return Listing(rows, explored, propensity, place)


def _rows_at(values: Floats, ids: np.ndarray, places: tuple[int, ...]) -> Ints:
    """The rows that stand at some places (from 1) of the order by score, ties by creator_id, without sorting all."""
    at = values.size - np.array(places)
    wanted = np.partition(values, np.unique(at))[at]
    rows = np.empty(len(places), dtype=np.int64)
    for one, (place, value) in enumerate(zip(places, wanted, strict=True)):
        above = int(np.count_nonzero(values > value))
        equal = np.flatnonzero(values == value)
        tied = equal[np.argsort(ids[equal], kind="stable")] if len(equal) > 1 else equal
        rows[one] = tied[place - 1 - above]
    return rows


def noop_listing(creator_ids: _Ids, *, top: int) -> Listing:
    """The ``top`` first by creator_id: the ranker that does nothing, which any other must beat."""
    order = np.argsort(np.asarray(creator_ids), kind="stable")
    return _as_ordered(order[: max(top, 0)].astype(np.int64))


def shuffle_listing(count: int, *, top: int, request_id: str) -> Listing:
    """``top`` of ``count`` rows in random order, every order as likely; everybody's propensity is ``top / count``.

    The row's number takes part in the draw, so the candidates must come in the same order for the same list again:
    the snapshot's, by creator_id.
    """
    seed = int.from_bytes(_digest("shuffle", request_id)[:16])
    # Raw words of a counter-based generator: numpy keeps these the same from release to release.
    keys = np.random.Philox(key=seed).random_raw(max(count, 1))[:count]
    rows = np.lexsort((np.arange(count), keys))[: max(top, 0)].astype(np.int64)
    shown = len(rows)
    chance = np.full(shown, shown / count if count else 1.0)
    return Listing(rows, np.ones(shown, dtype=bool), chance, np.arange(1, shown + 1))
