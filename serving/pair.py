"""A bundle and a snapshot that fit each other: what is served together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from features.snapshot import SnapshotParts, load_snapshot
from marketplace.errors import SnapshotError
from models.bundle import Bundle, load_champion
from serving.lately import Lately

__all__ = ["Served", "check_fit", "load_served", "read_snapshot"]


@dataclass(frozen=True)
class Served:
    """A bundle and a snapshot that fit each other, and what was lately ranked with them."""

    bundle: Bundle
    snapshot: SnapshotParts
    lately: Lately = field(default_factory=Lately, compare=False, repr=False)

    @property
    def as_of(self) -> datetime:
        """The snapshot's as-of day, 00:00 UTC."""
        return self.snapshot.as_of

    def checked(self) -> Served:
        """The same, where the two fit (`check_fit`)."""
        check_fit(self.bundle, self.snapshot)
        return self

    def card(self, creator_id: str) -> dict[str, Any]:
        """One creator's score card, with what the model stands on that ranks beside it."""
        basis = self.bundle.basis
        return self.snapshot.card(creator_id).beside(None if basis is None else basis.text)


def check_fit(bundle: Bundle, snapshot: SnapshotParts) -> None:
    """Whether the snapshot holds the signals that the bundle was fitted on: the same ones, in the same order.

    Raises
    ------
    SnapshotError
        The names or their order differ.
    """
    wanted, held = tuple(bundle.signals), tuple(snapshot.signal_names)
    if wanted != held:
        lacking = [name for name in wanted if name not in held]
        raise SnapshotError(
            f"a snapshot with the bundle's {len(wanted)} signals in their order",
            received=f"{len(held)} signals, without {', '.join(lacking[:5])}" if lacking else "another order",
            look="`collabrank snapshot DIR`, after `collabrank promote`",
        )


def load_served(bundle: Path, snapshot: Path) -> Served:
    """Load both from their folders, each only after its signature has been verified.

    Raises
    ------
    BundleError
        The bundle is missing, altered, unsafe, or was trained on signals of another meaning.
    SnapshotError
        The snapshot is missing or altered, there is too little memory for it, or it does not fit the bundle.
    """
    champion = load_champion(bundle)
    return Served(champion, read_snapshot(snapshot)).checked()


def read_snapshot(folder: Path, like: SnapshotParts | None = None) -> SnapshotParts:
    """The snapshot in ``folder``, all of it in memory that cannot change; ``like`` itself, where that is the same.

    Raises
    ------
    SnapshotError
        It is missing or altered, or there is too little memory for it.
    """
    if not folder.is_dir():
        raise SnapshotError("a creators' snapshot", received=f"nothing at {folder}", look="`collabrank snapshot DIR`")
    snapshot = load_snapshot(folder)
    if like is not None and snapshot.fingerprint == like.fingerprint:
        return like
    return snapshot.read_all()
