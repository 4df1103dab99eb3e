"""Tables to take away: CSV and XLSX in which no cell is a formula, whatever a creator is called.

A CSV has no types: text that a spreadsheet would take for a formula gets an apostrophe in front. A cell of a workbook
says that it is text, and is what was written, to the letter.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

__all__ = ["csv_of", "neutral", "xlsx_of"]

Cell = str | float | int | None

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(value: Cell) -> Cell:
    """``value``; text that a spreadsheet would take for a formula gets an apostrophe in front.

    Source: OWASP, CSV Injection. Numbers stay numbers.
    """
    if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS):
        return f"'{value}"
    return value


def csv_of(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """The table as CSV, UTF-8 with a mark that Excel reads it by; unknown is empty."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL)
    for row in (heads, *rows):
        writer.writerow(["" if cell is None else neutral(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def xlsx_of(heads: Sequence[str], rows: Iterable[Sequence[Cell]], *, title: str) -> bytes:
    """The table as an Excel workbook of one sheet; text is text, never a formula, not even once it is edited."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet(_sheet_name(title))
    sheet.freeze_panes = "A2"

    def cell(value: Cell, *, bold: bool = False) -> WriteOnlyCell:
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value)
        if isinstance(value, str):
            made.data_type = "s"
            made.quotePrefix = neutral(value) != value
        if bold:
            made.font = Font(bold=True)
        return made

    for place, head in enumerate(heads, 1):
        sheet.column_dimensions[_letters(place)].width = max(10, min(40, len(head) + 3))
    sheet.append([cell(head, bold=True) for head in heads])
    for row in rows:
        sheet.append([cell(value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _letters(place: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(place))


def _sheet_name(title: str) -> str:
    kept = "".join(" " if one in "[]:*?/\\'" else one for one in title if one.isprintable()).strip()
    return kept[:31] or "Creators"
