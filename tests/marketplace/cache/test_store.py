"""Entries: whole or not there, checked, bounded; several processes; a process killed while it writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.cache import store
from marketplace.errors import HomeError

ROOT = Path(__file__).resolve().parents[3]


def keep(key: str, content: bytes, what: str = "things") -> None:
    store.write(what, key, lambda sink: sink.write(content))


def found(key: str, what: str = "things") -> bytes | None:
    content = store.read(what, key)
    return None if content is None else bytes(content)


def test_what_is_written_is_read(cached_home: Path) -> None:
    keep("a", b"one")
    keep("b", b"")
    assert (found("a"), found("b"), found("c")) == (b"one", b"", None)
    keep("a", b"two")
    assert found("a") == b"two"
    assert [one.what for one in store.entries()] == ["things", "things"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[:40],
        lambda whole: whole[:0],
        lambda whole: whole + b"\0",
        lambda whole: b"\0" * 51 + whole[51:],  # what a writer that never finished would leave
        lambda whole: whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:],
        lambda whole: whole.replace(b"cache 1", b"cache 9"),
    ],
)
def test_a_damaged_entry_is_no_entry_and_goes(cached_home: Path, harm) -> None:
    keep("a", b"content" * 10)
    path = cached_home / "things" / "a"
    path.write_bytes(harm(path.read_bytes()))
    assert found("a") is None
    assert not path.exists()


@given(st.integers(0, 10**9), st.integers(0, 7))
def test_no_flipped_bit_is_overlooked(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("COLLABRANK_CACHE", "on")
        keep("a", b"some content")
        path = store.cache_folder() / "things" / "a"
        whole = bytearray(path.read_bytes())
        whole[place % len(whole)] ^= 1 << bit
        path.write_bytes(whole)
        assert found("a") is None


def test_an_entry_under_anothers_name_is_not_read(cached_home: Path) -> None:
    keep("a", b"of a")
    (cached_home / "things" / "b").write_bytes((cached_home / "things" / "a").read_bytes())
    assert found("b") is None
    assert found("a") == b"of a"


def test_the_least_recently_used_go_first(cached_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLABRANK_CACHE", "5KB")
    for number, key in enumerate("abcd"):
        keep(key, bytes(1_000))
        os.utime(cached_home / "things" / key, (1_000 + number, 1_000 + number))
    assert found("a") is not None  # read just now: no longer the oldest
    keep("e", bytes(1_000))  # five entries and their heads are more than 5,000 bytes
    assert {key for key in "abcde" if found(key) is not None} == {"a", "c", "d", "e"}
    assert sum(one.bytes for one in store.entries()) <= 5_000


def test_an_entry_too_large_is_not_kept_and_drives_nobody_out(
    cached_home: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("COLLABRANK_CACHE", "2KB")
    keep("small", bytes(100))
    keep("large", bytes(1_500))
    assert found("large") is None
    assert found("small") is not None
    assert len(list((cached_home / "things").iterdir())) == 1
    assert "larger than the cache keeps" in capsys.readouterr().err


def test_a_disk_that_cannot_be_written_to_costs_the_entry_alone(cached_home: Path, capsys) -> None:
    cached_home.parent.mkdir(parents=True)
    cached_home.write_text("a file where the folder should be")
    keep("a", b"x")
    assert found("a") is None
    assert store.entries() == []
    assert "not kept" in capsys.readouterr().err


def test_what_dead_processes_left_is_removed(cached_home: Path) -> None:
    keep("a", b"x")
    left, fresh = cached_home / "things" / ".left", cached_home / "things" / ".fresh"
    left.write_bytes(b"half")
    fresh.write_bytes(b"being written")
    os.utime(left, (time.time() - 2 * store.ABANDONED_S,) * 2)
    keep("b", b"y")
    assert not left.exists()
    assert fresh.exists()
    assert len(store.entries()) == 2
    assert len(store.clear()) == 2
    assert not cached_home.exists()


@pytest.mark.parametrize(
    ("asked", "size"),
    [("", store.DEFAULT_LIMIT_BYTES), ("on", store.DEFAULT_LIMIT_BYTES), ("off", None), ("OFF", None), ("0", None),
     ("500MB", 500_000_000), ("1.5 gb", 1_500_000_000), ("2048", 2_048)],
)  # fmt: skip
def test_the_limit_is_off_or_a_size(monkeypatch: pytest.MonkeyPatch, asked: str, size: int | None) -> None:
    monkeypatch.setenv("COLLABRANK_CACHE", asked)
    assert store.limit_bytes() == size


def test_a_limit_that_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLABRANK_CACHE", "plenty")
    with pytest.raises(HomeError, match="plenty"):
        store.limit_bytes()


WRITE = """
import sys, time
from marketplace.cache import store
def slowly(sink):
    for part in range(40):
        sink.write(bytes([part]) * 25_000)
        print(part, flush=True)
        time.sleep({pause})
for _ in range({times}):
    store.write("things", "a", slowly)
"""
WHOLE = b"".join(bytes([part]) * 25_000 for part in range(40))


def write(*, pause: float, times: int = 1) -> subprocess.Popen[bytes]:
    code = WRITE.format(pause=pause, times=times)
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)


def test_a_process_killed_while_it_writes_leaves_no_entry(cached_home: Path) -> None:
    writer = write(pause=0.05)
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert [path.name[0] for path in (cached_home / "things").iterdir()] == ["."]
    assert found("a") is None
    keep("a", b"made anew")
    assert found("a") == b"made anew"


def test_processes_that_write_the_same_entry_are_never_seen_half_way(cached_home: Path) -> None:
    writers = [write(pause=0.0, times=15) for _ in range(2)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        content = store.read("things", "a")
        if content is not None:
            assert bytes(content) == WHOLE
            seen += 1
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen
    assert found("a") == WHOLE
    assert len(list((cached_home / "things").iterdir())) == 1
