"""Write-ahead files: whole lines come back, torn ones do not, and nothing is promised that the disk did not take."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.decisions.ahead import AheadFiles, abandoned, framed, read_frames, segments_in
from tests.serving.decisions.conftest import no_file_beyond


def written(folder: Path) -> list[bytes]:
    return [line for path in segments_in(folder) for line in read_frames(path.read_bytes())[0]]


LINES = st.lists(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False) | st.integers()), max_size=8)


@given(LINES, st.data())
def test_what_is_cut_anywhere_gives_the_whole_lines_before_the_cut(
    lines: list[dict[str, object]], data: object
) -> None:
    texts = [json.dumps(line).encode() for line in lines]
    content = b"".join(map(framed, texts))
    cut = data.draw(st.integers(0, len(content)))  # type: ignore[attr-defined]
    found, taken, torn = read_frames(content[:cut])
    assert (found, torn) == (texts[: len(found)], 0)
    assert taken == len(b"".join(map(framed, found))) <= cut
    assert len(found) == len(texts) or taken + len(framed(texts[len(found)])) > cut


@given(LINES.filter(bool), st.data())
def test_a_byte_that_changed_spoils_its_own_line_alone(lines: list[dict[str, object]], data: object) -> None:
    texts = [json.dumps(line).encode() for line in lines]
    content = bytearray(b"".join(map(framed, texts)))
    place = data.draw(st.integers(0, len(content) - 1))  # type: ignore[attr-defined]
    content[place] ^= data.draw(st.integers(1, 255))  # type: ignore[attr-defined]
    found, _, _ = read_frames(bytes(content) + framed(b"{}"))
    spoilt = content[:place].count(b"\n")
    kept = [text for number, text in enumerate(texts) if abs(number - spoilt) > 1]
    assert [text for text in kept if text in found] == kept
    assert set(found) <= {*texts, b"{}"}


def test_files_are_their_owners_and_begin_anew_when_they_are_large(tmp_path: Path) -> None:
    files = AheadFiles(tmp_path / "ahead", largest=100)
    lines = [b'{"n": %d, "text": "%s"}' % (n, b"x" * 60) for n in range(5)]
    for line in lines:
        files.write([line])
    paths = segments_in(tmp_path / "ahead")
    # A file is ended by the first line that comes when it has 100 bytes: two lines of 83 go into each.
    assert [len(read_frames(path.read_bytes())[0]) for path in paths] == [2, 2, 1]
    assert written(tmp_path / "ahead") == lines
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    files.close()


def test_a_full_disk_takes_back_what_was_begun_and_keeps_what_was_promised(tmp_path: Path) -> None:
    files = AheadFiles(tmp_path)
    promised = [b'{"n": %d, "text": "%s"}' % (n, b"x" * 1000) for n in range(3)]
    with no_file_beyond(3500):
        for line in promised:
            files.write([line])
        with pytest.raises(OSError):
            files.write([b'{"text": "%s"}' % (b"y" * 1000)])
        assert written(tmp_path) == promised
        with pytest.raises(OSError):
            files.write([b'{"text": "%s"}' % (b"y" * 9000)])
    assert written(tmp_path) == promised
    files.write([b"{}"])
    assert written(tmp_path) == [*promised, b"{}"]
    files.close()


def test_after_a_failed_sync_nothing_more_is_written_to_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = AheadFiles(tmp_path)
    files.write([b'{"n":1}'])
    real = os.fsync

    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input"):
        files.write([b'{"n":2}'])
    monkeypatch.setattr(os, "fsync", real)
    files.write([b'{"n":3}'])
    assert [read_frames(path.read_bytes())[0] for path in segments_in(tmp_path)] == [[b'{"n":1}'], [b'{"n":3}']]
    files.close()


def test_a_file_that_is_removed_under_way_is_not_written_to_any_more(tmp_path: Path) -> None:
    files = AheadFiles(tmp_path)
    files.write([b'{"n":1}'])
    for path in list(tmp_path.iterdir()):
        path.unlink()
    files.write([b'{"n":2}'])
    assert written(tmp_path) == [b'{"n":2}']
    with abandoned(tmp_path) as found:
        assert found == [], "its lock is held anew"
    files.close()


def test_only_the_files_of_the_dead_are_taken_over(tmp_path: Path) -> None:
    alive, dead = AheadFiles(tmp_path), AheadFiles(tmp_path)
    alive.write([b'{"of":"alive"}'])
    dead.write([b'{"of":"dead"}'])
    os.close(dead._lock_handle)  # as the operating system does it when a process ends
    dead._lock_handle = -1
    with abandoned(tmp_path) as found:
        assert [path.read_bytes() for path in found] == [framed(b'{"of":"dead"}')]
        with abandoned(tmp_path) as again:
            assert again == [], "one at a time takes over"
        for path in found:
            path.unlink()
    assert written(tmp_path) == [b'{"of":"alive"}']
    assert len(list(tmp_path.glob("*.lock"))) == 1
    alive.close()
