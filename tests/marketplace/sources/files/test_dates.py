"""Dates as people write them: orders, month names, eras and counts; what a column cannot prove is not guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.sources.files.dates import Moment, decide_order, find_number_kind, from_number, parse_moment

DAY = datetime(2025, 3, 12)
NOON = datetime(2025, 3, 12, 13, 5)


@pytest.mark.parametrize(
    ("text", "kind", "at"),
    [
        ("2025-03-12", "ymd", DAY),
        ("2025/3/12 13:05", "ymd", NOON),
        ("12.03.2025", "dmy", DAY),
        ("12.03.25", "dmy", DAY),
        ("12/03/2025 13.05", "dmy", NOON),
        ("03/12/2025 1:05 PM", "mdy", NOON),
        ("12 Mar 2025", "dmy", DAY),
        ("Mar 12, 2025 1:05 pm", "mdy", NOON),
        ("12. März 2025, 13:05 Uhr", "dmy", NOON),
        ("12 mars 2025", "dmy", DAY),
        ("12 de marzo de 2025", "dmy", DAY),
        ("12 maggio 2025", "dmy", datetime(2025, 5, 12)),
        ("12 de março de 2025", "dmy", DAY),
        ("12 Maret 2025 13.05", "dmy", NOON),
        ("12 tháng 3, 2025", "dmy", DAY),
        ("12 มี.ค. 2568", "dmy", DAY),
        ("12 มีนาคม 2568 13:05", "dmy", NOON),
        ("2025年3月12日 13時05分", "ymd", NOON),
        ("2025年3月12日 下午 1:05", "ymd", NOON),
        ("Wednesday, March 12, 2025", "mdy", DAY),
        ("12-Mar-25", "dmy", DAY),
        ("20250312", "yyyymmdd", DAY),
        ("45728", "excel", DAY),
        ("24:00", "ymd", None),
        ("31/02/2025", "dmy", None),
        ("13/13/2025", "dmy", None),
        ("12/03/2025 25:00", "dmy", None),
        ("2025-03", "ymd", None),
        ("soon", "dmy", None),
        ("12/03/2025 10:00 XYZT", "dmy", None),
    ],
)
def test_a_date_is_read(text: str, kind: str, at: datetime | None) -> None:
    moment = parse_moment(text, kind)
    assert (moment and moment.at) == at
    if moment is not None:
        assert moment.whole_day == (at == DAY or at == datetime(2025, 5, 12))


@pytest.mark.parametrize(
    ("text", "hours"),
    [("2025-03-12T13:05:00Z", 0), ("2025-03-12 13:05 +07:00", 7), ("2025-03-12 13:05:00+00", 0),
     ("12/03/2025 13:05 WIB", 7),
     ("2025-03-12 13:05 GMT-5", -5), ("Wed, 12 Mar 2025 13:05:00 GMT", 0)],
)  # fmt: skip
def test_a_zone_in_the_cell_counts(text: str, hours: int) -> None:
    moment = parse_moment(text, "dmy")
    assert moment is not None
    assert moment.at == NOON.replace(tzinfo=timezone(timedelta(hours=hours)))


def test_the_whole_column_decides_the_order() -> None:
    assert decide_order(["03/04/2025", "13/04/2025"]).kind == "dmy"
    assert decide_order(["03/04/2025", "04/13/2025"]).kind == "mdy"
    assert decide_order(["03.04.2025"]).kind == "dmy", "nobody writes the month first with full stops"
    unclear = decide_order(["03/04/2025", "05/06/2025"])
    assert unclear.kind is None
    assert unclear.witness == "03/04/2025"
    assert decide_order(["04/04/2025"]).kind == "dmy", "both readings are the same day"
    torn = decide_order(["13/04/2025", "04/13/2025"])
    assert {torn.witness, torn.conflict} == {"13/04/2025", "04/13/2025"}


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [([45_000.5, 45_728], "excel"), ([1_741_784_700], "epoch_s"), ([1_741_784_700_000], "epoch_ms"),
     ([1_741_784_700_000_000], "epoch_us"), ([20_250_312, 20_241_231], "yyyymmdd"), ([7], None),
     ([45_000, 1_741_784_700], None)],
)  # fmt: skip
def test_numbers_say_what_they_count(numbers: list[float], kind: str | None) -> None:
    assert find_number_kind(numbers) == kind


@given(
    st.datetimes(datetime(2015, 1, 1), datetime(2035, 12, 31)).map(
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
    )
)
def test_counts_come_back(at: datetime) -> None:
    """Seconds and Excel's days of an instant, by Python's own arithmetic, are that instant again."""
    utc = at.replace(tzinfo=UTC)
    assert from_number(utc.timestamp() * 1000, "epoch_ms") == Moment(utc, False)
    days = (at - datetime(1899, 12, 30)) / timedelta(days=1)
    found = from_number(days, "excel")
    assert found is not None
    assert abs(found.at - at) <= timedelta(milliseconds=1)


@given(
    st.datetimes(datetime(2015, 1, 1), datetime(2035, 12, 31)),
    st.sampled_from(["%d/%m/%Y %H:%M:%S.%f", "%d.%m.%Y %H.%M.%S.%f"]),
)
def test_what_is_written_is_read_back(at: datetime, form: str) -> None:
    assert parse_moment(at.strftime(form), "dmy") == Moment(at, False)
    assert parse_moment(at.strftime("%m/%d/%Y %I:%M:%S %p"), "mdy") == Moment(at.replace(microsecond=0), False)
