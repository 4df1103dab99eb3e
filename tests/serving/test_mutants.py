"""Twenty thousand mutants of bundle, snapshot, keys, evidence and ledger: none is taken with other answers."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.snapshot import load_snapshot
from features.snapshot.disk import save_parts, shared_of
from marketplace.errors import CollabrankError
from marketplace.signature import read_public_key, read_signer
from models.bundle import save_bundle
from tests.serving.conftest import ROOT, tiny_bundle
from tests.serving.mutants import answers_of, mutate


@pytest.fixture(scope="module")
def homes(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two homes signed by one key, ``a`` and ``b``: other bundles, and snapshots of other markets' creators."""
    folder = tmp_path_factory.mktemp("mutants")
    signer = read_signer(folder / "keys")
    taken = load_snapshot(
        prepared / "var" / "snapshot", read_public_key(prepared / "var" / "keys" / "public_key.pem")
    ).read_all()
    small = sorted(taken.markets, key=lambda name: len(taken.of_market(name)))
    for number, name in enumerate("ab"):
        home = folder / name
        save_bundle(replace(tiny_bundle(seed=number), model_version=str(number)), home / "bundle", signer)
        parts = [(market, taken.of_market(market)) for market in small[number : number + 2]]
        save_parts(home / "snapshot", shared_of(parts[0][1]), parts, signer)
        shutil.copy(folder / "keys" / "public_key.pem", home / "public_key.pem")
    return folder


def spoil(homes: Path, scratch: Path, *, seed: int, count: int) -> Counter[str]:
    """What became of mutants as a disk makes them."""
    usual, found = answers_of(homes / "a"), Counter[str]()
    held = load_snapshot(homes / "a" / "snapshot", read_public_key(homes / "a" / "public_key.pem")).read_all()
    for number in range(count):
        mutant = scratch / "mutant"
        shutil.rmtree(mutant, ignore_errors=True)
        shutil.copytree(homes / "a", mutant)
        what = mutate(mutant, homes / "b", random.Random(f"{seed} {number}"))
        try:
            answers = answers_of(mutant)
        except CollabrankError:
            found["refused"] += 1
            continue
        assert answers == usual, f"{seed} {number}: {what} gives other answers"
        found["the same answers"] += 1
    assert len(held)
    return found


def spoil_evidence(scratch: Path, *, seed: int, count: int) -> Counter[str]:
    """What became of mutants of a run's evidence, of another run's, and of the ledger."""
    from training.tracking.gate import GateEvidence
    from training.tracking.ledger import REGISTERED, Event, Ledger
    from training.tracking.registry import Version
    from training.tracking.standing import Opened, evidence_of_version

    evidence = GateEvidence("f", ("a", "b"), {"success_auc": {"candidate": [0.5, None], "gmv": [0.25, 0.75]}})
    other = replace(evidence, fingerprint="g").content()
    content, found = evidence.content(), Counter[str]()
    opened: Any = Opened(Version(1, "run", "", {}), SimpleNamespace(evidence_sha256=evidence.digest()))  # type: ignore[arg-type]
    store: Any = SimpleNamespace(fetch=lambda *_: scratch / "evidence.json")
    ledger = Ledger(scratch / "ledger.jsonl")
    for number in range(3):
        ledger.append(Event(kind=REGISTERED, version=number, run_id=f"run {number}", bundle_sha256="", held_out="h"))
    lines, events = ledger.path.read_bytes(), ledger.events()
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        whole = content if number % 2 else lines
        mutant = bytearray(whole)
        place, kind = rng.randrange(len(mutant)), rng.choice(["flip", "cut", "longer", "other", "gone"])
        if kind == "flip":
            mutant[place] ^= 1 << rng.randrange(8)
        elif kind == "cut":
            del mutant[place : place + rng.randrange(1, 200)]
        elif kind == "longer":
            mutant[place:place] = rng.randbytes(rng.randrange(1, 9))
        elif kind == "other":
            mutant = bytearray(other)
        else:
            del mutant[: mutant.find(b"\n", place) + 1]
        (scratch / ("evidence.json" if number % 2 else "ledger.jsonl")).write_bytes(mutant)
        try:
            if number % 2:
                assert evidence_of_version(store, opened) == GateEvidence.of(json.loads(content)), f"{seed} {number}"
            else:
                # Lines cut off the end leave a ledger that is whole, and shorter: what docs/safety.md says.
                read = ledger.events()
                assert read == events[: len(read)], f"{seed} {number} {kind}"
            found["the same"] += 1
        except CollabrankError:
            found["refused"] += 1
    return found


def signed(homes: Path, *, seed: int, count: int) -> Counter[str]:
    """What became of mutants that were signed again, each in a process that is thrown away."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.serving.mutants", str(homes), str(seed), str(count)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]
    print(done.stderr[-6_000:])
    return Counter(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(("seed", "count"), [(1, 120), pytest.param(2, 13_000, marks=pytest.mark.slow)])
def test_what_a_disk_makes_of_them_is_refused_or_the_same(homes: Path, tmp_path: Path, seed: int, count: int) -> None:
    found = spoil(homes, tmp_path, seed=seed, count=count)
    print(found)
    assert found.total() == count
    assert found["refused"] > 0.8 * count


@pytest.mark.parametrize(("seed", "count"), [(1, 300), pytest.param(2, 4_000, marks=pytest.mark.slow)])
def test_evidence_and_ledger_are_refused_or_the_same(home: Path, seed: int, count: int) -> None:
    found = spoil_evidence(home, seed=seed, count=count)
    print(found)
    assert found.total() == count
    assert found["refused"] > 0.7 * count


@pytest.mark.parametrize(("seed", "count"), [(1, 40), pytest.param(2, 4_000, marks=pytest.mark.slow)])
def test_signed_again_they_are_refused_or_answer_within_bounds(homes: Path, seed: int, count: int) -> None:
    found = signed(homes, seed=seed, count=count)
    print(found)
    assert found.total() == count
    assert found["crashed"] == found["hung"] == found["out of bounds"] == 0
