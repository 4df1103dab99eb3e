"""The signs of the menu and of buttons: strokes on a field of 24 by 24, drawn in the text's colour."""

from __future__ import annotations

from nicegui import ui

__all__ = ["SIGNS", "sign"]

SIGNS = {
    "brief": "M7 3h7l5 5v13H7zM14 3v5h5M10 13h6M10 17h6",
    "ranking": "M4 6h10M4 12h16M4 18h7",
    "budget": "M4 19V5M4 19h16M8 15l4-5 3 3 5-7",
    "creator": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c1-5 4-6 8-6s7 1 8 6",
    "categories": "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
    "models": "M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5",
    "results": "M5 21V10M12 21V4M19 21v-8",
    "shortlist": "M6 4h12v17l-6-4-6 4z",
    "download": "M12 4v11M7 11l5 5 5-5M4 20h16",
    "send": "M4 12l16-8-6 16-3-7z",
    "search": "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20",
    "close": "M6 6l12 12M18 6L6 18",
    "plus": "M12 5v14M5 12h14",
    "print": "M7 8V3h10v5M7 17H4V8h16v9h-3M7 14h10v7H7z",
    "warning": "M12 4l9 16H3zM12 10v5M12 17.5v.5",
}
"""Path data by name."""


def sign(name: str) -> ui.html:
    """Draw a sign; it says nothing to a screen reader."""
    return ui.html(
        f'<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{SIGNS[name]}"/></svg>',
        sanitize=False,
        tag="span",
    ).classes("cr-sign")
