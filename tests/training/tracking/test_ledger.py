"""The ledger: every line signed and in its place, whatever is done to the file."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from marketplace.errors import BundleError, CollabrankError, GateError
from marketplace.state import state_folder
from training.tracking.ledger import PROMOTED, REGISTERED, RESTORED, Event, Ledger


def event(number, kind=REGISTERED, **more):
    return Event(kind=kind, version=number, run_id=f"run {number}", bundle_sha256=f"{number:064}", **more)


@pytest.fixture
def ledger(home):
    made = Ledger()
    for number in range(1, 5):
        made.append(event(number, held_out="a" if number < 4 else "b"))
    made.append(event(2, PROMOTED))
    made.append(event(3, PROMOTED, previous_version=2, previous_run_id="run 2", forced=True, reason="why"))
    return made


def test_what_was_written_is_read_and_asked(ledger):
    assert Ledger(state_folder("none")).events() == []
    assert [one.version for one in Ledger().events()] == [1, 2, 3, 4, 2, 3]
    assert (ledger.measured("a"), ledger.measured("b"), ledger.measured("c")) == (3, 1, 0)
    assert ledger.promotion_of("run 3").previous_version == 2
    assert ledger.promotion_of("run 1") is None
    assert ledger.registration_of("run 4").bundle_sha256 == f"{4:064}"
    assert ledger.registration_of("run 9") is None
    assert ledger.champion().reason == "why"
    ledger.append(event(2, RESTORED))
    assert (ledger.champion().kind, ledger.champion().version) == (RESTORED, 2)
    ledger.append(event(1))  # the same run again is no further candidate
    assert ledger.measured("a") == 3


@pytest.mark.parametrize("line", range(6))
def test_a_line_changed_taken_out_or_exchanged_is_found(ledger, line):
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    other = json.loads(lines[line])
    other["said"]["version"] = 9
    mutants = [
        [*lines[:line], json.dumps(other).encode() + b"\n", *lines[line + 1 :]],
        [*lines[:line], lines[line][:-20] + b"\n", *lines[line + 1 :]],
        [*lines[:line], b"[]\n", *lines[line + 1 :]],
        [*lines[:line], lines[line], *lines[line:]],
        [*lines[:line], lines[(line + 1) % 6], *lines[line + 1 :]],
    ]
    if line < 5:
        mutants.append([*lines[:line], *lines[line + 1 :]])
    for mutant in mutants:
        ledger.path.write_bytes(b"".join(mutant))
        with pytest.raises(CollabrankError):
            ledger.events()
        with pytest.raises(CollabrankError):
            ledger.append(event(7))
        assert ledger.path.read_bytes() == b"".join(mutant)
    ledger.path.write_bytes(b"".join(lines))
    assert len(ledger.events()) == 6


def test_another_key_or_none_does_not_verify_it(ledger, home):
    (home / "var" / "keys" / "signing_key.pem").rename(home / "kept")
    (home / "var" / "keys" / "public_key.pem").unlink()
    with pytest.raises(BundleError):
        ledger.events()
    with pytest.raises(GateError, match="another key"):
        ledger.append(event(5))  # a new key, whose lines these are not
    with pytest.raises(GateError, match="another key"):
        ledger.events()


def test_a_pipe_in_its_place_hangs_nobody(ledger):
    ledger.path.unlink()
    os.mkfifo(ledger.path)
    with pytest.raises(GateError, match="regular"):
        ledger.events()


def test_several_at_once_lose_no_line(home):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Ledger().append(event(number)), range(24)))
    assert sorted(one.version for one in Ledger().events()) == list(range(24))
