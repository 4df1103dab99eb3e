"""Take the snapshot that the service ranks from, and keep it where the service looks for it."""

from __future__ import annotations

from datetime import date

from features.snapshot.build import Day, build_part
from features.snapshot.disk import save_parts, shared_as_json
from features.snapshot.parts import SnapshotParts, load_snapshot
from marketplace.errors import SnapshotError
from marketplace.progress import say, track
from marketplace.state import state_folder
from marketplace.tables import Marketplace

__all__ = ["take_snapshot"]


def take_snapshot(market: Marketplace, as_of: str | date | None = None) -> SnapshotParts:
    """Build the snapshot of ``market`` and keep it in ``var/snapshot``, in place of an earlier one.

    Market by market: one is built while others are written, and none is kept in memory.

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
    day = Day.of(market, as_of)
    homes = day.homes
    if not homes:
        raise SnapshotError(f"a creator known by {day.at:%Y-%m-%d}", received="none", look="the marketplace's creators")
    shared = shared_as_json(day.at.to_pydatetime(), day.categories, day.brand_ids, day.catalogue, day.campaigns)
    parts = ((home, build_part(day, home)) for home in track(homes, "  markets", total=len(homes)))
    save_parts(folder, shared, parts)
    return load_snapshot(folder)
