"""A file or folder is replaced whole or not at all, whatever fails on the way."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from marketplace.errors import HomeError
from marketplace.state import replace_folder, state_folder, write_whole


def left_over(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_write_whole_replaces_and_sets_the_mode(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "key"
    write_whole(file, b"old")
    write_whole(file, b"new", mode=0o600)
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert left_over(file.parent) == ["key"]


@pytest.mark.parametrize("fails", ["fsync", "chmod", "replace"])
def test_write_whole_keeps_the_old_file_on_an_error(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    write_whole(file, b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, fails, refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"
    assert left_over(tmp_path) == ["key"]


def test_replace_folder_replaces_the_whole_folder(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    with replace_folder(folder) as fresh:
        (fresh / "one").write_text("1")
    with replace_folder(folder) as fresh:
        assert left_over(fresh) == []
        (fresh / "two").write_text("2")
        assert left_over(folder) == ["one"]
    assert left_over(folder) == ["two"]
    assert left_over(tmp_path) == ["m"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_replace_folder_keeps_the_old_on_an_error_within(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    with replace_folder(folder) as fresh:
        (fresh / "one").write_text("1")
    with pytest.raises(FileNotFoundError), replace_folder(folder) as fresh:  # noqa: PT012
        (fresh / "two").write_text("half")
        (fresh / "nowhere" / "three").write_text("")
    assert left_over(folder) == ["one"]
    assert left_over(tmp_path) == ["m"]


@pytest.mark.parametrize("failing_call", [1, 2])
def test_replace_folder_keeps_the_old_when_a_rename_fails(
    failing_call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "m"
    with replace_folder(folder) as fresh:
        (fresh / "one").write_text("1")
    rename, calls = os.replace, []

    def replace(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == failing_call:
            raise OSError(18, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr("marketplace.state._exchange", lambda *_: False)
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="cross-device"), replace_folder(folder) as fresh:
        (fresh / "two").write_text("2")
    assert left_over(folder) == ["one"]
    assert left_over(tmp_path) == ["m"]


@pytest.mark.parametrize("at_once", [True, False])
def test_replace_folder_leaves_nothing_behind_and_at_once_no_moment_without(
    at_once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not at_once:
        monkeypatch.setattr("marketplace.state._exchange", lambda *_: False)
    folder = tmp_path / "m"
    with replace_folder(folder) as fresh:
        (fresh / "file").write_text("0")
    missing, stop = [], threading.Event()

    def look() -> None:
        while not stop.is_set():
            if not folder.exists():
                missing.append(1)

    watcher = threading.Thread(target=look)
    watcher.start()
    for turn in range(200):
        with replace_folder(folder) as fresh:
            (fresh / "file").write_text(str(turn))
    stop.set()
    watcher.join()
    assert (folder / "file").read_text() == "199"
    assert left_over(tmp_path) == ["m"]
    if at_once:
        assert missing == []


def test_a_link_in_the_folders_place_is_replaced_and_what_it_named_is_left(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "m").symlink_to(tmp_path / "kept")
    with replace_folder(tmp_path / "m") as fresh:
        (fresh / "file").write_text("0")
    assert left_over(tmp_path) == ["kept", "m"]
    assert not (tmp_path / "m").is_symlink()


def test_state_lives_under_the_home(home: Path) -> None:
    folder = state_folder("keys", "api")
    assert folder == home / "var" / "keys" / "api"
    assert folder.parent.is_dir()
    assert not folder.exists()


def test_a_home_that_cannot_be_used_is_an_error_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COLLABRANK_HOME", str(tmp_path / "file"))
    with pytest.raises(HomeError, match="COLLABRANK_HOME"):
        state_folder("mlflow")
