"""One reader of rates: its fill by hand, and that every way of asking gives the same rate."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from features.briefs.brief import PriceBook
from features.time import brief_rates, day_number, in_usd, known_once, to_usd, usd_rates
from marketplace.contract import FX_FILL_DAYS
from marketplace.tables import Marketplace

DAY = day_number("2024-01-12")


def instant(day: int) -> pd.Timestamp:
    return pd.Timestamp(day, unit="D", tz="UTC")


def rates(*rows: tuple[int, float, int], currency: str = "GBP") -> Marketplace:
    """A marketplace with rates (day, USD, day known), counted from `DAY`."""
    frame = pd.DataFrame(
        [
            {"currency": currency, "day": instant(DAY + day).date(), "usd_rate": usd, "known_at": instant(DAY + known)}
            for day, usd, known in rows
        ]
    )
    return Marketplace.from_frames({"fx_rates": frame})


def asked(source: Marketplace, as_of: int) -> dict[int, float]:
    known = usd_rates(source, DAY + as_of)
    return {int(day) - DAY: float(rate) for day, rate in zip(known["day"], known["usd_rate"], strict=True)}


def test_a_day_takes_its_own_rate_then_the_latest_of_seven_before() -> None:
    source = rates((0, 1.25, 0), (3, 1.5, 3))
    expected = {0: 1.25, 1: 1.25, 2: 1.25} | dict.fromkeys(range(3, 3 + FX_FILL_DAYS + 1), 1.5)
    assert asked(source, 99) == expected
    assert asked(source, 3) == {0: 1.25, 1: 1.25, 2: 1.25}
    # Before the rate of day 3 is known, day 3 has that of day 0.
    assert asked(rates((0, 1.25, 0), (3, 1.5, 9)), 5) == dict.fromkeys(range(5), 1.25)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.inf, np.nan])
def test_what_is_no_rate_is_passed_over(wrong: float) -> None:
    assert asked(rates((0, 1.25, 0), (1, wrong, 1)), 3) == {0: 1.25, 1: 1.25, 2: 1.25}


def test_facts_labels_and_briefs_are_turned_at_the_same_rate() -> None:
    rng = np.random.default_rng(3)
    days = np.sort(rng.choice(60, 20, replace=False))
    source = rates(*((int(d), float(1 + 0.01 * d), int(d + rng.integers(0, 4))) for d in days))
    book = PriceBook(source)
    told = brief_rates(source).set_index("day")["usd_rate"]
    for as_of in range(5, 70, 7):
        frame = pd.DataFrame({"currency": "GBP", "day": np.arange(DAY, DAY + as_of), "amount": 2.0})
        frame.loc[0, "currency"] = "USD"
        usd = in_usd(frame, "amount", usd_rates(source, DAY + as_of))
        assert usd[0] == 2.0
        rows = ibis.memtable(
            frame.assign(known_at=[instant(d) for d in frame["day"]], at=[instant(d) for d in frame["day"]])
        )
        fact = source.query(to_usd(known_once(rows, "at"), source))
        fact = fact[(fact["since_day"] < DAY + as_of) & (fact["until_day"] >= DAY + as_of)].set_index("event_day")
        by_fact = (fact["amount"] * fact["usd_rate"]).reindex(frame["day"]).to_numpy()
        np.testing.assert_array_equal(usd, by_fact)
    for day in range(80):
        own = usd_rates(source, DAY + day + 1)
        at = book.usd_rate("GBP", instant(DAY + day) + pd.Timedelta(hours=15))
        assert at == pytest.approx(told.get(DAY + day, np.nan), nan_ok=True)
        before = days[(days < day) & (days >= day - FX_FILL_DAYS)]
        assert np.isfinite(at) <= (len(before) > 0)
        assert len(own) <= 80


def test_stale_rates_are_not_used_for_ever() -> None:
    book = PriceBook(rates((0, 1.25, 0)))
    assert np.isnan(book.usd_rate("GBP", instant(DAY)))
    assert book.usd_rate("GBP", instant(DAY + FX_FILL_DAYS)) == 1.25
    assert np.isnan(book.usd_rate("GBP", instant(DAY + FX_FILL_DAYS + 1)))
    assert book.usd_rate("USD", instant(DAY)) == 1.0
