"""A small snapshot repeated until it is large is one that is saved, read back and ranked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.many import repeated
from benchmarks.serving import TREES, made_up_bundle
from features.snapshot import build_snapshot, load_snapshot, save_snapshot
from marketplace.simulator import simulate
from marketplace.tables import open_marketplace
from models.bundle import read_signer
from models.part import rank_part


def test_a_repeated_snapshot_is_saved_and_ranked(home: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "market", creators=80, campaigns=24, days=120, seed=3)
    small = build_snapshot(open_marketplace(tmp_path / "market"))
    brief = list(small.campaigns.values())[-1]
    many = repeated(small, 700, brief.market)
    save_snapshot(many, tmp_path / "snapshot", read_signer())
    read = load_snapshot(tmp_path / "snapshot").of_market(brief.market)
    assert len(read) == 700
    # Whoever comes again has the indices of whom they repeat.
    rows = np.arange(700)
    assert (read.indices(brief, rows) == small.indices(brief, rows % len(small))).all()
    bundle = made_up_bundle(small.matrix(brief, np.arange(len(small))), TREES)
    found = rank_part(bundle, read, brief, rows, top=20)
    assert len({one.creator_id for one in found.creators}) == 20
