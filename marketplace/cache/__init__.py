"""What was built once and is kept on disk under ``var/cache``, found again by all that it is made of.

    fit = remembered(market, "conversion", [day], code="features.conversion", form=ARRAYS, make=lambda: …)

An entry's name is a SHA-256 of what it is, what was asked, the marketplace's files (`files`), the source of the code
that makes it and the versions of the libraries beneath (`code`). `store` writes entries whole, checks each as it is
read, and lets the least recently used go; `forms` says how arrays, tables and frames become bytes. Nothing is pickled.
``COLLABRANK_CACHE=off`` switches all of it off; the answers are the same.
"""

from __future__ import annotations

from marketplace.cache.code import code_version
from marketplace.cache.files import FileStates, digests
from marketplace.cache.forms import ARRAYS, FRAME, TABLE, TEXT, Form, dump_table, load_table
from marketplace.cache.remember import contents_of, keep, recalled, remembered, remembered_text
from marketplace.cache.store import Entry, Sink, cache_folder, clear, entries, limit_bytes

__all__ = [
    "ARRAYS",
    "FRAME",
    "TABLE",
    "TEXT",
    "Entry",
    "FileStates",
    "Form",
    "Sink",
    "cache_folder",
    "clear",
    "code_version",
    "contents_of",
    "digests",
    "dump_table",
    "entries",
    "keep",
    "limit_bytes",
    "load_table",
    "recalled",
    "remembered",
    "remembered_text",
]
