"""Machines that fit together: real processes over real sockets, the same trees on each, as good as one machine's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import TrainingError
from training.heads import Machines, across
from training.heads import machines as module

ROOT = Path(__file__).resolve().parents[3]

FIT = """
import contextlib, hashlib, json, sys
import numpy as np
from sklearn.metrics import roc_auc_score
from training.heads import CampaignClassifier, CampaignRanker, CampaignRegressor, Machines, across

told, number, bagging = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
rng = np.random.default_rng(1)
pull = rng.normal(size=12)

def drawn():
    X = rng.normal(size=(12_000, 12))
    return X, X @ pull / 2 + rng.normal(size=len(X))

(X, f), (X_new, f_new) = drawn(), drawn()
campaign = np.repeat(np.arange(150), 80)
grade = np.clip(np.round(f), 0, 4)
same = dict(n_estimators=40, num_leaves=15, num_threads=1, bagging_fraction=bagging, bagging_freq=1)
alone = contextlib.nullcontext()
with across(Machines(tuple(told.split(",")), number, least_rows=1_000), "same") if told else alone:
    ranker = CampaignRanker(**same).fit(X, grade, groups=campaign)
    chance = CampaignClassifier(calibrate=False, **same).fit(X, f > 0)
    # Amounts, some of them negative, with weights: an objective of our own, which knows every row.
    amount = CampaignRegressor(**same).fit(X, np.exp(f / 2) - 0.3, sample_weight=1.0 + np.arange(len(X)) % 3)
    few = CampaignClassifier(calibrate=False, **same).fit(X[:1_500], f[:1_500] > 0)
off = amount.predict(X_new) - np.exp(f_new / 2) + 0.3
print(json.dumps({
    "ndcg": ranker.score(X_new, np.clip(np.round(f_new), 0, 4), groups=campaign),
    "auc": roc_auc_score(f_new > 0, chance.predict_proba(X_new)[:, 1]),
    "rmse": float(np.sqrt(np.mean(off**2))),
    "texts": [
        hashlib.sha256(one.booster_.model_to_string().encode()).hexdigest()
        for one in (ranker, chance, amount, few)
    ],
}))
"""


def addresses(count: int = 2) -> list[str]:
    with socket.socket() as one, socket.socket() as other:
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{free.getsockname()[1]}" for free in (one, other)][:count]


def fitted(machines: int, bagging: float) -> list[dict[str, Any]]:
    told = ",".join(addresses(machines)) if machines > 1 else ""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", FIT, told, str(number), str(bagging)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
        )
        for number in range(1, machines + 1)
    ]  # fmt: skip
    ended = [one.communicate(timeout=120) for one in running]
    assert [one.returncode for one in running] == [0] * machines, ended
    return [json.loads(out) for out, _ in ended]


@pytest.mark.slow
@pytest.mark.parametrize("bagging", [1.0, 0.8])
def test_two_processes_grow_the_same_trees_and_as_good_ones_as_one(bagging: float) -> None:
    (alone,) = fitted(1, bagging)
    one, other = fitted(2, bagging)
    assert one == other
    assert one["texts"][:3] != alone["texts"][:3]  # they were shared out
    assert one["ndcg"] == pytest.approx(alone["ndcg"], abs=0.005)
    assert one["auc"] == pytest.approx(alone["auc"], abs=0.005)
    assert one["rmse"] == pytest.approx(alone["rmse"], rel=0.005)
    # Few rows are fitted by each alone, to the very model that one machine makes.
    assert one["texts"][3] == alone["texts"][3]


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=40),
    count=st.integers(2, 5),
    by_query=st.booleans(),
)
def test_every_row_is_one_machines_and_no_query_is_cut(sizes: list[int], count: int, by_query: bool) -> None:
    groups = np.array(sizes) if by_query else None
    rows, query = sum(sizes), np.repeat(np.arange(len(sizes)), sizes)
    shares = []
    for number in range(1, count + 1):
        module._now.append(Machines(tuple(f"host:{one}" for one in range(1, count + 1)), number, least_rows=1))
        try:
            shares.append(module.share_of(rows, groups))
        finally:
            module._now.pop()
    if rows < count or (by_query and len(sizes) < count):
        assert all(one.rows is None and not one.params for one in shares)
        return
    taken = [one.rows for one in shares if one.rows is not None]
    assert len(taken) == count
    assert sorted(np.concatenate(taken).tolist()) == list(range(rows))
    assert all((np.diff(one) > 0).all() for one in taken)
    if by_query:
        assert sum(len(set(query[one])) for one in taken) == len(sizes)


def test_one_machine_alone_takes_everything() -> None:
    assert module.share_of(10**6, None) == module.Share(None, {})


@pytest.mark.parametrize(
    ("told", "number"),
    [("", 1), ("one:1", 1), ("one:1,one:1", 1), ("one,other", 1), ("one:1,other:99999", 1), (":1,:2", 1),
     ("one:1,other:2", 0), ("one:1,other:2", 3), ("one:1,other:2", None)],
)  # fmt: skip
def test_machines_that_are_none_are_refused(told: str, number: int | None) -> None:
    with pytest.raises(TrainingError, match="machines"):
        Machines.of(told, number)


def test_machines_with_other_data_are_refused_on_each_of_them() -> None:
    both = tuple(addresses())
    said: dict[int, str] = {}

    def come(number: int) -> None:
        try:
            with across(Machines(both, number), f"digest {number}"):
                said[number] = "fitted"
        except TrainingError as reason:
            said[number] = str(reason)

    threads = [threading.Thread(target=come, args=(number,)) for number in (1, 2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert "machine 2 has other data" in said[1]
    assert "machine 2 has other data" in said[2]


@pytest.mark.parametrize(("number", "words"), [(1, "nothing from machine 2"), (2, "machine 1 at 127.0.0.1")])
def test_who_does_not_come_is_named(number: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    with pytest.raises(TrainingError, match=words), across(Machines(tuple(addresses()), number), "any"):
        pass
    assert module.machines_at_work() is None
