"""Where reports lie: ``var/reports``, a JSON document and a page for each campaign, and a list of all of them.

Files get there whole. The list is made from the documents that are there, so that it can always be made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from marketplace.errors import HomeError
from marketplace.jsonable import json_text
from marketplace.progress import say
from marketplace.state import alone, state_folder, write_whole
from training.results.report import CampaignReport

__all__ = ["INDEX", "file_stem", "page_of", "reports_folder", "shelve"]

INDEX = "index.json"
"""``{"reports": [...]}``, newest brief first: the keys of `training.results.CampaignReport.entry`, with ``written_at``
and ``file``, the name without its ending."""


def reports_folder() -> Path:
    """``var/reports`` of this home."""
    return state_folder("reports")


def file_stem(campaign_id: str) -> str:
    """The name of a campaign's files without the ending: the id, what a file name may not hold spelt in percent."""
    stem = quote(campaign_id, safe=" ")
    return f"%{ord(stem[0]):02X}{stem[1:]}" if stem.startswith(".") or stem == "index" else stem


def page_of(campaign_id: str) -> Path:
    """Where the page of a campaign's report lies in this home, once there is one."""
    return reports_folder() / f"{file_stem(campaign_id)}.html"


def shelve(reports: Iterable[CampaignReport], folder: Path | None = None) -> list[Path]:
    """Write each report as ``.json`` and ``.html``, then the list; the pages, in order.

    An earlier report of the same campaign is replaced.

    Raises
    ------
    HomeError
        The folder cannot be made, or another process is writing the list.
    """
    folder = reports_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for one in reports:
        told = one.as_dict() | {"entry": one.entry()}
        stem = file_stem(one.campaign_id)
        pages.append(folder / f"{stem}.html")
        # The document last: the list is made of documents, and whoever finds one there finds its page.
        write_whole(pages[-1], one.to_html().encode())
        write_whole(folder / f"{stem}.json", (json_text(told, indent=1) + "\n").encode())
    refused = HomeError("nobody else who writes reports", received="another process does", look=str(folder))
    with alone(folder / ".lock", refused):
        write_whole(folder / INDEX, (json_text({"reports": _entries(folder)}, indent=1) + "\n").encode())
    return pages


def _entries(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.glob("*.json")):
        if path.name == INDEX:
            continue
        try:
            entry = dict(json.loads(path.read_text(encoding="utf-8"))["entry"])
            order = (str(entry["briefed_at"]), str(entry["campaign_id"]))
        except (OSError, ValueError, KeyError, TypeError):
            say(f"{path} is no report, and is left out of the list")
            continue
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        found.append((order, {**entry, "written_at": written, "file": path.stem}))
    return [entry for _, entry in sorted(found, key=lambda one: one[0], reverse=True)]
