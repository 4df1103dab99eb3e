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

_NUMBER = {"filter": "agNumberColumnFilter", "type": "rightAligned"}


def _columns(names: Sequence[str], meanings: Mapping[str, str]) -> list[dict[str, Any]]:
    def column(field: str, head: str, width: int, told: str = "", **more: Any) -> dict[str, Any]:
        return {"field": field, "headerName": head, "width": width, "headerTooltip": told or None, **more}

    def told(name: str, otherwise: str) -> str:
        return meanings.get(name, otherwise)

    return [
        column("place", "#", 66, "Place in the ranking", type="rightAligned", pinned="left", **{":cellRenderer": "collabrank.place"}),
        column(
            "name", "Creator", 190, filter="agTextColumnFilter", pinned="left", **{":cellRenderer": "collabrank.name"}
        ),
        column("score", "Score", 112, told("score", ""), **_NUMBER, **{":cellRenderer": "collabrank.meter"}),
        column(
            "u", "Expected profit", 210, told("utility", "What inviting is expected to add, costs taken off; bar: 80 %"),
            **_NUMBER, **{":cellRenderer": "collabrank.money"},
        ),
        column("p", "Chance of content", 128, told("success_probability", ""), **_NUMBER,
               **{":valueFormatter": "p => p.data?.p_text ?? ''"}),
        column("l", "Extra sales", 210, told("lift", ""), **_NUMBER, **{":cellRenderer": "collabrank.money"}),
        *(
            column(f"i_{name}", index_name(name), 128, told(name, ""), **_NUMBER, **{":cellRenderer": "collabrank.meter"})
            for name in names
        ),
        column("confidence", "Known", 108, "Mean confidence of the indices, 0 to 100", **_NUMBER,
               **{":cellRenderer": "collabrank.known"}),
        column("followers", "Followers", 112, **_NUMBER, **{":valueFormatter": "p => p.data?.followers_text ?? ''"}),
        column("reason", "Strongest reason", 340, sortable=False, **{
            ":valueGetter": "p => p.data?.why?.[0] ?? ''", ":tooltipValueGetter": "p => collabrank.reasons(p)",
        }),
    ]  # fmt: skip


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
                    "defaultColDef": {"sortable": True, "resizable": True, "suppressHeaderMenuButton": True, "suppressHeaderFilterButton": True},
                    "rowHeight": 38,
                    "headerHeight": 40,
                    "rowSelection": {
                        "mode": "multiRow",
                        "checkboxes": True,
                        "headerCheckbox": False,
                        "enableClickSelection": False,
                    },
                    "selectionColumnDef": {"pinned": "left", "width": 44},
                    "animateRows": True,
                    "tooltipShowDelay": 350,
                    "suppressCellFocus": False,
                    "suppressFieldDotNotation": True,
                    "ensureDomOrder": True,
                    "overlayNoRowsTemplate": "<span>Nobody to show</span>",
                    ":getRowId": "p => p.data.id",
                    ":onRowClicked": "e => collabrank.clicked(e)",
                    ":onCellKeyDown": "e => collabrank.pressed(e)",
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

    def give_reasons(self, reasons: Mapping[str, Sequence[str]]) -> None:
        """Give the rows of these creators their reasons; the order stays."""
        self._run(f"collabrank.explain({self._grid.id}, {json.dumps(reasons)})")

    def show_filters(self, shown: bool) -> None:
        """Show or hide a line of filters under the heads."""
        self._run(f"collabrank.filters({self._grid.id}, {json.dumps(shown)})")

    def clear_choice(self) -> None:
        """Select nobody."""
        self._grid.run_grid_method("deselectAll")

    def _run(self, code: str) -> None:
        self._grid.client.run_javascript(code)
