"""Dates as text: what is written in ISO form is read exactly, everything else is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.time import as_of_day, as_of_days
from marketplace.errors import DateError, SignalError
from marketplace.instants import read_instant

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=ZONES)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-02-01", datetime(2025, 2, 1, tzinfo=UTC)),
        ("2025-02-01T14:30", datetime(2025, 2, 1, 14, 30, tzinfo=UTC)),
        ("2025-02-01 14:30Z", datetime(2025, 2, 1, 14, 30, tzinfo=UTC)),
        ("2025-02-01T00:30:15+01:00", datetime(2025, 1, 31, 23, 30, 15, tzinfo=UTC)),
        ("2025-02-01T23:59:59.999999-01:00", datetime(2025, 2, 2, 0, 59, 59, 999999, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_iso_forms(text: str, instant: datetime) -> None:
    assert read_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "01/02/2025", "1.2.2025", "20250201", "2025-2-1", "2025-02", "2025", "2025-W05-6", "2025-032",
        "Feb 1 2025", "now", "today", "", " 2025-02-01", "2025-02-01 ", "2025-02-01T", "2025-02-01T14",
        "2025-02-01T1430", "2025-02-01+01:00", "2025-02-01T14:30+0100", "2025-02-01T14:30 UTC",
        "2025-02-01t14:30", "２０２５-02-01", "2025-02-30", "2025-13-01", "2023-02-29", "2025-02-01T24:01",
        "2025-02-01T14:60", "0000-01-01", "1738368000", "2025-02-01\n",
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(DateError, match="2025-02-01T14:30") as refused:
        read_instant(text, "--as-of")
    assert repr(text) in refused.value.received
    assert "--as-of" in refused.value.expected


@pytest.mark.parametrize("value", [None, 20250201, 1.5, b"2025-02-01", ["2025-02-01"], pd.NaT])
def test_what_is_no_text_and_no_date_is_refused(value: object) -> None:
    with pytest.raises(DateError):
        read_instant(value)


def test_objects_are_taken_as_they_are() -> None:
    midnight = datetime(2025, 2, 1, tzinfo=UTC)
    assert read_instant(date(2025, 2, 1)) == midnight
    assert read_instant(datetime(2025, 2, 1)) == midnight
    assert read_instant(pd.Timestamp("2025-02-01 01:00", tz="Europe/Paris")) == midnight


@settings(deadline=None)
@given(INSTANTS)
def test_what_python_writes_is_read_back(instant: datetime) -> None:
    assert read_instant(instant.isoformat()) == instant
    assert read_instant(instant.isoformat(" ")) == instant


@settings(deadline=None)
@given(st.text(max_size=30))
def test_text_is_read_as_python_reads_it_or_refused(text: str) -> None:
    try:
        found = read_instant(text)
    except DateError:
        return
    python = datetime.fromisoformat(text)
    assert found == (python.replace(tzinfo=UTC) if python.tzinfo is None else python)


@settings(deadline=None)
@given(INSTANTS)
def test_days_are_the_utc_midnights_before(instant: datetime) -> None:
    day = as_of_day(instant)
    assert day == as_of_day(instant.isoformat())
    assert timedelta(0) <= instant - day < timedelta(days=1)
    assert as_of_days([instant.isoformat()])[0] == (day - pd.Timestamp(0, tz="UTC")).days


def test_columns_of_instants() -> None:
    assert as_of_days(["2025-02-01", "2025-02-01T23:00", date(2025, 2, 2)]).tolist() == [20120, 20120, 20121]
    assert as_of_days(pd.Series(pd.to_datetime(["2025-02-01"]))).tolist() == [20120]
    with pytest.raises(DateError):
        as_of_days(["01/02/2025"])
    with pytest.raises(DateError):
        as_of_days([20250201])
    with pytest.raises(SignalError, match="without"):
        as_of_days(["2025-02-01", None])
