"""Open a table that somebody made, a Parquet or CSV file (commas, UTF-8, with or without a byte order mark).

What is wrong is gathered as sentences, so that a reader can say all of it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

__all__ = ["EXAMPLES", "OpenedTable", "Refuse", "is_text", "open_table", "problem", "texts"]

EXAMPLES = 3
"""How many examples of each problem are named."""

Refuse = Callable[[list[str]], Exception]
"""Problems to the error that tells them."""


@dataclass(frozen=True)
class OpenedTable:
    """A table, with what was wrong with its lines."""

    table: pa.Table
    problems: list[str] = field(default_factory=list)


def open_table(file: Path, *, refuse: Refuse) -> OpenedTable:
    """The file's table; text columns alone for CSV, so that ids keep their zeros.

    ``refuse`` makes the error of what is wrong; it is raised where there is no such file, it is of another kind, or it
    cannot be read.
    """
    kind = file.suffix.lower()
    if not file.is_file():
        raise refuse(["a folder, not a file" if file.is_dir() else "no such file"])
    try:
        if kind in (".parquet", ".pq"):
            return OpenedTable(pq.ParquetFile(file).read())
        if kind == ".csv":
            return _open_csv(file, refuse)
    except UnicodeDecodeError as reason:
        raise refuse(["cannot be read as csv (not text in UTF-8)"]) from reason
    except (pa.ArrowException, OSError, ValueError) as reason:
        words = " ".join(str(reason).split())[:200]
        raise refuse([f"cannot be read as {kind[1:]} ({words})"]) from reason
    raise refuse([f"of kind {kind or 'none'!r}, where .parquet or .csv is read"])


def _open_csv(file: Path, refuse: Refuse) -> OpenedTable:
    with open(file, "rb") as raw:
        head = raw.readline().decode("utf-8-sig").strip()
    names = [name.strip('"') for name in head.split(",")]
    other = max(";\t|", key=head.count)
    if len(names) == 1 and head.count(other):
        raise refuse([f"values separated by {other!r}, where a comma is read"])
    uneven: list[str] = []

    def note(row: pc.InvalidRow) -> str:
        # The text alone: the line's number is not known where a file is read in blocks.
        uneven.append((row.text or "")[:60])
        return "skip"

    # One thread, so that the examples are always the first.
    table = pc.read_csv(
        file,
        read_options=pc.ReadOptions(use_threads=False),
        parse_options=pc.ParseOptions(invalid_row_handler=note),
        convert_options=pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
    return OpenedTable(table, problem("lines with more or fewer values than the first", uneven, len(uneven)))


def problem(what: str, examples: Iterable[Any], count: Any) -> list[str]:
    """One sentence where ``count`` is above zero, else nothing."""
    if not count:
        return []
    shown = [repr(one) if isinstance(one, str) else str(one) for _, one in zip(range(EXAMPLES), examples, strict=False)]
    return [f"{what}: {int(count)}" + (f", such as {', '.join(shown)}" if shown else "")]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text, or no value at all."""
    plain = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    return bool(plain or pa.types.is_null(kind))


def texts(values: pa.ChunkedArray) -> pd.Series:
    """A text column (`is_text`) as objects, None where it is empty."""
    told: pd.Series = values.to_pandas().astype("object")
    return told.where(told.notna() & (told != ""), None)
