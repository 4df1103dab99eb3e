"""Files to take away: what a spreadsheet reads back is what was written, and none of it is a formula."""

from __future__ import annotations

import csv
import io
import zipfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from serving.console.export import csv_of, neutral, xlsx_of
from serving.console.ranked import Row
from serving.console.shortlists import cells_of, heads_of

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
    made = xlsx_of(["=Name", "Number"], rows, title="=A:[b]*?")
    sheet = load_workbook(io.BytesIO(made)).active
    # Its type is text: what stands there is what was written, without an apostrophe, and is no formula.
    assert (sheet["A1"].value, sheet["A1"].data_type, sheet["A1"].quotePrefix) == ("=Name", "s", True)
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    with zipfile.ZipFile(io.BytesIO(made)) as packed:
        assert b"<f>" not in packed.read("xl/worksheets/sheet1.xml")
    for n, (text, number) in enumerate(rows, 2):
        cell = sheet.cell(n, 1)
        assert as_kept(cell.value or "") == as_kept(text)
        assert bool(cell.quotePrefix) == (neutral(text) != text)
        value = sheet.cell(n, 2).value
        assert value == number or (value is not None and number is not None and abs(value - number) < 1e-6)


def as_kept(text: str) -> str:
    """Line ends are one to XML, and control characters are none of its."""
    return ILLEGAL_CHARACTERS_RE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def test_reasons_need_no_apostrophe_in_either_file() -> None:
    row: Row = {
        "id": "cr_1", "name": "=cmd", "place": 1, "slot": "ranked", "score": 50.0, "u": -3.5, "u_low": -9.0,
        "u_high": 2.0, "p": 25.0, "l": 100.0, "l_low": 0.0, "l_high": 300.0, "confidence": 40.0, "followers": 7,
        "why": ["+ Raises it: 3 USD (+4 USD of expected profit)", "− Lowers it: 1 (-2 USD of expected profit)"],
    }  # fmt: skip
    told = "Raises it: 3 USD (+4 USD of expected profit)\nLowers it: 1 (-2 USD of expected profit)"
    heads, cells = heads_of([row], "USD"), cells_of([row])
    (line,) = csv.DictReader(io.StringIO(csv_of(heads, cells).decode("utf-8-sig"), newline=""))
    assert (line["Reasons"], line["Username"]) == (told, "'=cmd")
    sheet = load_workbook(io.BytesIO(xlsx_of(heads, cells, title="x"))).active
    found = {head.value: cell for head, cell in zip(sheet[1], sheet[2], strict=True)}
    assert (found["Reasons"].value, found["Username"].value) == (told, "=cmd")
    assert found["Username"].data_type == "s"
    assert found["Expected profit (USD)"].value == -3.5


def test_what_is_neutral() -> None:
    told = {"=1+1": "'=1+1", "+49": "'+49", "-x": "'-x", "@me": "'@me", "\tx": "'\tx", " =1": "' =1", "＝1": "'＝1"}
    assert {text: neutral(text) for text in told} == told
    for plain in ("anna", "a=b", "", -3.5, 7, None):
        assert neutral(plain) == plain
