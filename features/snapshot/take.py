"""Take the snapshot that the service ranks from, and keep it where the service looks for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from features.snapshot.behind import build_behind
from features.snapshot.build import Day, build_part, build_snapshot
from features.snapshot.disk import save_parts, save_snapshot, shared_as_json
from features.snapshot.model import Snapshot
from features.snapshot.parts import SnapshotParts, load_snapshot
from features.snapshot.weeks import WEEKS, build_weeks
from marketplace.errors import SnapshotError
from marketplace.progress import say, track
from marketplace.state import state_folder
from marketplace.tables import Marketplace

__all__ = ["TOGETHER", "take_snapshot"]

TOGETHER = 20_000
"""Creators up to whom all markets are built in one go, which is less work, and takes some 3 GB."""


def take_snapshot(
    market: Marketplace, as_of: str | date | None = None, *, weeks: int | None = None, behind: bool | None = None
) -> SnapshotParts:
    """Build the snapshot of ``market`` and keep it in ``var/snapshot``, signed, in place of an earlier one.

    Of more than `TOGETHER` creators market by market: one is built while others are written, and none is kept in
    memory. The files are the same either way.

    Parameters
    ----------
    as_of : date or instant, optional
        By default the day after the last order, invitation or brief.
    weeks : int, optional
        Weeks of history of the indices that it keeps: by default `WEEKS` of up to `TOGETHER` creators and none of
        more, for each week takes about as long as the indices themselves.
    behind : bool, optional
        Whether it keeps what lies behind the cards (`Behind`): by default that of up to `TOGETHER` creators.

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
    few = len(day.creators) <= TOGETHER
    asked = (WEEKS if few else 0) if weeks is None else weeks
    told = few if behind is None else behind

    def remembering(part: Snapshot) -> Snapshot:
        if told:
            part = replace(part, behind=build_behind(market, part.creator_ids, day.number))
        if asked < 1:
            return part
        return replace(part, weeks=build_weeks(market, part.creator_ids, day.number, weeks=asked))

    if few:
        snapshot = build_snapshot(market, day.at)
        if asked:
            say(f"How the indices went in {asked} weeks …")
        save_snapshot(remembering(snapshot), folder)
        return load_snapshot(folder)
    shared = shared_as_json(day.at.to_pydatetime(), day.categories, day.brand_ids, day.catalogue, day.campaigns)
    parts = ((home, remembering(build_part(day, home))) for home in track(homes, "  markets", total=len(homes)))
    save_parts(folder, shared, parts)
    return load_snapshot(folder)
