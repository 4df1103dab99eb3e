"""A file that its user picks: small enough to come over the page's own connection."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

from nicegui.element import Element
from nicegui.events import GenericEventArguments

__all__ = ["LARGEST", "FilePicker"]

LARGEST = 2_000_000
"""Bytes that a file may have."""


class FilePicker(Element, component="file.js"):
    """A field for one file.

    Parameters
    ----------
    label, hint : str
        Its name, and a line below it.
    accept : str
        Endings, commas between.
    on_pick : callable
        Told the file's name and bytes.
    """

    def __init__(self, label: str, *, accept: str, hint: str, on_pick: Callable[[str, bytes], Awaitable[None]]) -> None:
        super().__init__()
        self._told = on_pick
        self._props |= {"label": label, "accept": accept, "hint": hint, "largest": LARGEST}
        self.on("picked", self._picked)

    async def _picked(self, event: GenericEventArguments) -> None:
        try:
            name, content = str(event.args["name"]), base64.b64decode(event.args["content"], validate=True)
        except (TypeError, KeyError, ValueError, binascii.Error):
            return
        if len(content) <= LARGEST:
            await self._told(name, content)
