"""What a bundle keeps of the signals: their contract's hash and their words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["SignalLike", "SignalWords", "signals_sha256", "words_of"]


class SignalLike(Protocol):
    """The part of a signal's declaration that a bundle depends on; ``window`` is of any type that ``str`` spells."""

    @property
    def name(self) -> str: ...
    @property
    def entity(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def window(self) -> Any: ...
    @property
    def doc(self) -> str: ...


@dataclass(frozen=True)
class SignalWords:
    """A signal's unit and its first line of description, for the reasons shown to people."""

    unit: str
    doc: str


def signals_sha256(signals: Iterable[SignalLike]) -> str:
    """SHA-256 (hex) over name, entity, unit and window of every signal, in order.

    Two sets of signals with the same hash may stand in for each other in a matrix.
    """
    rows = [[one.name, str(one.entity), one.unit, "" if one.window is None else str(one.window)] for one in signals]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def words_of(signals: Iterable[SignalLike]) -> dict[str, SignalWords]:
    """Every signal's words: the unit, and the first sentence of its docstring without the full stop."""
    words = {}
    for one in signals:
        first = " ".join(one.doc.strip().split("\n\n")[0].split())
        sentence = first.split(". ")[0].rstrip(".")
        words[one.name] = SignalWords(unit=one.unit, doc=sentence)
    return words
