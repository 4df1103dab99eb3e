"""Empty files to fill in: one CSV a table of the contract, with its columns and one row that shows what they hold."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta
from pathlib import Path

from marketplace.contract import TABLES, Column, Table
from marketplace.errors import FileError
from marketplace.state import replace_folder

__all__ = ["example_row", "write_template"]

EXAMPLES = {
    "market": "US", "currency": "USD", "language": "en", "username": "jane.doe", "name": "My brand",
    "category_id": "beauty", "subcategory_id": "skincare", "top_follower_age": "18-24", "top_follower_gender": "female",
    "policy": "by hand", "model_version": "1", "usd_rate": "1.0", "stars": "5", "position": "1",
}  # fmt: skip
"""Words that show more than a column's type tells."""

START = datetime(2025, 1, 6, 9)


def example_row(table: Table) -> list[str]:
    """One row of ``table`` as text, by its columns; the rows of all tables fit each other and keep the contract."""
    return [_example(column) for column in table.columns]


def _example(column: Column) -> str:
    if column.name in EXAMPLES and (not column.values or EXAMPLES[column.name] in column.values):
        return EXAMPLES[column.name]
    if column.values:
        return column.values[0]
    name = column.refers_to.partition(".")[2] or column.name
    last = START + timedelta(days=30)
    if column.type == "instant":
        at = last if column.name == "known_at" else START + timedelta(days=60) if column.planned else START
        return at.isoformat() + "Z"
    least = 0 if column.minimum is None else column.minimum
    return {
        "string": f"{name.removesuffix('_id')}_1",
        "day": date(START.year, START.month, START.day).isoformat(),
        "count": str(int(max(1, least))),
        "measure": "0.5" if column.unit == "fraction" else f"{max(10.0, least):g}",
        "flag": "true",
        "ids": f"{name.removesuffix('_id')}_1",
    }[column.type]


def write_template(out: Path) -> list[str]:
    """Write one CSV a table into the new or empty folder ``out``, and return their names.

    Raises
    ------
    FileError
        There is something in ``out``: what a person has filled in is never written over.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileError("a new or empty folder", received=f"{out}, in which there is something", look="another OUT")
    names = []
    with replace_folder(out) as fresh:
        for table in TABLES.values():
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow([column.name for column in table.columns])
            writer.writerow(example_row(table))
            name = f"{table.name}.csv"
            (fresh / name).write_text(text.getvalue(), encoding="utf-8")
            names.append(name)
    return names
