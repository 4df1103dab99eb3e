"""What stands in for a column that no file has: a rule, a constant, or a question to who edits the mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marketplace.contract import REFUND_DAYS, REPLY_DAYS, TABLES, Column, Table
from marketplace.sources.files.reading import Sheet
from marketplace.sources.files.ready import Ready
from marketplace.sources.files.recognising import Profile, Sureness

__all__ = [
    "CONSTANTS",
    "EVERYWHERE",
    "UNDECIDED",
    "WITHOUT",
    "Draft",
    "FileKind",
    "Line",
    "fill_gaps",
    "headers_of",
    "new_draft",
]

UNDECIDED = "?"

CONSTANTS: Mapping[str, tuple[Any, str]] = {
    "category_id": ("uncategorised", "no file tells categories; creators are compared within them"),
    "content_type": ("SHOP", "no file tells where it was bought: VIDEO, LIVE, SHOWCASE or SHOP"),
    "quantity": (1, "no file tells how many units a line has"),
    "format": ("VIDEO", "no file tells videos from lives"),
    "is_shoppable": (True, "no file tells it"),
    "objective": ("SALES", "no file tells what a campaign is for: SALES, LAUNCH or AWARENESS"),
    "collaboration": ("TARGET", "no file tells whether a campaign is by invitation (TARGET) or OPEN"),
    "has_free_sample": (False, "no file tells whether creators get a free sample"),
    "commission_rate": (0.1, "no file tells what share of sales creators get"),
    "precision": ("exact", "no file tells how well GMV is known"),
    "policy": ("unknown", "no file tells what made the list"),
    "fulfillment_status": ("PENDING", "no file tells whether the content came"),
    "sample_cost": (0.0, "no file tells it"),
    "shipping_cost": (0.0, "no file tells it"),
    "flat_fee": (0.0, "no file tells it"),
    "direction": ("BRAND_OF_CREATOR", "no file tells who reviews whom"),
}
"""What a column that may not be null holds where no file has it, and what that assumes."""

EVERYWHERE = ("market", "currency", "brand_id")
"""Columns that ``[all]`` tells once for every table."""

WITHOUT: Mapping[str, str] = {
    "brands": "brands are known by their products and campaigns",
    "products": "nothing can be ranked: a brief is about products",
    "product_days": "extra sales (lift) cannot be estimated, for it is a product's days that show them",
    "creators": "there is nobody to rank",
    "creator_snapshots": "followers and health ratings are not known",
    "contents": "nothing is known of what creators post, nor what watching them sells",
    "content_days": "views and engagement are not known",
    "orders": "nothing is known of what creators sell",
    "fx_rates": "money cannot be compared in USD, and is null",
    "campaigns": "there is nothing to learn from and nothing to rank for",
    "impressions": "what inviting otherwise would have earned cannot be estimated",
    "invitations": "nobody's answers are known, so nothing can be trained",
    "samples": "who makes content for a sample is not known",
    "deliveries": "who delivered is known only from samples' statuses",
    "reviews": "what brands and creators say of each other is not known",
    "costs": "what partnerships cost is taken from the brief",
}
"""What cannot be told without a table."""

OPENINGS: Mapping[str, Mapping[str, Any]] = {
    "orders": {"status": "PROCESSING", "refunded_quantity": 0},
    "invitations": {"decision": "PENDING"},
    "samples": {"status": "PENDING", "fulfillment_status": "PENDING"},
    "contents": {},
}
"""What an earlier state held, for tables of states of which an export has the last one alone."""


@dataclass(frozen=True)
class Line:
    """One line of a proposed mapping: the value as TOML's, how sure it is, why, and whether a person must decide."""

    value: Any
    sureness: Sureness
    why: str
    decide: bool = False


@dataclass
class FileKind:
    """Files with the same headers, read as one; ``file`` is their name, or the pattern that names them.

    ``sheet`` is without rows of sums; ``skip`` says in which column which words tell them.
    """

    file: str
    sheet: Sheet
    profiles: Mapping[str, Profile]
    ready: Ready | None = None
    skip: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass
class Draft:
    """One part of a proposed mapping.

    ``lines`` are by contract column; ``unused`` are the file's headers that none reads.
    """

    table: str
    file: str
    sheet: Sheet
    profiles: Mapping[str, Profile]
    lines: dict[str, Line] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    about: str = ""

    @property
    def declared(self) -> Table:
        """The contract's table."""
        return TABLES[self.table]

    def header(self, column: str) -> str | None:
        """The file's column that a contract column is read from, where it is one."""
        line = self.lines.get(column)
        if line is None:
            return None
        told = line.value.get("column") if isinstance(line.value, dict) else line.value
        return told if isinstance(told, str) else None


def new_draft(table: str, kind: FileKind) -> Draft:
    """An empty part of ``table`` from files of one kind."""
    draft = Draft(table, kind.file, kind.sheet, kind.profiles)
    if kind.sheet.told.sheet:
        draft.settings["sheet"] = kind.sheet.told.sheet
    if kind.skip:
        draft.settings["skip"] = {name: list(words) for name, words in kind.skip.items()}
    return draft


def fill_gaps(draft: Draft) -> None:
    """Put a line for every column that may not be null and has none; ``[all]`` tells markets and currencies."""
    table = draft.declared
    for column in table.columns:
        if column.name == "known_at" or column.nullable or column.name in draft.lines:
            continue
        line = _stand_in(draft, column)
        if line is not None:
            draft.lines[column.name] = line
    if "known_at" not in draft.lines:
        _tell_known(draft)
    order = [column.name for column in table.columns]
    draft.lines = dict(sorted(draft.lines.items(), key=lambda item: order.index(item[0])))


def _stand_in(draft: Draft, column: Column) -> Line | None:  # noqa: PLR0911 - the first rule that fits
    name = column.name
    if name in EVERYWHERE and (name != draft.declared.key[0] or not draft.file):
        return None
    if name == "sku_id" and draft.header("product_id"):
        return Line(draft.header("product_id"), "guess", "no file tells lines apart: one line a product and order")
    if name == "creator_id" and draft.header("username"):
        return Line({"column": draft.header("username"), "spelling": "username"}, "likely", "made of the username")
    if name.endswith("_id") and name not in CONSTANTS:
        return _made_id(draft, column)
    if name == "briefed_at" and draft.header("starts_at"):
        return Line(
            draft.lines["starts_at"].value, "guess", "no file tells when the brief was written: when it starts", True
        )
    if name in ("starts_at", "ends_at"):
        other = draft.header("starts_at") or draft.header("briefed_at") or draft.header("sent_at")
        days = 0 if name == "starts_at" else 30
        if other:
            plan = {"column": other, "plus_days": days} if days else other
            return Line(
                plan, "guess", f"no file tells it: {days} days after {other}" if days else "no file tells it", True
            )
    if name == "snapshot_at":
        return Line({"from_file_name": True}, "guess", "the date in the file's name", True)
    if name == "status":
        word = "COMPLETED" if draft.table == "orders" else "PENDING"
        return Line({"value": word}, "guess", "no file tells it", True)
    if name in CONSTANTS:
        value, why = CONSTANTS[name]
        return Line({"value": value}, "guess", why, True)
    hint = '; the same for all: { value = ["ID", "ID"] }' if column.type == "ids" else ""
    return Line(UNDECIDED, "guess", f"{column.doc}: no column was found, and nothing stands in{hint}", True)


def _made_id(draft: Draft, column: Column) -> Line:
    """An id that no column holds, made of those that tell rows apart."""
    parts = (
        "order_id",
        "invitation_id",
        "campaign_id",
        "creator_id",
        "content_id",
        "product_id",
        "sent_at",
        "posted_at",
    )
    if not column.refers_to or column.refers_to.startswith("invitations."):
        wanted = ("campaign_id", "creator_id") if column.name == "invitation_id" else parts
        made = [header for part in wanted if part != column.name and (header := draft.header(part))]
        sent = draft.header("sent_at")
        if column.name == "invitation_id" and sent and draft.sheet.cells.duplicated(made).any():
            made.append(sent)  # somebody was invited twice
        if made and (column.name != "invitation_id" or len(made) >= 2):
            return Line({"made_of": list(dict.fromkeys(made))}, "guess", "no file has such an id", False)
    return Line(UNDECIDED, "guess", f"{column.doc}: no column was found", True)


def _tell_known(draft: Draft) -> None:
    """When rows became known: the latest thing that a row tells; for a last state, when it was reached."""
    table = draft.declared
    happened = [
        header
        for column in table.columns
        if column.type == "instant"
        and not column.planned
        and column.name != "known_at"
        and (header := draft.header(column.name))
    ]
    if not happened and table.event and table.by_name[table.event].type == "day" and (day := draft.header(table.event)):
        draft.lines["known_at"] = Line(
            {"column": day, "plus_days": 1}, "likely", "a day is known when the next is over"
        )
        return
    if not happened:
        rule = draft.lines.get(table.event)
        if rule is not None and isinstance(rule.value, dict) and "from_file_name" in rule.value:
            draft.lines["known_at"] = Line(rule.value, "guess", rule.why)
            return
        draft.lines["known_at"] = Line({"from_start": True}, "guess", "no file tells since when it is known")
        return
    last = happened[0] if len(happened) == 1 else None
    told: Any = last or {"latest_of": happened}
    why, decide = "the last thing that a row tells", False
    if draft.table in OPENINGS and _one_row_each(draft):
        draft.settings["opening"] = {
            name: value for name, value in OPENINGS[draft.table].items() if name in draft.lines
        }
        event = draft.header(table.event)
        if draft.table == "orders" and event:
            told = {"column": event, "plus_days": REFUND_DAYS}
            why = f"the export has last states alone: refunds count as known {REFUND_DAYS} days after the order"
            decide = True
        elif draft.table == "invitations" and event:
            reply = draft.header("replied_at") or draft.header("decided_at")
            late = {"column": event, "plus_days": REPLY_DAYS}
            told = {"column": reply, "otherwise": late} if reply else late
            both = draft.header("decided_at")
            if reply and both and both != reply:
                told = {"column": both, "otherwise": {"column": reply, "otherwise": late}}
            why = f"the reply, or where there is none {REPLY_DAYS} days after it was sent"
    draft.lines["known_at"] = Line(told, "guess" if decide else "likely", why, decide)


def _one_row_each(draft: Draft) -> bool:
    """Whether the file has one row for each thing, and so its last state alone."""
    key = [name for name in draft.declared.key if name != "known_at"]
    headers = [header for name in key if (header := draft.header(name))]
    if len(headers) != len(key):
        return True
    return not bool(draft.sheet.cells.duplicated(headers).any())


def headers_of(told: Any) -> list[str]:
    """The file's columns that a line reads."""
    if isinstance(told, str):
        return [told]
    if not isinstance(told, dict):
        return []
    found: list[str] = []
    for key in ("column", "made_of", "latest_of", "divided_by", "clock"):
        value = told.get(key, [])
        found += [value] if isinstance(value, str) else list(value)
    return found + (headers_of(told["otherwise"]) if "otherwise" in told else [])
