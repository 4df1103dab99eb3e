"""What holds for a whole file or for all of them: clock, market, money, the order of dates, the mark of decimals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from marketplace.contract import CURRENCIES, MARKETS
from marketplace.sources.files.cells import distinct
from marketplace.sources.files.dates import decide_order, find_number_kind, parse_moment
from marketplace.sources.files.drafting import EVERYWHERE, UNDECIDED, Draft, FileKind, Line, headers_of
from marketplace.sources.files.numbers import decide_marks
from marketplace.sources.files.reading import Sheet
from marketplace.sources.files.recognising import word_of
from marketplace.sources.files.texts import plain_word

__all__ = ["Guesses"]

WHOLE_MONEY = ("IDR", "VND", "JPY", "KRW")
"""Currencies without cents: a mark before three digits parts thousands."""


class Guesses:
    """What the cells of all ``kinds`` of files say together, as lines of a mapping.

    Parameters
    ----------
    drafts : list of Draft
        The parts so far; rates of exchange are added where no file has any.
    """

    def __init__(self, drafts: list[Draft], kinds: Sequence[FileKind]) -> None:
        self.drafts, self.kinds = drafts, kinds

    def everywhere(self) -> dict[str, Line]:
        """``[all]``: market, currency and brand where some table has none, and the clock."""
        lines: dict[str, Line] = {}
        market, why = self._market()
        known = MARKETS.get(market or "")
        zone = known.zone if known else "UTC"
        if self._needs_zone():
            lines["time_zone"] = Line(zone, "guess", f"the clock of the exports; {why}", True)
        currency = self._currency() or (known.currency if known else "USD")
        guesses = {
            "market": (market or next(iter(MARKETS)), why),
            "currency": (currency, "the money of the exports"),
            "brand_id": self._brand(),
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

    def _brand(self) -> tuple[str, str]:
        named: Counter[str] = Counter()
        for draft in self.drafts:
            if (header := draft.header("brand_id")) in draft.profiles:
                named.update(draft.profiles[str(header)].texts)
        if not named:
            return "my_brand", "no file names the brand: any id will do"
        return named.most_common(1)[0][0], "the brand that most files name"

    def _rates(self, currency: str) -> None:
        """A rate that is always the same, where no file has rates and the money is of one kind."""
        if any(draft.table == "fx_rates" for draft in self.drafts) or not self.drafts:
            return
        used = self._told("currency") or Counter({currency: 1})
        for one in used:
            draft = Draft("fx_rates", "", Sheet.nothing(), {}, about="No file has exchange rates: one for all days")
            draft.settings["each_day"] = True
            draft.lines["currency"] = Line({"value": one}, "likely", "the money of the exports")
            rate: Any = {"value": 1.0} if one == "USD" else {"value": UNDECIDED}
            draft.lines["usd_rate"] = Line(
                rate, "sure" if one == "USD" else "guess", f"USD for one {one}", one != "USD"
            )
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
            words.update(
                {
                    str(told.get(text) or word_of(column, text) or plain_word(text))
                    for text in draft.profiles[header].texts
                }
            )
        return words

    def _market(self) -> tuple[str | None, str]:
        told = self._told("market")
        if told:
            return told.most_common(1)[0][0], "of the markets that the files name"
        currency = self._currency()
        for market, known in MARKETS.items():
            if known.currency == currency:
                return market, f"as the money is {currency}"
        return None, "nothing in the files tells"

    def _currency(self) -> str | None:
        told = self._told("currency")
        if told:
            return told.most_common(1)[0][0]
        signs: Counter[str] = Counter()
        for draft in self.drafts:
            for column in draft.declared.columns:
                header = draft.header(column.name)
                if column.unit == "own currency" and header is not None and header in draft.profiles:
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
                        headers.update(dict.fromkeys(h for h in headers_of(line.value) if h in sheet.cells.columns))
        for header in headers:
            yield header, distinct(sheet, header).values

    def _needs_zone(self) -> bool:
        for kind in self.kinds:
            for _header, values in self._dated(kind.sheet, ("instant",)):
                for value in values[:200]:
                    if isinstance(value, date):
                        if getattr(value, "tzinfo", None) is None:
                            return True
                        continue
                    moment = (
                        parse_moment(str(value), "dmy") or parse_moment(str(value), "mdy")
                        if isinstance(value, str)
                        else None
                    )
                    if moment is not None and moment.at.tzinfo is None:
                        return True
                    if isinstance(value, int | float) and find_number_kind([float(value)]) in ("excel", "yyyymmdd"):
                        return True
        return False

    def of_file(self, kind: FileKind, everywhere: Mapping[str, Line]) -> dict[str, Line]:
        """How the cells of a file are written: what was found, so that later exports are read alike."""
        lines: dict[str, Line] = {}
        told = kind.sheet.told
        if told.encoding not in (None, "utf-8", "utf-8-sig"):
            lines["encoding"] = Line(told.encoding, "likely", "by its bytes: look whether names read well")
        if told.header_row not in (None, 1):
            lines["header_row"] = Line(told.header_row, "likely", "the first row that is as wide as the others")
        order = self._order(kind, everywhere)
        if order is not None:
            lines["order"] = order
        decimal = self._decimal(kind, everywhere)
        if decimal is not None:
            lines["decimal"] = decimal
        return lines

    def _order(self, kind: FileKind, everywhere: Mapping[str, Line]) -> Line | None:
        unclear = ""
        found: dict[str, str] = {}
        for header, values in self._dated(kind.sheet):
            order = decide_order([value for value in values if isinstance(value, str)])
            if order.kind in ("dmy", "mdy") and not order.conflict:
                found.setdefault(order.kind, f"{header}: {order.witness}")
            elif order.kind is None and order.witness:
                unclear = unclear or f"{header}: {order.witness}"
        if len(found) == 1:
            ((first, witness),) = found.items()
            return Line(first, "sure", f"as {witness} shows")
        if unclear and not found:
            american = everywhere.get("market") is not None and everywhere["market"].value == "US"
            first = "mdy" if american else "dmy"
            return Line(first, "guess", f"{unclear} could be the day or the month first", True)
        return None

    def _decimal(self, kind: FileKind, everywhere: Mapping[str, Line]) -> Line | None:
        found: dict[str, str] = {}
        unclear = ""
        for draft in self.drafts:
            if draft.sheet is not kind.sheet:
                continue
            for name in draft.lines:
                header = draft.header(name)
                if (
                    draft.declared.by_name[name].type not in ("measure", "count")
                    or not header
                    or header not in kind.profiles
                ):
                    continue
                marks = decide_marks(distinct(kind.sheet, header).texts)
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


def _money_of(text: str) -> str | None:
    """The currency that a sign or word beside a number says."""
    words = "".join(sign if not sign.isdigit() and sign not in ".,-+() \u00a0" else " " for sign in text).split()
    for word in words:
        found = word_of("currency", word)
        if found is None and word.upper() in CURRENCIES:
            found = word.upper()
        if found is not None:
            return found
    return None
