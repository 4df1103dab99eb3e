"""One account is one id, however it is spelt: ``@Budi.Style``, ``budi.style `` and a link to its page are the same.

Where files know accounts by name alone, the name as it is spelt plainest is the id: it stays the same from export to
export. Two spellings of one account are told, for they may be a slip.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

__all__ = ["SPELLINGS", "plain_name", "plain_username", "spelt_differently"]

_PAGE = re.compile(r"^(?:https?://)?(?:www\.|m\.)?[a-z]+\.(?:com|net|tv)/@?(?P<name>[^/?#\s]+).*$")
_UNSEEN = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]")


def plain_username(text: str) -> str:
    """An account's name in one spelling: lower case, ordinary width, without @, spaces and the address of its page."""
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).strip().casefold()
    page = _PAGE.match(plain)
    if page is not None:
        plain = page["name"]
    return re.sub(r"\s+", "", plain).lstrip("@")


def plain_name(text: str) -> str:
    """A name of anything else in one spelling: lower case, ordinary width, single spaces."""
    return " ".join(_UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold().split())


SPELLINGS: Mapping[str, Callable[[str], str]] = MappingProxyType({"username": plain_username, "name": plain_name})
"""How an id is made of what a file spells, by the word that a mapping says (``spelling = "username"``)."""


def spelt_differently(texts: Iterable[str], spelling: str) -> dict[str, list[str]]:
    """Ids that the distinct ``texts`` spell in more than one way, with the spellings in the order they come."""
    found: dict[str, list[str]] = {}
    for text in texts:
        ways = found.setdefault(SPELLINGS[spelling](text), [])
        if text not in ways:
            ways.append(text)
    return {plain: ways for plain, ways in found.items() if len(ways) > 1}
