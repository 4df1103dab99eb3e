"""The snapshot on disk, in one part a market: what all share at hand, each part opened when it is first asked for.

    snapshot = load_snapshot(folder)
    part = snapshot.of_market(brief.market)     # a `Snapshot` of that market's creators
    rows, left_out = part.candidates(brief)

A brief is of one market, so that ranking for it reads one part alone, and gives bit for bit what a snapshot of all
markets gives. The files are mapped when the folder is opened, and read when a part is: a newer snapshot that has taken
the folder's place by then changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.briefs import Brief
from features.indices import INDEX_NAMES, ScoreCard
from features.signals import SIGNALS
from features.snapshot.disk import FORMAT, MANIFEST, damaged, of_shared, require_sizes, told_by
from features.snapshot.model import Snapshot, Text
from features.snapshot.packed import read_arrays
from marketplace.display import Shown

__all__ = ["SnapshotParts", "load_snapshot"]

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError)


def load_snapshot(folder: str | Path) -> SnapshotParts:
    """The snapshot in ``folder``; its parts are memory-mapped, and neither read nor held against their hash yet.

    Raises
    ------
    SnapshotError
        There is none, a part is missing or of another size, or it was made for other signals.
    """
    folder = Path(folder)
    try:
        meta = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise damaged(folder, f"format {meta['format']}, not {FORMAT}")
        if meta["signals"] != list(SIGNALS) or meta["index_names"] != list(INDEX_NAMES):
            raise damaged(folder, "signals or indices of another version of collabrank")
        return SnapshotParts(folder, meta)
    except _UNREADABLE as reason:
        raise damaged(folder, f"{type(reason).__name__}: {reason}") from reason


class SnapshotParts(Shown):
    """Creators as of a day, market by market.

    Made by `load_snapshot`.

    Attributes
    ----------
    as_of : datetime
        00:00 UTC; only what was known before it is in here.
    catalogue : Catalogue
        What briefs written out by hand are completed from.
    campaigns : mapping of str to Brief
        The marketplace's campaigns known by ``as_of``.
    category_ids : tuple of str
    markets : tuple of str
        Those with creators, ascending.
    """

    def __init__(self, folder: Path, meta: dict[str, Any]) -> None:
        self._folder = folder
        self._meta = meta
        self.as_of = datetime.fromisoformat(meta["as_of"]).astimezone(UTC)
        self.catalogue, campaigns = told_by(meta)
        self.campaigns: Mapping[str, Brief] = campaigns
        self.category_ids: tuple[str, ...] = tuple(meta["category_ids"])
        self.markets: tuple[str, ...] = tuple(sorted(meta["parts"]))
        self._sizes = {name: int(part["creators"]) for name, part in meta["parts"].items()}
        self._mapped = {name: self._map(part) for name, part in meta["parts"].items()}
        self._opened: dict[str, Snapshot] = {}
        self._known: dict[str, Text] = {}
        self._lock = threading.Lock()

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The matrix's columns, in order."""
        return tuple(SIGNALS)

    @property
    def opened(self) -> tuple[str, ...]:
        """The markets whose parts have been read, ascending."""
        return tuple(sorted(self._opened))

    def __len__(self) -> int:
        return sum(self._sizes.values())

    def size_of(self, market: str) -> int:
        """How many creators ``market`` has; reads no part."""
        return self._sizes.get(market, 0)

    @property
    def headline(self) -> str:
        """How many creators, as of which day."""
        return f"{len(self):,} creators as of {self.as_of:%Y-%m-%d}"

    @cached_property
    def creator_ids(self) -> Text:
        """Every creator's id, (n,), ascending; reads all parts."""
        return np.sort(np.concatenate([self.of_market(name).creator_ids for name in self.markets]))

    def to_frame(self) -> pd.DataFrame:
        """`Snapshot.to_frame` of all markets, by creator_id; reads all parts."""
        return pd.concat([self.of_market(name).to_frame() for name in self.markets]).sort_index()

    def complete(self, body: Mapping[str, Any]) -> Brief:
        """A brief written out by hand, completed from the catalogue (see `Catalogue.complete` for the errors)."""
        return self.catalogue.complete(body)

    def of_market(self, market: str) -> Snapshot:
        """The creators of ``market``; of a market that has none the smallest part, none of whom is a candidate there.

        The part is read when it is first asked for, and held against its hash then.

        Raises
        ------
        SnapshotError
            The part is damaged.
        """
        name = market if market in self._sizes else min(self._sizes, key=lambda one: (self._sizes[one], one))
        with self._lock:
            if name not in self._opened:
                self._opened[name] = self._open(name)
            return self._opened[name]

    def card(self, creator_id: str) -> ScoreCard:
        """The creator's score card (see `features.indices.cards.score_card`); reads the part of the creator's market.

        Raises
        ------
        SnapshotError
            The snapshot has no such creator (its ``status`` is 404), or the part is damaged.
        """
        # A part without the creator says that there is no such one.
        return self.of_market(self.market_of(creator_id) or self.markets[0]).card(creator_id)

    def market_of(self, creator_id: str) -> str | None:
        """The creator's market, None where there is no such creator; of parts not yet read the ids alone are."""
        for name in self.markets:
            ids = self._ids(name)
            place = int(np.searchsorted(ids, creator_id))
            if place < len(ids) and ids[place] == creator_id:
                return name
        return None

    def _map(self, part: Mapping[str, Any]) -> mmap.mmap:
        path = self._folder / Path(part["file"]).name
        with open(path, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(mapped) != part["bytes"]:
            raise damaged(path, f"{len(mapped):,} bytes, not {part['bytes']:,}")
        return mapped

    def _ids(self, name: str) -> Text:
        """The ids of a part; of one that is not open a few pages are read for them."""
        if name in self._opened:
            return self._opened[name].creator_ids
        if name not in self._known:
            try:
                self._known[name] = read_arrays(self._mapped[name])[0]["creator_ids"]
            except _UNREADABLE as reason:
                raise damaged(self._file(name), f"{type(reason).__name__}: {reason}") from reason
        return self._known[name]

    def _open(self, name: str) -> Snapshot:
        path = self._file(name)
        if hashlib.sha256(self._mapped[name]).hexdigest() != self._meta["parts"][name]["sha256"]:
            raise damaged(path, "bytes that are not those that were written")
        try:
            arrays, said = read_arrays(self._mapped[name])
            part = of_shared({**self._meta, **said}, self.catalogue, self.campaigns, arrays.__getitem__)
        except _UNREADABLE as reason:
            raise damaged(path, f"{type(reason).__name__}: {reason}") from reason
        require_sizes(part, path)
        return part

    def _file(self, name: str) -> Path:
        return self._folder / str(self._meta["parts"][name]["file"])
