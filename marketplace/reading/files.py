"""Which files a marketplace's tables have: Parquet at any depth below a table's folder, and what lies about unread.

A folder below a table is a partition; ``month=2025-07`` tells a column, as Spark and Hive write it. Names that begin
with ``_`` or ``.`` are not data (``_SUCCESS``, ``_metadata``). Only regular files are ever opened: a named pipe would
wait for a writer for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from marketplace.contract import TABLES

__all__ = ["ENDING", "Stray", "files_of", "partitions_of", "strays"]

ENDING = ".parquet"
_MAGIC = b"PAR1"
_FOOTERS = ("_metadata", "_common_metadata")
"""Footers that Spark writes beside the data, without rows of their own."""


@dataclass(frozen=True)
class Stray:
    """A file or folder that no table is read from.

    Attributes
    ----------
    table : str
        The table in whose folder it lies or whose name it bears; the folder's own name where there is none.
    path : Path
    holds_data : bool
        Whether rows may be lost by not reading it: a Parquet file under another name, or a table's name misspelt.
    why : str
    """

    table: str
    path: Path
    holds_data: bool
    why: str


def files_of(folder: Path) -> dict[str, list[Path]]:
    """The Parquet files of each of the contract's tables that ``folder`` has, in the order of their paths."""
    found = {name: [file for file in _below(folder / name) if _is_data(folder / name, file)] for name in TABLES}
    return {name: files for name, files in found.items() if files}


def partitions_of(table: Path, file: Path) -> tuple[str, ...]:
    """Names of the columns that the folders between ``table`` and ``file`` tell (``month=2025-07``)."""
    return tuple(part.split("=", 1)[0] for part in file.relative_to(table).parts[:-1] if "=" in part)


def strays(folder: Path) -> Iterator[Stray]:
    """What lies in ``folder`` and is not read, in the order of its paths."""
    for entry in sorted(folder.iterdir()):
        name = entry.name
        stem = name[: -len(ENDING)] if name.lower().endswith(ENDING) else name
        if name in TABLES and entry.is_dir():
            yield from _strays_below(entry)
        elif stem.lower() in TABLES:
            yield Stray(stem.lower(), entry, True, f"a table is a folder: {stem.lower()}/…{ENDING}, in small letters")
        elif entry.is_dir() and name != "truth" and any(file.name.lower().endswith(ENDING) for file in _below(entry)):
            yield Stray(name, entry, False, "is no table of the contract and is not read")


def _strays_below(table: Path) -> Iterator[Stray]:
    for file in _below(table):
        if _is_data(table, file) or file.name in _FOOTERS:
            continue
        if file.is_file() and _begins(file) == _MAGIC:
            why = f"holds Parquet, and is not read: its name must end in {ENDING} and not begin with _ or ."
            yield Stray(table.name, file, True, why)
        else:
            yield Stray(table.name, file, False, f"is not read (only {table.name}/**/*{ENDING} is)")


def _is_data(table: Path, file: Path) -> bool:
    parts = file.relative_to(table).parts
    return file.name.lower().endswith(ENDING) and not any(part.startswith(("_", ".")) for part in parts)


def _below(folder: Path) -> list[Path]:
    """Whatever is no folder at any depth below ``folder``, by path; a link to a folder above is not followed twice."""
    found: list[Path] = []
    seen: set[str] = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        found += [Path(where, name) for name in names]
    return sorted(found)


def _begins(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_MAGIC))
    except OSError:
        return b""
