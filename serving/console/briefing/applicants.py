"""Who asked for a sample: creators' ids or usernames from a CSV or an Excel file that a user gives."""

from __future__ import annotations

import csv
import io
import zipfile

from marketplace.errors import FileError

__all__ = ["MOST", "read_applicants"]

MOST = 20_000
"""As many as the service ranks at once."""

_LARGEST = 64 * 2**20
_HEADS = ("creator_id", "username", "creator", "creator id", "handle", "id", "creator username", "creator name")
_LOOK = "a CSV or XLSX file with a column creator_id or username"


def read_applicants(name: str, content: bytes) -> list[str]:
    """The applicants in a file, each once, in their order; empty cells are nobody.

    A column called like one of a few names is taken, else the first; a file of one column needs no head.

    Raises
    ------
    FileError
        It is neither CSV nor XLSX, unpacks to more than 64 MB, is empty, or names more than 20,000.
    """
    ending = name.lower().rpartition(".")[2]
    if ending == "xlsx":
        rows = _sheet(content, name)
    elif ending in ("csv", "txt", "tsv"):
        rows = _lines(content, name)
    else:
        raise FileError("a file that ends in .csv or .xlsx", received=name[:80], look=_LOOK)
    found = _named(rows)
    if not found:
        raise FileError("at least one applicant", received=f"none in {name[:80]}", look=_LOOK)
    if len(found) > MOST:
        raise FileError(f"at most {MOST:,} applicants", received=f"{len(found):,}", look=_LOOK)
    return found


def _lines(content: bytes, name: str) -> list[list[str]]:
    for encoding in ("utf-8-sig", "utf-16") if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise FileError("text in UTF-8", received=f"{name[:80]} in another encoding", look="save it as CSV UTF-8")
    first = text.partition("\n")[0]
    mark = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=mark if mark in first else ","))
    except csv.Error as reason:
        raise FileError("a CSV file", received=f"{name[:80]}: {reason}", look=_LOOK) from None


def _sheet(content: bytes, name: str) -> list[list[str]]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(one.file_size for one in packed.infolist())
        if size > _LARGEST:
            raise FileError("a workbook of at most 64 MB", received=f"{size:,} bytes", look=_LOOK)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = []
        for row in sheet.iter_rows(values_only=True, max_col=50):
            rows.append(["" if cell is None else str(cell) for cell in row])
            if len(rows) > 2 * MOST:
                break
        book.close()
    except FileError:
        raise
    except Exception as reason:  # openpyxl raises what it meets in a broken file, of many kinds
        raise FileError("an Excel workbook", received=f"{name[:80]}: {type(reason).__name__}", look=_LOOK) from None
    return rows


def _named(rows: list[list[str]]) -> list[str]:
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return []
    heads = [cell.strip().lower().replace("_", " ") for cell in rows[0]]
    known = [head.replace("_", " ") for head in _HEADS]
    column = next((heads.index(head) for head in known if head in heads), None)
    body = rows if column is None and len(rows[0]) == 1 else rows[1:]
    column = column or 0
    cells = (row[column].strip() for row in body if len(row) > column)
    return list(dict.fromkeys(cell for cell in cells if cell))
