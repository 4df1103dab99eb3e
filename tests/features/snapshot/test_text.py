"""Columns of text: whatever is put in comes out as NumPy's own would, and nothing is as wide as the longest."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.snapshot.text import Chosen, Rows, Spread, TextColumn

TEXTS = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=6), max_size=12)


@settings(max_examples=150, deadline=None)
@given(texts=TEXTS, data=st.data())
def test_a_column_is_numpys_text(texts, data):
    array = np.array(texts, dtype=str)
    column = TextColumn.of(array)
    again = TextColumn.of_arrays(column.arrays())
    for one in (column, again):
        assert len(one) == len(texts)
        assert one.tolist() == list(one) == np.asarray(one).tolist() == texts
        rows = data.draw(st.lists(st.integers(-len(texts), len(texts) - 1), max_size=8)) if texts else []
        at = np.array(rows, dtype=np.int64)
        assert one[at].tolist() == array[at].tolist()
        assert one.take(at).tolist() == array[at].tolist()
        assert one[1:3].tolist() == array[1:3].tolist()
        flags = np.array([len(text) > 2 for text in texts], dtype=bool)
        assert one[flags].tolist() == array[flags].tolist()
        for text in [*texts, "", "none"]:
            np.testing.assert_array_equal(one == text, array == text)
            np.testing.assert_array_equal(one != text, array != text)
        np.testing.assert_array_equal(one.among(["a", "", *texts[:2]]), np.isin(array, ["a", "", *texts[:2]]))
        words, codes = one.distinct()
        assert words == sorted(set(texts))
        assert [words[code] for code in codes.tolist()] == texts
        for row in range(len(texts)):
            assert one[row] == texts[row]
        with pytest.raises(IndexError):
            one[len(texts)]


@settings(max_examples=100, deadline=None)
@given(texts=TEXTS, others=TEXTS)
def test_rows_that_ascend_are_found(texts, others):
    names = sorted(set(texts))
    column = TextColumn.of(names)
    assert column.ascends()
    rows = Rows(column)
    assert dict(rows) == {name: row for row, name in enumerate(names)}
    for other in others:
        assert rows.get(other, -1) == (names.index(other) if other in names else -1)
    if len(names) > 1:
        assert not TextColumn.of(names[::-1]).ascends()


@settings(max_examples=150, deadline=None)
@given(data=st.data(), letters=st.integers(1, 3), alphabet=st.sampled_from(["ab", "a\0", "aä", "aé😀"]))
def test_all_are_found_at_once_in_names_of_one_length_and_of_several(data, letters, alphabet):
    name = st.text(alphabet, min_size=letters, max_size=letters)
    names = sorted(data.draw(st.sets(name, max_size=8)))
    asked = data.draw(st.lists(name | st.text(alphabet, max_size=4), max_size=8))
    column = TextColumn.of(names)
    wanted = [names.index(one) if one in names else -1 for one in asked]
    assert column.find_all(asked).tolist() == wanted
    assert [column.find(one) for one in asked] == wanted
    rows = [row for row in wanted if row >= 0]
    assert column.listed(np.array(rows, dtype=np.int64)) == [names[row] for row in rows]


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS, kept=st.sets(st.integers(0, 11)))
def test_the_same_texts_are_the_same_arrays_however_they_came_together(texts, kept):
    rows = np.array(sorted(row for row in kept if row < len(texts)), dtype=np.int64)
    cut, made = TextColumn.of(texts).take(rows), TextColumn.of([texts[row] for row in rows])
    for name, array in made.arrays().items():
        np.testing.assert_array_equal(cut.arrays()[name], array)
        assert cut.arrays()[name].dtype == array.dtype


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS.filter(len), each=st.integers(1, 3), times=st.integers(1, 3), data=st.data())
def test_objects_that_are_picked_late_are_those_of_an_array(texts, each, times, data):
    words = np.array(texts, dtype=object)
    laid = np.tile(np.repeat(words, each), times)
    codes = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1)), dtype=np.int32)
    for late, now in (
        (Spread(words, each=each, count=len(laid)), laid),
        (Spread(TextColumn.of(texts), each=each, count=len(laid)), laid),
        (Chosen(words, codes), words[codes]),
    ):
        assert (len(late), late.size) == (len(now), len(now))
        assert np.asarray(late).dtype == object
        assert np.asarray(late).tolist() == now.tolist()
        assert late[0] == now[0]
        assert late[::-2].tolist() == now[::-2].tolist()
        with pytest.raises(IndexError):
            late[len(now)]


def test_one_long_text_among_many_costs_its_own_length():
    texts = [f"name {number}" for number in range(100_000)]
    texts[5_000] = "x" * 10_000
    tracemalloc.start()
    column = TextColumn.of(texts)
    everyone = column[:]
    assert everyone[5_000] == texts[5_000]
    assert everyone[:3].tolist() == texts[:3]
    assert (column == texts[5_000]).sum() == 1
    assert sum(array.nbytes for array in column.arrays().values()) < 100_000 * 20 + 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # as NumPy's text it would be 4 GB


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("content", np.array([0xFF, 0xFE, 0x61, 0x62], dtype=np.uint8)),
        ("content", np.array([97, 98, 99], dtype=np.uint8)),
        ("content", np.array([[97, 98, 99, 100]], dtype=np.uint8)),
        ("starts", np.array([0, 3, 1, 4])),
        ("starts", np.array([1, 2, 3, 4])),
        ("starts", np.array([], dtype=np.int64)),
        ("starts", np.array([0.0, 1.0, 2.0, 4.0])),
        ("codes", np.array([0, 3], dtype=np.int32)),
        ("codes", np.array([0, -1], dtype=np.int32)),
        ("codes", np.array([0, 1], dtype=np.int64)),
    ],
)
def test_arrays_that_are_no_column_are_refused(part, value):
    arrays = {
        "content": np.frombuffer(b"abcd", dtype=np.uint8),
        "starts": np.array([0, 1, 2, 4]),
        "codes": np.array([0, 1, 2, 0], dtype=np.int32),
    }
    assert TextColumn.of_arrays(arrays).tolist() == ["a", "b", "cd", "a"]
    with pytest.raises(ValueError):
        TextColumn.of_arrays(arrays | {part: value})


def test_a_text_may_not_begin_within_a_letter():
    content = np.frombuffer("aé".encode(), dtype=np.uint8)
    empty = np.empty(0, dtype=np.int32)
    with pytest.raises(ValueError, match="within a letter"):
        TextColumn.of_arrays({"content": content, "starts": np.array([0, 2, 3]), "codes": empty})


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(st.text("ab\0é\U0001f600", max_size=5), max_size=14, unique=True),
    asked=st.lists(st.text("ab\0é\U0001f600", max_size=7), max_size=8),
)
def test_several_are_found_at_once_where_each_is_found(texts, asked):
    texts = sorted(texts, key=lambda text: text.encode())
    encoded = [text.encode() for text in texts]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in encoded], dtype=np.int64)]).astype(np.int64)
    column = TextColumn(np.frombuffer(b"".join(encoded), dtype=np.uint8), starts, None)
    wanted = [*asked, *texts, *asked]
    found = column.find_all(wanted)
    assert found.tolist() == [texts.index(text) if text in texts else -1 for text in wanted]
    assert found.tolist() == [column.find(text) for text in wanted]
