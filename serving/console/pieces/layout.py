"""Text, buttons, panels and tables, and what a page says when there is nothing to show, or something went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from marketplace.text import printable
from serving.console.pieces.signs import sign
from serving.console.pieces.wording import said_of

__all__ = [
    "button",
    "columns",
    "empty_state",
    "facts",
    "form",
    "link",
    "notice",
    "panel",
    "plain_table",
    "refusal_panel",
    "submit_button",
    "text",
    "tidy",
    "waiting",
]


_LONG = 24
"""Letters from which a link in a table may be cut short, and says the whole when it is pointed at."""


def tidy(value: str) -> str:
    """``value`` as the value of one of NiceGUI's props: quoted, whatever is in it."""
    value = printable(value, lines=True)
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def text(content: str, *, tag: str = "span", classes: str = "") -> TextElement:
    """Text in an element of its own; a name of unknown direction is to be given ``dir="auto"``.

    Marks that would turn the direction of what they stand in are spelt out: no name reads as another.
    """
    made = TextElement(tag=tag, text=printable(content, lines=True))
    if classes:
        made.classes(classes)
    return made


def button(
    label: str, on_click: Callable[..., Any] | None = None, *, kind: str = "plain", icon: str = "", title: str = ""
) -> ui.element:
    """A button: ``primary``, ``plain``, ``quiet`` or ``bare``; ``title`` is its name where ``label`` is empty."""
    made = ui.element("button").props('type="button"').classes(f"cr-button cr-{kind}")
    if title:
        made.props(f'aria-label="{tidy(title)}" title="{tidy(title)}"')
    with made:
        if icon:
            sign(icon)
        if label:
            text(label)
    if on_click is not None:
        made.on("click", on_click, args=[])
    return made


@contextmanager
def form(on_submit: Callable[[], Any], *, classes: str = "") -> Iterator[ui.element]:
    """A form; ``on_submit`` is called by its button or by Enter, after its fields have told what was typed last."""
    with ui.element("form").classes(classes) as made:
        yield made
    made.on("submit.prevent", on_submit, args=[])


def submit_button(label: str, *, kind: str = "primary") -> ui.element:
    """The button that sends the form it lies in."""
    with ui.element("button").props('type="submit"').classes(f"cr-button cr-{kind}") as made:
        text(label)
    return made


def link(label: str, target: str, *, kind: str = "", icon: str = "", new_tab: bool = False) -> ui.element:
    """A link to a path of the console, or to an http address elsewhere; ``kind`` makes it look like a button."""
    if urlsplit(target).scheme not in ("", "http", "https"):
        target = "#"
    made = ui.element("a").props(f'href="{tidy(target)}"')
    made.classes(f"cr-button cr-{kind}" if kind else "cr-link")
    if len(label) > _LONG:
        made.props(f'title="{tidy(label)}"')
    if new_tab:
        made.props('target="_blank" rel="noopener noreferrer"')
    with made:
        if icon:
            sign(icon)
        text(label).props('dir="auto"')
    return made


@contextmanager
def panel(title: str = "", *, about: str = "", classes: str = "", level: int = 2) -> Iterator[ui.element]:
    """A panel with a heading; what is drawn in the block lies in it."""
    with ui.element("section").classes(f"cr-panel {classes}") as made:
        if title:
            text(title, tag=f"h{level}")
            made.props(f'aria-label="{tidy(title)}"')
        if about:
            text(about, tag="p", classes="cr-quiet cr-small")
        yield made


@contextmanager
def columns(*, narrow: bool = False) -> Iterator[ui.element]:
    """Panels side by side where there is room, else below one another."""
    with ui.element("div").classes("cr-columns cr-narrow" if narrow else "cr-columns") as made:
        yield made


def notice(content: str, *, kind: str = "info") -> ui.element:
    """A line that says something about the page: ``info``, ``warn``, ``bad`` or ``good``."""
    made = ui.element("p").classes(f"cr-notice cr-{kind}").props(f'role="{"alert" if kind == "bad" else "status"}"')
    with made:
        text(content).props('dir="auto"')
    return made


@contextmanager
def empty_state(title: str, about: str = "") -> Iterator[ui.element]:
    """What stands where there is nothing; the block may draw what to do about it."""
    with ui.element("div").classes("cr-empty").props('role="status"') as made:
        text(title, tag="p", classes="cr-empty-title")
        if about:
            text(about, tag="p", classes="cr-quiet")
        yield made


def refusal_panel(error: Exception, *, again: Callable[[], Any] | None = None) -> ui.element:
    """What went wrong, in words; ``again`` is what the button tries."""
    happened, cure = said_of(error)
    with ui.element("div").classes("cr-empty cr-failed").props('role="alert"') as made:
        text(happened, tag="p", classes="cr-empty-title").props('dir="auto"')
        text(cure, tag="p", classes="cr-quiet").props('dir="auto"')
        for problem in getattr(error, "problems", ())[1:]:
            said = f"Also expected {problem.expected}; received {problem.received}."
            text(said, tag="p", classes="cr-quiet cr-small").props('dir="auto"')
        if again is not None:
            button("Try again", again, kind="plain")
    return made


def waiting(lines: int = 3, *, label: str = "Loading") -> ui.element:
    """Grey lines where something is on its way."""
    with ui.element("div").classes("cr-waiting").props(f'role="status" aria-label="{tidy(label)}"') as made:
        for _ in range(lines):
            ui.element("span")
    return made


def facts(pairs: Iterable[tuple[str, str]]) -> ui.element:
    """Names and values, one pair a line."""
    with ui.element("dl").classes("cr-facts") as made:
        for name, value in pairs:
            with ui.element("div"):
                text(name, tag="dt")
                text(value, tag="dd").props('dir="auto"')
    return made


def plain_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str | Callable[[], Any]]],
    *,
    caption: str,
    numeric: Sequence[int] = (),
) -> ui.element:
    """A table with a caption for who cannot see it; a cell is text, or a function that draws it."""
    made = ui.element("div").classes("cr-scroll").props(f'tabindex="0" role="region" aria-label="{tidy(caption)}"')
    with made, ui.element("table").classes("cr-table"):
        text(caption, tag="caption", classes="cr-hidden")
        with ui.element("thead"), ui.element("tr"):
            for place, head in enumerate(heads):
                text(head, tag="th", classes="cr-number" if place in numeric else "").props('scope="col" dir="auto"')
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    for place, cell in enumerate(row):
                        with ui.element("td").classes("cr-number" if place in numeric else "").props('dir="auto"'):
                            if callable(cell):
                                cell()
                            else:
                                text(cell)
    return made
