"""The one reader of Parquet files: which files a table has, and each of them cast to the contract's types.

Files of one table may differ in columns, types, zones and encodings; each is cast by itself, and only then are they put
together (`casts`). `marketplace.checks` and `marketplace.tables` read through the same casts: what the checks accept is
read as the same values by every command, and what does not cast is refused by both. `files` says which files belong to
a table, `limits` how much of them may be read at all, and `memory` how much of it may be in memory.
"""

from __future__ import annotations

from marketplace.reading.casts import (
    SQL_TYPE,
    FileTable,
    Group,
    RawTable,
    Tables,
    checked_view,
    checked_view_of_arrow,
    connect,
    quote,
)
from marketplace.reading.files import Stray, files_of, strays
from marketplace.reading.limits import Limits, limits
from marketplace.reading.memory import bound_memory, memory

__all__ = [
    "SQL_TYPE",
    "FileTable",
    "Group",
    "Limits",
    "RawTable",
    "Stray",
    "Tables",
    "bound_memory",
    "checked_view",
    "checked_view_of_arrow",
    "connect",
    "files_of",
    "limits",
    "memory",
    "quote",
    "strays",
]
