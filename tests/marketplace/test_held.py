"""Files that are not trusted yet: regular ones, bounded, of one folder."""

from __future__ import annotations

import os

import pytest

from marketplace.held import HeldFolder, read_file


def test_a_regular_file_is_read_and_nothing_else_is(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "in" / "a")
    (tmp_path / "way").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "pipe")
    with HeldFolder(tmp_path) as folder:
        assert folder.read("in/a", 7) == b"content"
        with pytest.raises(OSError, match="7 bytes, more than 6"):
            folder.read("in/a", 6)
        for name in ("link", "pipe", "in", "way/a", "none", "in/none"):
            with pytest.raises(OSError):
                folder.read(name, 100)
        assert folder.names(10) == {"in/a", "link", "way", "pipe"}
        with pytest.raises(OSError, match="more files"):
            folder.names(4)
    assert read_file(tmp_path / "link", 7, links=True) == b"content"
    for name in ("link", "pipe"):
        with pytest.raises(OSError):
            read_file(tmp_path / name, 7)
    with pytest.raises(OSError):
        read_file(tmp_path / "pipe", 7, links=True)
    with pytest.raises(OSError):
        read_file("/dev/zero", 7)


def test_what_takes_the_folders_place_is_not_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"old")
    with HeldFolder(tmp_path / "a") as folder:
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "file").write_bytes(b"new")
        assert folder.read("file", 10) == b"old"
    with pytest.raises(OSError):
        HeldFolder(tmp_path / "none")


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"ab")
    with HeldFolder(tmp_path) as folder:
        held = folder.open("file")
        (tmp_path / "file").write_bytes(b"abcdef")
        assert held.size == 2
        assert held.piece(0, 100) == b"abcdef"
        with pytest.raises(OSError, match="more than"):
            folder.read("file", 3)
