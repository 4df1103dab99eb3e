"""Numbers as people write them: every form that a shop's export has, and what must not be guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.sources.files.numbers import decide_marks, is_percent, parse_number


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.234,56", ",", 1234.56),
        ("1,234.56", ".", 1234.56),
        ("1 234,56", ",", 1234.56),
        ("1\u202f234,56", ",", 1234.56),
        ("1'234.50", ".", 1234.5),
        ("12.3K", ".", 12_300),
        ("12.3K", ",", 12_300),
        ("1,2M", ".", 1_200_000),
        ("1.2万", ".", 12_000),
        ("3億", ".", 300_000_000),
        ("12,3 rb", ",", 12_300),
        ("3,5jt", ",", 3_500_000),
        ("5 ล้าน", ".", 5_000_000),
        ("Rp1.234.567", ",", 1_234_567),
        ("Rp. 5.000,-", ",", 5000),
        ("฿1,200.50", ".", 1200.5),
        ("S$12.50", ".", 12.5),
        ("1.234,50 €", ",", 1234.5),
        ("USD 12", ".", 12),
        ("R$ 1.234,50", ",", 1234.5),
        ("15 %", ".", 0.15),
        ("12,3 %", ",", 0.123),
        ("1500 bp", ".", 0.15),
        ("(1.234,00)", ",", -1234),
        ("-5", ".", -5),
        ("−5", ".", -5),
        ("１２３", ".", 123),
        ("๑๒๓", ".", 123),
        ("1,23,456.5", ".", 123_456.5),
        ("6.1e-05", ".", 6.1e-5),
        (".5", ".", 0.5),
    ],
)
def test_a_number_is_read(text: str, decimal: str, value: float) -> None:
    assert parse_number(text, decimal) == value


@pytest.mark.parametrize(
    "text", ["", "abc", "12abc", "1.2.3", "1,23", "12-13", "--5", "(5", "2025-01-31", "nan", "1 Stück"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse_number(text, ".") is None


def test_a_unit_moves_the_point_without_an_error_of_rounding() -> None:
    assert parse_number("12.3", ".", shift=-2) == 0.123
    assert parse_number("1230", ".", shift=-4) == 0.123
    assert parse_number("12.3 %", ".", shift=-4) == 0.123, "the sign in the cell goes before the unit"


@pytest.mark.parametrize(
    ("texts", "decimal"),
    [
        (["1.234", "1.234,5"], ","),
        (["1,234", "12.5"], "."),
        (["1.234", "1.234.567"], ","),
        (["0.123"], "."),
        (["1234.567"], "."),
        (["12", "13"], "."),
        (["1.234", "12.345"], None),
        (["1.5K", "1,234"], None),
        (["19,000%"], ","),
    ],
)
def test_the_whole_column_decides_the_mark(texts: list[str], decimal: str | None) -> None:
    assert decide_marks(texts).decimal == decimal


def test_a_column_that_contradicts_itself_names_both_cells() -> None:
    marks = decide_marks(["7", "1.234,5", "1,234.5"])
    assert {marks.witness, marks.conflict} == {"1.234,5", "1,234.5"}


def test_percent_is_seen() -> None:
    assert is_percent("15%")
    assert is_percent("15 ％")
    assert not is_percent("15")


@given(
    st.floats(0, 1e12).map(lambda x: round(x, 4)),
    st.sampled_from([".", ","]),
    st.sampled_from(["Rp{}", "{} €", "$ {}", "{}"]),
)
def test_what_is_written_is_read_back(value: float, decimal: str, money: str) -> None:
    """Python's own formatting, marks exchanged, is the independent answer."""
    text = f"{value:,.4f}"
    if decimal == ",":
        text = text.translate(str.maketrans(",.", ".,"))
    assert parse_number(money.format(text), decimal) == value
    assert decide_marks([money.format(text)]).decimal == decimal
