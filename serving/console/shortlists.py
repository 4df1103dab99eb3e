"""Shortlists: creators picked from a ranking, kept with what was foretold of them then, to take away or push on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from serving.console.asking import Asking
from serving.console.export import Cell, csv_of, xlsx_of
from serving.console.kept import Kept, KeptThing
from serving.console.pieces import index_name
from serving.console.ranked import Row, unsigned

__all__ = ["KIND", "add_to_shortlist", "as_message", "cells_of", "file_answer", "heads_of"]

KIND = "shortlists"

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MOST = 1000
"""Creators on one list."""


def add_to_shortlist(
    kept: Kept,
    identity: str | None,
    name: str,
    rows: Iterable[Row],
    *,
    asking: Asking,
    currency: str,
    model_version: str,
) -> tuple[KeptThing, int]:
    """Add rows to a list, or begin one; returns it, and how many are new on it.

    A creator who is on it already is told of anew, in the same place.
    """
    thing = kept.one(KIND, identity) if identity else None
    held: dict[str, Row] = {} if thing is None else {row["id"]: row for row in thing.what["rows"]}
    before = len(held)
    added = datetime.now(UTC).strftime("%Y-%m-%d")
    for row in rows:
        held[row["id"]] = {**row, "added": held.get(row["id"], {}).get("added", added)}
    what = {
        "query": asking.query,
        "brief": asking.title,
        "currency": currency,
        "model_version": model_version,
        "rows": list(held.values())[:MOST],
    }
    made = kept.put(KIND, name if thing is None else thing.name, what, identity=identity)
    return made, len(made.what["rows"]) - before


def heads_of(rows: Sequence[Row], currency: str) -> list[str]:
    """Heads of the table that is taken away."""
    return [
        "Place",
        "Creator id",
        "Username",
        "Slot",
        "Score",
        f"Expected profit ({currency})",
        "Low (80 %)",
        "High (80 %)",
        "Chance of content (%)",
        *(["Chance that nothing is posted (%)"] if any("nothing" in row for row in rows) else []),
        f"Extra sales ({currency})",
        "Low (80 %)",
        "High (80 %)",
        *(head for name in _indices(rows) for head in (index_name(name), f"{index_name(name)}: known (0-100)")),
        "Known (0-100)",
        "Followers",
        "Reasons",
    ]


def cells_of(rows: Sequence[Row]) -> list[list[Cell]]:
    """The cells under `heads_of`."""
    names = _indices(rows)
    nothing = any("nothing" in row for row in rows)
    return [
        [
            row["place"],
            row["id"],
            row["name"],
            row["slot"],
            row["score"],
            row["u"],
            row["u_low"],
            row["u_high"],
            row["p"],
            *([row.get("nothing")] if nothing else []),
            row["l"],
            row["l_low"],
            row["l_high"],
            *(cell for name in names for cell in (row.get(f"i_{name}"), row.get(f"d_{name}", (None,) * 3)[2])),
            row["confidence"],
            row["followers"],
            "\n".join(unsigned(reason) for reason in row.get("why", ())),
        ]
        for row in rows
    ]


def file_answer(title: str, currency: str, rows: list[Row], ending: str) -> Response:
    """Rows as a file to save."""
    heads, cells = heads_of(rows, currency), cells_of(rows)
    if ending == "csv":
        content, kind = csv_of(heads, cells), "text/csv; charset=utf-8"
    else:
        content, kind = xlsx_of(heads, cells, title=title), _XLSX
    return Response(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="creators.{ending}"'}
    )


def as_message(thing: KeptThing) -> dict[str, Any]:
    """A list as it is pushed to a webhook."""
    rows: list[Row] = thing.what["rows"]
    return {
        "event": "shortlist",
        "id": thing.id,
        "name": thing.name,
        "brief": thing.what["brief"],
        "asked": thing.what["query"],
        "model_version": thing.what["model_version"],
        "currency": thing.what["currency"],
        "creators": [
            {
                "creator_id": row["id"],
                "username": row["name"],
                "place": row["place"],
                "score": row["score"],
                "expected_profit": {"expected": row["u"], "low": row["u_low"], "high": row["u_high"]},
                "success_probability": row["p"] / 100,
                "lift": {"expected": row["l"], "low": row["l_low"], "high": row["l_high"]},
                "reasons": row.get("why", []),
            }
            for row in rows
        ],
    }


def _indices(rows: Sequence[Row]) -> list[str]:
    return [name.removeprefix("i_") for name in (rows[0] if rows else {}) if name.startswith("i_")]
