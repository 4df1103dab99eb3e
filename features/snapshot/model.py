"""The snapshot: every creator's signals and indices as of one day, held as columns to rank from.

A brief is answered by a filter (`Snapshot.candidates`), a gather of a few
columns and the brief's own arithmetic (`Snapshot.matrix`), which gives bit for
bit what `features.signals.build.build_matrix` gives for the same creators and day.
`features.snapshot.build.build_snapshot` makes one; on disk it is a folder
(`features.snapshot.disk`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from features.briefs import Brief, Catalogue, Known, brief_columns
from features.contacts import Contacts
from features.conversion import CONVERSION_SIGNALS, Conversion
from features.facts import FACTS
from features.indices import CATEGORY_INDEX, INDEX_NAMES, IndexFrame, ScoreCard, score_card
from features.signals import PRODUCT_SUMS, SIGNALS, brief_signals, names_of
from features.snapshot.behind import Behind
from features.snapshot.columns import BriefColumns, Tables
from features.snapshot.handles import Handles
from features.snapshot.sparse import Sparse
from features.snapshot.text import Rows, TextColumn
from features.snapshot.weeks import Weeks
from marketplace.arrays import Flags, Floats, Ints
from marketplace.display import Shown
from marketplace.errors import BriefError, SnapshotError

__all__ = ["FILTERS", "TEXTS", "UNKNOWN_INFLUENCE", "Snapshot", "SnapshotArrays"]

Text = TextColumn
"""Taken of it (``column[rows]``) is NumPy's text."""

TEXTS = ("creator_ids", "usernames", "markets", "languages", "agency_status")

FILTERS = (
    "min_followers",
    "max_followers",
    "languages",
    "agency_status",
    "exclude_creator_ids",
    "include_only_creator_ids",
    "min_confidence",
)
"""What `Snapshot.candidates` can filter by."""


_BY_CREATOR = (
    "creator_ids", "usernames", "markets", "languages", "agency_status", "joined_day", "creator", "category",
)  # fmt: skip

UNKNOWN_INFLUENCE = 50.0
"""``category_influence`` in a category that the snapshot does not know: the middle of the scale."""


@dataclass(frozen=True)
class SnapshotArrays:
    """The columns of n creators, in ascending order of creator_id.

    Parameters
    ----------
    creator_ids, usernames, markets, languages, agency_status : TextColumn (n,)
        Empty where not known; made of whatever text is given.
    joined_day : int64 (n,)
        Day of joining, from 1970-01-01.
    creator : float64 (n, creator signals)
    category : float64 (n, categories + 1, category signals)
        The last category stands for any that the snapshot does not know.
    brand_* : sparse, (brands) x (n) x (brand signals); ``brand_default`` (brand signals,) elsewhere
    product_* : sparse, (products) x (n) x (product sums), whole fixed-point steps; 0 elsewhere
    """

    creator_ids: Text
    usernames: Text
    markets: Text
    languages: Text
    agency_status: Text
    joined_day: Ints
    creator: Floats
    category: Floats
    brand_starts: Ints
    brand_rows: Ints
    brand_values: Floats
    brand_default: Floats
    product_starts: Ints
    product_rows: Ints
    product_values: Floats

    def __post_init__(self) -> None:
        for name in TEXTS:
            given = getattr(self, name)
            if not isinstance(given, TextColumn):
                object.__setattr__(self, name, TextColumn.of(given))

    def take(self, rows: Ints) -> dict[str, Any]:
        """What there is one a creator of, of some ``rows``, by name: new."""
        return {
            name: column.take(rows) if isinstance(column := getattr(self, name), TextColumn) else column[rows]
            for name in _BY_CREATOR
        }


@dataclass(frozen=True, repr=False)
class Snapshot(Shown):
    """Creators as of a day, ready to be ranked.

    Attributes
    ----------
    as_of : datetime
        00:00 UTC; only what was known before it is in here.
    category_ids, brand_ids, product_ids : tuple of str
    catalogue : Catalogue
        What briefs written out by hand are completed from.
    campaigns : mapping of str to Brief
        The marketplace's campaigns known by ``as_of``.
    general : IndexFrame of n rows
        The indices that do not depend on a category.
    influence : IndexFrame of n x categories rows
        ``category_influence``: the creator's row x the number of categories + the category's place.
    conversion : Conversion or None
        The model of conversion that holds on the day (`features.conversion.model.conversion_of`).
    elsewhere : int
        Creators of other markets, where these are those of one market alone.
    weeks : Weeks or None
        How the indices went, where that was built.
    contacts : Contacts or None
        The invitations to the creators, and of all brands; None in what older versions wrote.
    behind : Behind or None
        What lies behind the cards, where that was built.
    """

    as_of: datetime
    arrays: SnapshotArrays = field(repr=False)
    category_ids: tuple[str, ...]
    brand_ids: tuple[str, ...] = field(repr=False)
    product_ids: tuple[str, ...] = field(repr=False)
    catalogue: Catalogue = field(repr=False)
    campaigns: Mapping[str, Brief] = field(repr=False)
    general: IndexFrame = field(repr=False)
    influence: IndexFrame = field(repr=False)
    conversion: Conversion | None = field(repr=False)
    elsewhere: int = 0
    weeks: Weeks | None = field(default=None, repr=False)
    behind: Behind | None = field(default=None, repr=False)
    contacts: Contacts | None = field(default=None, repr=False)

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The matrix's columns, in order."""
        return tuple(SIGNALS)

    @property
    def creator_ids(self) -> Text:
        """Every creator's id, (n,), ascending."""
        return self.arrays.creator_ids

    @property
    def usernames(self) -> Text:
        """Every creator's public handle, (n,)."""
        return self.arrays.usernames

    def __len__(self) -> int:
        return len(self.arrays.creator_ids)

    @property
    def headline(self) -> str:
        """How many creators, as of which day."""
        return f"{len(self):,} creators as of {self.as_of:%Y-%m-%d}"

    def to_frame(self) -> pd.DataFrame:
        """One row a creator: the public fields, then the seven indices that no category enters."""
        arrays = self.arrays
        public = {
            "username": np.asarray(arrays.usernames),
            "market": np.asarray(arrays.markets),
            "language": np.asarray(arrays.languages),
            "agency_status": np.asarray(arrays.agency_status),
            "joined_on": np.asarray(arrays.joined_day).astype("datetime64[D]"),
            "follower_count": self._followers,
        }
        index = pd.Index(np.asarray(arrays.creator_ids), name="creator_id", dtype="str")
        indices = {name: self.general.value[:, place] for place, name in enumerate(self.general.names)}
        return pd.DataFrame({**public, **indices}, index=index)

    @cached_property
    def rows_of(self) -> Mapping[str, int]:
        """Each creator's row."""
        return Rows(self.arrays.creator_ids)

    def find_all(self, creator_ids: Iterable[str]) -> Ints:
        """Each creator's row, int64 (k,); -1 for one who is not here."""
        return self.arrays.creator_ids.find_all(list(creator_ids))

    @property
    def followers(self) -> Floats:
        """Followers at the latest reading, float64 (n,); NaN where not known."""
        return self._followers

    @cached_property
    def known(self) -> Known:
        """What is known by name here, and what is usual: what a brief written out is doubted by."""
        spoken = self.arrays.languages.distinct()[0]
        return Known(self.catalogue, self.category_ids, self.brand_ids, spoken, self.campaigns)

    @cached_property
    def handles(self) -> Handles:
        """The creators by username."""
        return Handles(self.arrays.usernames)

    def complete(self, body: Mapping[str, Any]) -> Brief:
        """A brief written out by hand, completed from the catalogue (see `Catalogue.complete` for the errors)."""
        return self.catalogue.complete(body)

    def candidates(self, brief: Brief, filters: Mapping[str, Any] | None = None) -> tuple[Ints, dict[str, int]]:
        """The rows of the creators who can be invited, and how many each filter left out.

        Parameters
        ----------
        filters : mapping, optional
            Any of `FILTERS`: ``min_followers``, ``max_followers`` (a creator
            whose followers are not known passes neither), ``languages``,
            ``agency_status``, ``exclude_creator_ids``,
            ``include_only_creator_ids``, ``min_confidence``.

        Returns
        -------
        rows : int64 array, ascending
        filtered_out : dict of str to int
            By the first filter that left a creator out, in the order of
            `FILTERS` and after ``market``; only those that left any out.

        Raises
        ------
        BriefError
            An unknown filter.
        """
        asked = dict(filters or {})
        unknown = sorted(set(asked) - set(FILTERS))
        if unknown:
            raise BriefError(
                f"filters: {', '.join(FILTERS)}", received=", ".join(unknown), look="features/snapshot/model.py"
            )
        kept = np.flatnonzero(self._market_codes == self._codes.get(brief.market, -1))
        left_out = {"market": self.elsewhere + len(self) - len(kept)}
        for name in FILTERS:
            if asked.get(name) is None:
                continue
            passing = kept[self._passes(name, asked[name], kept)]
            left_out[name] = len(kept) - len(passing)
            kept = passing
        return kept.astype(np.int64), {name: count for name, count in left_out.items() if count}

    def only(self, market: str) -> Snapshot:
        """The creators of one market alone, as new arrays: what `features.snapshot.build.build_part` makes of it."""
        arrays, kinds = self.arrays, len(self.category_ids)
        rows = np.flatnonzero(arrays.markets == market)
        by_brand = self._brand_sparse.only(rows, len(self))
        by_product = self._product_sparse.only(rows, len(self))
        sold = np.flatnonzero(np.diff(by_product.starts))
        mine = arrays.take(rows)
        return Snapshot(
            as_of=self.as_of,
            arrays=SnapshotArrays(
                **mine,
                brand_starts=by_brand.starts,
                brand_rows=by_brand.rows,
                brand_values=by_brand.values,
                brand_default=arrays.brand_default,
                product_starts=np.append(by_product.starts[sold], by_product.starts[-1]),
                product_rows=by_product.rows,
                product_values=by_product.values,
            ),
            category_ids=self.category_ids,
            brand_ids=self.brand_ids,
            product_ids=tuple(self.product_ids[place] for place in sold.tolist()),
            catalogue=self.catalogue,
            campaigns=self.campaigns,
            general=self.general.take(rows),
            influence=self.influence.take((rows[:, None] * kinds + np.arange(kinds)).ravel()),
            conversion=None if self.conversion is None else self.conversion.only(mine["creator_ids"]),
            elsewhere=self.elsewhere + len(self) - len(rows),
            weeks=None if self.weeks is None else self.weeks.take(rows),
            behind=None if self.behind is None else self.behind.take(rows),
            contacts=None if self.contacts is None else self.contacts.take(rows),
        )

    def matrix(self, brief: Brief, rows: Ints) -> Floats:
        """Every signal of ``rows`` for ``brief``: new float64 (len(rows), signals), in the order of ``SIGNALS``."""
        arrays = self.arrays
        names = self._names
        category = self._category.get(brief.category_id, len(self.category_ids))
        brand_values = np.tile(np.asarray(arrays.brand_default), (len(rows), 1))
        brand = self._brand.get(brief.brand_id)
        if brand is not None:
            self._brand_sparse.fill(brand_values, brand, rows)
        out = np.empty((len(rows), len(names)))
        stop = 0
        for part in (self._creator[rows], self._categories[rows, category], brand_values):
            start, stop = stop, stop + part.shape[1]
            out[:, start:stop] = part
        columns = {name: out[:, i] for i, name in enumerate(names[:stop])}
        columns |= self._product_sums(brief, rows) | self._conversions(brief, rows)
        terms = {name: values[0] for name, values in brief_columns([brief]).items()}
        for values in brief_signals(columns, terms).values():
            out[:, stop] = values
            stop += 1
        return out

    def columns(self, brief: Brief, rows: Ints) -> BriefColumns:
        """The same signals of ``rows`` (ascending), column by column and only as they are asked for."""
        return BriefColumns(
            self._tables,
            brief,
            rows,
            category=self._category.get(brief.category_id, len(self.category_ids)),
            brand=self._brand.get(brief.brand_id),
            products=self._products(brief),
        )

    def own(self, places: list[int], first: int, last: int) -> Floats:
        """Creators' own signals: new float64 (len(places), last - first) of the rows from first to before last."""
        return np.ascontiguousarray(self._creator[first:last].T[places])

    def indices(self, brief: Brief, rows: Ints) -> Floats:
        """The indices of ``rows``: new float64 (len(rows), 8), category_influence for the brief's category.

        A category that the snapshot does not know gives `UNKNOWN_INFLUENCE`.
        """
        out = self._index[rows]
        category = self._category.get(brief.category_id)
        if category is not None:
            out[:, INDEX_NAMES.index(CATEGORY_INDEX)] = self._influence[rows, category]
        return out

    def index_doubt(self, brief: Brief, rows: Ints) -> dict[str, Floats]:
        """How well the `indices` of ``rows`` are known: ``low``, ``high`` (80 % interval) and ``confidence``, 0..100.

        Each new float64 (len(rows), 8); NaN for ``category_influence`` in a category that the snapshot does not know.
        """
        kinds, category = len(self.category_ids), self._category.get(brief.category_id)
        found = {}
        for name in ("low", "high", "confidence"):
            out = np.full((len(rows), len(INDEX_NAMES)), np.nan)
            general = np.asarray(getattr(self.general, name))
            for place, index in enumerate(self.general.names):
                out[:, INDEX_NAMES.index(index)] = general[rows, place]
            if category is not None:
                influence = np.asarray(getattr(self.influence, name))
                out[:, INDEX_NAMES.index(CATEGORY_INDEX)] = influence[rows * kinds + category, 0]
            found[name] = out
        return found

    def card(self, creator_id: str) -> ScoreCard:
        """The creator's score card (see `features.indices.cards.score_card`).

        Raises
        ------
        SnapshotError
            The snapshot has no such creator; its ``status`` is 404.
        """
        row = self.rows_of.get(creator_id)
        if row is None:
            missing = SnapshotError(
                f"a creator known by {self.as_of:%Y-%m-%d}", received=creator_id, look="`collabrank snapshot DIR`"
            )
            missing.status = 404
            raise missing
        arrays = self.arrays
        followers = self._followers[row]
        public = {
            "creator_id": creator_id,
            "username": str(arrays.usernames[row]) or None,
            "market": str(arrays.markets[row]),
            "language": str(arrays.languages[row]) or None,
            "agency_status": str(arrays.agency_status[row]) or None,
            "joined_on": str(np.datetime64(int(arrays.joined_day[row]), "D")),
            "follower_count": None if np.isnan(followers) else int(followers),
        }
        return score_card(
            public,
            as_of=self.as_of.isoformat(),
            general=self.general,
            row=row,
            influence=self.influence,
            category_ids=self.category_ids,
        )

    def known_of(self, row: int) -> tuple[int | None, float]:
        """The followers of ``row`` at the latest reading (None: not known), and the mean confidence of its indices."""
        followers = float(self._followers[row])
        return None if np.isnan(followers) else int(followers), float(self._confidence[row])

    def _passes(self, name: str, value: Any, rows: Ints) -> Flags:
        if name == "min_followers":
            return np.asarray(self._followers[rows] >= value)
        if name == "max_followers":
            return np.asarray(self._followers[rows] <= value)
        if name == "languages":
            return self.arrays.languages.among([str(v) for v in value])[rows]
        if name == "agency_status":
            return self.arrays.agency_status.among([str(value)])[rows]
        if name == "min_confidence":
            return np.asarray(self._confidence[rows] >= value)
        among = np.zeros(len(rows), dtype=bool)
        if len(rows):
            named = self.find_all(value)
            at = np.minimum(np.searchsorted(rows, named), len(rows) - 1)
            among[at[rows[at] == named]] = True
        return ~among if name == "exclude_creator_ids" else among

    def _product_sums(self, brief: Brief, rows: Ints) -> dict[str, Floats]:
        sums = self._product_sparse.sum(self._products(brief), rows, len(self))
        scales = (FACTS["brief_orders"].measures[measure].scale for measure, _ in PRODUCT_SUMS.values())
        return {
            name: sums[:, i] / float(scale) if scale != 1 else np.ascontiguousarray(sums[:, i])
            for i, (name, scale) in enumerate(zip(PRODUCT_SUMS, scales, strict=True))
        }

    def _products(self, brief: Brief) -> Ints:
        """The places of the brief's products that the snapshot knows, ascending."""
        return np.array(sorted({self._product[p] for p in brief.product_ids if p in self._product}), dtype=np.int64)

    def _conversions(self, brief: Brief, rows: Ints) -> dict[str, Floats]:
        if self.conversion is None:
            return {name: np.full(len(rows), np.nan) for name in CONVERSION_SIGNALS}
        item = self.conversion.item(brand_id=brief.brand_id, category_id=brief.category_id, price_usd=brief.price_usd)
        return self.conversion.predict(self._fitted_rows[rows], item)

    @cached_property
    def _tables(self) -> Tables:
        return Tables(
            creator=self._creator,
            category=self._categories,
            brand_default=np.asarray(self.arrays.brand_default),
            by_brand=self._brand_sparse,
            by_product=self._product_sparse,
            conversion=self.conversion,
            fitted_rows=np.zeros(0, dtype=np.int64) if self.conversion is None else self._fitted_rows,
        )

    @cached_property
    def _fitted_rows(self) -> Ints:
        assert self.conversion is not None  # only asked where there is one
        return self.conversion.rows_of(np.asarray(self.arrays.creator_ids))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(SIGNALS)

    @cached_property
    def _creator(self) -> Floats:
        return np.asarray(self.arrays.creator)

    @cached_property
    def _categories(self) -> Floats:
        return np.asarray(self.arrays.category)

    @cached_property
    def _followers(self) -> Floats:
        return np.ascontiguousarray(self._creator[:, names_of("creator").index("follower_count_last")])

    @cached_property
    def _codes(self) -> Mapping[str, int]:
        return {market: code for code, market in enumerate(self.arrays.markets.distinct()[0])}

    @cached_property
    def _market_codes(self) -> Ints:
        return self.arrays.markets.distinct()[1]

    @cached_property
    def _category(self) -> Mapping[str, int]:
        return {name: i for i, name in enumerate(self.category_ids)}

    @cached_property
    def _brand(self) -> Mapping[str, int]:
        return {name: i for i, name in enumerate(self.brand_ids)}

    @cached_property
    def _product(self) -> Mapping[str, int]:
        return {name: i for i, name in enumerate(self.product_ids)}

    @cached_property
    def _brand_sparse(self) -> Sparse:
        a = self.arrays
        return Sparse(np.asarray(a.brand_starts), np.asarray(a.brand_rows), np.asarray(a.brand_values))

    @cached_property
    def _product_sparse(self) -> Sparse:
        a = self.arrays
        return Sparse(np.asarray(a.product_starts), np.asarray(a.product_rows), np.asarray(a.product_values))

    @cached_property
    def _index(self) -> Floats:
        out = np.full((len(self), len(INDEX_NAMES)), UNKNOWN_INFLUENCE)
        for column, name in enumerate(self.general.names):
            out[:, INDEX_NAMES.index(name)] = self.general.value[:, column]
        return out

    @cached_property
    def _influence(self) -> Floats:
        return np.asarray(self.influence.value).reshape(len(self), len(self.category_ids))

    @cached_property
    def _confidence(self) -> Floats:
        return np.asarray(self.general.confidence.mean(axis=1))
