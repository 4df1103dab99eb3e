"""Ready-made mappings of well-known exports: TOML files beside this module, chosen by the headers of a file.

Each says which headers it takes to be recognised (``headers``; names parted by ``|`` are the same column in different
years), what to know about the export (``notes``), and parts as a mapping file has them. Facts of TikTok Shop's exports:
headers of Affiliate Center and Compass in both generations that are in use.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from marketplace.contract import TABLES

__all__ = ["Ready", "find_ready", "ready_mappings"]


@dataclass(frozen=True)
class Ready:
    """One ready-made mapping: its name, a line, the headers that tell it, its parts by table, and words to the reader.

    ``decide`` is ``table.column`` to what a person has to decide there.
    """

    name: str
    about: str
    headers: tuple[tuple[str, ...], ...]
    parts: Mapping[str, list[dict[str, Any]]]
    notes: tuple[str, ...]
    decide: Mapping[str, str]

    def fits(self, headers: Iterable[str]) -> bool:
        """Whether a file with ``headers`` is such an export: upper and lower case make no difference."""
        there = {" ".join(header.casefold().split()) for header in headers}
        return all(any(name.casefold() in there for name in names) for names in self.headers)


@cache
def ready_mappings() -> tuple[Ready, ...]:
    """All of them; what takes more headers to be recognised comes first."""
    found = []
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
        found.append(
            Ready(
                file.stem,
                raw["about"],
                tuple(tuple(names.split("|")) for names in raw["headers"]),
                {table: raw[table] for table in TABLES if table in raw},
                tuple(raw.get("notes", ())),
                raw.get("decide", {}),
            )
        )
    return tuple(sorted(found, key=lambda one: (-len(one.headers), one.name)))


def find_ready(headers: Iterable[str]) -> Ready | None:
    """The ready-made mapping for a file with ``headers``, or None."""
    there = list(headers)
    return next((one for one in ready_mappings() if one.fits(there)), None)
