"""Handles against a search through all of them, one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.snapshot.handles import Handles
from features.snapshot.text import TextColumn

WORDS = st.text(alphabet="aAbB._é@\U0001f600", max_size=4)


@given(st.lists(WORDS, max_size=25), st.lists(WORDS, max_size=8))
def test_rows_are_those_of_the_same_case_or_else_of_any(usernames, asked):
    found = Handles(TextColumn.of(usernames)).rows_of(asked)
    for name in asked:
        plain = name.removeprefix("@")
        same = [row for row, one in enumerate(usernames) if one and one == plain]
        any_case = [row for row, one in enumerate(usernames) if one and one.lower() == plain.lower()]
        # A handle that itself begins with an @ is found by what it is in lower case, as it stands.
        assert found.get(name, np.array([])).tolist() == (same or any_case)


@given(st.lists(WORDS, max_size=25), WORDS)
def test_what_begins_so_in_the_order_of_handles(usernames, prefix):
    found = Handles(TextColumn.of(usernames)).beginning_with(prefix).tolist()
    start = prefix.removeprefix("@").lower()
    there = [row for row, one in enumerate(usernames) if one and one.lower().startswith(start)]
    assert found == sorted(there, key=lambda row: (usernames[row].lower(), row))


def test_one_long_handle_is_found_among_many_short_ones():
    usernames = [f"Shop{row}" for row in range(2_000)] + ["x" * 10_000, ""]
    handles = Handles(TextColumn.of(usernames))
    assert handles.rows_of(["shop7", "X" * 10_000])["shop7"].tolist() == [7]
    assert handles.rows_of(["X" * 10_000])["X" * 10_000].tolist() == [2_000]
    assert handles.beginning_with("shop199").tolist() == [199, *range(1_990, 2_000)]
