"""What can be wrong with the creators' snapshot."""

from __future__ import annotations

from features.snapshot import load_snapshot
from marketplace.doctor import Finding, look
from marketplace.state import state_folder

__all__ = ["findings"]


def _snapshot() -> str:
    folder = state_folder("snapshot")
    if not folder.exists():
        return "none taken yet"

    snapshot = load_snapshot(folder)
    return f"{len(snapshot.creator_ids):,} creators as of {snapshot.as_of}"


def findings() -> list[Finding]:
    """The snapshot: whole, and of this version's signals."""
    return [look("snapshot", _snapshot)]
