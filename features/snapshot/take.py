"""Take the snapshot that the service ranks from, and keep it where the service looks for it."""

from __future__ import annotations

from datetime import date

from features.snapshot.build import build_snapshot
from features.snapshot.disk import save_snapshot
from features.snapshot.model import Snapshot
from marketplace.progress import say
from marketplace.state import state_folder
from marketplace.tables import Marketplace

__all__ = ["take_snapshot"]


def take_snapshot(market: Marketplace, as_of: str | date | None = None) -> Snapshot:
    """Build the snapshot of ``market`` and keep it in ``var/snapshot``, in place of an earlier one.

    Parameters
    ----------
    as_of : date or instant, optional
        By default the day after the last order, invitation or brief.

    Raises
    ------
    DateError
        ``as_of`` is no date in ISO form.
    SnapshotError
        No creator was known by then.
    """
    folder = state_folder("snapshot")
    say("Building signals and indices of every creator …")
    taken = build_snapshot(market, as_of)
    save_snapshot(taken, folder)
    return taken
