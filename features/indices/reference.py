"""Peers and their frozen reference: who a creator is compared with, and what is expected of them.

Every 28 days, counted from 1970-01-01, all creators known by then are frozen:
their evidence, their peer groups, and from these the priors and the sorted
shrunk values that later creators are ranked in. A creator as of day *t* is
read against the latest frozen day at or before *t*, in training, in the
snapshot and on the card alike.

From shrunk components to indices: parts of each row against its peers, values, intervals, standing.

Rows are taken group by group (all rows of one peer group share their priors and
reference), then put back in their order; every step is element by element, so
a row alone equals the same row within a batch bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from features.indices.declare import (
    CATEGORY_INDEX,
    CREATOR_INDEX_NAMES,
    FOLLOWER_TIERS,
    HEALTH_CAP,
    HEALTH_FLOOR,
    INDICES,
    MIN_EVIDENCE,
    MIN_PEERS,
    PERCENT_SATURATED,
    Component,
    grid_day,
)
from features.indices.evidence import CategoryEvidence, Evidence, Gathered
from features.indices.gather import category_ids, gather_days
from features.indices.money import LIFT_SE_ONE
from features.indices.more import in_category, with_more
from features.indices.shrinkage import Prior, estimate_prior, index_interval, interval, mid_rank, shrink, weighted_index
from marketplace.arrays import Flags, Floats, Ints
from marketplace.tables import Marketplace

__all__ = [
    "CATEGORY_COMPONENTS",
    "CREATOR_COMPONENTS",
    "Parts",
    "Reference",
    "Shrunk",
    "Standing",
    "capped",
    "category_parts",
    "creator_parts",
    "follower_tier",
    "freeze",
    "grid_day",
    "grouped",
    "index_ends",
    "index_values",
    "peer_keys",
    "reference",
    "references",
    "saturated",
    "standing",
    "start_of",
    "weights_of",
]


CREATOR_COMPONENTS: tuple[Component, ...] = tuple(
    component for index in INDICES.values() if index.name != CATEGORY_INDEX for component in index.components
)
"""The components of the seven indices of a creator, in the order of their indices."""

_CATEGORY_COMPONENTS = INDICES[CATEGORY_INDEX].components
_SPREADS = ("weekly_variation", "view_spread")
_LIFT = "lift_per_partnership"
_LEVELS = 4  # market x category x tier, market x tier, market, all

_REFERENCES: WeakKeyDictionary[Marketplace, dict[int, Reference]] = WeakKeyDictionary()


def follower_tier(followers: Floats) -> npt.NDArray[np.object_]:
    """The tier's name for each follower count, (n,); empty where unknown (NaN)."""
    names = np.asarray(["", *(name for name, _ in FOLLOWER_TIERS)], dtype=object)
    place = np.searchsorted([start for _, start in FOLLOWER_TIERS], np.nan_to_num(followers, nan=-1.0), side="right")
    return names[place]


def peer_keys(gathered: Gathered) -> list[tuple[tuple[str, ...], ...]]:
    """For each creator the keys of its peer groups, narrowest first; unknown category or tier leaves a level out."""
    tiers = follower_tier(gathered.followers)
    keys: list[tuple[tuple[str, ...], ...]] = []
    for market, category, tier in zip(gathered.market, gathered.main_category, tiers, strict=True):
        own: list[tuple[str, ...]] = []
        if market and tier and category:
            own.append((market, category, tier))
        if market and tier:
            own.append((market, tier))
        if market:
            own.append((market,))
        keys.append((*own, ()))
    return keys


@dataclass(frozen=True)
class Shrunk:
    """A component of some creators against one peer group: shrunk value, ``P``, evidence, and the prior behind them.

    ``own`` is what the creator's evidence says alone, NaN without any; ``expected`` what is expected without any.
    """

    value: Floats
    percentile: Floats
    evidence: Floats
    strength: Floats
    kind: str
    dispersion: Floats
    own: Floats
    expected: Floats


@dataclass
class Reference:
    """All creators frozen on one day, their peer groups, priors and sorted shrunk values (made when first asked for).

    Attributes
    ----------
    day : int
        The frozen day.
    creator_ids : object (r,)
        Sorted.
    gathered : Gathered
        Their evidence.
    groups : mapping of group key to member rows (int64, sorted)
    own_group : list of group key
        The group in which each creator stands: the narrowest with `MIN_PEERS` members.
    """

    day: int
    creator_ids: npt.NDArray[np.object_]
    gathered: Gathered
    groups: Mapping[tuple[str, ...], Ints]
    own_group: list[tuple[str, ...]]
    categories: tuple[str, ...]
    index_values: dict[object, Floats] = field(default_factory=dict)
    _priors: dict[object, Prior] = field(default_factory=dict)
    _sorted: dict[object, Floats] = field(default_factory=dict)

    def group_of(self, keys: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
        """The narrowest of ``keys`` with `MIN_PEERS` members on the frozen day; all creators at last."""
        for key in keys[:-1]:
            members = self.groups.get(key)
            if members is not None and members.size >= MIN_PEERS:
                return key
        return ()

    def _parent(self, group: tuple[str, ...]) -> tuple[str, ...]:
        return (
            (group[0], group[-1])
            if len(group) == _LEVELS - 1
            else group[:-1]
            if len(group) < _LEVELS - 2
            else group[:1]
        )

    def prior(self, component: Component, group: tuple[str, ...]) -> Prior:
        """The prior of ``component`` in ``group``; a wider group's where too few members have evidence."""
        return self._prior(component.name, component, group, self.gathered.evidence[component.name])

    def _prior(self, name: object, component: Component, group: tuple[str, ...], evidence: Evidence) -> Prior:
        key = (name, group)
        if key not in self._priors:
            own = evidence.take(self.groups[group])
            if group and int((own.evidence > 0).sum()) < MIN_EVIDENCE:
                self._priors[key] = self._prior(name, component, self._parent(group), evidence)
            else:
                self._priors[key] = _prior(component, own)
        return self._priors[key]

    def shrunk(self, component: Component, group: tuple[str, ...], evidence: Evidence) -> Shrunk:
        """``component`` of the creators behind ``evidence`` (n,) against ``group``."""
        prior = self.prior(component, group)
        value = _shrunk(component, prior, evidence)
        key = (component.name, group)
        if key not in self._sorted:
            peers = _shrunk(component, prior, self.gathered.evidence[component.name].take(self.groups[group]))
            self._sorted[key] = np.sort(peers[~np.isnan(peers)])
        size = evidence.total.size
        weight = evidence.n_e if component.kind == "mean" and evidence.n_e is not None else evidence.evidence
        return Shrunk(
            value=value,
            percentile=mid_rank(value, self._sorted[key], less_is_better=component.less_is_better),
            evidence=weight,
            strength=np.full(size, prior.strength),
            kind=component.kind,
            dispersion=np.full(size, prior.dispersion),
            own=_ratio(evidence.total, evidence.evidence),
            expected=np.full(size, prior.mean),
        )

    def sorted_values(self, name: str, group: tuple[str, ...], category: int | None = None) -> Floats:
        """The sorted reference values of a component that `shrunk` or `shrunk_category` has ranked in ``group``."""
        return self._sorted[(name, group) if category is None else (name, group, category)]

    def shrunk_category(self, group: tuple[str, ...], category: int, evidence: CategoryEvidence) -> list[Shrunk]:
        """The three components of category influence in ``category`` (a column) against ``group``."""
        peers = self.gathered.category.take(self.groups[group])
        priors = self._category_priors(group, category)
        own = _shrunk_category(priors, evidence, category)
        if (_CATEGORY_COMPONENTS[0].name, group, category) not in self._sorted:
            for component, values in zip(_CATEGORY_COMPONENTS, _shrunk_category(priors, peers, category), strict=True):
                self._sorted[(component.name, group, category)] = np.sort(values[~np.isnan(values)])
        weights = (evidence.exposure, evidence.views[:, category] / 1_000.0, evidence.orders_all)
        size = evidence.exposure.size
        gmv = evidence.gmv[:, category]
        alone = (_ratio(gmv, weights[0]), _ratio(gmv, weights[1]), _ratio(gmv, evidence.gmv_all))
        without = _expected_category(priors, evidence)
        return [
            Shrunk(
                value=value,
                percentile=mid_rank(value, self._sorted[(component.name, group, category)]),
                evidence=weight,
                strength=np.full(size, prior.strength),
                kind=component.kind,
                dispersion=np.full(size, prior.dispersion),
                own=mine,
                expected=told,
            )
            for component, value, weight, prior, mine, told in zip(
                _CATEGORY_COMPONENTS, own, weights, priors, alone, without, strict=True
            )
        ]

    def _category_priors(self, group: tuple[str, ...], category: int) -> tuple[Prior, Prior, Prior]:
        sums = self.gathered.category
        sales, views, share = _CATEGORY_COMPONENTS
        level = self._prior("all_gmv", sales, group, Evidence(sums.gmv_all, sums.exposure, sums.orders_all))
        selling = Evidence(sums.gmv_all, sums.views_all / 1_000.0, sums.orders_all)
        per_view = self._prior("all_gmv_per_view", views, group, selling)
        shares = self._prior((share.name, category), share, group, _share(sums, category))
        return level, per_view, shares


def _prior(component: Component, evidence: Evidence) -> Prior:
    """The prior of one component from its peers' evidence."""
    if component.name == _LIFT:
        return estimate_prior("mean", evidence.total, evidence.evidence, dispersion=LIFT_SE_ONE**2)
    if component.name in _SPREADS:
        size = float(evidence.evidence.sum())
        mean = float(evidence.total.sum()) / size if size > 0 else 0.0
        # A variance estimated from f degrees of freedom has variance 2 mean^2 / f around its own mean.
        return estimate_prior("mean", evidence.total, evidence.evidence, dispersion=2.0 * mean * mean)
    if component.kind == "count" and evidence.n_e is not None:
        things = float(evidence.n_e.sum())
        # Sums of sizes: compound Poisson with exponential-like sizes has E[x^2]/E[x] = 2 x the mean size.
        size = 2.0 * float(evidence.total.sum()) / things if things > 0 else 1.0
        return estimate_prior("count", evidence.total, evidence.evidence, dispersion=size)
    return estimate_prior(
        component.kind, evidence.total, evidence.evidence, evidence_e=evidence.n_e, squares=evidence.squares
    )


def _shrunk(component: Component, prior: Prior, evidence: Evidence) -> Floats:
    n_e = evidence.n_e if component.kind == "mean" else None
    value = shrink(prior.mean, prior.strength, evidence.total, evidence.evidence, n_e)
    return value if component.ceiling is None else np.minimum(value, component.ceiling)


def _ratio(total: Floats, evidence: Floats) -> Floats:
    found: Floats = np.divide(total, evidence, out=np.full(total.shape, np.nan), where=evidence > 0)
    return found


def _share(sums: CategoryEvidence, category: int) -> Evidence:
    """The category's share of net sales, worth as many trials as the creator had orders."""
    gmv = sums.gmv[:, category]
    share = np.divide(gmv, sums.gmv_all, out=np.zeros_like(gmv), where=sums.gmv_all > 0)
    trials = np.where(sums.gmv_all > 0, sums.orders_all, 0.0)
    return Evidence(share * trials, trials)


def _shrunk_category(priors: tuple[Prior, Prior, Prior], sums: CategoryEvidence, category: int) -> tuple[Floats, ...]:
    """Creator x category shrunk to the creator, shrunk to the peers: sales per 30 days, per 1,000 views, and share."""
    level, per_view, shares = priors
    usual, drawn, _ = _expected_category(priors, sums)
    sales = shrink(usual, level.strength, sums.gmv[:, category], sums.exposure)
    selling = shrink(drawn, per_view.strength, sums.gmv[:, category], sums.views[:, category] / 1_000.0)
    part = _share(sums, category)
    return sales, selling, shrink(shares.mean, shares.strength, part.total, part.evidence)


def _expected_category(priors: tuple[Prior, Prior, Prior], sums: CategoryEvidence) -> tuple[Floats, Floats, Floats]:
    """What the creator's sales in all categories, shrunk to the peers, lead one to expect of one category."""
    level, per_view, shares = priors
    rate = shrink(level.mean, level.strength, sums.gmv_all, sums.exposure)
    drawn = shrink(per_view.mean, per_view.strength, sums.gmv_all, sums.views_all / 1_000.0)
    return rate * shares.mean, drawn, np.full(rate.shape, shares.mean)


def reference(market: Marketplace, day: int) -> Reference:
    """The reference frozen on ``day`` (a day of the grid), built once a marketplace and kept in memory."""
    return references(market, [day])[day]


def references(market: Marketplace, days: Sequence[int]) -> dict[int, Reference]:
    """The references frozen on ``days`` (of the grid); those that are not in memory are gathered together."""
    kept = _REFERENCES.setdefault(market, {})
    missing = [day for day in days if day not in kept]
    for day, (creators, gathered) in gather_days(market, missing).items():
        kept[day] = freeze(market, day, creators, gathered)
    return {day: kept[day] for day in days}


def freeze(market: Marketplace, day: int, creators: npt.NDArray[np.object_], gathered: Gathered) -> Reference:
    """The reference of ``creators`` (sorted) with their evidence as of ``day``."""
    keys = peer_keys(gathered)
    members: dict[tuple[str, ...], list[int]] = {(): []}
    for row, own in enumerate(keys):
        for key in own:
            members.setdefault(key, []).append(row)
    groups = {key: np.asarray(rows, dtype=np.int64) for key, rows in members.items()}
    frozen = Reference(day, creators, gathered, groups, [], category_ids(market))
    frozen.own_group = [frozen.group_of(own) for own in keys]
    return frozen


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
    own: Floats
    expected: Floats
    more: Floats

    @classmethod
    def empty(cls, components: tuple[Component, ...], rows: int) -> Parts:
        blank = [np.zeros((rows, len(components))) for _ in range(7)]
        unknown = [np.full((rows, len(components)), np.nan) for _ in range(3)]
        return cls(components, *blank, *unknown)

    def put(self, rows: Ints, column: int, shrunk: Shrunk, ends: tuple[Floats, Floats] | None) -> None:
        """Write one component of some rows."""
        self.value[rows, column] = shrunk.value
        self.percentile[rows, column] = shrunk.percentile
        self.evidence[rows, column] = shrunk.evidence
        self.strength[rows, column] = shrunk.strength
        self.own[rows, column], self.expected[rows, column] = shrunk.own, shrunk.expected
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
            evidence = gathered.evidence[component.name].take(rows)
            shrunk = frozen.shrunk(component, group, evidence)
            parts.put(rows, column, shrunk, _ends(frozen, component, shrunk, group) if ends else None)
            better = with_more(component.name, component.kind, evidence) if ends else None
            if better is not None:
                parts.more[rows, column] = frozen.shrunk(component, group, better).percentile
    _set_quality(parts, gathered)
    return parts


def category_parts(
    frozen: Reference,
    gathered: Gathered,
    keys: Sequence[tuple[tuple[str, ...], ...]],
    columns: Ints,
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
            if ends:
                better = in_category(gathered.category.take(rows), int(category))
                for column, shrunk in enumerate(frozen.shrunk_category(group, int(category), better)):
                    parts.more[rows, column] = shrunk.percentile
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


def index_values(parts: Parts, name: str, start: int, gathered: Gathered) -> Floats:
    """The index of every row, float64 (n,); cooperation held at its cap."""
    weights = weights_of(name)
    value = weighted_index(parts.percentile[:, start : start + weights.size], weights)
    return np.where(capped(gathered), np.minimum(value, HEALTH_CAP), value) if name == "cooperation" else value


def capped(gathered: Gathered) -> Flags:
    """Whether the health rating holds cooperation at its cap, bool (n,)."""
    return np.asarray(gathered.health_rating <= HEALTH_FLOOR)


def saturated(gathered: Gathered) -> Flags:
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
    category: int | None = None,
) -> Standing:
    """Where creators with index ``value`` (n,) stand among their peers as frozen; themselves counted, once."""
    everyone = _frozen_values(frozen, name, category)
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


def _frozen_values(frozen: Reference, name: str, category: int | None) -> Floats:
    """The index of every creator of the reference, float64 (r,), kept with it."""
    key = ("index", name, category)
    if key not in frozen.index_values:
        keys = peer_keys(frozen.gathered)
        if category is None:
            parts = creator_parts(frozen, frozen.gathered, keys, ends=False)
            for other in CREATOR_INDEX_NAMES:  # one pass serves all seven
                frozen.index_values[("index", other, None)] = index_values(
                    parts, other, start_of(other), frozen.gathered
                )
        else:
            columns = np.full(len(keys), category, dtype=np.int64)
            parts = category_parts(frozen, frozen.gathered, keys, columns, ends=False)
            frozen.index_values[key] = index_values(parts, name, 0, frozen.gathered)
    return frozen.index_values[key]
