"""The snapshot on disk, in one part a market: what all share at hand, each part opened when it is first asked for.

    snapshot = load_snapshot(folder)
    part = snapshot.of_market(brief.market)     # a `Snapshot` of that market's creators
    rows, left_out = part.candidates(brief)

A brief is of one market, so that ranking for it reads one part alone, and gives bit for bit what a snapshot of all
markets gives. The signature is verified before anything is parsed. The files are opened when the folder is, and read
when a part is, into memory that cannot change any more (`features.snapshot.sealed`): a newer snapshot that has taken
the folder's place by then changes nothing, and a file that was changed in its place is refused.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from features.briefs import Brief
from features.indices import INDEX_NAMES, ScoreCard
from features.signals import SIGNALS
from features.snapshot.disk import FORMAT, LARGEST_MANIFEST, MANIFEST, of_shared, told_by
from features.snapshot.model import Snapshot, Text
from features.snapshot.packed import read_arrays
from features.snapshot.sealed import alone_for, sealed
from features.snapshot.sound import damaged, require_sound
from features.snapshot.text import TextColumn
from marketplace.display import Shown
from marketplace.errors import BriefError
from marketplace.held import Held, HeldFolder
from marketplace.signature import SIGNATURE, SNAPSHOT, PublicKey, read_public_key

__all__ = ["SnapshotParts", "load_snapshot"]

_UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, OverflowError, RecursionError,
    MemoryError, BriefError,
)  # fmt: skip
_LARGEST_SIGNATURE = 1_024


def load_snapshot(folder: str | Path, public_key: PublicKey | None = None) -> SnapshotParts:
    """The snapshot in ``folder``: its signature verified, its parts open, and neither read nor held against their hash.

    Parameters
    ----------
    public_key : PublicKey, optional
        That of the home's keys by default.

    Raises
    ------
    SnapshotError
        There is none, it is not signed by that key, a part is missing, no regular file or of another size, or it was
        made for other signals.
    BundleError
        There is no public key to verify it with.
    """
    folder = Path(folder)
    try:
        held = HeldFolder(folder)
    except OSError as reason:
        raise damaged(folder, reason.strerror or str(reason)) from reason
    with held:
        try:
            content = held.read(MANIFEST, LARGEST_MANIFEST)
            signature = held.read(SIGNATURE, _LARGEST_SIGNATURE)
        except OSError as reason:
            raise damaged(folder, f"{reason.strerror or reason} ({MANIFEST}, {SIGNATURE})") from reason
        (read_public_key() if public_key is None else public_key).verify(signature, content, SNAPSHOT)
        try:
            meta = json.loads(content)
            if meta["format"] != FORMAT:
                raise damaged(folder, f"format {meta['format']}, not {FORMAT}")
            if meta["signals"] != list(SIGNALS) or meta["index_names"] != list(INDEX_NAMES):
                raise damaged(folder, "signals or indices of another version of collabrank")
            return SnapshotParts(folder, meta, held, hashlib.sha256(content).hexdigest())
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
    category_ids, brand_ids : tuple of str
    markets : tuple of str
        Those with creators, ascending.
    fingerprint : str
        SHA-256 (hex) of the manifest, which names every part's own.
    """

    def __init__(self, folder: Path, meta: dict[str, Any], held: HeldFolder, fingerprint: str) -> None:
        self._folder = folder
        self._meta = meta
        self.as_of = datetime.fromisoformat(meta["as_of"]).astimezone(UTC)
        self.catalogue, campaigns = told_by(meta)
        self.campaigns: Mapping[str, Brief] = campaigns
        self.category_ids: tuple[str, ...] = tuple(meta["category_ids"])
        self.brand_ids: tuple[str, ...] = tuple(meta["brand_ids"])
        self.markets: tuple[str, ...] = tuple(sorted(meta["parts"]))
        self._sizes = {name: int(part["creators"]) for name, part in meta["parts"].items()}
        self._files = {name: self._file(part, held) for name, part in meta["parts"].items()}
        self._opened: dict[str, Snapshot] = {}
        self.fingerprint = fingerprint
        if not self.markets:
            raise damaged(folder, "no creators")
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
    def nbytes(self) -> int:
        """Bytes of all parts: what they take in memory, once for all processes that hold them."""
        return sum(int(part["bytes"]) for part in self._meta["parts"].values())

    @property
    def headline(self) -> str:
        """How many creators, as of which day."""
        return f"{len(self):,} creators as of {self.as_of:%Y-%m-%d}"

    @property
    def size_text(self) -> str:
        """What it takes in memory, and of that a creator."""
        return f"{self.nbytes / 1e6:,.1f} MB in memory, {self.nbytes / max(len(self), 1):,.0f} bytes a creator"

    def read_all(self) -> SnapshotParts:
        """The same, once every part has been read: nothing that happens to the files from now on matters.

        Raises
        ------
        SnapshotError
            A part is damaged, or there is too little memory for it.
        """
        for name in self.markets:
            self.of_market(name)
        return self

    @cached_property
    def creator_ids(self) -> Text:
        """Every creator's id, (n,), ascending; reads all parts."""
        return TextColumn.of(sorted(one for name in self.markets for one in self.of_market(name).creator_ids))

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
        """The creator's market, None where there is no such creator; reads parts until one has the creator."""
        for name in self.markets:
            if self.of_market(name).creator_ids.find(creator_id) >= 0:
                return name
        return None

    def _file(self, part: Mapping[str, Any], held: HeldFolder) -> Held:
        name = Path(part["file"]).name
        try:
            file = held.open(name)
        except OSError as reason:
            raise damaged(self._folder / name, reason.strerror or str(reason)) from reason
        if file.size != part["bytes"]:
            raise damaged(self._folder / name, f"{file.size:,} bytes, not {part['bytes']:,}")
        return file

    def _open(self, name: str) -> Snapshot:
        stated = self._meta["parts"][name]
        path = self._folder / Path(stated["file"]).name
        try:
            file = self._files[name]
            with alone_for(file.descriptor):
                memory = sealed(file, int(stated["bytes"]), str(stated["sha256"]))
            arrays, said = read_arrays(memory)
            part = of_shared({**self._meta, **said}, self.catalogue, self.campaigns, arrays.__getitem__)
            require_sound(part, path, name)
        except _UNREADABLE as reason:
            raise damaged(path, f"{type(reason).__name__}: {reason}") from reason
        del self._files[name]
        return part
