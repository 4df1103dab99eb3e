"""How a table and its columns are declared, and the columns that many tables share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from marketplace.contract.markets import CURRENCIES

__all__ = [
    "CAMPAIGN",
    "CREATOR",
    "CURRENCY",
    "INVITATION",
    "KNOWN",
    "PRODUCT",
    "Column",
    "ColumnType",
    "Table",
    "count",
    "enum",
    "identifier",
    "instant",
    "market",
    "money",
    "rate",
]

ColumnType = Literal["string", "instant", "day", "count", "measure", "flag", "ids"]

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "instant": pa.timestamp("us", tz="UTC"),
    "day": pa.date32(),
    "count": pa.int64(),
    "measure": pa.float64(),
    "flag": pa.bool_(),
    "ids": pa.list_(pa.string()),
}


@dataclass(frozen=True)
class Column:
    """One column: its name, type, meaning and bounds.

    Parameters
    ----------
    name, type, doc : str
        ``type`` is one of `ColumnType`; ``doc`` is one line.
    unit : str
        What one of it is: ``fraction``, ``own currency``, ``units``, ...
    nullable : bool
        Whether null is allowed (null is "not known", never zero).
    values : tuple of str
        The allowed values of an enum; empty where any string will do.
    pattern, shape : str
        A regular expression that the whole of a string matches, and the same in words; empty where any string will do.
    assumed : str
        The value that null counts as, where there is one: of a column that few marketplaces need.
    minimum, maximum : float or None
        Inclusive bounds.
    refers_to : str
        ``"table.column"`` that must hold the value, or empty.
    planned : bool
        Whether an instant is a plan, which may lie after ``known_at``; every other instant has happened by then.
    """

    name: str
    type: ColumnType
    doc: str
    unit: str = ""
    nullable: bool = False
    values: tuple[str, ...] = ()
    pattern: str = ""
    shape: str = ""
    assumed: str = ""
    minimum: float | None = None
    maximum: float | None = None
    refers_to: str = ""
    planned: bool = False

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type a file of the contract has."""
        return _ARROW[self.type]


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its key, its clocks and its columns.

    ``event`` names the column of the first clock (empty for plain dimensions,
    whose only clock is ``known_at``). ``required`` tables are indispensable;
    without another one, what depends on it is null.
    """

    name: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    event: str = ""
    required: bool = False
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})


def identifier(name: str, doc: str, refers_to: str = "", nullable: bool = False) -> Column:
    """An opaque identifier."""
    return Column(name, "string", doc, refers_to=refers_to, nullable=nullable)


def money(name: str, doc: str, nullable: bool = False, signed: bool = False) -> Column:
    """An amount in the row's own currency, not below 0 unless ``signed``."""
    return Column(name, "measure", doc, unit="own currency", nullable=nullable, minimum=None if signed else 0.0)


def market(doc: str) -> Column:
    """A market's code: any, so that a new market is a row of data and no change of code."""
    shape = "an ISO 3166 code of two capital letters, such as US, GB or ID"
    return Column("market", "string", doc, pattern="[A-Z]{2}", shape=shape)


def rate(name: str, doc: str, nullable: bool = False) -> Column:
    """A fraction from 0 to 1."""
    return Column(name, "measure", doc, unit="fraction", nullable=nullable, minimum=0.0, maximum=1.0)


def count(name: str, doc: str, unit: str, nullable: bool = False) -> Column:
    """A whole number, not below 0."""
    return Column(name, "count", doc, unit=unit, nullable=nullable, minimum=0)


def instant(name: str, doc: str, nullable: bool = False, planned: bool = False) -> Column:
    """An instant in UTC; ``planned`` where it may lie ahead."""
    return Column(name, "instant", doc, unit="UTC", nullable=nullable, planned=planned)


def enum(name: str, doc: str, *values: str, nullable: bool = False) -> Column:
    """A string out of ``values``."""
    return Column(name, "string", doc, values=values, nullable=nullable)


KNOWN = Column("known_at", "instant", "when the platform could have told us this row", unit="UTC")
CURRENCY = Column("currency", "string", "ISO 4217 code of the row's money", values=CURRENCIES)
CREATOR = identifier("creator_id", "the creator", "creators.creator_id")
PRODUCT = identifier("product_id", "the product", "products.product_id")
CAMPAIGN = identifier("campaign_id", "the campaign (a brief)", "campaigns.campaign_id")
INVITATION = identifier("invitation_id", "the invitation", "invitations.invitation_id")
