"""The sources by name, and writing one out as a marketplace.

A source is a module of this package that declares ``SOURCE``: it is found by being here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType

import pandas as pd
import pyarrow.parquet as pq

from marketplace.contract import TABLES
from marketplace.errors import SourceError
from marketplace.sources.base import Ingested, IngestReport, Source
from marketplace.state import replace_folder
from marketplace.tables import to_arrow

__all__ = ["find_source", "ingest", "sources", "write_ingested"]


@cache
def sources() -> Mapping[str, Source]:
    """Every source by name, in alphabetical order.

    Raises
    ------
    SourceError
        Two modules declare the same name.
    """
    found: dict[str, Source] = {}
    for module in iter_modules([str(Path(__file__).parent)], f"{__package__}."):
        source = getattr(import_module(module.name), "SOURCE", None)
        if not isinstance(source, Source):
            continue
        if source.name in found:
            raise SourceError("one source a name", received=f"two called {source.name}", look=module.name)
        found[source.name] = source
    return MappingProxyType(dict(sorted(found.items())))


def find_source(name: str) -> Source:
    """The source called ``name``.

    Raises
    ------
    SourceError
        There is no such source.
    """
    if name not in sources():
        raise SourceError(f"a source: {', '.join(sources())}", received=name, look="`collabrank ingest --sources`")
    return sources()[name]


def ingest(source: str | Source, out: Path, *, folder: Path | None = None) -> IngestReport:
    """Write a source, or the one of that name, as a marketplace into folder ``out``, which is replaced as a whole.

    Nothing is written before all of it has been read: on an error what stood at ``out`` is there as before.

    Parameters
    ----------
    folder : Path, optional
        Where the source's files are, for a source that needs to be told.

    Raises
    ------
    SourceError
        There is no such source, it cannot be read, or it gives tables that the contract does not know.
    ContractError
        A column does not cast to the contract's type.
    """
    chosen = find_source(source) if isinstance(source, str) else source
    return write_ingested(chosen.name, chosen.read(folder), out)


def write_ingested(name: str, read: Ingested, out: Path) -> IngestReport:
    """Write what the source called ``name`` was ``read`` as into folder ``out``, which is replaced as a whole.

    Raises
    ------
    SourceError
        Tables that the contract does not know.
    ContractError
        A column does not cast to the contract's type.
    """
    unknown = sorted(set(read.tables) - set(TABLES))
    if unknown:
        raise SourceError("tables of the contract", received=", ".join(unknown), look="docs/contract.md")
    with replace_folder(out) as fresh:
        for table, frame in read.tables.items():
            (fresh / table).mkdir()
            pq.write_table(to_arrow(frame, table), fresh / table / f"{table}.parquet", compression="zstd")
    return IngestReport(
        source=name,
        rows={table: len(frame) for table, frame in read.tables.items()},
        missing=_missing(read.tables),
        notes=read.notes,
    )


def _missing(frames: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Every contract table that was not written, and every column that is null throughout."""
    missing = {}
    for name, table in TABLES.items():
        if name not in frames:
            missing[name] = f"the source has none: every signal of {name.replace('_', ' ')} is null"
            continue
        frame = frames[name]
        for column in table.columns:
            if column.name not in frame or frame[column.name].isna().all():
                missing[f"{name}.{column.name}"] = f"null throughout: {column.doc}"
    return missing
