"""The reference page of the contract, ``docs/contract.md``, made from the declarations.

``python -m marketplace.contract.reference`` writes it; a test holds it current.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from marketplace.contract.columns import Column, Table
from marketplace.contract.markets import MARKETS
from marketplace.contract.outcomes import CONTENT_STATES, DECISIONS, SAMPLE_STATES, State
from marketplace.contract.tables import TABLES
from marketplace.contract.terms import (
    ATTRIBUTION_DAYS,
    FX_FILL_DAYS,
    GRACE_DAYS,
    LONGEST_TEXT,
    REFUND_DAYS,
    REPLY_DAYS,
    REPORTING_CURRENCY,
)
from marketplace.state import write_whole

__all__ = ["PAGE", "main", "render"]

PAGE = Path("docs/contract.md")
"""Where the page lives, from the repository's root."""

LONG_ENUM = 15
"""An enum of more values than this is listed below its table and not within it."""

OPENING = f"""\
# The data contract

<!-- Written by `make docs` from the declarations in marketplace/. Change those, not this page. -->

What a marketplace hands over, whoever it comes from. One folder a marketplace, one sub-folder a table below, Parquet
files within it at any depth: `orders/*.parquet`, `orders/month=2025-07/*.parquet` (such a folder tells a column).
`collabrank check DIR` holds a marketplace against this page and names every problem at once, with the values and how to
mend it. Every command does so first, once for each state of the files, and does not go on with what breaks it: what the
check accepts is read as the same values by all. Copies of rows are named, and one of each is read. Column names follow
the TikTok Shop Open API where it has one.

A marketplace may also lie in a DuckDB file (`collabrank check shop.duckdb`) or in a warehouse that Ibis opens:
`collabrank check postgres://READER@HOST/DATABASE/SCHEMA` (`pip install 'collabrank[postgres]'`). Its tables are copied
into `var/warehouses` as of one moment; a copy that nobody asks for goes after a day. A password in the URL is never
printed or logged; `PGPASSWORD` or `~/.pgpass` keep it out of the shell's history too.

No table may hold more than 2,000,000,000 rows or 500 GB once decompressed, no text more than {LONGEST_TEXT:,}
characters, and no check takes longer than an hour; `COLLABRANK_LIMITS=rows=5G,bytes=2T,seconds=7200` sets the three.

## Rules for every table

- **Two clocks.** The *event* column says when a thing happened, `known_at` when the platform could have told us.
  What is computed as of a time reads only rows whose both clocks lie before it. No instant lies after its row's
  `known_at`, except those marked *plan*.
- **Append-only.** A status that changes is a new row with a later `known_at`. The current state is the last row known.
  A creator who moves, and a product whose price changes, are new rows, too.
- **Requests.** Of an open collaboration come requests for samples. One is a row of `invitations` whose `origin` is
  `REQUESTED`: `sent_at` is when the creator asked, and the decision is the brand's. A request that was approved is a
  partnership like any other; one that was not says nothing of the creator. None is an answer to an invitation.
- **Days** are UTC dates; instants are UTC, in microseconds.
- **Money** is in the row's own `currency`, in its major unit. `fx_rates` turns it into {REPORTING_CURRENCY}
  at the rate of its day, or, where there is none, the latest of the {FX_FILL_DAYS} days before.
- **Null is not zero**: it means "not known". Columns without *yes* under *null* always hold a value.
- **Rates** are fractions from 0 to 1.
- **Identifiers** are opaque strings, unique within a marketplace.
- A reader also takes what casts without loss: smaller integers, large or dictionary-encoded strings, whole floats for
  counts, decimals, and timestamps without a zone, which count as UTC.
- Tables marked *indispensable* must be there. Without another table, or without a column that may be null, what
  depends on it is null and its confidence lower. A row of money without a rate counts; where more than 5 % of a
  table's rows lack one, its sums of money are null, and with fewer they leave those rows out. Campaigns whose fee or
  sample cannot be told in {REPORTING_CURRENCY} are left out of training and scoring, by name.

| type | in Parquet |
|---|---|
| string | `string` |
| instant | `timestamp[us, UTC]` |
| day | `date32` |
| count | `int64` |
| measure | `float64` |
| flag | `bool` |
| ids | `list<string>` |

A market is a code of two capital letters (ISO 3166), a currency one of ISO 4217's: a new market needs no change here.
Known, with their currencies: {", ".join(f"{code} ({market.currency})" for code, market in MARKETS.items())}.

| window | days | |
|---|---|---|
| attribution | {ATTRIBUTION_DAYS} | after posting, a sale counts as the partnership's |
| refund | {REFUND_DAYS} | after an order, it can still be refunded |
| reply | {REPLY_DAYS} | after which an unanswered invitation has expired, unless the campaign still runs |
| grace | {GRACE_DAYS} | after the due date, content is late and not yet failed |

## Tables
"""


def render() -> str:
    """The whole page as Markdown."""
    names = "\n".join(f"- [`{table.name}`](#{table.name}): {table.doc}{_needed(table)}" for table in TABLES.values())
    return "\n".join([OPENING, names, *(_table(table) for table in TABLES.values()), _states()]) + "\n"


OUTCOMES = f"""
## What an invitation came to

`features/outcomes/` judges every invitation from these words, for labels, facts, signals and indices alike. *Excused*
counts neither for nor against the creator, whatever came of it. Of two words that disagree an excusing status goes
first, then content that was made, then a status that ends by the creator's doing, then what excuses the content.
Content posted more than {GRACE_DAYS} days after it was due is no delivery. What is owed when those days are over has
failed; a sample that is still unsent or on its way then is excused.

| column | word | comes to | |
|---|---|---|---|
"""


def _states() -> str:
    columns: dict[str, Mapping[str, State]] = {
        "invitations.decision": DECISIONS,
        "samples.status": SAMPLE_STATES,
        "samples.fulfillment_status": CONTENT_STATES,
    }
    rows = [
        f"| `{column}` | `{word}` | {state.standing} | {state.doc} |"
        for column, states in columns.items()
        for word, state in states.items()
    ]
    return OUTCOMES + "\n".join(rows)


def _needed(table: Table) -> str:
    return " *Indispensable.*" if table.required else ""


def _table(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    event = f" Event: `{table.event}`." if table.event else " No event: `known_at` is its only clock."
    lines = [
        f"\n### {table.name}\n",
        f"{table.doc}{_needed(table)} Key: {key}.{event}\n",
        "| column | type | unit | null | meaning |",
        "|---|---|---|---|---|",
        *(_row(column) for column in table.columns),
    ]
    for column in table.columns:
        if column.name != "currency" and len(column.values) > LONG_ENUM - 1:
            lines.append(f"\n`{column.name}` is one of {_values(column)}.")
    return "\n".join(lines)


def _row(column: Column) -> str:
    meaning = column.doc
    if column.shape:
        meaning += f": {column.shape}"
    if column.name != "currency" and column.values and len(column.values) < LONG_ENUM:
        meaning += f": {_values(column)}"
    if column.refers_to:
        meaning += f" (in `{column.refers_to}`)"
    if column.planned:
        meaning += "; plan"
    if column.assumed:
        meaning += f"; null counts as `{column.assumed}`"
    null = "yes" if column.nullable else ""
    return f"| `{column.name}` | {column.type} | {_unit(column)} | {null} | {meaning} |"


def _values(column: Column) -> str:
    return ", ".join(f"`{value}`" for value in column.values)


def _unit(column: Column) -> str:
    """The unit, with the bounds that the unit does not say already."""
    if column.minimum is None or column.unit == "fraction":
        return column.unit
    if column.maximum is not None:
        return f"{column.unit}, {column.minimum:g} to {column.maximum:g}"
    return f"{column.unit}, at least {column.minimum:g}"


def main() -> None:
    """Write the page."""
    write_whole(PAGE, render().encode())


if __name__ == "__main__":
    main()
