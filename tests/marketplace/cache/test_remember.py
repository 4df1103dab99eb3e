"""`remembered`: made once a marketplace, code and question, and made anew rather than trusted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from marketplace.cache import (
    ARRAYS,
    FRAME,
    TABLE,
    Form,
    contents_of,
    entries,
    remember,
    remembered,
    remembered_text,
    store,
)
from marketplace.tables import Marketplace, open_marketplace

ROOT = Path(__file__).resolve().parents[3]


class Made:
    """Counts how often it is asked."""

    def __init__(self, value: object = 1.0) -> None:
        self.times, self.value = 0, value

    def __call__(self):
        self.times += 1
        return {"x": np.array([self.value])}


def ask(market: Marketplace, make: Made, *asked: object, code: str = "features.facts") -> float:
    return float(remembered(market, "things", asked, code=code, form=ARRAYS, make=make)["x"][0])


def test_what_was_made_is_found_again_by_another_process(cached_home: Path, tables: Path) -> None:
    make = Made()
    assert [ask(open_marketplace(tables), make, 7) for _ in range(3)] == [1.0] * 3
    assert make.times == 1


@pytest.mark.parametrize(
    ("asked", "code"), [((8,), "features.facts"), (("7",), "features.facts"), ((7,), "features.time")]
)
def test_another_question_or_code_is_another_entry(cached_home: Path, tables: Path, asked, code) -> None:
    make = Made()
    market = open_marketplace(tables)
    ask(market, make, 7)
    ask(market, make, *asked, code=code)
    assert make.times == 2


def test_changed_code_never_reads_an_old_entry(cached_home: Path, tables: Path, monkeypatch) -> None:
    market = open_marketplace(tables)
    ask(market, Made(1.0), 7)
    monkeypatch.setattr(remember, "code_version", lambda _package: "another")
    assert ask(market, Made(2.0), 7) == 2.0
    monkeypatch.setattr(remember, "code_version", lambda _package: None)  # edited under way
    assert ask(market, Made(3.0), 7) == 3.0


def test_changed_files_never_read_an_old_entry(cached_home: Path, tables: Path) -> None:
    ask(open_marketplace(tables), Made(1.0), 7)
    file = tables / "orders" / "part-0.parquet"
    before = file.stat()
    file.write_bytes(file.read_bytes().replace(b"o1", b"o2"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert ask(open_marketplace(tables), Made(2.0), 7) == 2.0


def test_files_that_change_under_way_are_not_kept(cached_home: Path, tables: Path) -> None:
    market = open_marketplace(tables)

    class Meddling(Made):
        def __call__(self):
            file = tables / "orders" / "part-0.parquet"
            file.write_bytes(file.read_bytes())
            return super().__call__()

    ask(market, Meddling(1.0), 7)
    assert [one for one in entries() if one.what == "things"] == []
    assert ask(market, Made(2.0), 7) == 2.0


def test_frames_in_memory_and_off_keep_nothing(cached_home: Path, tables: Path, monkeypatch) -> None:
    held = Marketplace.from_frames({"orders": open_marketplace(tables, unchecked=True).frame("orders")})
    make = Made()
    ask(held, make, 7)
    ask(held, make, 7)
    monkeypatch.setenv("COLLABRANK_CACHE", "off")
    ask(open_marketplace(tables), make, 7)
    assert make.times == 3
    assert entries() == []


@pytest.mark.parametrize("content", [b"", b"no arrays at all", b'[["x", false]]\n\x93NUMPY', b"[1]\n", b'{"x": 1}\n'])
def test_an_entry_of_another_form_is_made_anew(cached_home: Path, tables: Path, content: bytes) -> None:
    market, make = open_marketplace(tables), Made()
    ask(market, make, 7)
    (entry,) = [one for one in entries() if one.what == "things"]
    store.write("things", entry.path.name, lambda sink: sink.write(content))
    assert ask(market, make, 7) == 1.0
    assert ask(market, make, 7) == 1.0
    assert make.times == 2


def test_pickled_objects_are_neither_written_nor_read(cached_home: Path, tables: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tables / "trapped"),))

    market, make = open_marketplace(tables), Made()
    with pytest.raises(TypeError, match="not text"):
        remembered(
            market, "things", [1], code="features.facts", form=ARRAYS, make=lambda: {"x": np.array([Trap()], object)}
        )
    ask(market, make, 7)
    (entry,) = [one for one in entries() if one.what == "things"]

    def pickled(sink) -> None:
        sink.write(b'[["x", false]]\n')
        np.lib.format.write_array(sink, np.array([Trap()], dtype=object), allow_pickle=True)

    store.write("things", entry.path.name, pickled)
    assert ask(market, make, 7) == 1.0
    assert not (tables / "trapped").exists()


def test_text_is_kept_by_code_alone(cached_home: Path) -> None:
    made = []
    for _ in range(2):
        assert remembered_text("words", ["a"], code="features.facts", make=lambda: made.append(1) or "SELECT 1")
    assert made == [1]


class Bytes:
    """A sink in memory."""

    closed = False

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, content) -> int:
        self.parts.append(bytes(content))
        return len(self.parts[-1])

    def flush(self) -> None: ...
    def close(self) -> None: ...
    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def round_trip(form: Form, value):
    sink = Bytes()
    form.dump(value, sink)
    return form.load(memoryview(b"".join(sink.parts)))


@given(
    st.dictionaries(
        st.text(max_size=5),
        hn.arrays(
            st.sampled_from([np.float64, np.int64, np.bool_, np.int32, np.dtype("<U3")]), hn.array_shapes(min_side=0)
        ),
        max_size=4,
    )
)
def test_arrays_come_back_bit_for_bit(arrays) -> None:
    back = round_trip(ARRAYS, arrays)
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        assert back[name].tobytes() == array.tobytes()


def test_text_objects_and_the_order_of_memory_come_back() -> None:
    words = np.array([["a", ""], ["é\n", "b"]], dtype=object)
    columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    back = round_trip(ARRAYS, {"words": words, "columns": columns})
    assert back["words"].dtype == object
    assert back["words"].tolist() == words.tolist()
    np.testing.assert_array_equal(back["columns"], columns)
    assert back["columns"].flags.f_contiguous


def test_tables_and_frames_come_back() -> None:
    frame = pd.DataFrame(
        {
            "text": pd.Series(["a", None, "c"], dtype="str"),
            "number": [1.5, np.nan, -0.0],
            "at": pd.to_datetime(["2025-01-01", None, "2025-01-02 03:04:05.000006"], utc=True, format="ISO8601"),
            "flag": [True, False, True],
        },
        index=[4, 7, 9],
    )
    frame["at"] = frame["at"].astype("datetime64[us, UTC]")
    pd.testing.assert_frame_equal(round_trip(FRAME, frame), frame, check_exact=True)
    table = pa.table({"a": [1, None], "b": [["x"], []]})
    assert round_trip(TABLE, table).equals(table)


def test_contents_tell_columns_apart() -> None:
    told = [
        contents_of(["ab", "c"]),
        contents_of(["a", "bc"]),
        contents_of(["ab"], ["c"]),
        contents_of(["c", "ab"]),
        contents_of(np.array([1, 2])),
        contents_of(np.array([1.0, 2.0])),
        contents_of(np.array([], dtype=np.int64)),
        contents_of([None, "c"]),
    ]
    assert len(set(told)) == len(told)
    assert contents_of(["ab", "c"]) == contents_of(np.array(["ab", "c"], dtype=object)) == told[0]


RACE = """
import sys, time, numpy as np
from marketplace.cache import ARRAYS, remembered
from marketplace.tables import open_marketplace
market = open_marketplace(sys.argv[1])
for day in range(30):
    made = remembered(market, "things", [day], code="features.facts", form=ARRAYS,
                      make=lambda: {"x": np.full(20_000, float(day))})
    assert (made["x"] == day).all()
"""


def test_two_processes_may_race(cached_home: Path, tables: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tables)]
    racers = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(racer.communicate()[1], racer.returncode) for racer in racers] == [(b"", 0)] * 2
    assert len([one for one in entries() if one.what == "things"]) == 30
    make = Made(-1.0)
    assert [ask(open_marketplace(tables), make, day) for day in range(30)] == [float(day) for day in range(30)]
