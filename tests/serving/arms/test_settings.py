"""The settings' file: defaults without it, every mistake at once, and a change that takes hold or is refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from marketplace.errors import HomeError
from serving.arms.settings import Settings, SettingsFile, read_settings, settings_path
from serving.process import run

WHOLE = """
[exploration]
share = 0.2
floor = 0.5
[brands.br_001]
share = 0.0
[keys.9f2c01ab]
share = 0
[split]
name = "2026-12"
challenger = 0.1
noop = 0.05
[shadow]
challenger = 1
"""


def test_without_the_file_a_tenth_explores_and_the_champion_answers_alone(home: Path) -> None:
    settings = read_settings()
    assert settings == Settings()
    assert (settings.share, settings.floor) == (0.1, 0.2)
    assert not any([*settings.split.values(), *settings.shadow.values()])
    assert settings_path() == home / "var" / "exploration.toml"


def test_all_that_the_file_may_say(tmp_path: Path) -> None:
    path = tmp_path / "exploration.toml"
    path.write_text(WHOLE)
    settings = read_settings(path)
    assert (settings.share, settings.floor, settings.name) == (0.2, 0.5, "2026-12")
    assert dict(settings.split) == {"challenger": 0.1, "noop": 0.05, "shuffle": 0.0}
    assert settings.shadow["challenger"] == 1.0
    assert settings.share_for("br_002", "other") == 0.2
    assert settings.share_for("br_001", "other") == 0.0
    assert settings.share_for("br_002", "9f2c01ab") == 0.0
    assert settings.share_for(None, "") == 0.2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[exploration\n", "Expected ']'"),
        ("[explore]\nshare = 0.1\n", "unknown table 'explore'"),
        ("exploration = 3\n", "'exploration' is a table, not int"),
        ("[exploration]\nshares = 0.1\n", "unknown 'exploration.shares', known: share, floor"),
        ("[exploration]\nshare = 0.6\n", "exploration.share is a number from 0 to 0.5, not 0.6"),
        ("[exploration]\nshare = nan\n", "not nan"),
        ("[exploration]\nshare = true\n", "not True"),
        ('[exploration]\nshare = "0.1"\n', "not '0.1'"),
        ("[exploration]\nfloor = 0\n", "exploration.floor is a number from 0.01 to 1"),
        ("[brands.a]\nshare = -1\n", "brands.a.share is a number"),
        ("[brands]\na = 0.1\n", "'a' is a table"),
        ("[keys.a]\nexploration = false\n", "unknown 'keys.a.exploration'"),
        ("[split]\nname = ''\n", "split.name"),
        ("[split]\nchallenger = 0.6\nnoop = 0.6\n", "sum to at most 1, not 1.2"),
        ("[shadow]\nchampion = 0.5\n", "unknown 'shadow.champion'"),
    ],
)
def test_a_mistake_is_told_plainly(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "exploration.toml"
    path.write_text(text)
    with pytest.raises(HomeError) as refused:
        read_settings(path)
    assert says in refused.value.received
    assert "docs/exploration.md" in refused.value.look


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "exploration.toml"
    path.write_text("[exploration]\nshare = 2\nfloor = 2\n[shadow]\nnoop = 2\n")
    with pytest.raises(HomeError) as refused:
        read_settings(path)
    assert refused.value.received.count(";") == 2


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "long").write_bytes(b"#" * 1_100_000)
    for name in ("bytes", "long", "."):
        with pytest.raises(HomeError):
            read_settings(tmp_path / name)
    began = time.monotonic()
    read_settings(tmp_path / "pipe")
    assert time.monotonic() - began < 2


def test_a_change_takes_hold_and_a_mistake_leaves_what_held(tmp_path: Path) -> None:
    path = tmp_path / "exploration.toml"
    file = SettingsFile(path, seconds=0.0)
    assert file.now.share == 0.1
    path.write_text("[exploration]\nshare = 0.25\n")
    assert file.now.share == 0.25
    assert file.refused is None
    path.write_text("[exploration]\nshare = 25.0\n")
    assert file.now.share == 0.25
    assert isinstance(file.refused, HomeError)
    path.unlink()
    assert file.now.share == 0.1
    assert file.refused is None


def test_a_file_that_is_wrong_from_the_start_switches_nothing_on(tmp_path: Path) -> None:
    path = tmp_path / "exploration.toml"
    path.write_text("[exploration]\nshare = 0.0.\n")
    file = SettingsFile(path, seconds=0.0)
    assert file.now == Settings(share=0.0)
    assert file.refused is not None


def test_serve_and_doctor_look_at_the_file(home: Path) -> None:
    from collabrank.doctor import findings

    path = settings_path()
    told = {one.name: one for one in findings()}["arms"]
    assert (told.ok, told.seen) == (True, "10 % of the places explore, no challenger")
    path.write_text("[split]\nchallenger = 2\n")
    assert not {one.name: one for one in findings()}["arms"].ok
    with pytest.raises(HomeError, match=r"split\.challenger"):
        run(host="127.0.0.1", port=0, workers=1, wait=False)
