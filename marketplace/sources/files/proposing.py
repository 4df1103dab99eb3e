"""Look at a folder of exports and propose the mapping that makes a marketplace of them.

Every file is read and recognised (or is one of the exports that `marketplace.sources.files.ready` knows); what no file
tells is filled by rules or asked. The proposal says how sure each line is and what cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path
from typing import Any

from marketplace.contract import TABLES, Column
from marketplace.sources.files.drafting import (
    UNDECIDED,
    WITHOUT,
    Draft,
    FileKind,
    Line,
    fill_gaps,
    headers_of,
    new_draft,
)
from marketplace.sources.files.guessing import Guesses
from marketplace.sources.files.linking import derive, resolve_accounts, tell_by_products, tell_deliveries
from marketplace.sources.files.proposal import Proposal
from marketplace.sources.files.reading import Sheet, data_files, join_sheets, read_sheets
from marketplace.sources.files.ready import Ready, find_ready
from marketplace.sources.files.recognising import (
    Match,
    Profile,
    profile_sheet,
    recognise,
    recognise_as,
    sums_of,
    word_of,
)
from marketplace.sources.files.texts import FLAGS, own_word, own_words
from marketplace.sources.files.writing import inline, mapping_text

__all__ = ["propose"]


def propose(folder: Path) -> Proposal:
    """The mapping that the files in ``folder`` suggest.

    Raises
    ------
    SourceError
        It is no folder, has no files that can be read, or one of them is broken.
    """
    return _Proposing(folder).run()


class _Proposing:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drafts: list[Draft] = []
        self.unread: dict[str, str] = {}
        self.files: dict[str, dict[str, Line]] = {}

    def run(self) -> Proposal:
        self.kinds = self._kinds()
        for source in self.kinds:
            self._draft(source)
        resolve_accounts(self.drafts)
        derive(self.drafts, self.kinds, self._line)
        tell_by_products(self.drafts)
        tell_deliveries(self.drafts)
        guesses = Guesses(self.drafts, self.kinds)
        everywhere = guesses.everywhere()
        for source in self.kinds:
            if any(draft.sheet is source.sheet for draft in self.drafts):
                self.files[source.file] = guesses.of_file(source, everywhere)
        self.drafts.sort(key=lambda one: list(TABLES).index(one.table))
        missing = self._missing()
        files = {name: lines for name, lines in self.files.items() if lines}
        text = mapping_text(
            everywhere, files, self.drafts, self.unread, [f"{name}: {why}" for name, why in missing.items()]
        )
        return Proposal(self.folder, text, self._lines(), self._decisions(everywhere, files), self.unread, missing)

    # Files

    def _kinds(self) -> list[FileKind]:
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

    def _source(self, name: str, sheet: Sheet) -> FileKind:
        sums, column, words = sums_of(sheet)
        if words:
            sheet = sheet.keep(~sums)
        return FileKind(
            name.split(" [", maxsplit=1)[0],
            sheet,
            profile_sheet(sheet),
            find_ready(map(str, sheet.cells.columns)),
            {column: words} if words else {},
        )

    def _draft(self, source: FileKind) -> None:
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
        draft = new_draft(found.table, source)
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
        if found.table == "invitations":
            self._read_posts(source, draft)

    def _read_posts(self, source: FileKind, invited: Draft) -> None:
        """A list of whom one has written to may say who posted, too: its rows with a post are deliveries."""
        found = recognise_as(TABLES["deliveries"], source.sheet, source.profiles).matches
        posted = found.get("posted_at")
        if posted is None or posted.header not in invited.unused or posted.score < 0.55:
            return
        draft = new_draft("deliveries", source)
        draft.about = f"What {source.file} tells of posts"
        draft.settings["skip"] = {**draft.settings.get("skip", {}), posted.header: [""]}
        draft.lines["posted_at"] = self._line(draft.declared.by_name["posted_at"], posted, source)
        for name in ("invitation_id", "creator_id", "campaign_id"):
            draft.lines[name] = invited.lines[name]
        draft.lines["delivery_id"] = Line(invited.lines["invitation_id"].value, "likely", "one a partnership")
        fill_gaps(draft)
        invited.unused = [header for header in invited.unused if header != posted.header]
        self.drafts.append(draft)

    def _read_profile(self, source: FileKind, creators: Draft) -> None:
        """What a creators' file tells besides, such as followers, is a reading of profiles at the export's time."""
        found = recognise_as(TABLES["creator_snapshots"], source.sheet, source.profiles).matches
        told = {name: match for name, match in found.items() if match.header in creators.unused and match.score >= 0.55}
        if not any(TABLES["creator_snapshots"].by_name[name].type in ("count", "measure") for name in told):
            return
        draft = new_draft("creator_snapshots", source)
        draft.about = f"What {source.file} tells of profiles"
        draft.lines = {name: self._line(draft.declared.by_name[name], match, source) for name, match in told.items()}
        draft.lines["creator_id"] = creators.lines["creator_id"]
        if not any(re.search(r"20\d\d[-_.]?\d\d[-_.]?\d\d", file) for file in source.sheet.files[:1]):
            draft.lines.setdefault(
                "snapshot_at", Line({"from_end": True}, "guess", "read when the data end: the export")
            )
            draft.lines["known_at"] = Line({"from_end": True}, "guess", "as above")
        fill_gaps(draft)
        creators.unused = [header for header in creators.unused if header not in {m.header for m in told.values()}]
        self.drafts.append(draft)

    def _about(self, source: FileKind) -> str:
        told = source.sheet.told
        how = [f"{len(source.sheet.cells):,} rows"]
        how += [told.encoding] if told.encoding else []
        how += [f"parted by {told.delimiter!r}"] if told.delimiter else []
        return f"{source.sheet.name}: {', '.join(how)}"

    def _take_ready(self, source: FileKind, ready: Ready) -> None:
        there = {" ".join(name.casefold().split()): name for name in source.profiles}
        for table, parts in ready.parts.items():
            for part in parts:
                draft = new_draft(table, source)
                draft.about = f"{self._about(source)}: {ready.about}. " + " ".join(ready.notes)
                for name, told in part.items():
                    if name not in TABLES[table].by_name:
                        draft.settings[name] = told
                        continue
                    value = _present(told, there)
                    if value is not None:
                        why = ready.decide.get(f"{table}.{name}", "ready-made mapping")
                        draft.lines[name] = Line(value, "sure", why, f"{table}.{name}" in ready.decide)
                used = {header for line in draft.lines.values() for header in headers_of(line.value)}
                fill_gaps(draft)
                draft.unused = [header for header in source.profiles if header not in used]
                self.drafts.append(draft)

    def _line(self, column: Column, match: Match, source: FileKind) -> Line:
        """One match as a line, with the words, units and spellings that its cells need."""
        told: dict[str, Any] = {"column": match.header}
        profile = source.profiles[match.header]
        why, decide, sureness = match.why, False, match.sureness
        if match.spelling:
            told["spelling"] = match.spelling
        if own_words(column) or column.type == "flag":
            words, unknown = _words(column, profile)
            if words:
                told["words"] = words
            if unknown:
                why, decide, sureness = f"not known: {', '.join(unknown[:5])}", True, "guess"
            if own_words(column) and profile.empty > 0 and not column.nullable:
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

    # What is said

    def _missing(self) -> dict[str, str]:
        there = {draft.table for draft in self.drafts}
        missing = {name: WITHOUT.get(name, "null throughout") for name in TABLES if name not in there}
        for name in TABLES:
            if name not in there:
                continue
            if any(draft.settings.get("from_contents") for draft in self.drafts if draft.table == name):
                missing[name] = "no file tells them: they are made of what was posted"
                continue
            for column in TABLES[name].columns:
                if column.nullable and not any(column.name in d.lines for d in self.drafts if d.table == name):
                    missing[f"{name}.{column.name}"] = f"not known: {column.doc}"
        return missing

    def _lines(self) -> list[dict[str, Any]]:
        return [
            {
                "table": draft.table, "file": draft.file, "column": name, "from": inline(line.value),
                "sureness": line.sureness, "why": line.why, "decide": line.decide,
            }
            for draft in self.drafts for name, line in draft.lines.items()
        ]  # fmt: skip

    def _decisions(self, everywhere: Mapping[str, Line], files: Mapping[str, Mapping[str, Line]]) -> list[str]:
        found = [("[all]", name, line) for name, line in everywhere.items()]
        found += [(f"[files.{file!r}]", name, line) for file, lines in files.items() for name, line in lines.items()]
        found += [(f"[[{draft.table}]]", name, line) for draft in self.drafts for name, line in draft.lines.items()]
        said = []
        for where, name, line in found:
            if line.decide:
                value = inline(line.value)
                said.append(f"{'? ' if inline(UNDECIDED) in value else ''}{where} {name} = {value}: {line.why}")
        return sorted(said, key=lambda one: not one.startswith("?"))


def _beginning(texts: list[str]) -> str:
    """What all ``texts`` begin with."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    return "".join(letters[0] for letters in same)


def _pattern(names: list[str]) -> str:
    """A pattern that fits all ``names`` and the next one like them; empty where they begin with nothing alike."""
    start = _beginning([Path(name).stem for name in names])
    endings = {Path(name).suffix for name in names}
    if len(start) < 3 or len(endings) > 1 or any(mark in name for name in names for mark in "[]?*"):
        return ""
    return f"{start.rstrip('0123456789')}*{endings.pop()}"


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


def _words(column: Column, profile: Profile) -> tuple[dict[str, str], list[str]]:
    """The file's words that are not the contract's own, with what they mean, and those that nobody knows."""
    words: dict[str, str] = {}
    unknown: list[str] = []
    for text in profile.texts[:40]:
        if column.type == "flag":
            if text.casefold() not in FLAGS:
                unknown.append(text)
            continue
        ours, own = word_of(column.name, text), own_word(column, text)
        # UK looks like a market's code, and is another's name.
        if own is not None and (column.values or ours in (None, own)):
            continue
        if ours in own_words(column):
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
    return column.values[0] if column.values else UNDECIDED


def _unit(profile: Profile) -> str:
    if profile.percent or profile.most <= 1:
        return ""
    return "percent" if profile.most <= 100 else "basis_points"
