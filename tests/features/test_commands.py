"""The commands: signals, snapshot, card."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from features.commands import app
from features.indices.declare import INDEX_NAMES
from features.signals.registry import SIGNALS
from features.snapshot.disk import load_snapshot
from marketplace.errors import ContractError, SignalError


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_signals_lists_every_signal():
    shown = run("signals")
    assert all(f"  {name} " in shown for name in SIGNALS)
    listed = json.loads(run("signals", "--json"))
    assert [one["name"] for one in listed] == list(SIGNALS)
    assert set(listed[0]) == {"name", "entity", "unit", "window", "doc", "monotone"}


def test_snapshot_is_kept_at_home_and_card_shows_a_creator(home, wee_folder, monkeypatch):
    told = json.loads(run("snapshot", wee_folder, "--as-of", "2025-04-01", "--json"))
    folder = home / "var" / "snapshot"
    snapshot = load_snapshot(folder)
    assert told == {"folder": str(folder), "creators": len(snapshot), "as_of": "2025-04-01T00:00:00+00:00"}
    creator = str(snapshot.creator_ids[0])
    card = json.loads(run("card", wee_folder, creator, "--as-of", "2025-04-01", "--json"))
    assert card == snapshot.card(creator)
    monkeypatch.setattr("features.snapshot.score_card_of", lambda *asked: snapshot.card(asked[1]))
    shown = run("card", wee_folder, creator)
    for index in INDEX_NAMES[:3]:
        assert f"\n{index} " in shown
    assert "category_influence[" in shown


def test_a_card_of_nobody_is_refused(wee_folder):
    with pytest.raises(SignalError, match="nobody"):
        run("card", wee_folder, "nobody")


def test_a_folder_that_is_no_marketplace_is_refused(home, tmp_path):
    with pytest.raises(ContractError):
        run("snapshot", tmp_path)
