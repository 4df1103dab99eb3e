"""Creators found by what they are called."""

from __future__ import annotations

import pandas as pd
import pytest

from features.snapshot.find import creator_called
from marketplace.errors import SignalError

CREATORS = pd.DataFrame(
    {"creator_id": ["c1", "c2", "c3", "c4", "ann"], "username": ["Ann", "ann", "Straße", None, "other"]}
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("c1", "c1"),
        ("ann", "ann"),
        ("Ann", "c1"),
        ("@Ann", "c1"),
        ("STRASSE", "c3"),
        ("ｏｔｈｅｒ", "ann"),
    ],
)
def test_ids_then_exact_then_folded(asked, found):
    assert creator_called(CREATORS, asked) == found


def test_several_are_named():
    with pytest.raises(SignalError, match="2 creators are called: c1, c2"):
        creator_called(CREATORS, "ANN")


@pytest.mark.parametrize("asked", ["nobody", "", "@"])
def test_nobody_is_refused(asked):
    with pytest.raises(SignalError, match="id or username"):
        creator_called(CREATORS, asked)
