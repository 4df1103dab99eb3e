"""Everything that is written as JSON goes through one door: what comes out can be read by any program."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from marketplace.jsonable import json_bytes, json_text, jsonable

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def by_hand(value):
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: by_hand(inner) for key, inner in value.items()}
    return [by_hand(inner) for inner in value] if isinstance(value, list) else value


@given(values)
def test_only_what_is_not_finite_changes(value):
    assert jsonable(value) == by_hand(value)
    assert json.loads(json_text(value)) == by_hand(value)
    assert json.loads(json_bytes(value)) == by_hand(value)


@given(st.text(st.characters(exclude_categories=())))
@example("\x7f")
def test_a_text_is_written_in_one_way_whoever_looks_for_it(text):
    assert json_bytes(text) == json.dumps(text).encode()


@dataclass(frozen=True)
class Row:
    name: str
    value: float
    when: datetime


def test_numpy_pandas_and_dataclasses_are_told_in_json_own_types():
    instant = pd.Timestamp("2025-03-01 12:00", tz="UTC")
    told = jsonable(
        {
            "array": np.array([[1.0, np.nan], [np.inf, 2.0]]),
            "scalars": (np.float64("nan"), np.float32(0.5), np.int64(3), np.bool_(True)),
            "rows": [Row("a", float("-inf"), datetime(2025, 3, 1, tzinfo=UTC))],
            "instant": instant,
            "day": date(2025, 3, 1),
            7: {np.str_("k")},
        }
    )
    assert told == {
        "array": [[1.0, None], [None, 2.0]],
        "scalars": [None, 0.5, 3, True],
        "rows": [{"name": "a", "value": None, "when": "2025-03-01T00:00:00Z"}],
        "instant": "2025-03-01T12:00:00Z",
        "day": "2025-03-01",
        "7": ["k"],
    }
    assert pd.Timestamp(told["instant"]) == instant
    assert type(told["scalars"][2]) is int


def test_text_is_the_same_whatever_the_order_of_keys():
    assert json_text({"b": 1, "a": math.nan}) == json_text({"a": math.nan, "b": 1}) == '{"a": null, "b": 1}'


def test_what_has_no_place_in_json_is_no_silent_text():
    with pytest.raises(Exception, match="no place in JSON"):
        jsonable({"a": object()})
