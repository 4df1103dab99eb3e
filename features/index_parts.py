"""From shrunk components to indices: parts of each row against its peers, values, intervals, standing.

Rows are taken group by group (all rows of one peer group share their priors and
reference), then put back in their order; every step is element by element, so
a row alone equals the same row within a batch bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.index_components import (
    CATEGORY_INDEX,
    CREATOR_INDEX_NAMES,
    HEALTH_CAP,
    HEALTH_FLOOR,
    INDICES,
    PERCENT_SATURATED,
    Component,
)
from features.index_evidence import Gathered
from features.index_reference import CREATOR_COMPONENTS, Reference, Shrunk, peer_keys
from features.shrinkage import index_interval, interval, mid_rank

__all__ = [
    "CATEGORY_COMPONENTS",
    "Combine",
    "Parts",
    "Standing",
    "capped",
    "category_parts",
    "creator_parts",
    "grouped",
    "index_ends",
    "index_values",
    "saturated",
    "standing",
    "start_of",
    "weights_of",
]

Floats = npt.NDArray[np.float64]
Combine = Callable[[Floats, Floats], Floats]
PeerKeys = tuple[tuple[str, ...], ...]

CATEGORY_COMPONENTS = INDICES[CATEGORY_INDEX].components
_INEXACT = 0.6
_MISSING_RANGE = (10.0, 90.0)  # the 80 % interval of a rank of which nothing is known


@dataclass
class Parts:
    """Components of n rows against their peers, float64 (n, c) each; ``group`` (n,) places rows in ``groups``."""

    components: tuple[Component, ...]
    value: Floats
    percentile: Floats
    low: Floats
    high: Floats
    evidence: Floats
    strength: Floats
    quality: Floats

    @classmethod
    def empty(cls, components: tuple[Component, ...], rows: int) -> Parts:
        blank = [np.zeros((rows, len(components))) for _ in range(7)]
        return cls(components, *blank)

    def put(self, rows: npt.NDArray[np.int64], column: int, shrunk: Shrunk, ends: tuple[Floats, Floats] | None) -> None:
        """Write one component of some rows."""
        self.value[rows, column] = shrunk.value
        self.percentile[rows, column] = shrunk.percentile
        self.evidence[rows, column] = shrunk.evidence
        self.strength[rows, column] = shrunk.strength
        if ends is not None:
            self.low[rows, column], self.high[rows, column] = ends


def grouped(frozen: Reference, keys: Sequence[tuple[tuple[str, ...], ...]]) -> dict[tuple[str, ...], list[int]]:
    """The rows of each peer group in which `Reference.group_of` places them."""
    rows: dict[tuple[str, ...], list[int]] = {}
    chosen: dict[tuple[tuple[str, ...], ...], tuple[str, ...]] = {}
    for row, own in enumerate(keys):
        if own not in chosen:
            chosen[own] = frozen.group_of(own)
        rows.setdefault(chosen[own], []).append(row)
    return rows


def creator_parts(
    frozen: Reference, gathered: Gathered, keys: Sequence[tuple[tuple[str, ...], ...]], *, ends: bool
) -> Parts:
    """The components of the seven indices, each row against its own peer group; ``ends``: with their intervals."""
    parts = Parts.empty(CREATOR_COMPONENTS, len(keys))
    for group, members in grouped(frozen, keys).items():
        rows = np.asarray(members, dtype=np.int64)
        for column, component in enumerate(CREATOR_COMPONENTS):
            shrunk = frozen.shrunk(component, group, gathered.evidence[component.name].take(rows))
            parts.put(rows, column, shrunk, _ends(frozen, component, shrunk, group) if ends else None)
    _set_quality(parts, gathered)
    return parts


def category_parts(
    frozen: Reference,
    gathered: Gathered,
    keys: Sequence[tuple[tuple[str, ...], ...]],
    columns: npt.NDArray[np.int64],
    *,
    ends: bool,
) -> Parts:
    """The components of category influence; ``columns`` (n,) are places in `category_ids`, -1 where unknown."""
    parts = Parts.empty(CATEGORY_COMPONENTS, len(keys))
    parts.value[:], parts.percentile[:] = np.nan, 50.0
    parts.low[:], parts.high[:] = _MISSING_RANGE
    for group, members in grouped(frozen, keys).items():
        of_group = np.asarray(members, dtype=np.int64)
        for category in np.unique(columns[of_group]):
            if category < 0:
                continue
            rows = of_group[columns[of_group] == category]
            results = frozen.shrunk_category(group, int(category), gathered.category.take(rows))
            for column, (component, shrunk) in enumerate(zip(CATEGORY_COMPONENTS, results, strict=True)):
                bounds = _ends(frozen, component, shrunk, group, int(category)) if ends else None
                parts.put(rows, column, shrunk, bounds)
    _set_quality(parts, gathered)
    return parts


def _set_quality(parts: Parts, gathered: Gathered) -> None:
    """``a``: 1 exact, .6 where GMV is a range or projected, 0 where the component is missing."""
    for column, component in enumerate(parts.components):
        exact = gathered.exact_gmv if component.money else np.ones_like(gathered.exact_gmv)
        quality = np.where(exact, 1.0, _INEXACT)
        parts.quality[:, column] = np.where(np.isnan(parts.value[:, column]), 0.0, quality)


def _ends(
    frozen: Reference, component: Component, shrunk: Shrunk, group: tuple[str, ...], category: int | None = None
) -> tuple[Floats, Floats]:
    """The 80 % interval of ``P``: the posterior's ends ranked among the peers."""
    low, high = interval(
        component.kind,
        shrunk.value,
        shrunk.evidence,
        strength=shrunk.strength,
        dispersion=shrunk.dispersion,
    )
    if component.ceiling is not None:
        low, high = np.minimum(low, component.ceiling), np.minimum(high, component.ceiling)
    peers = frozen.sorted_values(component.name, group, category)
    first = mid_rank(low, peers, less_is_better=component.less_is_better)
    second = mid_rank(high, peers, less_is_better=component.less_is_better)
    missing = np.isnan(shrunk.value)
    return (
        np.where(missing, _MISSING_RANGE[0], np.minimum(first, second)),
        np.where(missing, _MISSING_RANGE[1], np.maximum(first, second)),
    )


def start_of(name: str) -> int:
    """Where the components of a creator's index begin among `CREATOR_COMPONENTS`."""
    start = 0
    for other in CREATOR_INDEX_NAMES:
        if other == name:
            break
        start += len(INDICES[other].components)
    return start


def weights_of(name: str) -> Floats:
    """The weights of an index's components, float64 (c,)."""
    return np.asarray([component.weight for component in INDICES[name].components])


def index_values(parts: Parts, name: str, start: int, combine: Combine, gathered: Gathered) -> Floats:
    """The index of every row, float64 (n,); cooperation held at its cap."""
    weights = weights_of(name)
    value = combine(parts.percentile[:, start : start + weights.size], weights)
    return np.where(capped(gathered), np.minimum(value, HEALTH_CAP), value) if name == "cooperation" else value


def capped(gathered: Gathered) -> npt.NDArray[np.bool_]:
    """Whether the health rating holds cooperation at its cap, bool (n,)."""
    return np.asarray(gathered.health_rating <= HEALTH_FLOOR)


def saturated(gathered: Gathered) -> npt.NDArray[np.bool_]:
    """Whether the share of shoppable posts, as it is, lies beyond what earns credit."""
    share = gathered.evidence["shoppable_share"]
    return np.asarray(share.total > PERCENT_SATURATED * share.evidence)


def index_ends(parts: Parts, name: str, start: int, value: Floats, gathered: Gathered) -> tuple[Floats, Floats]:
    """The ends of an index's 80 % interval, two float64 (n,)."""
    weights = weights_of(name)
    part = slice(start, start + weights.size)
    low, high = index_interval(value, parts.percentile[:, part], parts.low[:, part], parts.high[:, part], weights)
    if name == "cooperation":
        held = capped(gathered)
        low, high = np.where(held, np.minimum(low, HEALTH_CAP), low), np.where(held, np.minimum(high, HEALTH_CAP), high)
    return low, high


@dataclass(frozen=True)
class Standing:
    """Among the frozen peers, float64 (n,): their average value, 1 + how many stand higher, how many there are."""

    average: Floats
    rank: Floats
    count: Floats


def standing(
    frozen: Reference,
    name: str,
    *,
    creator_ids: npt.NDArray[np.object_],
    keys: Sequence[PeerKeys],
    value: Floats,
    combine: Combine,
    category: int | None = None,
) -> Standing:
    """Where creators with index ``value`` (n,) stand among their peers as frozen; themselves counted, once."""
    everyone = _frozen_values(frozen, name, combine, category)
    average, rank, count = np.full(value.size, np.nan), np.ones(value.size), np.ones(value.size)
    place = np.searchsorted(frozen.creator_ids.astype(str), creator_ids.astype(str))
    place = np.minimum(place, max(frozen.creator_ids.size - 1, 0))
    known = frozen.creator_ids[place] == creator_ids if frozen.creator_ids.size else np.zeros(value.size, dtype=bool)
    for group, members in grouped(frozen, keys).items():
        rows, peers = np.asarray(members, dtype=np.int64), frozen.groups[group]
        if peers.size == 0:
            continue
        values = np.sort(everyone[peers])
        average[rows] = values.sum() / values.size
        at = np.searchsorted(peers, place[rows])
        within = known[rows] & (peers[np.minimum(at, peers.size - 1)] == place[rows])
        self_above = within & (everyone[place[rows]] > value[rows])
        rank[rows] = 1.0 + peers.size - np.searchsorted(values, value[rows], side="right") - self_above
        count[rows] = peers.size + np.where(within, 0, 1)
    return Standing(average, rank, count)


def _frozen_values(frozen: Reference, name: str, combine: Combine, category: int | None) -> Floats:
    """The index of every creator of the reference, float64 (r,), kept with it."""
    key = ("index", name, combine.__name__, category)
    if key not in frozen.index_values:
        keys = peer_keys(frozen.gathered)
        if category is None:
            parts = creator_parts(frozen, frozen.gathered, keys, ends=False)
            for other in CREATOR_INDEX_NAMES:  # one pass serves all seven
                frozen.index_values[("index", other, combine.__name__, None)] = index_values(
                    parts, other, start_of(other), combine, frozen.gathered
                )
        else:
            columns = np.full(len(keys), category, dtype=np.int64)
            parts = category_parts(frozen, frozen.gathered, keys, columns, ends=False)
            frozen.index_values[key] = index_values(parts, name, 0, combine, frozen.gathered)
    return frozen.index_values[key]
