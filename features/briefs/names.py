"""Names that are known, and the closest of them to one that is not: what somebody may have meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rapidfuzz import fuzz, process

__all__ = ["Names", "folded"]

FEW = 2_000
"""Up to so many names a part of one may match as well (``beauty`` in "Beauty & Care"); beyond, whole names alone."""

LIKE = 70.0
"""How alike two names must be to be taken for each other, 0..100."""


def folded(name: str) -> str:
    """``name`` without case, accents and punctuation: what is the same to whoever writes it in a hurry."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(one for one in unicodedata.normalize("NFKD", plain) if one.isalnum())


class Names:
    """A set of names to look others up in.

    Parameters
    ----------
    names : iterable of str
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._by_fold: dict[str, list[str]] = {}
        for name in sorted(self._names):
            self._by_fold.setdefault(folded(name), []).append(name)
        self._folds = tuple(self._by_fold)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __len__(self) -> int:
        return len(self._names)

    def closest(self, name: str, *, most: int = 3) -> tuple[str, ...]:
        """Up to ``most`` known names that ``name`` may stand for, the likeliest first; ties in the order of names.

        Names that differ in case, accents or punctuation alone come before all others. Alike is as `rapidfuzz` has it.
        """
        asked = folded(name)
        same = self._by_fold.get(asked, [])
        if same or not asked:
            return tuple(same[:most])
        alike = process.extract(
            asked,
            self._folds,
            scorer=fuzz.WRatio if len(self._by_fold) <= FEW else fuzz.ratio,
            limit=most,
            score_cutoff=LIKE,
        )
        found = [one for fold, _, _ in sorted(alike, key=lambda hit: (-hit[1], hit[0])) for one in self._by_fold[fold]]
        return tuple(found[:most])
