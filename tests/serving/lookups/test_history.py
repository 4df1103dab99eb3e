"""A creator's history as the service tells it: what the snapshot keeps, or that it keeps none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.indices import CREATOR_INDEX_NAMES
from features.snapshot.weeks import UNKNOWN, Weeks
from marketplace.errors import SnapshotError
from serving.lookups import history
from serving.pair import Served
from serving.queries import Nothing


def test_without_weeks_it_says_so(pair: Served) -> None:
    told = history(pair, Nothing(), str(pair.snapshot.creator_ids[0]))
    assert (told.days, told.indices) == ([], {})
    assert "--weeks" in str(told.note)
    with pytest.raises(SnapshotError) as missing:
        history(pair, Nothing(), "cr_nobody")
    assert missing.value.status == 404


def test_with_weeks_it_is_the_creators_own(pair: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(pair.snapshot.creator_ids[5])
    part = pair.snapshot.of_market(str(pair.snapshot.market_of(name)))
    row, shape = part.rows_of[name], (len(part), 3, len(CREATOR_INDEX_NAMES))
    value = np.full(shape, UNKNOWN, dtype=np.uint8)
    value[row, 1:] = np.arange(14).reshape(2, 7)
    weeks = Weeks(np.array([0, 7, 14]), value, np.where(value == UNKNOWN, value, 50).astype(np.uint8))
    remembering = replace(part, weeks=weeks)
    home, opened = pair.snapshot.market_of(name), pair.snapshot.of_market
    monkeypatch.setattr(pair.snapshot, "of_market", lambda one: remembering if one == home else opened(one))
    told = history(pair, Nothing(), f"@{part.usernames[row]}")
    assert told.creator_id == name
    assert told.days == ["1970-01-01", "1970-01-08", "1970-01-15"]
    assert list(told.indices) == list(CREATOR_INDEX_NAMES)
    assert told.indices[CREATOR_INDEX_NAMES[2]] == [None, 1.0, 4.5]
    assert told.confidence[CREATOR_INDEX_NAMES[0]] == [None, 50.0, 50.0]
    assert told.note is None
