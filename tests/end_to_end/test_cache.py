"""The answers are the same bytes with the cache off, cold and warm: signals, indices, conversion, snapshot, held-out
rows, labels and bundles.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.conversion import conversion_of
from features.indices import build_card
from features.signals import build_creator
from features.snapshot import build_snapshot, score_card_of
from features.snapshot.disk import parts_of
from features.time import as_of_days
from marketplace.cache import clear, entries
from marketplace.tables import open_marketplace
from models.bundle import read_signer, save_bundle
from training.data import Split, build_training_data, split_of
from training.evaluation import gather_held_out
from training.heads import fit_rankers


@pytest.fixture(scope="module")
def cached_home(tmp_path_factory: pytest.TempPathFactory):
    """A home whose cache is on, for all of this file."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("COLLABRANK_HOME", str(home))
        patch.setenv("COLLABRANK_CACHE", "on")
        yield home


def sha256(*arrays) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        array = np.asarray(array)  # noqa: PLW2901
        if array.dtype == object:
            array = array.astype(str)  # noqa: PLW2901
        digest.update(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def of_frame(frame: pd.DataFrame) -> str:
    columns = [pd.util.hash_pandas_object(frame[name], index=True).to_numpy() for name in frame.columns]
    return sha256(*columns) + repr(frame.dtypes.to_dict())


def all_answers(folder: Path, scratch: Path, *, bundles: bool) -> dict[str, object]:
    """A digest of everything, from a marketplace opened anew."""
    market = open_marketplace(folder)
    split: Split = split_of(market, None)
    data = build_training_data(market, split.train, as_of=split.cutoff)
    held_out = gather_held_out(market, split.held_out[:5], train_campaigns=split.train)
    snapshot = build_snapshot(market)
    meta, arrays = parts_of(snapshot)
    day = int(as_of_days([snapshot.as_of])[0])
    model = conversion_of(market, day)
    assert model is not None
    creators = snapshot.creator_ids[[3, 141]].tolist()
    asked = pd.DataFrame({"creator_id": creators, "as_of": snapshot.as_of})
    answers = {
        "training rows": of_frame(data.rows),
        "training signals": sha256(data.X),
        "held-out signals": of_frame(held_out.X),
        "indices": sha256(held_out.indices),
        "labels": of_frame(held_out.labels),
        "snapshot": json.dumps(meta, allow_nan=False),
        "conversion": sha256(*model.arrays().values()),
        "signals of some": of_frame(build_creator(market, asked)),
        "cards": json.dumps([build_card(market, one).as_dict() for one in creators]),
        "cards of the snapshot": json.dumps([score_card_of(market, one).as_dict() for one in creators]),
        **{name: sha256(values) for name, values in arrays.items()},
    }
    assert answers["cards"] == answers["cards of the snapshot"]
    if bundles:
        for ranker in fit_rankers(data, seed=7):
            save_bundle(ranker.bundle, scratch / ranker.name, read_signer())
            for file in sorted(path for path in (scratch / ranker.name).rglob("*") if path.is_file()):
                answers[f"{ranker.name}/{file.name}"] = hashlib.sha256(file.read_bytes()).hexdigest()
    return answers


@pytest.mark.slow
def test_off_cold_and_warm_give_the_same_bytes(cached_home: Path, small_market: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_CACHE", "off")
        without = all_answers(small_market, tmp_path / "off", bundles=True)
    assert entries() == []
    cold = all_answers(small_market, tmp_path / "cold", bundles=False)
    kept = {one.path: one.path.stat().st_mtime_ns for one in entries()}
    assert {one.what for one in entries()} >= {
        "conversion", "files", "gathered", "indices", "labels", "signals", "snapshot", "tables",
    }  # fmt: skip
    warm = all_answers(small_market, tmp_path / "warm", bundles=True)
    assert {path: without[path] for path in cold} == cold
    assert without == warm
    assert {one.path for one in entries()} == set(kept)  # nothing was made a second time

    # Half of what is kept is gone or damaged: the rest joins with what is made anew.
    for number, one in enumerate(entries()):
        if number % 4 == 1:
            one.path.unlink()
        elif number % 4 == 3:
            whole = bytearray(one.path.read_bytes())
            whole[len(whole) // 2] ^= 1
            one.path.write_bytes(whole)
    assert all_answers(small_market, tmp_path / "half", bundles=False) == cold
    assert clear()
