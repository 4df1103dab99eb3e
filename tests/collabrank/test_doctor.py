"""What `doctor` sees in an empty home and in one that something is wrong with."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from collabrank.cli import app
from collabrank.doctor import findings
from serving.keys import create_key, keys_file

NAMES = [
    "python", "cores", "libraries", "home", "snapshot", "bundle", "mlflow", "keys", "served", "arms", "decisions",
]  # fmt: skip


def test_an_empty_home_is_well(home: Path) -> None:
    found = findings()
    assert [one.name for one in found] == NAMES
    assert all(one.ok for one in found), found
    told = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert [one["name"] for one in told] == NAMES


def test_keys_that_others_may_read_a_broken_snapshot_and_a_strange_log_are_said(home: Path) -> None:
    create_key("somebody")
    keys_file().chmod(0o644)
    (home / "var" / "snapshot").mkdir()
    (home / "var" / "decisions").write_text("")
    bad = {one.name: one.seen for one in findings() if not one.ok}
    assert set(bad) == {"keys", "snapshot", "served", "decisions"}
    assert "chmod 600" in bad["keys"]
    answer = CliRunner().invoke(app, ["doctor"])
    assert answer.exit_code == 1
    assert "BAD  keys" in answer.stdout
