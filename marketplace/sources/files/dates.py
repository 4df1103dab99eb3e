"""Dates and clocks as people and shops write them, in the order that the whole column tells.

``03/04/2025`` alone is March in America and April elsewhere: one cell of the column with a 13th decides for all, and
where none does, that is said. Month names are known in many languages, Buddhist years are turned into common ones, and
so are Excel's serial days and seconds, milliseconds or microseconds since 1970.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pandas as pd

__all__ = [
    "KINDS",
    "Moment",
    "Order",
    "decide_order",
    "find_number_kind",
    "from_number",
    "native_moment",
    "parse_moment",
]

KINDS = ("ymd", "dmy", "mdy", "excel", "epoch_s", "epoch_ms", "epoch_us", "yyyymmdd")
"""How a column may write instants: an order of day and month, or what its numbers count."""

MONTHS = (
    "january jan januar janvier enero gennaio janeiro januari tháng ม.ค. มกราคม jän januário gen ene janv",
    "february feb februar février febrero febbraio fevereiro februari pebruari ก.พ. กุมภาพันธ์ fev févr fevr",
    "march mar märz mars marzo março maret mär mrz มี.ค. มีนาคม",
    "april apr avril abril aprile abr avr เม.ย. เมษายน",
    "may mai mayo maggio maio mei mag พ.ค. พฤษภาคม",
    "june jun juni juin junio giugno junho giu มิ.ย. มิถุนายน",
    "july jul juli juillet julio luglio julho lug juil ก.ค. กรกฎาคม",
    "august aug août agosto agustus ago agt agu ส.ค. สิงหาคม",
    "september sep sept septembre septiembre settembre setembro set ก.ย. กันยายน",
    "october oct oktober octobre octubre ottobre outubro okt out ott ต.ค. ตุลาคม",
    "november nov novembre noviembre novembro nopember พ.ย. พฤศจิกายน",
    "december dec dezember décembre diciembre dicembre dezembro desember dez dic déc des ธ.ค. ธันวาคม",
)
_MONTH = {
    unicodedata.normalize("NFKC", word).strip("."): place
    for place, words in enumerate(MONTHS, start=1)
    for word in words.split()
    if word != "tháng"
}
ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "wib": 420, "wita": 480, "wit": 540, "ict": 420, "sgt": 480, "myt": 480, "pht": 480,
    "jst": 540, "kst": 540, "cet": 60, "cest": 120, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "pst": -480,
    "pdt": -420,
}  # fmt: skip
"""Minutes east of Greenwich; of the letters that two continents share, the American ones."""

_NUMERIC = (
    r"(?P<a>\d{1,4})\s*(?:[-/.,年년]\s*|\s+)(?P<b>\d{1,2})\s*(?:[-/.,月월]\s*|\s+)(?P<c>\d{1,4})(?!\d)\s*[日일.]?"
)
_DAY_NAMED = (
    r"(?P<d1>\d{1,2})(?:st|nd|rd|th|er|º|\.)?[\s\-/]*(?:de\s+)?§(?P<m1>\d+)§\.?[\s\-/,]*(?:de\s+)?(?P<y1>\d{2,4})"
)
_NAMED_DAY = r"§(?P<m2>\d+)§\.?[\s\-/]*(?P<d2>\d{1,2})(?:st|nd|rd|th)?,?[\s\-/]+(?P<y2>\d{4})"
_CLOCK = (
    r"(?:[T\s,]+(?:um\s+|at\s+|à\s+|pukul\s+)?(?P<half1>am|pm|上午|下午|午前|午後|오전|오후)?\s*"
    r"(?P<hour>\d{1,2})(?:[:h時时시]|(?<=\d\d)\.(?=\d\d))\s*(?P<minute>\d{2})"
    r"(?:[:.m分분]\s*(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?\s*[秒分초분]?\s*(?:uhr)?\s*"
    r"(?P<half2>am|pm|a\.m\.|p\.m\.|a\.\sm\.|p\.\sm\.|sa|ch)?)?"
)
_ZONE = r"\s*\(?(?P<zone>[+-]\d{1,2}:?\d{2}|[+-]\d{2}|(?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})?|[a-z]{1,4})?\)?"
_WHOLE = re.compile(rf"^(?:{_NUMERIC}|{_DAY_NAMED}|{_NAMED_DAY}){_CLOCK}{_ZONE}$", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_][^\W\d_\u0e31-\u0e4e]*(?:[\u0e00-\u0e7f.]*[\u0e00-\u0e7f.])?")


@dataclass(frozen=True)
class Order:
    """In which order a column writes day and month.

    ``kind`` is one of `KINDS`, or None where the column tells nothing; ``witness`` is the cell that decides (or one
    that could be read both ways); ``conflict`` one that contradicts it, or empty.
    """

    kind: str | None
    witness: str = ""
    conflict: str = ""


@dataclass(frozen=True)
class Moment:
    """A cell as wall clock: ``at`` without a zone unless the cell names one; ``whole_day`` where it has no clock."""

    at: datetime
    whole_day: bool


def decide_order(texts: Iterable[str]) -> Order:
    """The order of day and month that the distinct ``texts`` of a column prove."""
    says: dict[str, str] = {}
    unclear = alike = ""
    numbers: list[str] = []
    for text in texts:
        plain = _plain(text)
        if re.fullmatch(r"\d+(?:\.\d+)?", plain):
            numbers.append(plain)
            continue
        match = _WHOLE.match(plain)
        if match is None or match["a"] is None:
            continue
        first, second, third = match["a"], int(match["b"]), match["c"]
        if len(first) >= 3:
            says.setdefault("ymd", text)
        elif int(first) > 12 or ("." in plain[: len(first) + 3] and len(third) != 1):
            says.setdefault("dmy", text)  # nobody parts a month that stands first with a full stop
        elif second > 12:
            says.setdefault("mdy", text)
        elif int(first) != second:
            unclear = unclear or text
        else:
            alike = text  # the 4th of April, whichever stands first
    if numbers and not says:
        return Order(find_number_kind(float(number) for number in numbers), numbers[0])
    both = [kind for kind in ("dmy", "mdy") if kind in says]
    if len(both) == 2:
        return Order("dmy", says["dmy"], says["mdy"])
    if both:
        return Order(both[0], says[both[0]])
    if unclear:
        return Order(None, unclear)
    return Order("dmy" if alike else "ymd", says.get("ymd", ""))


def find_number_kind(numbers: Iterable[float]) -> str | None:
    """What a column of numbers counts, by where all of them lie; None where no count of days or seconds lies there."""
    found = sorted(set(numbers))
    if not found:
        return None
    low, high = found[0], found[-1]
    if low >= 19_000_101 and high <= 22_001_231 and all(_is_calendar_day(number) for number in found[:200]):
        return "yyyymmdd"
    ranges = {
        "excel": (20_000, 80_000),
        "epoch_s": (6e8, 5e9),
        "epoch_ms": (6e11, 5e12),
        "epoch_us": (6e14, 5e15),
    }
    return next((kind for kind, (least, most) in ranges.items() if least <= low and high <= most), None)


def _is_calendar_day(number: float) -> bool:
    try:
        datetime.strptime(f"{int(number)}", "%Y%m%d")
    except ValueError:
        return False
    return number == int(number)


def from_number(number: float, kind: str) -> Moment | None:
    """A number as the moment that ``kind`` makes of it: seconds count from 1970 in UTC, Excel's days are wall clock."""
    try:
        if kind == "excel":
            at = datetime(1899, 12, 30) + timedelta(milliseconds=round(number * 86_400_000))
            return Moment(at, number == int(number))
        if kind == "yyyymmdd":
            return Moment(datetime.strptime(f"{int(number)}", "%Y%m%d"), True)
        micros = {"epoch_s": 1_000_000, "epoch_ms": 1000, "epoch_us": 1}.get(kind)
        if micros is None:
            return None
        return Moment(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(number * micros)), False)
    except (ValueError, OverflowError):
        return None


def parse_moment(text: str, kind: str) -> Moment | None:
    """``text`` as a moment, with day and month in the order ``kind``; None where it is none.

    A year first, and a month by its name, are understood whatever the kind is.
    """
    plain = _plain(text)
    if re.fullmatch(r"\d+(?:\.\d+)?", plain):
        return from_number(float(plain), kind)
    match = _WHOLE.match(plain)
    if match is None:
        return None
    day = _day(match, kind)
    clock = _clock(match)
    if day is None or clock is None:
        return None
    hour, minute, second, micros = clock
    zone = _zone(match["zone"])
    if zone is None:
        return None
    year = day[0] - 543 if day[0] >= 2400 else day[0]
    try:
        extra = timedelta(days=1) if hour == 24 and minute == 0 else timedelta()
        at = datetime(year, day[1], day[2], hour % 24 if extra else hour, minute, second, micros) + extra
    except ValueError:
        return None
    return Moment(at.replace(tzinfo=zone if isinstance(zone, timezone) else None), match["hour"] is None)


def _day(match: re.Match[str], kind: str) -> tuple[int, int, int] | None:
    if match["a"] is None:
        named = (match["y1"], match["m1"], match["d1"]) if match["m1"] else (match["y2"], match["m2"], match["d2"])
        return _year(named[0]), int(named[1]), int(named[2])
    first, second, third = match["a"], match["b"], match["c"]
    if len(first) >= 3:
        return (int(first), int(second), int(third)) if len(third) <= 2 else None
    if kind == "ymd" and len(third) <= 2:
        return _year(first), int(second), int(third)
    if len(third) not in (2, 4) or kind not in ("dmy", "mdy"):
        return None
    day, month = (first, second) if kind == "dmy" else (second, first)
    return _year(third), int(month), int(day)


def _year(text: str) -> int:
    return int(text) + (2000 if len(text) <= 2 else 0)


def _clock(match: re.Match[str]) -> tuple[int, int, int, int] | None:
    if match["hour"] is None:
        return 0, 0, 0, 0
    hour = int(match["hour"])
    half = (match["half1"] or match["half2"] or "").lower().replace(".", "").replace(" ", "")
    if half:
        if not 0 <= hour <= 12:
            return None if hour > 23 else (hour, int(match["minute"]), int(match["second"] or 0), 0)
        hour = hour % 12 + (12 if half in ("pm", "下午", "午後", "오후", "ch") else 0)
    micros = int((match["fraction"] or "0").ljust(6, "0")[:6])
    return hour, int(match["minute"]), int(match["second"] or 0), micros


def _zone(text: str | None) -> timezone | Literal[False] | None:
    """The zone that a cell names; False where it names none, None where the word is not known."""
    if not text:
        return False
    word = text.lower()
    if word in ZONES:
        return timezone(timedelta(minutes=ZONES[word]))
    match = re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?", word)
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes)) if minutes < 1440 else None


def _plain(text: str) -> str:
    """Wide signs and foreign digits as plain ones; names of months as ``§3§``, names of weekdays gone."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(str(unicodedata.digit(sign)) if sign.isdigit() and not sign.isascii() else sign for sign in text)
    text = text.strip()
    if text[:1].isdigit() and text.isascii() and not re.search("[a-zA-Z]{3}", text):
        return text
    text = re.sub(r"(?i)tháng\s*(\d{1,2})", r"§\1§", text.lower())
    text = re.sub(r"(?i)^(?:ngày|tanggal|le|el|am|den)\s+", "", text)
    text = _WORD.sub(lambda found: _named(found[0]), text)
    return re.sub(r"^[^\W\d_][^\d§]*?[,\s]\s*(?=[\d§])", "", text)


def _named(word: str) -> str:
    place = _MONTH.get(unicodedata.normalize("NFKC", word).strip("."))
    return word if place is None else f"§{place}§"


def native_moment(value: Any) -> Moment | None:
    """A date or datetime that a spreadsheet or JSON holds as such."""
    if pd.isna(value):
        return None
    at = pd.Timestamp(value).to_pydatetime(warn=False)
    return Moment(at, at.tzinfo is None and at.time() == datetime.min.time())
