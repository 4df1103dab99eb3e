"""Read any export as cells: which rows and columns a file has, before anybody says what they mean.

Text files (CSV, TSV) are read as text throughout, so that no reader guesses a number where an identifier stands;
Excel, JSON lines and Parquet keep the types that their cells have. Encoding, delimiter and header row are found, or
told. Every row keeps the number that a spreadsheet shows for it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from marketplace.errors import SourceError
from marketplace.sources.files.nesting import flat_table

__all__ = ["ENDINGS", "Sheet", "Told", "data_files", "find_encoding", "join_sheets", "read_sheet", "read_sheets"]

TEXT = (".csv", ".tsv", ".txt")
ENDINGS = (*TEXT, ".xlsx", ".xlsm", ".jsonl", ".ndjson", ".json", ".parquet")
"""What can be read, by the file's ending."""

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_BYTES = 256 * 1024
LOOK = "docs/ingest.md"


@dataclass(frozen=True)
class Told:
    """What is told of a file instead of found: None where it is to be found."""

    encoding: str | None = None
    delimiter: str | None = None
    header_row: int | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class Sheet:
    """The cells of one table of a file.

    Attributes
    ----------
    name : str
        The file, with its sheet where the file has several.
    cells : DataFrame
        One column a header. Text, or the types that the file keeps; NA where a cell is empty. RangeIndex.
    files : array of str, shape (rows,)
        The file that each row is from.
    rows : array of int64, shape (rows,)
        The number that a spreadsheet shows for the row (the header of a plain file is row 1).
    told : Told
        How it was read.
    """

    name: str
    cells: pd.DataFrame
    files: npt.NDArray[np.object_]
    rows: npt.NDArray[np.int64]
    told: Told

    @classmethod
    def nothing(cls) -> Sheet:
        """No file, no rows."""
        return cls("", pd.DataFrame(), np.empty(0, object), np.empty(0, np.int64), Told())

    def keep(self, mask: npt.NDArray[np.bool_]) -> Sheet:
        """The rows for which ``mask`` holds."""
        cells = self.cells[mask].reset_index(drop=True)
        return Sheet(self.name, cells, self.files[mask], self.rows[mask], self.told)


def data_files(folder: Path) -> list[Path]:
    """The files in ``folder`` that can be read, by name; a spreadsheet's lock files are none.

    Raises
    ------
    SourceError
        It is no folder, or has none.
    """
    if not folder.is_dir():
        raise SourceError("a folder of exported files", received=f"{folder}, which is no folder", look=LOOK)
    found = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in ENDINGS and not file.name.startswith((".", "~$")) and file.is_file()
    )
    if not found:
        there = ", ".join(sorted(one.name for one in folder.iterdir())[:5]) or "nothing"
        raise SourceError(
            f"files that end in {', '.join(ENDINGS)}", received=f"{folder} with {there}", look=LOOK
        )  # fmt: skip
    return found


def read_sheets(file: Path) -> list[Sheet]:
    """Every table of ``file``: one, or those sheets of a workbook that have a header and a row."""
    if file.suffix.lower() not in (".xlsx", ".xlsm"):
        return [read_sheet(file)]
    names = _workbook_sheets(file)
    sheets = [read_sheet(file, Told(sheet=name)) for name in names]
    return [one for one in sheets if len(one.cells) and one.cells.shape[1] > 1] or sheets[:1]


def read_sheet(file: Path, told: Told | None = None) -> Sheet:
    """One table of ``file``; what is not ``told`` is found.

    Raises
    ------
    SourceError
        The file cannot be read so, or a row of it has more or fewer cells than its header.
    """
    told = told or Told()
    ending = file.suffix.lower()
    try:
        if ending in TEXT:
            return _text(file, told)
        if ending in (".xlsx", ".xlsm"):
            return _workbook(file, told)
        return _typed(file)
    except (OSError, ValueError, LookupError, UnicodeError) as reason:
        raise SourceError(
            f"{file.name} as {ending.lstrip('.')}", received=str(reason).strip(), look=f"{LOOK}, What is read"
        ) from reason


def join_sheets(sheets: Sequence[Sheet]) -> Sheet:
    """Several files of one kind as one table; a column that one of them lacks is empty there."""
    if len(sheets) == 1:
        return sheets[0]
    return Sheet(
        ", ".join(one.name for one in sheets),
        pd.concat([one.cells for one in sheets], ignore_index=True),
        np.concatenate([one.files for one in sheets]),
        np.concatenate([one.rows for one in sheets]),
        sheets[0].told,
    )


def find_encoding(content: bytes) -> str:
    """The encoding of a text, as Python calls it: by its mark, by being UTF-8, else by what its bytes look like.

    Raises
    ------
    ValueError
        Nothing fits.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return name
    even, odd = content[::2].count(0), content[1::2].count(0)
    if max(even, odd) > len(content) / 8:
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)  # a sample may end within a character
    except UnicodeDecodeError:
        return _old_encoding(content)
    return "utf-8"


OLD_ENCODINGS = ("cp1252", "cp932", "cp874", "gb18030", "big5", "cp949", "cp1250", "cp1251")
"""In order of preference where two fit as well."""


def _old_encoding(content: bytes) -> str:
    """The encoding in which the few letters beyond ASCII keep the most natural company.

    An export is nearly all digits: what detectors of running text go by is not there, but each letter's neighbours are.
    """
    lines = [line for line in re.split(rb"[\r\n]+", content)[:-1] or [content] if not line.isascii()]
    sample = b"\n".join(lines[:400]) or content
    scores = {}
    for name in OLD_ENCODINGS:
        try:
            scores[name] = _strangeness(sample.decode(name))
        except UnicodeDecodeError:
            continue
    if not scores:
        raise ValueError('an encoding that is none of those known; say encoding = "…" under [files] in the mapping')
    best = min(scores, key=lambda name: (round(scores[name], 2), OLD_ENCODINGS.index(name)))
    # The bytes of Korean are ideographs of Chinese too, and as daily ones.
    return "cp949" if "cp949" in scores and _is_korean(sample.decode("cp949")) else best


KOREAN = frozenset(
    "주문번호수량가격상품명일자시간크리에이터판매금액결제상태취소완료배송환불률율국통화름아디날짜광고조회좋요댓글공유클릭팔로워샘플브랜드"
    "카테캠페인초대락거절영라출합계원다는의을지도은사기어나그한해서정들과있보부장스전여동안오면물경우위건비각학내선방생발신개적치관없음옵션"
    "용업무료중형색블랙화트세마메연월년총평점성남민박최강윤김모든새입미구할인쿠폰천만억구역택현재외길목표등록확당"
)
"""Syllables that exports and daily Korean are made of: about one in twelve of those that cp949 has a place for."""


def _is_korean(text: str) -> bool:
    """Whether ``text``, decoded as cp949, is Korean: Hangul alone, and for the most part the common syllables."""
    beyond = {letter for letter in text if not letter.isascii() and letter.isalpha()}
    common = len(beyond & KOREAN)
    return common >= 3 and common >= 0.45 * len(beyond) and all(_within(one, 0xAC00, 0xD7A3) for one in beyond)


def _strangeness(text: str) -> float:
    """The share of the letters beyond ASCII that stand in strange company; 0 is natural."""
    strange = total = 0.0
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if not letter.isascii():
            total += 1
            strange += _is_strange(before, letter, after)
    return strange / total if total else 0.0


def _is_strange(before: str, letter: str, after: str) -> float:  # noqa: PLR0911 - one answer a script
    """0 where ``letter`` is at home: Latin letters with accents among others, every other script among its own."""
    code = ord(letter)
    latin = (before.isascii() and before.isalpha(), after.isascii() and after.isalpha())
    alone = before.isascii() and after.isascii()
    inside = before.isalpha() and before.islower() and letter.isupper()
    if 0xE000 <= code <= 0xF8FF or 0x80 <= code <= 0x9F:
        return 2.0  # private use and controls: what wrong encodings make
    if _within(letter, 0xFF61, 0xFF9F):
        return 0.3 if _within(before, 0xFF61, 0xFF9F) or _within(after, 0xFF61, 0xFF9F) else 2.0
    if _within(letter, 0x0E01, 0x0E5B):
        return _thai_strangeness(before, letter, any(latin))
    if _within(letter, 0x3041, 0x30FC) or _within(letter, 0xFF00, 0xFF60) or _within(letter, 0x3000, 0x3011):
        return 0.0
    if _within(letter, 0x4E00, 0x9FFF):
        return 1.0 if (alone and any(latin)) or all(latin) else 0.5 * (not _daily(letter))
    if _within(letter, 0x0400, 0x04FF):
        return float(any(latin)) + inside
    if _within(letter, 0xAC00, 0xD7A3):
        return float(any(latin) or (alone and not before.isspace()))
    if letter.isalpha():
        # Two in a row are rare, a capital within a word is rarer still.
        return (0.0 if code <= 0x24F else 1.0) + 0.7 * (not before.isascii() or not after.isascii()) + inside
    return 0.0 if letter in "€£¥–—’‘“”«»°·\u00a0…º§" else 1.0


def _thai_strangeness(before: str, letter: str, by_latin: bool) -> float:
    """Signs above and below stand on a consonant; digits and the baht sign are never within a Latin word."""
    code = ord(letter)
    if code == 0x0E3F or code >= 0x0E4F:
        return float(by_latin)
    if code == 0x0E31 or 0x0E34 <= code <= 0x0E3A or 0x0E47 <= code <= 0x0E4E:
        return float(not (_within(before, 0x0E01, 0x0E2E) or _within(before, 0x0E31, 0x0E4E)))
    return float(by_latin)


def _within(letter: str, first: int, last: int) -> bool:
    return first <= ord(letter) <= last


def _daily(letter: str) -> bool:
    """Whether an ideograph is of the first level of its national set: those in daily use."""
    for name, last in (("gb2312", 0xD7), ("shift_jis", 0x97), ("big5", 0xC6)):
        try:
            if letter.encode(name)[0] <= last:
                return True
        except UnicodeEncodeError:
            continue
    return False


def _text(file: Path, told: Told) -> Sheet:
    with file.open("rb") as opened:
        sample = opened.read(SAMPLE_BYTES)
    if not sample.strip():
        raise ValueError("an empty file")
    encoding = told.encoding or find_encoding(sample)
    head = codecs.getincrementaldecoder(encoding)().decode(sample)
    delimiter = told.delimiter or _find_delimiter(head)
    records = list(csv.reader(io.StringIO(head), delimiter=delimiter))
    header_row = told.header_row or _find_header(records)
    if header_row > len(records):
        raise ValueError(f"header_row = {header_row}, of {len(records)} rows")
    header = _named(records[header_row - 1])
    frame = _records(file, encoding, delimiter, header_row, len(header))
    rows = np.arange(header_row + 1, header_row + 1 + len(frame), dtype=np.int64)
    found = Told(encoding, delimiter, header_row)
    return _sheet(file.name, frame, header, rows, found)


def _records(file: Path, encoding: str, delimiter: str, header_row: int, width: int) -> pd.DataFrame:
    """The cells below the header as text; a row that is wider or narrower than the header is an error that names it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of rows that are too wide: told below, by number
        try:
            frame = pd.read_csv(
                file, sep=delimiter, encoding=encoding, header=None, names=list(range(width + 1)), skiprows=header_row,
                dtype="str", keep_default_na=False, na_values=[], skip_blank_lines=False, index_col=False, engine="c",
            )  # fmt: skip
        except pd.errors.EmptyDataError:
            return pd.DataFrame({place: pd.Series(dtype="str") for place in range(width)})
    beyond = frame[width]
    frame = frame.drop(columns=[width])
    wide = (beyond.notna() & beyond.ne("")).to_numpy()
    for wrong, what in (
        (wide, f"more than {width} cells: is a {delimiter!r} within one of them unquoted?"),
        (_short(file, encoding, delimiter, header_row, frame), f"fewer than {width} cells: is the file cut off?"),
    ):
        if wrong.any():
            rows = ", ".join(str(row + header_row + 1) for row in wrong.nonzero()[0][:5])
            raise ValueError(f"row {rows} with {what} The header, row {header_row}, has {width}")
    return frame


def _short(file: Path, encoding: str, delimiter: str, header_row: int, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """The rows that end before the header does: pandas fills them up, so those with an empty last cell are counted."""
    blank = (frame.isna() | (frame == "")).to_numpy()
    short = np.zeros(len(frame), dtype=bool)
    if not (blank[:, -1] & ~blank.all(axis=1)).any():
        return short
    with file.open(encoding=encoding, newline="") as opened:
        widths = [len(record) for record in csv.reader(opened, delimiter=delimiter)][header_row:]
    counted = np.array(widths[: len(frame)])
    short[: len(counted)] = (counted < frame.shape[1]) & ~blank[: len(counted)].all(axis=1)
    return short


def _sheet(name: str, frame: pd.DataFrame, header: list[str], rows: Any, told: Told) -> Sheet:
    """Cells under their headers; rows and nameless columns that are empty throughout go."""
    frame.columns = pd.Index(header)
    blank = frame.isna() | (frame == "")
    full = ~blank.all(axis=1).to_numpy() if len(frame) else np.zeros(0, dtype=bool)
    named = [one for one in header if not (one.startswith("column ") and blank[one].all())]
    kept = frame.loc[full, named].reset_index(drop=True)
    return Sheet(name, kept, np.full(int(full.sum()), name, dtype=object), rows[full], told)


def _find_delimiter(text: str) -> str:
    """The mark that parts the most lines into the same number of cells, more than one."""

    def fit(mark: str) -> tuple[float, int]:
        widths = Counter(len(record) for record in list(csv.reader(io.StringIO(text), delimiter=mark))[:200] if record)
        wide = {width: count for width, count in widths.items() if width > 1}
        if not wide:
            return 0.0, 0
        width, count = max(wide.items(), key=lambda item: (item[1], item[0]))
        return count / sum(widths.values()), width

    fits = {mark: fit(mark) for mark in DELIMITERS}
    return max(DELIMITERS, key=lambda mark: (round(fits[mark][0], 1), fits[mark][1]))


def _find_header(records: Sequence[Sequence[Any]]) -> int:
    """The row (from 1) of the header: the first that is as wide as most rows and all words; titles stand above it."""
    filled = [sum(1 for cell in record if str(cell or "").strip()) for record in records[:50]]
    if not filled:
        raise ValueError("no rows")
    widths = Counter(len(record) for record in records[:200] if any(str(cell or "").strip() for cell in record))
    width = max(widths.items(), key=lambda item: (item[1], item[0]))[0]
    for place, (record, cells) in enumerate(zip(records, filled, strict=False), start=1):
        if cells >= max(1, (len(record) + 1) // 2) and len(record) >= width and cells >= min(2, width):
            return place
    return next(place for place, cells in enumerate(filled, start=1) if cells)


def _named(header: Sequence[Any]) -> list[str]:
    """The headers, trimmed; a nameless one is called by its place and a second one of a name by its number."""
    names: list[str] = []
    for place, cell in enumerate(header, start=1):
        name = " ".join(str("" if cell is None else cell).replace("\ufeff", "").split()) or f"column {place}"
        count = sum(1 for one in names if one == name or one.rsplit(" #", 1)[0] == name)
        names.append(f"{name} #{count + 1}" if count else name)
    return names


def _workbook_sheets(file: Path) -> list[str]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(file, read_only=True)
    except Exception as reason:  # openpyxl lets the errors of zipfile and of its parsers through
        raise SourceError(f"{file.name} as an Excel workbook", received=str(reason), look=LOOK) from reason
    names = [str(name) for name in book.sheetnames]
    book.close()
    return names


def _workbook(file: Path, told: Told) -> Sheet:
    names = _workbook_sheets(file)
    sheet = told.sheet or names[0]
    if sheet not in names:
        raise ValueError(f"no sheet {sheet!r} among {', '.join(names)}")
    raw = pd.read_excel(
        file, sheet_name=sheet, header=None, dtype=object, engine="openpyxl", keep_default_na=False, na_values=[""]
    )
    label = f"{file.name} [{sheet}]" if len(names) > 1 else file.name
    if raw.empty:
        return Sheet(label, pd.DataFrame(), np.empty(0, object), np.empty(0, np.int64), told)
    records = raw.head(200).astype(object).where(raw.head(200).notna(), None).to_numpy().tolist()
    header_row = told.header_row or _find_header(records)
    frame = raw.iloc[header_row:].reset_index(drop=True)
    rows = np.arange(header_row + 1, header_row + 1 + len(frame), dtype=np.int64)
    found = Told(header_row=header_row, sheet=sheet if len(names) > 1 else None)
    return _sheet(label, frame, _named(records[header_row - 1]), rows, found)


def _typed(file: Path) -> Sheet:
    """JSON and Parquet: DuckDB reads both, whole numbers beyond 2^53 included; what is nested is laid flat."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'")
        reader = "read_parquet(?)" if file.suffix.lower() == ".parquet" else "read_json(?, sample_size=-1)"
        try:
            table = connection.sql(f"SELECT * FROM {reader}", params=[str(file)]).to_arrow_table()
        except duckdb.Error as reason:
            raise ValueError(str(reason)) from reason
    table, rows = flat_table(table)
    frame = table.to_pandas(integer_object_nulls=True, date_as_object=False)
    return Sheet(file.name, frame, np.full(len(frame), file.name, dtype=object), rows, Told())
