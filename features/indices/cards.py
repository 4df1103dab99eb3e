"""Indices as arrays, and the score card that a creator and a brand both see.

An `IndexFrame` holds every number of some rows as arrays, from which the
snapshot stores columns and `card_from` makes one row's card.

A creator's score card: the public fields and the eight indices, the same in the snapshot and on the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.cards import amount_words, card_fragment, card_headline, card_page, card_rows, gains, tables_behind
from features.indices.declare import CATEGORY_INDEX, HEALTH_CAP, INDEX_NAMES, INDICES, Component
from features.indices.more import CATEGORY_MORE, MORE
from marketplace.arrays import Flags, Floats, Ints
from marketplace.display import Shown, text_of
from marketplace.errors import SignalError
from marketplace.text import printable

__all__ = ["PARTS", "IndexFrame", "ScoreCard", "card_from", "card_text", "score_card", "shown_value"]


_NESTED = ("category_gmv_30d", "category_gmv_per_1000_views")
"""Components of one category that are shrunk to what the creator does in all of them, and that to the peers."""

PARTS = ("value", "low", "high", "confidence", "peer_average", "peer_rank", "peer_count", "change_28d")
"""What is told of each index of a row."""


@dataclass(frozen=True, repr=False)
class IndexFrame(Shown):
    """Indices of n rows (a creator as of a day, or a creator and category as of a day).

    Attributes
    ----------
    names : tuple of str, (k,)
        The indices, in the order of `INDEX_NAMES`.
    components : tuple of Component, (c,)
        All components of these indices, index by index.
    creator_ids : object (n,); days : int64 (n,); categories : object (n,) or None
        What each row is; categories where the rows have one.
    value, low, high, confidence : float64 (n, k)
        0..100; ``low`` and ``high`` are the ends of an 80 % interval.
    peer_average, peer_rank, peer_count : float64 (n, k)
        The frozen peers' average value; 1 + how many of them stand higher; how many there are, the creator included.
    change_28d : float64 (n, k)
        Value less the value 28 days before; NaN where the creator was not known then.
    component_value, component_percentile, component_n : float64 (n, c)
        The shrunk value as shrunk (see `shown_value`), ``P``, and the effective amount of evidence.
        NaN value: missing, ``P`` 50.
    component_own, component_expected : float64 (n, c)
        As shrunk: what the creator's own evidence says alone (NaN without any), and what is expected without any.
    component_strength : float64 (n, c)
        How much evidence that expectation is worth.
    component_more : float64 (n, c)
        ``P`` with one more good event (`features.indices.more`); NaN where no single event moves it.
    peers : object (n,)
        Words for the peer group.
    capped, saturated : bool (n,)
        Cooperation held at its cap by the health rating; shoppable share beyond what earns credit.
    """

    names: tuple[str, ...]
    components: tuple[Component, ...]
    creator_ids: npt.NDArray[np.object_]
    days: Ints
    categories: npt.NDArray[np.object_] | None
    value: Floats
    low: Floats
    high: Floats
    confidence: Floats
    peer_average: Floats
    peer_rank: Floats
    peer_count: Floats
    change_28d: Floats
    component_value: Floats
    component_percentile: Floats
    component_n: Floats
    component_own: Floats
    component_expected: Floats
    component_strength: Floats
    component_more: Floats
    peers: npt.NDArray[np.object_]
    capped: Flags
    saturated: Flags

    @classmethod
    def empty(
        cls,
        names: tuple[str, ...],
        components: tuple[Component, ...],
        creator_ids: npt.NDArray[np.object_],
        days: Ints,
        categories: npt.NDArray[np.object_] | None,
    ) -> IndexFrame:
        """A frame of these rows to be filled in: NaN values, standing alone (rank 1 of 1), no evidence."""
        n, k, c = creator_ids.size, len(names), len(components)
        return cls(
            names, components, creator_ids, days, categories,
            value=np.full((n, k), np.nan), low=np.full((n, k), np.nan), high=np.full((n, k), np.nan),
            confidence=np.zeros((n, k)), peer_average=np.full((n, k), np.nan), peer_rank=np.ones((n, k)),
            peer_count=np.ones((n, k)), change_28d=np.full((n, k), np.nan), component_value=np.full((n, c), np.nan),
            component_percentile=np.full((n, c), 50.0), component_n=np.zeros((n, c)),
            component_own=np.full((n, c), np.nan), component_expected=np.full((n, c), np.nan),
            component_strength=np.zeros((n, c)), component_more=np.full((n, c), np.nan),
            peers=np.full(n, "", dtype=object), capped=np.zeros(n, dtype=bool), saturated=np.zeros(n, dtype=bool),
        )  # fmt: skip

    def __len__(self) -> int:
        return int(self.value.shape[0])

    def take(self, rows: Ints) -> IndexFrame:
        """Some rows, as new arrays."""
        by_row = [one.name for one in fields(self) if one.name not in ("names", "components")]
        taken: dict[str, Any] = {n: None if (of := getattr(self, n)) is None else of[rows] for n in by_row}
        return replace(self, **taken)

    @property
    def headline(self) -> str:
        """How many rows, of which indices, as of when."""
        days = [np.datetime_as_string(np.datetime64(int(day), "D")) for day in np.unique(self.days)]
        when = "" if not days else f" as of {days[0]}" if len(days) == 1 else f" as of {days[0]} to {days[-1]}"
        return f"{len(self):,} rows{when}: {', '.join(self.names)}"

    def to_frame(self, part: str = "value") -> pd.DataFrame:
        """One column an index: its ``value``, or another ``part`` of the same shape.

        Parameters
        ----------
        part : str
            One of `PARTS`.

        Returns
        -------
        DataFrame, float64 (n, k)
            The index is creator_id, with category_id where the rows have one.
        """
        if part not in PARTS:
            raise SignalError(f"one of {', '.join(PARTS)}", received=part, look="features/indices/cards.py")
        keys = [pd.Index(self.creator_ids, name="creator_id", dtype="str")]
        if self.categories is not None:
            keys.append(pd.Index(self.categories, name="category_id", dtype="str"))
        index = keys[0] if len(keys) == 1 else pd.MultiIndex.from_arrays(keys)
        return pd.DataFrame(np.array(getattr(self, part)), columns=list(self.names), index=index)


class ScoreCard(dict[str, Any], Shown):
    """A creator's score card: a plain dict, which JSON takes as it is, that shows itself.

    The creator's public fields, ``as_of``, and ``indices``: ``{index: {value, low, high, confidence, peer_average,
    ...}}`` as `card_from` has them; ``category_influence`` by category.
    """

    __repr__ = Shown.__repr__
    __str__ = Shown.__str__

    @property
    def headline(self) -> str:
        """Whose card, and as of when."""
        return card_headline(self)

    def beside(self, basis: str | None) -> ScoreCard:
        """A new card that also says, as ``basis``, what the model stands on whose rankings are shown beside it.

        None: the model has heads of its own, or there is none. The indices need no model, and are the same either way.
        """
        return ScoreCard(self, basis=basis)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: a plain copy."""
        return dict(self)

    def rows(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Index, category (empty for the seven without one) and what the card says, best category first."""
        return card_rows(self)

    def to_html(self) -> str:
        """The card as a page of its own: printable, without scripts, and with nothing fetched from anywhere."""
        return card_page(self, self.headline, self.rows())

    def _repr_html_(self) -> str:
        return card_fragment(self.headline, self.rows()) + super()._repr_html_()

    def to_frame(self) -> pd.DataFrame:
        """One row an index (and a category): value, interval, confidence, peers and change; no components."""
        fields = (*PARTS, "peers")
        rows = self.rows()
        keys = pd.MultiIndex.from_tuples([row[:2] for row in rows], names=["index", "category"])
        return pd.DataFrame([{field: index[field] for field in fields} for *_, index in rows], index=keys)


@text_of.register
def card_text(card: ScoreCard) -> str:
    """Every index on a line with its interval, confidence and peers, its components below and what would raise it.

    What peers lead one to expect is told as theirs, not as the creator's. A card with its history tells that as well:
    the events that count, those left out and why, past partnerships, and the indices week by week.
    """
    lines = [card.headline]
    for name, category, index in card.rows():
        lines += _index_lines(f"{name}[{category}]" if category else name, index)
    for table in tables_behind(card):
        lines += ["", table.title, *_table_lines(table.heads, table.rows, table.nothing, table.foot)]
    if card.get("history"):
        lines += ["", "Week by week", *_weeks(card["history"])]
    if card.get("basis"):
        lines += ["", f"The indices need no model; rankings beside this card are {card['basis']}"]
    return "\n".join(lines)


def _table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], nothing: str = "", foot: str = "") -> list[str]:
    shown = [tuple(printable(cell) for cell in row) for row in rows]
    told = [] if shown or not nothing else [f"    {nothing}"]
    if shown:
        wide = [max(map(len, column)) for column in zip(heads, *shown, strict=True)]
        told = ["    " + "  ".join(map(str.ljust, row, wide)).rstrip() for row in (tuple(heads), *shown)]
    return [*told, f"    {foot}"] if foot else told


def _weeks(history: Mapping[str, Any]) -> list[str]:
    """One line a week, one column an index; a dash where it was not known."""
    heads = ("Day", *history["indices"])
    rows = [
        (day, *("-" if value is None else f"{value:.1f}" for value in weeks))
        for day, *weeks in zip(history["days"], *history["indices"].values(), strict=True)
    ]
    return _table_lines(heads, rows, "No week is known.")


def _index_lines(name: str, index: Mapping[str, Any]) -> list[str]:
    lines = [
        "",
        f"{name:<32} {index['value']:5.1f}  ({index['low']:.1f} to {index['high']:.1f}, "
        f"confidence {index['confidence']:.0f}; rank {index['peer_rank']} of {index['peer_count']}, {index['peers']})",
    ]
    for part in index["components"]:
        lines.append(f"    {part['weight']:.2f} x {part['percentile']:5.1f}  {part['text']}: {amount_words(part)}")
    if "note" in index:
        lines.append(f"    {index['note']}")
    lines += [f"    to raise it: {text}: +{points:.1f}" for text, points in gains(index)]
    return lines


def shown_value(component: Component, value: Any) -> Any:
    """The shrunk value of ``component`` in its own unit (logarithms and squares undone); same shape."""
    if component.shown == "expm1":
        return np.expm1(value)
    if component.shown == "sqrt":
        return np.sqrt(value)
    return np.sinh(value) if component.shown == "sinh" else value


def card_from(frame: IndexFrame, row: int) -> dict[str, dict[str, Any]]:
    """Row ``row`` of ``frame`` as ``{index: {value, low, high, confidence, peer_average, peer_rank, peer_count,
    change_28d, says, peers, components: [...]}}``; each component ``{name, value, own, expected, unit, percentile,
    weight, n, expected_from, expected_n, scale, less_is_better, more, text}``.

    ``own`` is what the creator's own ``n`` events (or exposure) say, ``expected`` what peers lead one to expect, worth
    ``expected_n``, and ``value`` both together: None where nothing of the creator's own is known. ``more``: the points
    of the index that one more good event would add, everything else as it is.

    Plain numbers, strings and None (unknown) only: JSON takes it as it is.
    """
    card: dict[str, dict[str, Any]] = {}
    first = 0
    for k, name in enumerate(frame.names):
        index = INDICES[name]
        count = len(index.components)
        card[name] = {
            "value": _number(frame.value[row, k]),
            "low": _number(frame.low[row, k]),
            "high": _number(frame.high[row, k]),
            "confidence": _number(frame.confidence[row, k]),
            "peer_average": _number(frame.peer_average[row, k]),
            "peer_rank": int(frame.peer_rank[row, k]),
            "peer_count": int(frame.peer_count[row, k]),
            "change_28d": _number(frame.change_28d[row, k]),
            "says": index.says,
            "peers": str(frame.peers[row]),
            "components": [_component(frame, row, first + j) for j in range(count)],
        }
        if name == "cooperation" and frame.capped[row]:
            card[name]["note"] = f"held at {HEALTH_CAP:g} by the platform's health rating"
        if name == "diligence" and frame.saturated[row]:
            card[name]["note"] = "the feed is saturated with shoppable posts; more of them earn no more credit"
        first += count
    return card


def _component(frame: IndexFrame, row: int, column: int) -> dict[str, Any]:
    component = frame.components[column]
    own = frame.component_own[row, column]
    more = MORE.get(component.name, CATEGORY_MORE if frame.categories is not None else None)
    gain = component.weight * (frame.component_more[row, column] - frame.component_percentile[row, column])
    return {
        "name": component.name,
        # What peers lead one to expect is no fact about a creator of whom nothing is known.
        "value": None if np.isnan(own) else _number(shown_value(component, frame.component_value[row, column])),
        "own": _number(shown_value(component, own)),
        "expected": _number(shown_value(component, frame.component_expected[row, column])),
        "unit": component.unit,
        "percentile": _number(frame.component_percentile[row, column]),
        "weight": component.weight,
        "n": _number(frame.component_n[row, column]),
        "expected_from": "other categories and peers" if component.name in _NESTED else "peers",
        "expected_n": _number(frame.component_strength[row, column]),
        "scale": component.shown,
        "less_is_better": component.less_is_better,
        "more": None if more is None or np.isnan(gain) else {"text": more.text, "points": _number(gain)},
        "text": component.text,
    }


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def score_card(
    public: Mapping[str, Any],
    *,
    as_of: str,
    general: IndexFrame,
    row: int,
    influence: IndexFrame,
    category_ids: Sequence[str],
) -> ScoreCard:
    """The card of one creator: ``public``, ``as_of`` and the indices.

    Parameters
    ----------
    general : IndexFrame
        The indices that do not depend on a category; ``row`` is the creator's.
    influence : IndexFrame
        ``category_influence``, with ``len(category_ids)`` rows a creator in the order of ``general``.

    """
    indices: dict[str, Any] = dict(card_from(general, row))
    first = row * len(category_ids)
    indices[CATEGORY_INDEX] = {
        name: card_from(influence, first + place)[CATEGORY_INDEX] for place, name in enumerate(category_ids)
    }
    return ScoreCard(public, as_of=as_of, indices={name: indices[name] for name in INDEX_NAMES})
