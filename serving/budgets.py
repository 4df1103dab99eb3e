"""Budgets of work: what each key may have done for it, in creators scored and returned.

A key's budget fills with time and is emptied by requests (a token bucket). The
unit is one creator scored; a creator returned counts `RETURNED`, with reasons
`REASONED`, which is about what they take beside it. With several workers the
buckets lie in one small file that all of them map, under a lock, so that a key
has one budget however many workers there are.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from serving.pair import Served
from serving.plan import work_of_plan
from serving.queries import Query
from serving.schema import ExplainRequest, PlanRequest, RankRequest
from serving.settings import positive

__all__ = [
    "BUDGETS_FILE",
    "REASONED",
    "RETURNED",
    "Buckets",
    "Budget",
    "asks_in",
    "positive",
    "work_of",
    "work_of_body",
]

RETURNED = 5.0
REASONED = 50.0

PER_SECOND = 1_000_000.0
BURST = 20_000_000.0

BUDGETS_FILE = "COLLABRANK_BUDGETS_FILE"
"""Environment variable with the file that workers share; `collabrank serve` sets it."""

_SLOT = struct.Struct("<16sdd")
_SLOTS = 4096
_NEAR = 32


@dataclass(frozen=True)
class Budget:
    """Work that a key gets each second, and the most that it can save up."""

    per_second: float = PER_SECOND
    burst: float = BURST

    @classmethod
    def from_environment(cls) -> Budget:
        """As ``COLLABRANK_WORK_PER_SECOND`` and ``COLLABRANK_WORK_BURST`` say.

        Raises
        ------
        HomeError
            One is no number above 0.
        """
        per_second = positive("COLLABRANK_WORK_PER_SECOND", PER_SECOND)
        return cls(per_second, positive("COLLABRANK_WORK_BURST", max(BURST, per_second)))


def asks_in(body: object) -> Iterator[RankRequest | ExplainRequest]:
    """Every ranking that a body asks for, however deep."""
    if isinstance(body, RankRequest | ExplainRequest):
        yield body
    elif isinstance(body, BaseModel):
        for name in type(body).model_fields:
            yield from asks_in(getattr(body, name))
    elif isinstance(body, list | tuple | Mapping):
        for value in body.values() if isinstance(body, Mapping) else body:
            if not isinstance(value, str | int | float | None):
                yield from asks_in(value)


def work_of(ask: RankRequest | ExplainRequest, creators: int, *, weight: float = 1.0) -> float:
    """The work of one ranking among ``creators``: those scored x ``weight``, and those returned."""
    if isinstance(ask, ExplainRequest):
        return weight * creators + REASONED * min(len(ask.creator_ids), creators)
    named = [ask.applicants, ask.filters.include_only_creator_ids]
    scored = min([creators, *(len(ids) for ids in named if ids is not None)])
    return weight * scored + (REASONED if ask.explain else RETURNED) * min(ask.top, scored)


def work_of_body(body: object, served: Served, *, weight: float) -> float:
    """The work of all rankings that a body asks for, or of a query; one of a campaign that is not known is none."""
    if isinstance(body, PlanRequest):
        return weight * work_of_plan(served, body)
    work = weight * body.goes_over(served) if isinstance(body, Query) else 0.0
    for ask in asks_in(body) if weight > 0 else ():
        known = served.snapshot.campaigns.get(ask.campaign_id) if ask.campaign_id is not None else ask.brief
        if known is not None:
            work += work_of(ask, served.snapshot.size_of(known.market), weight=weight)
    return work


class Buckets:
    """Each key's budget now.

    Parameters
    ----------
    budget : Budget
        The same for every key.
    path : pathlib.Path, optional
        A file that processes share; without it the budgets are this process's own.
    clock : callable
        Seconds, the same for all processes of this machine.
    """

    def __init__(
        self, budget: Budget, path: Path | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._lock = threading.Lock()
        size = _SLOTS * _SLOT.size
        if path is None:
            self._file = None
            self._slots = mmap.mmap(-1, size)
        else:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._file, size)
            self._slots = mmap.mmap(self._file, size)

    def take(self, key_id: str, work: float) -> float:
        """Take ``work`` from the key's budget: 0.0 where it was there, else the seconds until it will be.

        Work beyond all that a key can save up takes all of it.
        """
        work = min(work, self._budget.burst)
        with self._lock:
            if self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                return self._take(key_id.encode()[:16], work)
            finally:
                if self._file is not None:
                    fcntl.flock(self._file, fcntl.LOCK_UN)

    def _take(self, name: bytes, work: float) -> float:
        now = self._clock()
        place, level, at = self._find(name)
        level = min(self._budget.burst, level + max(0.0, now - at) * self._budget.per_second)
        enough = work <= level
        _SLOT.pack_into(self._slots, place, name, level - work if enough else level, now)
        return 0.0 if enough else (work - level) / self._budget.per_second

    def _find(self, name: bytes) -> tuple[int, float, float]:
        """The key's slot, or a free one near it, or the one longest unused there."""
        start = sum(byte * 31**i for i, byte in enumerate(name))
        oldest, since = 0, math.inf
        for step in range(_NEAR):
            place = (start + step) % _SLOTS * _SLOT.size
            held, level, at = _SLOT.unpack_from(self._slots, place)
            owner = held.rstrip(b"\0")
            if owner == name:
                return place, level, at
            if not owner:
                oldest = place
                break
            if at < since:
                oldest, since = place, at
        return oldest, self._budget.burst, self._clock()

    def close(self) -> None:
        """Let go of the file."""
        self._slots.close()
        if self._file is not None:
            os.close(self._file)
