"""Whole campaigns, in time order, nothing on both sides."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import TrainingError
from training.data.splits import split_by_time, time_folds


def campaigns(n: int) -> pd.DataFrame:
    briefed = pd.Timestamp("2025-01-01 13:00", tz="UTC") + pd.to_timedelta(range(n), unit="D")
    frame = pd.DataFrame({"campaign_id": [f"c{i:03d}" for i in range(n)], "briefed_at": briefed})
    return frame.sample(frac=1.0, random_state=0)


@pytest.mark.parametrize(("n", "held_out"), [(27, 9), (60, 20), (180, 60), (61, 21), (2, 1)])
def test_last_third_is_held_out(n: int, held_out: int) -> None:
    split = split_by_time(campaigns(n))
    assert split.held_out == tuple(f"c{i:03d}" for i in range(n - held_out, n))
    assert split.train == tuple(f"c{i:03d}" for i in range(n - held_out))
    assert split.cutoff == pd.Timestamp("2025-01-01", tz="UTC") + pd.Timedelta(days=n - held_out)


def test_as_of_and_own_count() -> None:
    split = split_by_time(campaigns(30), held_out=3, as_of=pd.Timestamp("2025-01-11 20:00"))
    assert split.held_out == ("c007", "c008", "c009")
    assert split.cutoff == pd.Timestamp("2025-01-08", tz="UTC")


def test_equal_times_go_by_id() -> None:
    frame = campaigns(4).assign(briefed_at=pd.Timestamp("2025-01-01", tz="UTC"))
    assert split_by_time(frame).held_out == ("c002", "c003")


@pytest.mark.parametrize(("n", "held_out"), [(1, None), (5, 5), (5, 0)])
def test_an_empty_side_is_refused(n: int, held_out: int | None) -> None:
    with pytest.raises(TrainingError):
        split_by_time(campaigns(n), held_out=held_out)


@given(n=st.integers(2, 60), folds=st.integers(1, 6))
def test_folds_train_on_the_past_alone(n: int, folds: int) -> None:
    splits = time_folds(campaigns(n), folds=folds)
    seen: list[str] = []
    for split in splits:
        assert max(split.train) < min(split.held_out)
        assert split.train[: len(seen)] == tuple(seen)[: len(split.train)]
        seen = [*split.train, *split.held_out]
    assert len(seen) == n
    assert 1 <= len(splits) <= folds
