"""Digests of files: remembered by a file's state, and never for another content."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from marketplace.cache import files, store
from marketplace.cache.files import FileStates, digests
from marketplace.tables import open_marketplace


def settled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the file had been left alone for a while."""
    monkeypatch.setattr(files, "SETTLED_S", -3_600.0)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read from here on."""
    read: list[str] = []
    real = hashlib.file_digest

    def spy(file, name):
        read.append(file.name)
        return real(file, name)

    monkeypatch.setattr(hashlib, "file_digest", spy)
    return read


def test_a_digest_is_the_files_and_is_computed_once(cached_home: Path, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    settled(path, monkeypatch)
    read = counted(monkeypatch)
    expected = {str(path): hashlib.sha256(b"abc").hexdigest()}
    assert digests(FileStates.of([str(path)])) == expected
    assert digests(FileStates.of([str(path)])) == expected
    monkeypatch.setattr(files, "_known", {})  # another process
    assert digests(FileStates.of([str(path)])) == expected
    assert len(read) == 1


def test_content_changed_in_place_with_size_and_mtime_set_back_is_seen(
    cached_home: Path, tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    settled(path, monkeypatch)
    before, states = path.stat(), FileStates.of([str(path)])
    digests(states)
    time.sleep(0.02)  # the clock that stamps files ticks every few milliseconds
    with open(path, "r+b") as file:
        file.write(b"xyz")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert not states.unchanged()
    assert digests(FileStates.of([str(path)]))[str(path)] == hashlib.sha256(b"xyz").hexdigest()


def test_a_file_written_just_now_is_read_every_time(cached_home: Path, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    read = counted(monkeypatch)
    for _ in range(2):
        digests(FileStates.of([str(path)]))
    assert len(read) == 2


def test_digests_that_were_tampered_with_are_computed_again(cached_home: Path, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    settled(path, monkeypatch)
    right = digests(FileStates.of([str(path)]))
    (entry,) = store.entries()
    entry.path.write_bytes(entry.path.read_bytes().replace(right[str(path)].encode(), b"0" * 64))
    monkeypatch.setattr(files, "_known", {})
    assert digests(FileStates.of([str(path)])) == right


def test_the_fingerprint_follows_the_content_and_not_the_folder(cached_home: Path, tables: Path) -> None:
    first = open_marketplace(tables).fingerprint()
    moved = tables.rename(tables.with_name("moved"))
    assert open_marketplace(moved).fingerprint() == first
    file = moved / "orders" / "part-0.parquet"
    whole = file.read_bytes()
    before = file.stat()
    file.write_bytes(whole.replace(b"o1", b"o2"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert open_marketplace(moved).fingerprint() != first


def test_a_marketplace_whose_files_have_changed_since_it_was_opened_is_not_kept(
    cached_home: Path, tables: Path
) -> None:
    market = open_marketplace(tables)
    assert market.kept_as() == market.fingerprint()
    time.sleep(0.02)
    file = tables / "orders" / "part-0.parquet"
    file.write_bytes(file.read_bytes())
    assert market.kept_as() is None
    assert open_marketplace(tables).kept_as() == market.fingerprint()
