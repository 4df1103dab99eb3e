"""The snapshot: every creator's signals and indices as of one day, to rank from."""

from __future__ import annotations

from features.snapshot.behind import Behind, build_behind
from features.snapshot.build import build_snapshot, score_card_of
from features.snapshot.columns import BriefColumns
from features.snapshot.disk import save_snapshot
from features.snapshot.find import creator_called
from features.snapshot.model import Snapshot
from features.snapshot.parts import SnapshotParts, load_snapshot
from features.snapshot.take import take_snapshot
from features.snapshot.text import TextColumn

__all__ = [
    "Behind",
    "BriefColumns",
    "Snapshot",
    "SnapshotParts",
    "TextColumn",
    "build_behind",
    "build_snapshot",
    "creator_called",
    "load_snapshot",
    "save_snapshot",
    "score_card_of",
    "take_snapshot",
]
