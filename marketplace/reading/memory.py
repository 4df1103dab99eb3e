"""How much memory the database inside the process may use, and where it writes what is more: it never ends the work."""

from __future__ import annotations

import os
import re
from typing import Any

from marketplace.errors import HomeError
from marketplace.state import state_folder

__all__ = ["DEFAULT_MEMORY", "bound_memory", "memory"]

DEFAULT_MEMORY = "50%"
"""Of the machine's memory, or of what the container was given; the rest is for what is read out of the database."""

_SIZE = re.compile(r"\d+(?:\.\d+)?(?:%|[KMGT]I?B)", re.IGNORECASE)


def memory() -> str:
    """The bound that ``COLLABRANK_MEMORY`` sets, a size such as ``6GB`` or a share such as ``30%``.

    Raises
    ------
    HomeError
        It is neither.
    """
    asked = os.environ.get("COLLABRANK_MEMORY", "").strip()
    if not asked:
        return DEFAULT_MEMORY
    if not _SIZE.fullmatch(asked):
        raise HomeError("COLLABRANK_MEMORY as a size such as 6GB or a share such as 30%", received=asked,
                        look="docs/scale.md")  # fmt: skip
    return asked


def bound_memory(connection: Any) -> None:
    """Hold a DuckDB ``connection`` to `memory`; what is more goes to ``var/spill``, and is removed as it closes.

    A home that cannot be written to leaves it to the database where that goes.

    Raises
    ------
    HomeError
        ``COLLABRANK_MEMORY`` cannot be read.
    """
    connection.execute(f"SET memory_limit='{memory()}'")
    try:
        folder = str(state_folder("spill"))
    except HomeError:
        return
    connection.execute(f"SET temp_directory='{folder.replace(chr(39), 2 * chr(39))}'")
