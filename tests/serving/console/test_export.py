"""Files to take away: what a spreadsheet reads back is what was written, and none of it is a formula."""

from __future__ import annotations

import csv
import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from serving.console.export import csv_of, neutral, xlsx_of

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")) | st.sampled_from("=+-@\t\r\n"), max_size=12)
ROWS = st.lists(st.tuples(TEXT, st.none() | st.floats(-1e9, 1e9) | st.integers(-(10**9), 10**9)), max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_no_text_of_a_csv_begins_like_a_formula_and_numbers_stay(rows: list[tuple[str, float | None]]) -> None:
    read = list(csv.reader(io.StringIO(csv_of(["Name", "Number"], rows).decode("utf-8-sig"), newline="")))
    assert read[0] == ["Name", "Number"]
    for (text, number), (cell, value) in zip(rows, read[1:], strict=True):
        assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert cell in (text, f"'{text}")
        assert value == ("" if number is None else str(number))


@given(ROWS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_cell_of_a_workbook_is_a_formula(rows: list[tuple[str, float | None]]) -> None:
    sheet = load_workbook(io.BytesIO(xlsx_of(["=Name", "Number"], rows, title="=A:[b]*?"))).active
    assert sheet["A1"].value == "'=Name"
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    for n, (_, number) in enumerate(rows, 2):
        value = sheet.cell(n, 2).value
        assert value == number or (value is not None and number is not None and abs(value - number) < 1e-6)


def test_what_is_neutral() -> None:
    told = {"=1+1": "'=1+1", "+49": "'+49", "-x": "'-x", "@me": "'@me", "\tx": "'\tx", " =1": "' =1", "＝1": "'＝1"}
    assert {text: neutral(text) for text in told} == told
    for plain in ("anna", "a=b", "", -3.5, 7, None):
        assert neutral(plain) == plain
