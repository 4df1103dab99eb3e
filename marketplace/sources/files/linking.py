"""Files speak of each other: orders name creators by their account, and name some that no other file has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marketplace.contract import TABLES, Column
from marketplace.sources.files.cells import distinct, text_of_cell
from marketplace.sources.files.delivering import NEEDS
from marketplace.sources.files.drafting import CONSTANTS, Draft, FileKind, Line, fill_gaps, headers_of, new_draft
from marketplace.sources.files.identities import plain_name, plain_username
from marketplace.sources.files.mapping import FROM_PRODUCTS
from marketplace.sources.files.reading import Sheet
from marketplace.sources.files.recognising import Match, recognise_as

__all__ = ["derive", "resolve_accounts", "tell_by_products", "tell_deliveries"]

LineOf = Callable[[Column, Match, FileKind], Line]

DERIVED: Mapping[str, tuple[str, ...]] = {
    "campaigns": ("invitations",),
    "products": ("orders", "product_days", "samples"),
    "creators": ("creator_snapshots", "contents", "orders", "invitations", "samples", "deliveries"),
    "brands": ("products", "campaigns"),
}
"""Tables whose rows other files repeat (an orders file names its creators), and the tables of such files."""


def resolve_accounts(drafts: Sequence[Draft]) -> None:
    """Where orders name creators by their account, say so: the files' own values tell which it is."""
    ids, names = _creators(drafts)
    if not names:
        return
    for draft in drafts:
        for column in draft.declared.columns:
            line = draft.lines.get(column.name)
            if column.refers_to != "creators.creator_id" or line is None or not (header := draft.header(column.name)):
                continue
            values = {text_of_cell(v) for v in distinct(draft.sheet, header).values}
            by_id = len(values & ids) / max(len(values), 1)
            by_name = len({plain_username(v) for v in values} & names) / max(len(values), 1)
            told = dict(line.value) if isinstance(line.value, dict) else {"column": line.value}
            if by_name > max(by_id, 0.5) and "spelling" not in told:
                draft.lines[column.name] = Line(
                    {**told, "spelling": "username"},
                    line.sureness,
                    f"{line.why}; {by_name:.0%} are usernames of creators",
                )
            elif by_id >= max(by_name, 0.5) and "spelling" in told and not ids <= names:
                told.pop("spelling")
                draft.lines[column.name] = Line(told, line.sureness, f"{line.why}; {by_id:.0%} are ids of creators")


def tell_by_products(drafts: Sequence[Draft]) -> None:
    """A campaign whose file tells no category or no brand has that of its products, where they have some."""
    told: dict[str, Counter[str]] = {
        name: Counter(
            text
            for draft in drafts
            if draft.table == "products" and (header := draft.header(name)) in draft.profiles
            for text in draft.profiles[str(header)].texts
        )
        for name in FROM_PRODUCTS
    }
    default: dict[str, Any] = {"category_id": CONSTANTS["category_id"][0]}
    for draft in drafts:
        if draft.table != "campaigns" or not draft.header("product_ids"):
            continue
        for name, values in told.items():
            if values and draft.header(name) is None:
                value: dict[str, Any] = {"from_products": True}
                if name in default:
                    value["default"] = default[name]
                draft.lines[name] = Line(value, "likely", "no file tells it: that of most of its products")
        fill_gaps(draft)


def tell_deliveries(drafts: list[Draft]) -> None:
    """Where no file tells deliveries they are made of what was posted, if posts and briefs tell their products."""
    if any(draft.table == "deliveries" for draft in drafts):
        return
    for table, columns in NEEDS.items():
        if not any(draft.table == table and all(draft.header(one) for one in columns) for draft in drafts):
            return
    draft = Draft("deliveries", "", Sheet.nothing(), {})
    draft.about = "No file tells deliveries: what creators who had accepted then posted of a brief's products"
    draft.settings["from_contents"] = True
    drafts.append(draft)


def _creators(drafts: Sequence[Draft]) -> tuple[set[str], set[str]]:
    """The ids and the plain usernames that creators' files hold."""
    ids: set[str] = set()
    names: set[str] = set()
    for draft in drafts:
        if draft.table == "creators":
            ids |= _values(draft, "creator_id")
            if header := draft.header("username"):
                names |= {plain_username(text_of_cell(v)) for v in distinct(draft.sheet, header).values}
    return ids, names


def _values(draft: Draft, column: str) -> set[str]:
    """The ids that a column of a draft will hold."""
    header = draft.header(column)
    if header is None or header not in draft.sheet.cells.columns:
        return set()
    line = draft.lines[column]
    spelling = line.value.get("spelling") if isinstance(line.value, dict) else None
    spell: Callable[[str], str] = {"username": plain_username, "name": plain_name}.get(spelling or "", str)
    return {spell(text_of_cell(value)) for value in distinct(draft.sheet, header).values}


def derive(drafts: list[Draft], kinds: Sequence[FileKind], line_of: LineOf) -> None:
    """Rows of brands, products, creators and campaigns that only other files name; one brand where none is named."""
    for table, sources in DERIVED.items():
        key = TABLES[table].key[0]
        known: set[str] = set()
        for draft in drafts:
            if draft.table == table:
                known |= _values(draft, key)
        if table == "creators":
            known |= _creators(drafts)[1]
        for draft in sorted(drafts, key=lambda one: sources.index(one.table) if one.table in sources else 99):
            if draft.table not in sources or any(d.table == table and d.sheet is draft.sheet for d in drafts):
                continue
            for column in draft.declared.columns:
                if column.refers_to != f"{table}.{key}" or column.type == "ids":
                    continue
                new = _values(draft, column.name) - known
                if new:
                    known |= new
                    kind = next(one for one in kinds if one.sheet is draft.sheet)
                    drafts.append(_repeat(table, column.name, draft, kind, count=len(new), line_of=line_of))
                    break
    if not any(draft.table == "brands" for draft in drafts):
        alone = Draft("brands", "", drafts[0].sheet if drafts else Sheet.nothing(), {})
        alone.about = "One brand: what [all] says"
        fill_gaps(alone)
        drafts.append(alone)


def _repeat(table: str, reference: str, draft: Draft, kind: FileKind, *, count: int, line_of: LineOf) -> Draft:
    """A part of ``table`` from the rows of another table's file."""
    one = new_draft(table, kind)
    one.settings["distinct"] = True
    key = TABLES[table].key[0]
    one.about = f"{count:,} {table} that only {draft.file} names"
    one.lines[key] = Line(draft.lines[reference].value, "sure", "as above")
    spelling = draft.lines[reference].value.get("spelling") if isinstance(draft.lines[reference].value, dict) else None
    if table == "creators" and spelling == "username":
        one.lines["username"] = Line(draft.header(reference), "sure", "as above")
    for name in ("price", "currency", "market", "category_id", "brand_id"):
        if name in TABLES[table].by_name and name in draft.lines and name not in one.lines:
            one.lines[name] = Line(draft.lines[name].value, "guess", "of the first row that names it")
    if table == "campaigns":
        if sent := draft.lines.get("sent_at"):
            # Of all that name a campaign the earliest begins it, and the latest ends it (`building`).
            for name in ("briefed_at", "starts_at"):
                one.lines[name] = Line(sent.value, "guess", "no file tells it: when the first was invited", True)
            last = sent.value if isinstance(sent.value, dict) else {"column": sent.value}
            one.lines["ends_at"] = Line(
                {**last, "plus_days": 30}, "guess", "no file tells it: 30 days after the last was invited", True
            )
            one.lines["known_at"] = Line(sent.value, "likely", "when the first was invited")
        found = recognise_as(TABLES[table], kind.sheet, kind.profiles)
        for name, match in found.matches.items():
            if TABLES[table].by_name[name].type == "instant" and match.score >= 0.55:
                one.lines.pop(name, None)
            one.lines.setdefault(name, line_of(TABLES[table].by_name[name], match, kind))
    fill_gaps(one)
    used = {header for line in one.lines.values() for header in headers_of(line.value)}
    draft.unused = [header for header in draft.unused if header not in used]
    if table in ("products", "creators", "brands"):
        one.lines["known_at"] = Line({"from_start": True}, "guess", "no file tells since when it is known")
    return one
