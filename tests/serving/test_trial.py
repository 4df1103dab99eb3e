"""The trial: a pair that crashes, hangs or eats the memory does so in a process that is thrown away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from features.snapshot import load_snapshot
from marketplace.errors import BundleError, SnapshotError
from marketplace.signature import read_public_key
from models.bundle import load_bundle
from serving import trial
from serving.store import Store
from serving.trial import TrialError, Tried, try_out

pytestmark = pytest.mark.real_trial

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pair(served_home: Path) -> tuple[Path, Path]:
    return served_home / "var" / "bundle", served_home / "var" / "snapshot"


def instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    """Let the trial's process run ``body`` in place of `pass_through`."""
    script = tmp_path / "instead.py"
    script.write_text(
        f"import os, signal, sys, time\nimport serving.trial as trial\n\n\ndef pass_through(*_):\n    {body}\n\n\n"
        "trial.pass_through = pass_through\ntrial._main(*sys.argv[1:])\n"
    )
    start = subprocess.Popen

    def other(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        assert command[1:3] == ["-m", "serving.trial"]
        return start([command[0], str(script), *command[3:]], **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(trial.subprocess, "Popen", other)


def test_a_pair_that_ranks_passes_and_is_named(pair: tuple[Path, Path]) -> None:
    tried = try_out(*pair)
    assert tried == Tried(load_bundle(pair[0], read_public_key()).fingerprint, load_snapshot(pair[1]).fingerprint)


def test_what_the_trial_was_told_is_told(pair: tuple[Path, Path]) -> None:
    (pair[0] / "golden.json").write_bytes(b"{}")
    with pytest.raises(BundleError, match=r"golden\.json as it was signed"):
        try_out(*pair)
    with pytest.raises(BundleError, match="promote"):
        try_out(pair[0] / "none", pair[1])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
        ("sys.exit(3)", "exit code 3"),
        ("time.sleep(60)", "no answer within 3 s"),
        ("while True: pass", "no answer within 3 s|SIGXCPU|SIGKILL"),
        ("bytearray(3 * 2**30)", "exit code 1"),
        ("print('{}' * 10**6); time.sleep(60)", "exit code|SIGKILL|no answer"),
        ("return {}", "exit code 1"),
        ("os.close(1); time.sleep(60)", "exit code|no answer|SIGKILL"),
    ],
)
def test_a_crash_a_hang_and_an_explosion_are_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    instead(monkeypatch, tmp_path, body)
    began = time.monotonic()
    with pytest.raises(TrialError, match=says):
        try_out(tmp_path, tmp_path, seconds=3.0, memory=2**30)
    assert time.monotonic() - began < 8.0


def test_nothing_of_a_trial_that_hangs_is_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = f"{os.getpid()}.{time.monotonic_ns()}"
    instead(monkeypatch, tmp_path, f"subprocess = __import__('subprocess'); subprocess.run(['sleep', '{mark}'])")
    with pytest.raises(TrialError):
        try_out(tmp_path, tmp_path, seconds=2.0)
    time.sleep(0.2)
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    assert not [one for one in commands if one.startswith(b"sleep") and mark.encode() in one]


def test_errors_of_a_trial_are_of_bundles_and_snapshots_alone() -> None:
    told = {"expected": "a", "received": "b", "look": "c"}
    with pytest.raises(SnapshotError, match="expected a"):
        trial._understood(json.dumps({"error": "SnapshotError", **told}).encode(), 0)
    for name in ("CollabrankError", "annotations", "KeyError", "os"):
        with pytest.raises(BundleError, match="expected a"):
            trial._understood(json.dumps({"error": name, **told}).encode(), 0)
    for said in (b"", b"[]", b"{", b'{"bundle": "x"}', b"[" * 50_000):
        with pytest.raises(TrialError, match="SIGSEGV"):
            trial._understood(said, -signal.SIGSEGV)


def test_a_store_serves_what_passed_and_keeps_it_when_the_next_does_not(
    served_home: Path, promoted: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    try:
        assert store.look()
        assert store.served.bundle.model_version == "1"
        assert callable(promoted)
        promoted("2")
        with monkeypatch.context() as patch:
            instead(patch, tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
            assert not store.look()
        assert store.served.bundle.model_version == "1"
        refusal = store.refusal
        assert refusal is not None
        assert (type(refusal.error), refusal.part) == (TrialError, "bundle")
        assert not store.look()  # it waits before it tries again
        monkeypatch.setattr("serving.store._Again.due", True)
        assert store.look()
        assert store.served.bundle.model_version == "2"
        assert store.refusal is None
    finally:
        store.close()


def test_a_pair_that_passed_before_the_workers_started_is_not_tried_again_and_another_is(
    served_home: Path, promoted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, snapshot = served_home / "var" / "bundle", served_home / "var" / "snapshot"
    monkeypatch.setenv(trial._PASSED, "")
    trial.note_passed(trial.pass_through(bundle, snapshot))
    tried: list[object] = []
    monkeypatch.setattr("serving.store.try_out", lambda *asked, **_: tried.append(asked) or trial.pass_through(*asked))
    store = Store()
    try:
        assert store.look()
        assert tried == []
        assert callable(promoted)
        promoted("2")
        assert store.look()
        assert len(tried) == 1
    finally:
        store.close()


def test_the_trial_takes_the_snapshots_memory_and_not_a_second_copy(pair: tuple[Path, Path]) -> None:
    held = load_snapshot(pair[1]).read_all()
    for file in pair[1].glob("*.bin"):
        size = file.stat().st_size
        os.truncate(file, 0)
        os.truncate(file, size)  # of the size that is stated, and other bytes: nobody can copy it anew
    code = "import sys; from pathlib import Path; from features.snapshot import load_snapshot\n"
    code += "print(len(load_snapshot(Path(sys.argv[1])).read_all()))"
    told = subprocess.run(
        [sys.executable, "-c", code, str(pair[1])], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(told.stdout) == len(held)
