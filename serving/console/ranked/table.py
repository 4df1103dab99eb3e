"""The ranking's table: AG Grid, which sorts and filters every number where it is looked at.

The rows go to the browser as data and are drawn there (``static/console.js``) as text and bars, never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from serving.console.pieces import index_name, tidy
from serving.console.ranked.rows import Row

__all__ = ["RankingTable"]


def _columns(names: Sequence[str], meanings: Mapping[str, str]) -> list[dict[str, Any]]:
    def column(field: str, head: str, width: int, told: str = "", **more: Any) -> dict[str, Any]:
        return {"field": field, "headerName": head, "width": width, "headerTooltip": told or None, **more}

    def number(field: str, head: str, width: int, drawn: str, told: str = "") -> dict[str, Any]:
        # Of a number one wants the most first.
        order = ["desc", "asc", None]
        kind = {"filter": "agNumberColumnFilter", "type": "rightAligned", "sortingOrder": order}
        return column(field, head, width, told, **kind, **_by(drawn))

    def told(name: str, otherwise: str = "") -> str:
        return meanings.get(name, otherwise)

    left: dict[str, Any] = {"pinned": "left"}
    reason = {
        ":valueGetter": "p => p.data?.why?.[0] ?? ''",
        ":tooltipValueGetter": "p => collabrank.reasons(p)",
    }
    profit = told("utility", "What inviting is expected to add, costs taken off; the bar holds 80 %")
    return [
        column("place", "#", 66, "Place in the ranking", type="rightAligned", **left, **_by("place")),
        column("name", "Creator", 190, filter="agTextColumnFilter", **left, **_by("name")),
        number("score", "Score", 112, "meter", told("score")),
        number("u", "Expected profit", 210, "money", profit),
        number("p", "Chance of content", 158, "percent", told("success_probability")),
        number("l", "Extra sales", 210, "money", told("lift")),
        *(number(f"i_{name}", index_name(name), 132, "meter", told(name)) for name in names),
        number("confidence", "Known", 112, "known", "Mean confidence of the indices, 0 to 100"),
        number("followers", "Followers", 112, "followers"),
        column("reason", "Strongest reason", 460, sortable=False, **reason, **_by("reason")),
    ]


def _by(drawn: str) -> dict[str, str]:
    """What draws the cell: a function of ``static/console.js``."""
    return {":cellRenderer": f"collabrank.{drawn}"}


class RankingTable:
    """The table, empty until it is filled.

    Parameters
    ----------
    names : sequence of str
        The indices, in their order.
    meanings : mapping
        What a prediction or an index says, by its name.
    """

    def __init__(self, names: Sequence[str], meanings: Mapping[str, str], *, label: str) -> None:
        self.filled = 0
        with ui.element("div").classes("cr-grid").props(f'role="region" aria-label="{tidy(label)}"'):
            self._grid = ui.aggrid(
                {
                    "columnDefs": _columns(names, meanings),
                    "rowData": [],
                    "defaultColDef": {
                        "sortable": True,
                        "resizable": True,
                        "suppressHeaderMenuButton": True,
                        "suppressHeaderFilterButton": True,
                    },
                    "rowHeight": 38,
                    "headerHeight": 40,
                    "rowSelection": {
                        "mode": "multiRow",
                        "checkboxes": True,
                        "headerCheckbox": False,
                        "enableClickSelection": False,
                    },
                    "selectionColumnDef": {"pinned": "left", "width": 62, "headerName": "Pick"},
                    "animateRows": True,
                    "tooltipShowDelay": 350,
                    "suppressCellFocus": False,
                    "suppressFieldDotNotation": True,
                    "ensureDomOrder": True,
                    "overlayNoRowsTemplate": "<span>Nobody to show</span>",
                    ":getRowId": "p => p.data.id",
                    ":onRowClicked": "e => collabrank.clicked(e)",
                    ":onCellKeyDown": "e => collabrank.pressed(e)",
                    ":onSortChanged": "e => collabrank.ordered(e.api)",
                    ":onFilterChanged": "e => collabrank.ordered(e.api)",
                    ":onSelectionChanged": "e => emitEvent('chosen', e.api.getSelectedNodes().map(n => n.data.id))",
                },
                theme="quartz",
                auto_size_columns=False,
            )

    def fill(self, rows: Sequence[Row], *, anew: bool = False) -> None:
        """Show ``rows`` in their order; ``anew`` forgets what was selected and sorted."""
        self.filled += 1
        text = json.dumps([rows, self.filled, anew], ensure_ascii=True, separators=(",", ":"))
        self._run(f"collabrank.fill({self._grid.id}, {text})")

    def give_reasons(self, reasons: Mapping[str, Row]) -> None:
        """Give the rows of these creators what `serving.console.ranked.rows.reasons_of` says; the order stays."""
        self._run(f"collabrank.explain({self._grid.id}, {json.dumps(reasons)})")

    def show_filters(self, shown: bool) -> None:
        """Show or hide a line of filters under the heads."""
        self._run(f"collabrank.filters({self._grid.id}, {json.dumps(shown)})")

    def by_rank(self) -> None:
        """Sort by no column: the order of the ranking."""
        self._run(f"collabrank.byRank({self._grid.id})")

    def clear_choice(self) -> None:
        """Select nobody."""
        self._grid.run_grid_method("deselectAll")

    def _run(self, code: str) -> None:
        self._grid.client.run_javascript(code)
