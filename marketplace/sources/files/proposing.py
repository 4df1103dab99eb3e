"""Look at a folder of exports and propose the mapping that makes a marketplace of them.

Every file is read and recognised (or is one of the exports that `marketplace.sources.files.ready` knows); what no file
tells is filled by rules or asked. The proposal says how sure each line is and what cannot be told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from os.path import commonprefix
from pathlib import Path
from typing import Any

import pandas as pd

from marketplace.contract import MARKETS, TABLES, Column
from marketplace.display import Shown, text_of
from marketplace.sources.files.cells import distinct, text_of_cell
from marketplace.sources.files.converting import FLAGS, plain_word
from marketplace.sources.files.dates import decide_order, find_number_kind, parse_moment
from marketplace.sources.files.drafting import EVERYWHERE, UNDECIDED, WITHOUT, Draft, Line, fill_gaps
from marketplace.sources.files.identities import plain_name, plain_username
from marketplace.sources.files.numbers import decide_marks
from marketplace.sources.files.ready import Ready, find_ready
from marketplace.sources.files.reading import Sheet, data_files, join_sheets, read_sheets
from marketplace.sources.files.recognising import Match, Profile, profile_sheet, recognise, recognise_as, word_of
from marketplace.sources.files.writing import mapping_text

__all__ = ["Proposal", "propose"]

ZONES = {
    "ID": "Asia/Jakarta", "MY": "Asia/Kuala_Lumpur", "PH": "Asia/Manila", "SG": "Asia/Singapore", "TH": "Asia/Bangkok",
    "VN": "Asia/Ho_Chi_Minh", "GB": "Europe/London", "US": "America/New_York", "DE": "Europe/Berlin", "AT": "Europe/Vienna",
    "FR": "Europe/Paris", "ES": "Europe/Madrid", "IT": "Europe/Rome", "IE": "Europe/Dublin", "MX": "America/Mexico_City",
    "BR": "America/Sao_Paulo", "JP": "Asia/Tokyo",
}  # fmt: skip
"""The clock that most shops of a market live by."""

WHOLE_MONEY = ("IDR", "VND", "JPY", "KRW")
"""Currencies without cents: a mark before three digits parts thousands."""

DERIVED: Mapping[str, tuple[str, ...]] = {
    "campaigns": ("invitations",),
    "products": ("orders", "product_days", "samples"),
    "creators": ("creator_snapshots", "contents", "orders", "invitations", "samples", "deliveries"),
    "brands": ("products", "campaigns"),
}
"""Tables whose rows other files repeat (an orders file names its creators), and the tables of such files."""


@dataclass(frozen=True, repr=False)
class Proposal(Shown):
    """A proposed mapping and what is to be said of it.

    Attributes
    ----------
    folder : Path
    text : str
        The mapping file.
    lines : list of dict
        One a column: ``table``, ``file``, ``column``, ``from`` (TOML's value), ``sureness``, ``why``, ``decide``.
    decisions : list of str
        What a person has to look at, in words; those that begin with ``?`` stop the ingest until they are decided.
    unread : dict of str to str
        Files that nothing is read of, to the reason.
    missing : dict of str to str
        Contract table or ``table.column`` that no file has, to what then cannot be told.
    """

    folder: Path
    text: str
    lines: list[dict[str, Any]]
    decisions: list[str]
    unread: dict[str, str]
    missing: dict[str, str]

    @property
    def headline(self) -> str:
        """How many columns were found, how many are to be decided."""
        sure = sum(line["sureness"] != "guess" for line in self.lines)
        must = sum(one.startswith("?") for one in self.decisions)
        return (
            f"{len(self.lines)} columns, {sure} of them found in the files; {must} to decide, "
            f"{len(self.decisions) - must} to look at"
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a column."""
        return pd.DataFrame(self.lines, columns=["table", "file", "column", "from", "sureness", "why", "decide"])

    def as_dict(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "folder": str(self.folder), "mapping": self.text, "columns": self.lines, "decisions": self.decisions,
            "unread": self.unread, "missing": self.missing,
        }  # fmt: skip


@text_of.register
def proposal_text(proposal: Proposal) -> str:
    """The whole proposal in words."""
    lines: list[str] = []
    last = None
    for one in proposal.lines:
        if (one["table"], one["file"]) != last:
            last = (one["table"], one["file"])
            lines.append(f"\n{one['table']}  from {one['file'] or 'what [all] says'}")
        mark = "DECIDE" if one["decide"] else one["sureness"]
        lines.append(f"  {one['column']:<22} {mark:<7} {one['from']}  ({one['why']})")
    if proposal.unread:
        lines += ["", "Not used:", *(f"  {file}: {reason}" for file, reason in proposal.unread.items())]
    if proposal.missing:
        lines += ["", "What no file tells:", *(f"  {name:<32} {why}" for name, why in proposal.missing.items())]
    must = [one for one in proposal.decisions if one.startswith("?")]
    check = [one for one in proposal.decisions if not one.startswith("?")]
    if must:
        lines += ["", "To decide, for the ingest waits for it:", *(f"  {one}" for one in must)]
    if check:
        lines += ["", "To look at, for no file proves it:", *(f"  {one}" for one in check)]
    return "\n".join([proposal.headline, *lines])


def propose(folder: Path) -> Proposal:
    """The mapping that the files in ``folder`` suggest.

    Raises
    ------
    SourceError
        It is no folder, has no files that can be read, or one of them is broken.
    """
    return _Proposing(folder).run()


@dataclass
class _Source:
    """Files of one kind, read as one."""

    file: str
    sheet: Sheet
    profiles: Mapping[str, Profile]
    ready: Ready | None = None
    orders: dict[str, str] = field(default_factory=dict)


class _Proposing:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drafts: list[Draft] = []
        self.unread: dict[str, str] = {}
        self.files: dict[str, dict[str, Line]] = {}

    def run(self) -> Proposal:
        self.sources = self._sources()
        for source in self.sources:
            self._draft(source)
        self._resolve_accounts()
        self._derive()
        everywhere = self._everywhere()
        for source in self.sources:
            if any(draft.sheet is source.sheet for draft in self.drafts):
                self.files[source.file] = self._file_lines(source, everywhere)
        self.drafts.sort(key=lambda one: list(TABLES).index(one.table))
        missing = self._missing()
        files = {name: lines for name, lines in self.files.items() if lines}
        text = mapping_text(
            everywhere, files, self.drafts, self.unread, [f"{name}: {why}" for name, why in missing.items()]
        )
        return Proposal(
            self.folder, text, self._lines(), self._decisions(everywhere, files), self.unread, missing
        )

    # Files

    def _sources(self) -> list[_Source]:
        """Files with the same headers are one export in pieces, where a pattern names them and no others."""
        files = data_files(self.folder)
        names = [file.name for file in files]
        groups: dict[tuple[str, ...], list[Sheet]] = {}
        for file in files:
            for sheet in read_sheets(file):
                groups.setdefault(tuple(map(str, sheet.cells.columns)), []).append(sheet)
        found = []
        for sheets in groups.values():
            own = list(dict.fromkeys(sheet.name for sheet in sheets))
            pattern = _pattern(own)
            if len(own) > 1 and pattern and {one for one in names if fnmatch(one, pattern)} == set(own):
                found.append(self._source(pattern, join_sheets(sheets)))
            else:
                found += [self._source(sheet.name, sheet) for sheet in sheets]
        return found

    def _source(self, name: str, sheet: Sheet) -> _Source:
        return _Source(name.split(" [")[0], sheet, profile_sheet(sheet), find_ready(map(str, sheet.cells.columns)))

    def _draft(self, source: _Source) -> None:
        """The parts that one file makes."""
        if not len(source.sheet.cells):
            self.unread[source.sheet.name] = "it has no rows"
            return
        if source.ready is not None:
            self._take_ready(source, source.ready)
            return
        found = recognise(source.sheet, source.profiles)
        if not found.table:
            self.unread[source.sheet.name] = "no table of the contract is like it"
            return
        draft = self._new(found.table, source)
        draft.about = self._about(source)
        for name, match in found.matches.items():
            draft.lines[name] = self._line(TABLES[found.table].by_name[name], match, source)
        if (price := found.matches.get("price")) is not None and price.total:
            self._divide(draft, price)
        fill_gaps(draft)
        used = {match.header for match in found.matches.values()}
        draft.unused = [header for header in source.profiles if header not in used]
        self.drafts.append(draft)
        if found.table == "creators":
            self._read_profile(source, draft)

    def _read_profile(self, source: _Source, creators: Draft) -> None:
        """What a creators' file tells besides, such as followers, is a reading of profiles at the export's time."""
        found = recognise_as(TABLES["creator_snapshots"], source.sheet, source.profiles).matches
        told = {name: match for name, match in found.items() if match.header in creators.unused and match.score >= 0.55}
        if not any(TABLES["creator_snapshots"].by_name[name].type in ("count", "measure") for name in told):
            return
        draft = self._new("creator_snapshots", source)
        draft.about = f"What {source.file} tells of profiles"
        draft.lines = {name: self._line(draft.declared.by_name[name], match, source) for name, match in told.items()}
        draft.lines["creator_id"] = creators.lines["creator_id"]
        if not any(re.search(r"20\d\d[-_.]?\d\d[-_.]?\d\d", file) for file in source.sheet.files[:1]):
            draft.lines.setdefault("snapshot_at", Line({"from_end": True}, "guess", "read when the data end: the export"))
            draft.lines["known_at"] = Line({"from_end": True}, "guess", "as above")
        fill_gaps(draft)
        creators.unused = [header for header in creators.unused if header not in {m.header for m in told.values()}]
        self.drafts.append(draft)

    def _new(self, table: str, source: _Source) -> Draft:
        draft = Draft(table, source.file, source.sheet, source.profiles)
        if source.sheet.told.sheet:
            draft.settings["sheet"] = source.sheet.told.sheet
        return draft

    def _about(self, source: _Source) -> str:
        told = source.sheet.told
        how = [f"{len(source.sheet.cells):,} rows"]
        how += [told.encoding] if told.encoding else []
        how += [f"parted by {told.delimiter!r}"] if told.delimiter else []
        return f"{source.sheet.name}: {', '.join(how)}"

    def _take_ready(self, source: _Source, ready: Ready) -> None:
        there = {" ".join(name.casefold().split()): name for name in source.profiles}
        for table, parts in ready.parts.items():
            for part in parts:
                draft = self._new(table, source)
                draft.about = f"{self._about(source)}: {ready.about}. " + " ".join(ready.notes)
                for name, told in part.items():
                    if name not in TABLES[table].by_name:
                        draft.settings[name] = told
                        continue
                    value = _present(told, there)
                    if value is not None:
                        why = ready.decide.get(f"{table}.{name}", "ready-made mapping")
                        draft.lines[name] = Line(value, "sure", why, f"{table}.{name}" in ready.decide)
                used = {header for line in draft.lines.values() for header in _headers(line.value)}
                fill_gaps(draft)
                draft.unused = [header for header in source.profiles if header not in used]
                self.drafts.append(draft)

    # Lines

    def _line(self, column: Column, match: Match, source: _Source) -> Line:
        """One match as a line, with the words, units and spellings that its cells need."""
        told: dict[str, Any] = {"column": match.header}
        profile = source.profiles[match.header]
        why, decide, sureness = match.why, False, match.sureness
        if match.spelling:
            told["spelling"] = match.spelling
        if column.values or column.type == "flag":
            words, unknown = _words(column, profile)
            if words:
                told["words"] = words
            if unknown:
                why, decide, sureness = f"not known: {', '.join(unknown[:5])}", True, "guess"
            if column.values and profile.empty > 0 and not column.nullable:
                word = _empty_word(column)
                told["default"] = word
                why, decide = f"{profile.empty:.0%} of the cells are empty: they count as {word}", True
        if column.unit == "fraction":
            unit = _unit(profile)
            if unit:
                told["unit"] = unit
                why += f"; up to {profile.most:g}, so {unit.replace('_', ' ')}"
        return Line(match.header if len(told) == 1 else told, sureness, why, decide)

    def _divide(self, draft: Draft, price: Match) -> None:
        quantity = draft.header("quantity")
        value: Any = {"column": price.header, "divided_by": quantity} if quantity else price.header
        draft.lines["price"] = Line(value, "likely", price.why, True)

    def _resolve_accounts(self) -> None:
        """Where orders name creators by their account, say so: the files' own values tell which it is."""
        ids, names = self._creators()
        if not names:
            return
        for draft in self.drafts:
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
                        {**told, "spelling": "username"}, line.sureness, f"{line.why}; {by_name:.0%} are usernames of creators"
                    )
                elif by_id >= max(by_name, 0.5) and "spelling" in told and not ids <= names:
                    told.pop("spelling")
                    draft.lines[column.name] = Line(told, line.sureness, f"{line.why}; {by_id:.0%} are ids of creators")

    def _creators(self) -> tuple[set[str], set[str]]:
        """The ids and the plain usernames that creators' files hold."""
        ids: set[str] = set()
        names: set[str] = set()
        for draft in self.drafts:
            if draft.table == "creators":
                ids |= self._values(draft, "creator_id")
                if header := draft.header("username"):
                    names |= {plain_username(text_of_cell(v)) for v in distinct(draft.sheet, header).values}
        return ids, names

    def _values(self, draft: Draft, column: str) -> set[str]:
        """The ids that a column of a draft will hold."""
        header = draft.header(column)
        if header is None or header not in draft.sheet.cells.columns:
            return set()
        line = draft.lines[column]
        spelling = line.value.get("spelling") if isinstance(line.value, dict) else None
        spell: Callable[[str], str] = {"username": plain_username, "name": plain_name}.get(spelling or "", str)
        return {spell(text_of_cell(value)) for value in distinct(draft.sheet, header).values}

    # What other files repeat

    def _derive(self) -> None:
        """Rows of brands, products, creators and campaigns that only other files name; one brand where none is named."""
        for table, sources in DERIVED.items():
            key = TABLES[table].key[0]
            known: set[str] = set()
            for draft in self.drafts:
                if draft.table == table:
                    known |= self._values(draft, key)
            if table == "creators":
                known |= self._creators()[1]
            for draft in sorted(self.drafts, key=lambda one: sources.index(one.table) if one.table in sources else 99):
                if draft.table not in sources or any(d.table == table and d.sheet is draft.sheet for d in self.drafts):
                    continue
                for column in draft.declared.columns:
                    if column.refers_to != f"{table}.{key}" or column.type == "ids":
                        continue
                    new = self._values(draft, column.name) - known
                    if new:
                        known |= new
                        self._repeat(table, column.name, draft, len(new))
                        break
        if not any(draft.table == "brands" for draft in self.drafts):
            alone = Draft("brands", "", self.drafts[0].sheet if self.drafts else _nothing(), {})
            alone.about = "One brand: what [all] says"
            fill_gaps(alone)
            self.drafts.append(alone)

    def _repeat(self, table: str, reference: str, draft: Draft, count: int) -> None:
        """A part of ``table`` from the rows of another table's file."""
        source = next(source for source in self.sources if source.sheet is draft.sheet)
        one = self._new(table, source)
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
            found = recognise_as(TABLES[table], source.sheet, source.profiles)
            for name, match in found.matches.items():
                one.lines.setdefault(name, self._line(TABLES[table].by_name[name], match, source))
        fill_gaps(one)
        used = {header for line in one.lines.values() for header in _headers(line.value)}
        draft.unused = [header for header in draft.unused if header not in used]
        if table in ("products", "creators", "brands"):
            one.lines["known_at"] = Line({"from_start": True}, "guess", "no file tells since when it is known")
        self.drafts.append(one)

    # What holds for all

    def _everywhere(self) -> dict[str, Line]:
        """``[all]``: market, currency and brand where some table has none, and the clock."""
        lines: dict[str, Line] = {}
        market, why = self._market()
        zone = ZONES.get(market or "", "UTC")
        if self._needs_zone():
            lines["time_zone"] = Line(zone, "guess", f"the clock of the exports; {why}", True)
        currency = self._currency() or MARKETS.get(market or "", "USD")
        guesses = {
            "market": (market or next(iter(MARKETS)), why),
            "currency": (currency, "the money of the exports"),
            "brand_id": ("my_brand", "no file names the brand: any id will do"),
        }
        for name in EVERYWHERE:
            lacking = [
                d for d in self.drafts
                if (c := d.declared.by_name.get(name)) is not None and not c.nullable and name not in d.lines
            ]  # fmt: skip
            if lacking:
                lines[name] = Line(guesses[name][0], "guess", guesses[name][1], True)
        self._rates(currency)
        return lines

    def _rates(self, currency: str) -> None:
        """A rate that is always the same, where no file has rates and the money is of one kind."""
        if any(draft.table == "fx_rates" for draft in self.drafts) or not self.drafts:
            return
        used = self._told("currency") or Counter({currency: 1})
        for one in used:
            draft = Draft("fx_rates", "", _nothing(), {}, about="No file has exchange rates: one for all days")
            draft.settings["each_day"] = True
            draft.lines["currency"] = Line({"value": one}, "likely", "the money of the exports")
            rate: Any = {"value": 1.0} if one == "USD" else {"value": UNDECIDED}
            draft.lines["usd_rate"] = Line(rate, "sure" if one == "USD" else "guess", f"USD for one {one}", one != "USD")
            self.drafts.append(draft)

    def _told(self, column: str) -> Counter[str]:
        """The contract's words that cells of ``column`` hold, over all files, by how many tables have them."""
        words: Counter[str] = Counter()
        for draft in self.drafts:
            line = draft.lines.get(column)
            header = draft.header(column)
            if line is None or header is None or header not in draft.profiles:
                continue
            told = line.value.get("words", {}) if isinstance(line.value, dict) else {}
            words.update({str(told.get(text) or word_of(column, text) or plain_word(text)) for text in draft.profiles[header].texts})
        return words

    def _market(self) -> tuple[str | None, str]:
        told = self._told("market")
        if told:
            return told.most_common(1)[0][0], "of the markets that the files name"
        currency = self._currency()
        for market, money in MARKETS.items():
            if money == currency:
                return market, f"as the money is {currency}"
        if currency == "EUR":
            return "DE", "as the money is EUR"
        return None, "nothing in the files tells"

    def _currency(self) -> str | None:
        told = self._told("currency")
        if told:
            return told.most_common(1)[0][0]
        signs: Counter[str] = Counter()
        for draft in self.drafts:
            for column in draft.declared.columns:
                header = draft.header(column.name)
                if column.unit == "own currency" and header in draft.profiles:
                    signs.update(filter(None, (_money_of(text) for text in draft.profiles[header].texts[:200])))
                    signs.update(filter(None, [_money_of(f"1 {header.rpartition('(')[2].rstrip(')')}")]))
        return signs.most_common(1)[0][0] if signs else None

    def _dated(self, sheet: Sheet, types: tuple[str, ...] = ("instant", "day")) -> Iterable[tuple[str, list[Any]]]:
        """The columns of a file that are read as dates, with their distinct cells."""
        headers: dict[str, None] = {}
        for draft in self.drafts:
            if draft.sheet is sheet:
                for name, line in draft.lines.items():
                    if draft.declared.by_name[name].type in types:
                        headers.update(dict.fromkeys(h for h in _headers(line.value) if h in sheet.cells.columns))
        for header in headers:
            yield header, distinct(sheet, header).values

    def _needs_zone(self) -> bool:
        for source in self.sources:
            for _header, values in self._dated(source.sheet, ("instant",)):
                for value in values[:200]:
                    if isinstance(value, pd.Timestamp):
                        if value.tzinfo is None:
                            return True
                        continue
                    moment = parse_moment(str(value), "dmy") or parse_moment(str(value), "mdy") if isinstance(value, str) else None
                    if moment is not None and moment.at.tzinfo is None:
                        return True
                    if isinstance(value, int | float) and find_number_kind([float(value)]) in ("excel", "yyyymmdd"):
                        return True
        return False

    def _file_lines(self, source: _Source, everywhere: Mapping[str, Line]) -> dict[str, Line]:
        """How the cells of a file are written: what was found, so that later exports are read alike."""
        lines: dict[str, Line] = {}
        told = source.sheet.told
        if told.encoding not in (None, "utf-8", "utf-8-sig"):
            lines["encoding"] = Line(told.encoding, "likely", "by its bytes: look whether names read well")
        if told.header_row not in (None, 1):
            lines["header_row"] = Line(told.header_row, "likely", "the first row that is as wide as the others")
        order = self._order(source, everywhere)
        if order is not None:
            lines["order"] = order
        decimal = self._decimal(source, everywhere)
        if decimal is not None:
            lines["decimal"] = decimal
        return lines

    def _order(self, source: _Source, everywhere: Mapping[str, Line]) -> Line | None:
        unclear = ""
        found: dict[str, str] = {}
        for header, values in self._dated(source.sheet):
            order = decide_order([value for value in values if isinstance(value, str)])
            if order.kind in ("dmy", "mdy") and not order.conflict:
                found.setdefault(order.kind, f"{header}: {order.witness}")
            elif order.kind is None and order.witness:
                unclear = unclear or f"{header}: {order.witness}"
        if len(found) == 1:
            ((kind, witness),) = found.items()
            return Line(kind, "sure", f"as {witness} shows")
        if unclear and not found:
            american = everywhere.get("market") is not None and everywhere["market"].value == "US"
            kind = "mdy" if american else "dmy"
            return Line(kind, "guess", f"{unclear} could be the day or the month first", True)
        return None

    def _decimal(self, source: _Source, everywhere: Mapping[str, Line]) -> Line | None:
        found: dict[str, str] = {}
        unclear = ""
        for draft in self.drafts:
            if draft.sheet is not source.sheet:
                continue
            for name in draft.lines:
                header = draft.header(name)
                if draft.declared.by_name[name].type not in ("measure", "count") or header not in source.profiles:
                    continue
                marks = decide_marks(distinct(source.sheet, header).texts)
                if marks.witness and not marks.conflict and marks.decimal:
                    found.setdefault(marks.decimal, f"{header}: {marks.witness}")
                elif marks.decimal is None and draft.declared.by_name[name].type == "measure":
                    unclear = unclear or f"{header}: {marks.witness}"
        if len(found) == 1:
            ((decimal, witness),) = found.items()
            return Line(decimal, "sure", f"as {witness} shows")
        if unclear and not found:
            money = self._currency() or (everywhere["currency"].value if "currency" in everywhere else "")
            mark = next(sign for sign in unclear.rpartition(": ")[2] if sign in ".,")
            thousands = money in WHOLE_MONEY
            decimal = ("," if mark == "." else ".") if thousands else mark
            why = f"{money} has no cents" if thousands else "it could part thousands as well"
            return Line(decimal, "guess", f"{unclear}: {why}", True)
        return None

    # What is said

    def _missing(self) -> dict[str, str]:
        there = {draft.table for draft in self.drafts}
        missing = {name: WITHOUT.get(name, "null throughout") for name in TABLES if name not in there}
        for name in TABLES:
            if name not in there:
                continue
            for column in TABLES[name].columns:
                if column.nullable and not any(column.name in d.lines for d in self.drafts if d.table == name):
                    missing[f"{name}.{column.name}"] = f"not known: {column.doc}"
        return missing

    def _lines(self) -> list[dict[str, Any]]:
        from marketplace.sources.files.writing import inline

        return [
            {
                "table": draft.table, "file": draft.file, "column": name, "from": inline(line.value),
                "sureness": line.sureness, "why": line.why, "decide": line.decide,
            }
            for draft in self.drafts for name, line in draft.lines.items()
        ]  # fmt: skip

    def _decisions(self, everywhere: Mapping[str, Line], files: Mapping[str, Mapping[str, Line]]) -> list[str]:
        from marketplace.sources.files.writing import inline

        found = [("[all]", name, line) for name, line in everywhere.items()]
        found += [(f"[files.{file!r}]", name, line) for file, lines in files.items() for name, line in lines.items()]
        found += [(f"[[{draft.table}]]", name, line) for draft in self.drafts for name, line in draft.lines.items()]
        said = []
        for where, name, line in found:
            if line.decide:
                value = inline(line.value)
                said.append(f"{'? ' if inline(UNDECIDED) in value else ''}{where} {name} = {value}: {line.why}")
        return sorted(said, key=lambda one: not one.startswith("?"))


def _nothing() -> Sheet:
    import numpy as np

    from marketplace.sources.files.reading import Told

    return Sheet("", pd.DataFrame(), np.empty(0, object), np.empty(0, np.int64), Told())


def _pattern(names: list[str]) -> str:
    """A pattern that fits all ``names``: what they begin and end with; empty where they begin with nothing alike."""
    start = commonprefix(names)
    end = commonprefix([name[::-1] for name in names])[::-1]
    if len(start) < 3 or any(mark in start + end for mark in "[]?*"):
        return ""
    return f"{start}*{end}" if len(end) < len(min(names, key=len)) - len(start) + 1 else f"{start}*"


def _present(told: Any, there: Mapping[str, str]) -> Any:
    """A ready-made line with those of its columns that the file has; None where it has none."""
    if not isinstance(told, dict) or "column" not in told:
        return told
    names = told["column"] if isinstance(told["column"], list) else [told["column"]]
    found = next((there[key] for name in names if (key := " ".join(name.casefold().split())) in there), None)
    otherwise = _present(told["otherwise"], there) if "otherwise" in told else None
    if found is None:
        return otherwise
    kept = {**{key: value for key, value in told.items() if key != "otherwise"}, "column": found}
    if "divided_by" in kept:
        kept["divided_by"] = there.get(kept["divided_by"].casefold(), kept["divided_by"])
    if otherwise is not None:
        kept["otherwise"] = otherwise
    return found if list(kept) == ["column"] else kept


def _headers(told: Any) -> list[str]:
    """The file's columns that a line reads."""
    if isinstance(told, str):
        return [told]
    if not isinstance(told, dict):
        return []
    found: list[str] = []
    for key in ("column", "made_of", "latest_of", "divided_by", "clock"):
        value = told.get(key, [])
        found += [value] if isinstance(value, str) else list(value)
    return found + (_headers(told["otherwise"]) if "otherwise" in told else [])


def _words(column: Column, profile: Profile) -> tuple[dict[str, str], list[str]]:
    """The file's words that are not the contract's own, with what they mean, and those that nobody knows."""
    words: dict[str, str] = {}
    unknown: list[str] = []
    for text in profile.texts[:40]:
        if column.type == "flag":
            if text.casefold() not in FLAGS:
                unknown.append(text)
            continue
        if plain_word(text) in {plain_word(value) for value in column.values}:
            continue
        ours = word_of(column.name, text)
        if ours in column.values:
            words[text] = str(ours)
        else:
            words[text] = UNDECIDED
            unknown.append(text)
    return words, unknown


def _empty_word(column: Column) -> str:
    """What an empty cell of an enum most often means."""
    for word in ("PENDING", "SHOP"):
        if word in column.values:
            return word
    return column.values[0]


def _unit(profile: Profile) -> str:
    if profile.percent or profile.most <= 1:
        return ""
    return "percent" if profile.most <= 100 else "basis_points"


def _money_of(text: str) -> str | None:
    """The currency that a sign or word beside a number says."""
    words = "".join(sign if not sign.isdigit() and sign not in ".,-+() \u00a0" else " " for sign in text).split()
    for word in words:
        found = word_of("currency", word)
        if found is None and word.upper() in {*MARKETS.values(), "EUR"}:
            found = word.upper()
        if found is not None:
            return found
    return None


