"""Read a marketplace's tables, whoever wrote them, as the contract declares them.

A marketplace is a folder with one sub-folder a table (``orders/*.parquet``) or
frames in memory. A table or column that the marketplace lacks is there all the
same, empty or null, so that what depends on it comes out null.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from marketplace.cache import TEXT, FileStates, Form, digests, dump_table, load_table, remembered
from marketplace.checks import Report, check, kept_contract
from marketplace.contract import TABLES, Table, arrow_schema
from marketplace.display import Shown
from marketplace.engine import DuckEngine, Engine, asked_engine, open_engine
from marketplace.errors import ContractError
from marketplace.reading import FileTable, files_of
from marketplace.warehouse import fetched, is_address, redacted

__all__ = ["Marketplace", "open_marketplace", "read_truth", "require_replaceable", "to_arrow"]

_HELD_BYTES = 16 * 2**20
"""Columns read from files stay in memory up to this size, for they are asked for again."""

_PASSED: dict[FileStates, frozenset[str]] = {}
"""States of files that keep the contract, and the tables among them that hold copies of rows."""

Truth = Literal["outcomes", "traits"]


def to_arrow(frame: pd.DataFrame, table: str) -> pa.Table:
    """``frame`` as an Arrow table with the contract's schema; missing columns are null.

    Raises
    ------
    ContractError
        A column does not cast to the contract's type without loss.
    """
    return _conform(pa.Table.from_pandas(frame, preserve_index=False), TABLES[table])


def _conform(raw: pa.Table, table: Table) -> pa.Table:
    arrays: list[Any] = []
    for column in table.columns:
        if column.name not in raw.column_names:
            arrays.append(pa.nulls(raw.num_rows, column.arrow))
            continue
        values = raw[column.name]
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        try:
            if pa.types.is_temporal(column.arrow) and pa.types.is_integer(values.type):
                raise pa.ArrowInvalid("numbers say no unit: make instants of them first")
            arrays.append(values.cast(column.arrow))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as reason:
            raise ContractError(
                f"{table.name}.{column.name} as {column.arrow}",
                received=f"{values.type} ({reason})",
                look="docs/contract.md and `collabrank check DIR`",
            ) from reason
    return pa.table(arrays, schema=arrow_schema(table.name))


class Marketplace(Shown):
    """The tables of one marketplace, ready for Ibis, Arrow or pandas.

    Made by `open_marketplace` or `Marketplace.from_frames`.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table or FileTable
        By the contract's names.
    path : pathlib.Path, optional
        The folder in which the files lie.
    source : str
        Where it comes from, for people; the folder by default.
    engine : Engine, optional
        Where expressions run; a DuckDB inside the process by default.

    Attributes
    ----------
    present : frozenset of str
        Names of the tables that the marketplace really has.
    engine : Engine
        Where expressions over `table` run (`marketplace.engine`).
    path : pathlib.Path or None
        The folder, where there is one.
    source : str
        Where it comes from.
    repeated : frozenset of str
        Tables with rows that are copies of other rows; they are read once.
    """

    def __init__(
        self,
        tables: Mapping[str, Any],
        *,
        path: Path | None = None,
        source: str = "",
        engine: Engine | None = None,
    ) -> None:
        self.path = path
        self.source = source or ("in memory" if path is None else str(path))
        self.present = frozenset(tables)
        self.repeated: frozenset[str] = frozenset()
        self._files = None if path is None else FileStates.of(file for one in tables.values() for file in one.files)
        self._fingerprint: str | None = None
        self.engine: Engine = DuckEngine() if engine is None else engine
        self._held_as = dict(tables)
        self._tables: dict[str, Any] = {}
        self._told: dict[tuple[str, str], bool] = {}
        self._held: dict[tuple[str, tuple[str, ...]], pa.Table] = {}

    @classmethod
    def from_frames(cls, frames: Mapping[str, pd.DataFrame], *, engine: Engine | None = None) -> Marketplace:
        """A marketplace in memory, from one pandas frame a table (for tests and notebooks)."""
        unknown = sorted(set(frames) - set(TABLES))
        if unknown:
            raise ContractError("tables of the contract", received=", ".join(unknown), look="docs/contract.md")
        return cls({name: to_arrow(frame, name) for name, frame in frames.items()}, engine=engine)

    @property
    def backend(self) -> Any:
        """The Ibis backend on which `table` lives."""
        return self.engine.backend

    def arrow(self, table: str, columns: Iterable[str] | None = None) -> pa.Table:
        """The whole of ``table`` as Arrow, with the contract's schema, read by this process whatever the engine.

        For tables that do not grow with orders.

        Raises
        ------
        ContractError
            A file cannot be read, or holds a value that does not cast to the contract's type without loss.
        """
        names = [c.name for c in TABLES[table].columns] if columns is None else list(columns)
        source = self._held_as.get(table)
        if source is None:
            return arrow_schema(table).empty_table().select(names)
        if isinstance(source, pa.Table):
            return source.select(names)
        held = self._held.get((table, tuple(names)))
        if held is None:
            held = self._read(table, source, names)
            if held.nbytes <= _HELD_BYTES:
                self._held[(table, tuple(names))] = held
        return held

    def _read(self, table: str, source: FileTable, names: Sequence[str]) -> pa.Table:
        schema = pa.schema([arrow_schema(table).field(name) for name in names])
        connection = self.engine.reader.cursor()
        connection.execute("SET TimeZone='UTC'")
        try:
            if table in self.repeated:
                selects = [source.distinct(connection, names)]
            else:
                selects = source.strict(connection, names)
            parts = [connection.sql(select).to_arrow_table().cast(schema) for select in selects]
        except duckdb.Error as reason:
            raise ContractError(
                f"{table} as the contract declares it",
                received=str(reason).split("\n", maxsplit=1)[0],
                look="`collabrank check DIR` and docs/contract.md",
            ) from reason
        return pa.concat_tables(parts)

    def frame(self, table: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """The whole of ``table`` as pandas: strings as ``str``, instants as ``datetime64[us, UTC]``."""
        frame: pd.DataFrame = self.arrow(table, columns).to_pandas()
        return frame

    def frame_of(self, table: str, columns: Sequence[str], *, key: str, values: Iterable[Any]) -> pd.DataFrame:
        """`frame` of the rows alone whose ``key`` is among ``values``, in no order: the rest is never in memory."""
        rows = self.table(table)
        asked = ibis.memtable(pa.table({"asked_": pa.array(sorted(set(values)), pa.string())}))
        return self.query(rows.semi_join(asked, rows[key] == asked["asked_"]).select(*columns))

    def latest(self, table: str, column: str) -> pd.Timestamp | None:
        """The greatest value of an instant ``column``; None without any. Looked for once a state of the files."""

        def look() -> str:
            rows = self.table(table)
            found = self.query(rows.aggregate(latest=rows[column].max()))["latest"].iloc[0]
            return "" if pd.isna(found) else pd.Timestamp(found).isoformat()

        told = remembered(self, "latest", [table, column], code="marketplace.reading", form=TEXT, make=look)
        return pd.Timestamp(told) if told else None

    def table(self, name: str) -> Any:
        """``name`` as an Ibis table of `engine`, with the contract's columns and types."""
        if name not in self._tables:
            source = self._held_as.get(name)
            if isinstance(source, FileTable):
                self._tables[name] = self.engine.scan(source, once=name in self.repeated)
            else:
                self._tables[name] = self.engine.hold(name, self.arrow(name))
        return self._tables[name]

    def tells(self, table: str, column: str) -> bool:
        """Whether ``column`` of ``table`` has any value at all."""
        if table not in self.present:
            return False
        if (table, column) not in self._told:
            rows = self.table(table)
            some = rows.filter(rows[column].notnull()).limit(1).count()
            self._told[(table, column)] = bool(self.query(some.name("n").as_table())["n"].iloc[0])
        return self._told[(table, column)]

    def query(self, expression: Any) -> pd.DataFrame:
        """Run an Ibis expression over these tables."""
        frame: pd.DataFrame = self.engine.run(expression).to_pandas()
        return frame

    def build(self, name: str, make: Callable[[], Any], *, code: str) -> Any:
        """The Ibis expression that ``make`` gives as the table ``name`` of `engine`, worked out once.

        On DuckDB it comes from the cache where it is there. Spark's tables stay with Spark: they may be larger than
        this machine.

        Parameters
        ----------
        name : str
            Says all that the table depends on beside the marketplace and the code.
        code : str
            The package whose expression it is (`marketplace.cache.code_version`).

        Returns
        -------
        ibis table
            Rows in no order.
        """
        if not self.engine.keeps:
            return self.engine.keep(name, make())
        form: Form[Any] = Form(
            dump=lambda table, sink: dump_table(self.engine.run(table), sink),
            load=lambda content: self.engine.hold(name, load_table(content)),
        )
        return remembered(self, "tables", [name], code=code, form=form, make=lambda: self.engine.keep(name, make()))

    def hold_contract(self) -> None:
        """Refuse to go on where the tables break the contract; leave copies of rows out from now on.

        Done once for each state of the files: within a process, and across them by the cache.

        Raises
        ------
        ContractError
            They break it.
        """
        if self._files is None:
            return
        if self._files not in _PASSED:
            passed = kept_contract(self)
            if not self._files.unchanged():
                self.repeated = passed
                return
            _PASSED[self._files] = passed
        self.repeated = _PASSED[self._files]

    def check(self) -> Report:
        """Hold the tables against the data contract and report every problem at once (`marketplace.checks.check`)."""
        return check(self)

    @property
    def headline(self) -> str:
        """Where it lies, and how much it holds."""
        rows = self.to_frame()["rows"]
        return f"{self.source}, {len(rows)} tables, {rows.sum():,} rows"

    def to_frame(self) -> pd.DataFrame:
        """One row a table that is present: its ``rows`` and what a row is; the index is the table's name."""
        names = [name for name in TABLES if name in self.present]
        return pd.DataFrame(
            {"rows": [self._rows(name) for name in names], "what": [TABLES[name].doc for name in names]},
            index=pd.Index(names, name="table"),
        )

    def _rows(self, name: str) -> int:
        source = self._held_as[name]
        return int(source.num_rows if isinstance(source, pa.Table) else source.rows)

    def fingerprint(self) -> str:
        """SHA-256 (hex, 64 characters) over the tables' names and files' bytes, or over the frames.

        A file is read once for each state it is in (`marketplace.cache.files`).
        """
        digest = hashlib.sha256()
        found = {} if self._files is None else digests(FileStates.of(str(state[0]) for state in self._files.states))
        for name in sorted(self.present):
            source = self._held_as[name]
            digest.update(name.encode())
            if isinstance(source, pa.Table):
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, source.schema) as writer:
                    writer.write_table(source.combine_chunks())
                digest.update(sink.getvalue())
            else:
                for file in source.files:
                    digest.update(source.told_by_folders(file).encode() + bytes.fromhex(found[file]))
        return digest.hexdigest()

    def kept_as(self) -> str | None:
        """`fingerprint` as the cache's key; None for frames in memory, or once a file has changed since it was opened.

        What this object has read by then is neither the old files nor the new ones. What another engine than DuckDB
        gives is kept apart: whoever asks it is answered by it.
        """
        if self._files is None or not self._files.unchanged():
            return None
        if self._fingerprint is None:
            fingerprint = self.fingerprint()
            if not self._files.unchanged():
                return None
            self._fingerprint = fingerprint
        return self._fingerprint if self.engine.name == "duckdb" else f"{self._fingerprint}-{self.engine.name}"


def open_marketplace(
    path: str | Path | Marketplace, *, unchecked: bool = False, engine: str | None = None
) -> Marketplace:
    """Open the marketplace in the folder, DuckDB file or URL ``path``; one that is open already is given back as it is.

    It is held against the contract first (`marketplace.checks.check`), once for each state of its files.

    Parameters
    ----------
    unchecked : bool
        Leave the check out: what does not keep the contract ends with an error once it is read, or gives wrong
        numbers.
    engine : str, optional
        Where its expressions run: ``duckdb``, ``spark``, or a Spark URL (`marketplace.engine.asked_engine`). By
        default what the environment variable COLLABRANK_ENGINE says, else DuckDB inside this process.

    Raises
    ------
    ContractError
        The folder does not exist, lacks an indispensable table, or breaks the contract.
    EngineError
        There is no such engine, or it cannot be opened.
    """
    if isinstance(path, Marketplace):
        return path
    asked = asked_engine(engine)
    source = redacted(path)
    folder = fetched(path) if is_address(path) else Path(path)
    found = {name: FileTable(TABLES[name], folder / name, files) for name, files in files_of(folder).items()}
    broken = [f"{file}: {reason}" for one in found.values() for file, reason in one.unreadable.items()]
    if broken:
        raise ContractError(f"Parquet files in {folder}", received="; ".join(broken[:3]), look="docs/contract.md")
    missing = [name for name, table in TABLES.items() if table.required and name not in found]
    if missing:
        raise ContractError(
            f"a marketplace folder with the tables {', '.join(n for n, t in TABLES.items() if t.required)}",
            received=f"{source} without {', '.join(missing)}" if folder.is_dir() else f"{source}, which is no folder",
            look="docs/contract.md; `collabrank simulate OUT` makes one",
        )
    market = Marketplace(found, path=folder, source=source, engine=open_engine(asked))
    if not unchecked:
        market.hold_contract()
    return market


def read_truth(path: str | Path, name: Truth) -> pd.DataFrame | None:
    """The simulator's truth table ``name``, or None where the marketplace is real.

    Only the evaluation of simulated marketplaces may call this.
    """
    files = sorted((Path(path) / "truth" / name).glob("*.parquet"))
    if not files:
        return None
    frame: pd.DataFrame = pa.concat_tables([pq.read_table(f) for f in files]).to_pandas()
    return frame


def require_replaceable(out: str | Path) -> None:
    """Refuse to write a marketplace over a folder that holds anything but a marketplace.

    Raises
    ------
    ContractError
        It does.
    """
    folder = Path(out)
    if folder.is_dir():
        strange = sorted(entry.name for entry in folder.iterdir() if entry.name not in (*TABLES, "truth"))
    else:
        strange = [folder.name] if folder.exists() else []
    if strange:
        raise ContractError(
            "a new or empty folder, or an earlier marketplace",
            received=f"{folder} with {', '.join(strange[:5])}",
            look="another OUT",
        )
