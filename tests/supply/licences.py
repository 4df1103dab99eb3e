"""Which licences are taken, and the page that lists them: docs/licences.md."""

from __future__ import annotations

import re

from tests.supply.packages import ROOT, Locked, read_lock

__all__ = ["ALLOWED", "licence_of", "licences_page", "refused", "write_licences"]

ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD-3-Clause-Clear",
        "CC0-1.0",
        "CNRI-Python",
        "HPND",
        "ISC",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    }
)
"""Licences that let a program under Apache-2.0 use a library as it is."""

LOOKED_UP = {"axe-playwright-python": "MIT", "huey": "MIT", "skops": "MIT"}
"""Of packages that declare nothing that can be read: what their licence file says."""

PAGE = ROOT / "docs" / "licences.md"


def licence_of(one: Locked) -> str:
    """The licence of a package as an SPDX expression; what was looked up by hand where it declares none."""
    return LOOKED_UP.get(one.name) or one.licence


def refused(expression: str) -> list[str]:
    """The licences of ``expression`` that are not taken; of alternatives (OR) one that is taken is enough."""
    if not expression.strip():
        return ["none declared"]
    outside = []
    for all_of in re.split(r"\s+AND\s+", expression.replace("(", " ").replace(")", " ").strip()):
        choices = [choice.split(" WITH ")[0].strip() for choice in re.split(r"\s+OR\s+", all_of)]
        if not set(choices) & ALLOWED:
            outside += choices
    return outside


def licences_page() -> str:
    """The page, from the locks and what is installed."""
    served = set(read_lock("runtime.lock"))
    rows = [
        f"| {one.name} | {licence_of(one)} | {'' if one.name in served else 'development'} |"
        for one in sorted(read_lock("requirements.lock").values(), key=lambda one: one.name)
        if one.here
    ]
    return "\n".join(
        [
            "# Licences",
            "",
            "<!-- Written by `make docs` from the locks and the installed packages. -->",
            "",
            "collabrank is under Apache-2.0. What it is installed with, and the licence that each package declares:",
            "those marked *development* are for tests, notebooks, pages and lint, and are not in an image",
            "(runtime.lock). The tests refuse a licence that is not one of:",
            f"{', '.join(sorted(ALLOWED))}.",
            "",
            "| package | licence | |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def write_licences() -> None:
    """Write the page."""
    PAGE.write_text(licences_page(), encoding="utf-8")
