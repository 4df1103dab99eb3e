"""Numbers in words, rows of an answer, why one stands above another, and money in the market's currency."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.client import Amount, RankedCreator, Reason
from serving.console.money import DOLLARS, Till, till_of
from serving.console.pieces.wording import count_text, counted_text, interval_text, money_text, percent_text
from serving.console.ranked.compared import differences, points_of
from serving.console.ranked.left_out import left_out_words
from serving.console.ranked.reasons import reason_text
from serving.console.ranked.rows import rows_of

UNKNOWN = (None, math.nan, math.inf)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "0 USD"), (-0.001, "0.00 USD"), (2307.5, "2,308 USD"), (-3.056, "−3.06 USD"), (16.04, "16.04 USD"),
        (99_999, "99,999 USD"), (250_000, "250K USD"), (1_254_000, "1.25M USD"), (-36.2e9, "−36.2B USD"),
        (1e13, "10T USD"), *((value, "–") for value in UNKNOWN),
    ],
)  # fmt: skip
def test_money(amount: float | None, said: str) -> None:
    assert money_text(amount, "USD") == said


def test_what_is_not_known_is_never_nought() -> None:
    for value in UNKNOWN:
        assert percent_text(value) == count_text(value) == interval_text(value, 1.0) == "–"
    assert (percent_text(0.344), count_text(418_759), interval_text(-308, 4673, "USD")) == (
        "34 %", "419K", "−308 to 4,673 USD",
    )  # fmt: skip
    assert (counted_text(1, "creator"), counted_text(1200, "creator")) == ("1 creator", "1,200 creators")


def creator(name: str, score: float, indices: dict[str, float | None], *reasons: tuple[str, float]) -> RankedCreator:
    return RankedCreator(
        creator_id=name, username="", position=1, slot="ranked", propensity=1.0, score=score,
        utility=Amount(10.0, -5.0, 20.0, "USD"), success_probability=0.25, lift=Amount(100.0, 0.0, 300.0, "USD"),
        indices=indices, confidence=40.0, follower_count=None,
        reasons=tuple(
            Reason(name, 1.0, "USD", "lift", worth, f"Raises it. What {name} says: 3 USD (+{worth} USD)")
            for name, worth in reasons
        ),
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(*[st.none() | st.floats(0, 100)] * 2, st.floats(0, 1)), min_size=1, max_size=8),
    st.floats(0.01, 1),
    st.tuples(st.floats(0, 100), st.floats(0, 100)),
)
def test_points_add_up_to_the_distance_and_the_models_part_is_its_own(
    drawn: list[tuple[float | None, float | None, float]], model: float, standings: tuple[float, float]
) -> None:
    """By the score's own sum: shares of the weights times standing and indices, 50 for the unknown."""
    weights = {"model": model, **{f"x{n}": one[2] for n, one in enumerate(drawn)}}
    total = sum(weights.values())

    def score(which: int) -> float:
        own = [50.0 if one[which] is None else float(one[which]) for one in drawn]  # type: ignore[arg-type]
        parts = [weights[f"x{n}"] * value for n, value in enumerate(own)]
        return (model * standings[which] + sum(parts)) / total

    two = [creator("ab"[i], score(i), {f"x{n}": one[i] for n, one in enumerate(drawn)}) for i in (0, 1)]
    points = points_of(weights, two[0], two[1])
    assert sum(points.values()) == pytest.approx(two[0].score - two[1].score, abs=1e-9)
    assert points["model"] == pytest.approx(model / total * (standings[0] - standings[1]), abs=1e-6)


def test_an_index_of_peers_alone_is_marked_as_such() -> None:
    told: Any = {
        "a": {"value": 48.0, "low": 10.0, "high": 80.0, "confidence": 0.0},
        "b": {"value": 60.0, "confidence": 3.0},
    }
    one = creator("x", 50.0, told)
    assert one.indices == {"a": 48.0, "b": 60.0}
    assert [one.guessed(name) for name in ("a", "b", "unheard of")] == [True, False, False]
    again = replace(one, score=51.0)  # the doubt outlives a copy, whose indices are plain
    assert again.guessed("a")
    assert again.index_doubt == one.index_doubt
    (row,) = rows_of([one], DOLLARS)
    assert row["d_a"] == [10.0, 80.0, 0.0]
    assert row["d_b"] == [None, None, 3.0]


def test_signals_that_set_two_apart() -> None:
    found = differences(
        creator("a", 9, {}, ("sales", 8.0), ("views", 2.0)), creator("b", 7, {}, ("sales", 9.5), ("health", -4.0))
    )
    assert [(one.signal, one.apart) for one in found] == [("health", None), ("views", None), ("sales", -1.5)]
    assert found[0].said == "What health says"
    assert (found[0].first, found[0].second) == (None, -4.0)


def test_rows_are_in_the_markets_money() -> None:
    catalogue: Any = SimpleNamespace(
        currencies={"USD": 1.0, "IDR": 1 / 16_000},
        markets=[SimpleNamespace(market="ID", currency="IDR"), SimpleNamespace(market="XX", currency="XXX")],
    )
    assert till_of(catalogue, "XX").currency == till_of(catalogue, None).currency == "USD"
    (row,) = rows_of([creator("cr_1", 50.04, {"cooperation": None, "diligence": 61.26})], till_of(catalogue, "ID"))
    assert (row["u"], row["u_low"], row["u_text"], row["u_ends"]) == (
        160_000.0, -80_000.0, "160K IDR", "−80,000 to 320K IDR",
    )  # fmt: skip
    assert (row["name"], row["i_cooperation"], row["i_diligence"], row["p"]) == ("cr_1", None, 61.3, 25.0)
    assert Till("EUR", {"USD": 1.0}).of(5.0, "USD") is None


def test_who_was_left_out() -> None:
    assert left_out_words({"min_followers": 3, "market": 2880, "something_new": 1, "languages": 0}) == [
        "2,880 sell in another market",
        "3 have fewer followers than asked for, or an unknown number",
        "1 something new",
    ]


RUPIAH = Till("IDR", {"USD": 1.0, "IDR": 1 / 16_000})


@pytest.mark.parametrize(
    ("unit", "value", "spoken", "said"),
    [
        # 2,404 USD x 16,000 = 38.464 million; 3,114.04 x 16,000 = 49.82464 million.
        ("USD", 2404.0, "2,404 USD", "38.5M IDR"),
        ("USD per 1,000 views", 2.5, "2.5 USD per 1,000 views", "40,000 IDR per 1,000 views"),
        ("USD per USD", 0.31, "0.31 USD per USD", "0.31 USD per USD"),
        ("followers", 418759.0, "418,759 followers", "418,759 followers"),
        ("fraction", 0.546, "54.6 %", "54.6 %"),
        ("USD", None, "not known", "not known"),
    ],
)
def test_reasons_are_in_the_pages_currency(unit: str, value: float | None, spoken: str, said: str) -> None:
    words = "Raises the expected extra sales. What is sold (net): of one post"
    text = f"{words}: {spoken} (+3,114.04 USD of expected profit)"
    why = Reason("s", value, unit, "lift", 3114.04, text, words)
    assert reason_text(why, RUPIAH) == f"{words}: {said} (+49.8M IDR of expected profit)"
    against = replace(why, contribution=-3114.04)
    assert reason_text(against, RUPIAH).endswith("(−49.8M IDR of expected profit)")
    assert reason_text(why, DOLLARS) == text
    assert reason_text(replace(why, words=""), RUPIAH) == text, "an older service tells no words apart"
