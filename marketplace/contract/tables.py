"""The data contract: every table a marketplace hands over, declared once.

The declarations (``shop.py``, ``partnership.py``, ``outcomes.py``) serve the checks, the
simulator's output, the reader and the reference page (``docs/contract.md``). Two clocks run through them: a
table's *event* column says when a thing happened, ``known_at`` says when the
platform could have told us. Status changes are new rows with a later
``known_at``, never overwrites.

Source: names follow the TikTok Shop Open API where it has one.
"""

from __future__ import annotations

import pyarrow as pa

from marketplace.contract.columns import Table
from marketplace.contract.partnership import PARTNERSHIP_TABLES
from marketplace.contract.shop import SHOP_TABLES

__all__ = ["TABLES", "arrow_schema"]

TABLES: dict[str, Table] = {table.name: table for table in (*SHOP_TABLES, *PARTNERSHIP_TABLES)}
"""Every table of the contract by name."""


def arrow_schema(table: str) -> pa.Schema:
    """The Arrow schema that the files of ``table`` have, columns in the declared order."""
    return pa.schema([pa.field(column.name, column.arrow) for column in TABLES[table].columns])
