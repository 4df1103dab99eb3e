"""A hook of MkDocs: links to files outside ``docs/`` become the files' names, for the site holds the pages alone.

In the repository the same links lead to the code.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

__all__ = ["on_page_markdown"]

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>(?:\.\./)+[^)#\s]*)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """``markdown`` with what leads out of the site told by its name."""
    folder = posixpath.dirname(page.file.src_uri)

    def told(link: re.Match[str]) -> str:
        inside = posixpath.normpath(posixpath.join(folder, link["target"]))
        if not inside.startswith("../"):
            return link[0]
        name = inside.removeprefix("../")
        text = link["text"].strip("`")
        return f"`{name}`" if text == name else f"{link['text']} (`{name}`)"

    return _LINK.sub(told, markdown)
