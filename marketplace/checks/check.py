"""Check a marketplace against the contract and report every problem at once.

`check` reads the files through the casts that every command reads through, and never stops at the first problem: what
one problem hides (the values of a column of the wrong type, say) is left out of the later checks, everything else is
still looked at. `kept_contract` is the same as the first step of a command, done once for each state of the files.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import duckdb

from marketplace.cache import Form, Sink, remembered
from marketplace.checks.across import across_findings, clock_findings
from marketplace.checks.findings import EXAMPLES, Finding, Judged, Kind, Report
from marketplace.checks.rules import column_findings
from marketplace.contract import TABLES, Table
from marketplace.errors import ContractError
from marketplace.progress import say
from marketplace.reading import (
    FileTable,
    RawTable,
    Tables,
    bound_memory,
    checked_view,
    checked_view_of_arrow,
    connect,
    files_of,
    limits,
    strays,
)
from marketplace.warehouse import fetched, is_address

__all__ = ["Opened", "check", "kept_contract"]

SHOWN = 5
"""Problems told by a command that will not go on; `collabrank check` tells all."""


class Opened(Tables, Protocol):
    """A marketplace that is open, and kept by the cache under its fingerprint."""

    def kept_as(self) -> str | None:
        """SHA-256 (hex), or None."""
        ...


def check(market: str | Path | Tables) -> Report:
    """Look at every table of ``market`` and report all problems.

    Parameters
    ----------
    market : path or marketplace.tables.Marketplace
        A folder with one sub-folder a table, a DuckDB file or a URL (`marketplace.warehouse`), or a marketplace that
        is open already. Frames in memory have
        been cast to the contract's types, so types and columns are not looked at again there.

    Raises
    ------
    ContractError
        The path is no folder, or checking took longer than the limit (`marketplace.reading.limits`).
    """
    if isinstance(market, str | Path) and is_address(market):
        market = fetched(market)
    path = Path(market) if isinstance(market, str | Path) else market.path
    if path is not None and not path.is_dir():
        raise ContractError(
            "a folder with one sub-folder of Parquet files a table",
            received=f"{path}, which is no folder",
            look="docs/contract.md",
        )
    allowed = limits().seconds
    with connect() as connection:
        if path is not None:
            bound_memory(connection)
        clock = threading.Timer(allowed, connection.interrupt)
        clock.daemon = True
        clock.start()
        try:
            return _report(connection, path, market)
        except duckdb.InterruptException as reason:
            raise ContractError(
                f"a marketplace that is checked within {allowed:,} seconds",
                received=f"{path or 'frames'}, which takes longer",
                look="COLLABRANK_LIMITS, in docs/contract.md",
            ) from reason
        finally:
            clock.cancel()


def _report(connection: duckdb.DuckDBPyConnection, path: Path | None, market: str | Path | Tables) -> Report:
    found: dict[str, RawTable] = {}
    judged: list[Judged] = []
    if path is not None:
        judged += _strays(path)
        for name, files in files_of(path).items():
            opened = FileTable(TABLES[name], path / name, files)
            over = list(_over(opened))
            judged += over
            found[name] = checked_view(connection, FileTable(TABLES[name], path / name, []) if over else opened)
    elif not isinstance(market, str | Path):
        for name in sorted(market.present):
            found[name] = checked_view_of_arrow(connection, TABLES[name], market.arrow(name))
    for table in TABLES.values():
        judged += _table(connection, table, found)
    judged += clock_findings(connection, found)
    problems = tuple(finding for finding, is_problem in judged if is_problem)
    notes = tuple(finding for finding, is_problem in judged if not is_problem)
    return Report(rows={name: raw.rows for name, raw in found.items()}, problems=problems, notes=notes)


def _over(table: FileTable) -> Iterator[Judged]:
    """A table that is larger than the limits is not opened any further."""
    allowed = limits()
    for what, has, most in (("rows", table.rows, allowed.rows), ("bytes", table.bytes, allowed.bytes)):
        if has > most:
            text = f"its files declare {has:,} {what}; the limit is {most:,}"
            mend = f"COLLABRANK_LIMITS={what}={has} where that is right"
            yield Finding(table.table.name, "", "over_limit", 1, text, (), mend), True


def _strays(path: Path) -> Iterator[Judged]:
    """Files that hold data and are not read are a problem; what else lies about is a note."""
    told: dict[tuple[str, str, bool], list[str]] = {}
    for stray in strays(path):
        told.setdefault((stray.table, stray.why, stray.holds_data), []).append(str(stray.path.relative_to(path)))
    for (table, why, holds_data), names in told.items():
        kind: Kind = "not_read" if table in TABLES else "unknown_table"
        text = why if table not in TABLES else f"{len(names)} files: {why}"
        shown = () if table not in TABLES else tuple(names[:EXAMPLES])
        yield Finding(table, "", kind, len(names), text, shown), holds_data


def _table(connection: duckdb.DuckDBPyConnection, table: Table, found: dict[str, RawTable]) -> Iterator[Judged]:
    if table.name not in found:
        text = "the table is missing" if table.required else "the table is missing; what depends on it is null"
        yield Finding(table.name, "", "missing_table", 1, text), table.required
        return
    raw = found[table.name]
    if raw.unreadable:
        shown = tuple(f"{Path(file).name}: {reason}" for file, reason in list(raw.unreadable.items())[:EXAMPLES])
        text = f"{len(raw.unreadable)} files cannot be read"
        yield Finding(table.name, "", "unreadable_file", len(raw.unreadable), text, shown), True
    if not raw.rows:
        yield Finding(table.name, "", "empty_table", 0, "the table has no rows"), False
    for name, rows in raw.unknown.items():
        yield Finding(table.name, name, "unknown_column", rows, "is no column of the contract and is not read"), False
    yield from column_findings(connection, table, raw)
    yield from across_findings(connection, table, found)


def kept_contract(market: Opened) -> frozenset[str]:
    """Refuse a marketplace that breaks the contract; return the tables in which copies of rows are to be left out.

    What passed is remembered under the fingerprint of the files, and not looked at again.

    Raises
    ------
    ContractError
        It breaks the contract: the first problems, and how to see all.
    """
    form: Form[list[str]] = Form(dump=_dump, load=lambda content: list(json.loads(bytes(content))))
    copied = remembered(market, "checked", [], code="marketplace.checks", form=form, make=lambda: _passed(market))
    return frozenset(copied)


def _dump(names: list[str], sink: Sink) -> None:
    sink.write(json.dumps(names).encode())


def _passed(market: Opened) -> list[str]:
    report = check(market)
    if not report.readable:
        refused = [problem for problem in report.problems if not problem.copies]
        more = f"; and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        raise ContractError(
            f"{market.path or 'tables'} to keep the data contract",
            received=f"{len(refused)} problems: " + "; ".join(str(problem) for problem in refused[:SHOWN]) + more,
            look="`collabrank check DIR` for all of them, and docs/contract.md",
        )
    copied = sorted({problem.table for problem in report.problems})
    if copied:
        say(f"copies of rows in {', '.join(copied)}: one of each is read (`collabrank check` shows them)")
    return copied
