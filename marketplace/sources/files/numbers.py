"""Numbers as people and shops write them: ``1.234,56``, ``1 234.5``, ``12.3K``, ``1.2万``, ``Rp1.234.567``, ``15 %``.

Which mark parts the decimals is decided by the whole column, never cell by cell: ``1.234`` alone tells nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Marks", "decide_marks", "is_percent", "parse_number"]

POWERS = {
    "k": 3, "rb": 3, "ribu": 3, "tsd": 3, "mil": 3, "nghìn": 3, "ngàn": 3, "n": 3, "พัน": 3, "千": 3, "천": 3,
    "หมื่น": 4, "万": 4, "萬": 4, "만": 4, "w": 4, "แสน": 5,
    "m": 6, "mn": 6, "mio": 6, "mln": 6, "mi": 6, "jt": 6, "juta": 6, "tr": 6, "triệu": 6,
    "ล้าน": 6, "百万": 6, "백만": 6,
    "億": 8, "亿": 8, "억": 8, "b": 9, "bn": 9, "mrd": 9, "miliar": 9, "tỷ": 9,
}  # fmt: skip
"""A word after a number, to the power of ten that it stands for."""

MONEY = {
    "rp", "idr", "rm", "myr", "php", "p", "sgd", "s", "thb", "b", "บาท", "vnd", "vnđ", "đ", "d", "gbp", "usd", "us",
    "eur", "euro", "jpy", "円", "元", "cny", "rmb", "twd", "nt", "brl", "r", "mxn", "mx", "hk", "hkd", "chf", "a",
    "aud", "sar", "aed", "krw", "원", "pln", "zł", "sek", "kr",
}  # fmt: skip
"""Words before or after a number that say its currency; signs such as ฿ are known as signs."""

SHIFTS = {"%": -2, "‰": -3, "bp": -4, "bps": -4, "‱": -4}

_SCIENTIFIC = re.compile(r"[-+]?\d+(?:[.,]\d+)?e[-+]?\d+")
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009'’`´٬]")
_SHAPE = re.compile(
    r"^(?P<open>\()?\s*(?P<sign>[-+−])?\s*(?P<before>[^\d\-+−.,(]*?)(?:(?<=[^\W\d_])\.)?\s*(?P<sign2>[-+−])?"
    r"(?P<number>\d[\d.,\s\u00a0\u202f\u2009'’`´٬٫]*|[.,]\d+)(?P<after>.*?)(?P<close>\))?$",
    re.DOTALL,
)


@dataclass(frozen=True)
class Marks:
    """How a column writes numbers.

    Attributes
    ----------
    decimal : {".", ","} or None
        None where the column tells nothing (``1.234`` throughout).
    witness : str
        The cell that decides; where nothing does, one that could be read both ways; empty where no cell has a mark.
    conflict : str
        A cell that contradicts the witness, or empty.
    """

    decimal: str | None
    witness: str = ""
    conflict: str = ""


def decide_marks(texts: Iterable[str]) -> Marks:
    """Which mark parts the decimals, by the distinct ``texts`` of a column; what is no number says nothing."""
    says: dict[str, str] = {}
    unclear = ""
    for text in texts:
        plain = _plain(text)
        match = _SHAPE.match(plain)
        if match is None or _SCIENTIFIC.fullmatch(plain) or _power(match["after"]) is None:
            continue
        core = _SPACES.sub("", match["number"]).rstrip(".,")
        found = _decimal_of(core) if not _power(match["after"]) else None
        if found is None:
            continue
        if not found and any(sign in SHIFTS for sign in _words(match["after"])):
            found = "," if "," in core else "."  # 19,000 % is 19: nobody gives away a thousand times the price
        if found:
            says.setdefault(found, text)
        else:
            unclear = unclear or text
    if len(says) == 2:
        first, second = says.items()
        return Marks(first[0], first[1], second[1])
    if says:
        ((decimal, witness),) = says.items()
        return Marks(decimal, witness)
    return Marks(None, unclear) if unclear else Marks(".")


def _decimal_of(core: str) -> str | None:
    """The decimal mark that ``core`` proves; empty where it may be read both ways, None where it has no mark."""
    marks = [sign for sign in core if sign in ".,"]
    if not marks:
        return None
    if len(set(marks)) == 2:
        return marks[-1]
    mark, other = marks[0], "," if marks[0] == "." else "."
    if len(marks) > 1:
        return other
    whole, _, rest = core.partition(mark)
    if len(rest) != 3 or not 1 <= len(whole) <= 3 or whole.startswith("0"):
        return mark
    return ""


def is_percent(text: str) -> bool:
    """Whether the cell itself says that it is a share of a hundred, a thousand or ten thousand."""
    match = _SHAPE.match(_plain(text))
    return match is not None and any(sign in SHIFTS for sign in _words(match["after"]))


def parse_number(text: str, decimal: str, *, shift: int = 0) -> float | None:
    """``text`` as a number; None where it is none.

    Parameters
    ----------
    decimal : {".", ","}
        The other one parts thousands, and so do spaces and apostrophes.
    shift : int
        Tens that its unit stands for: -2 for percent. A sign in the cell (``%``, ``bp``) goes before it.
    """
    plain = _plain(text)
    if _SCIENTIFIC.fullmatch(plain):
        mantissa, _, power_text = plain.replace(",", ".").partition("e")
        return float(f"{mantissa}e{int(power_text) + shift}")
    match = _SHAPE.match(plain)
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    power = _power(match["after"])
    if power is None or not all(word in MONEY or word == "" for word in _words(match["before"])):
        return None
    core = _SPACES.sub("", match["number"]).replace("٫", decimal)
    core = re.sub(r"[.,]+$", "", core)
    signs = [sign for sign in (match["sign"], match["sign2"]) if sign]
    if len(signs) > 1:
        return None
    shifts = [SHIFTS[word] for word in _words(match["after"]) if word in SHIFTS]
    if power and len(re.findall("[.,]", core)) == 1:
        core = core.replace(",", ".")  # nobody writes thousands of thousands with marks: 12,3 rb is 12.3 rb
    else:
        other = "," if decimal == "." else "."
        whole, _, rest = core.partition(decimal)
        if other in rest or decimal in rest or not _grouped(whole, other):
            return None
        core = whole.replace(other, "") + (f".{rest}" if rest else "")
    negative = bool(match["open"]) or (bool(signs) and signs[0] != "+")
    exponent = power + (shifts[0] if shifts else shift)
    return float(f"{'-' if negative else ''}{core or '0'}e{exponent}")


def _grouped(whole: str, mark: str) -> bool:
    """Whether thousands are parted in threes (or, as in India, in twos before the last three)."""
    if mark not in whole:
        return whole.isdigit() or whole == ""
    return re.fullmatch(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{2,3}})*{re.escape(mark)}\d{{3}}", whole) is not None


def _plain(text: str) -> str:
    """Wide letters and foreign digits as plain ones, lower case, German ``,-`` gone."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(str(unicodedata.digit(sign)) if sign.isdigit() and not sign.isascii() else sign for sign in text)
    return re.sub(r"[.,](?:-|–|—|-{2})$", "", text.strip().lower())


def _words(text: str) -> list[str]:
    """The words and signs around a number, currency signs left out."""
    found = re.findall(r"[^\W\d_]+[\u0e00-\u0e7f]*|[%‰‱]|\S", text)
    return [word for word in found if not (len(word) == 1 and unicodedata.category(word) == "Sc") and word != "/"]


def _power(after: str) -> int | None:
    """The power of ten that the words after a number say; None where a word is not known."""
    power = 0
    for word in _words(after):
        if word in POWERS:
            power += POWERS[word]
        elif word not in MONEY and word not in SHIFTS and word not in (".", "+"):
            return None
    return power
