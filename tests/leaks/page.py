"""docs/leaks.md, written from the guards and the planted leaks: ``python -m tests.leaks.page``."""

from __future__ import annotations

from tests.leaks.guards import GUARDS
from tests.leaks.planted import LEAKS
from tests.leaks.run import ROOT

__all__ = ["NOT_SEEN", "PAGE", "page"]

PAGE = ROOT / "docs" / "leaks.md"

NOT_SEEN = (
    "A `known_at` that the source itself tells wrongly (too early): the clock is taken at its word. Tried by hand on "
    "226 and on 1,154 invitations: a creator's share of acceptances over the whole period, or the simulator's true "
    "chance of acceptance, in every profile reading's follower count, stays under the bound of `too_good`.",
    "What a fold of the training campaigns tells of another through its *signals*: later campaigns' signals hold the "
    "outcomes of earlier ones, as they do when a brief is ranked. Out-of-fold scores choose feature set and "
    "calibration and are measured on nobody; the held-out campaigns come after all that is learned from.",
    "What the estimated lift of one training campaign tells of another: its prior is fitted on all of them together.",
    "A human who looks at the held-out campaigns and changes the code until they look good.",
    "A signal that follows the outcome weakly (AUC within campaigns under the bound) and is not told apart by time, "
    "order, name or truth.",
)
"""Leaks that no guard sees, and why."""


def page() -> str:
    """The page as Markdown."""
    lines = [
        "# Leaks, and the guards against them",
        "",
        "Written by `python -m tests.leaks.page`; a test holds it current. Each guard asks the project's own functions",
        "the same question in two worlds that differ only in what the answer must not depend on, and compares bit for",
        "bit; three are statistical, with bounds stated in `tests/leaks/guards.py`. Each planted leak changes the code",
        "or the data the way a mistake would, and its guard must fail on it (`tests/leaks/test_planted_leaks.py`);",
        "unchanged code must pass (`tests/leaks/test_clean.py`).",
        "",
        f"## {len(GUARDS)} guards",
        "",
        "| guard | holds | planted leaks |",
        "|---|---|---|",
    ]
    for name, holds in GUARDS.items():
        lines.append(f"| `{name}` | {holds} | {sum(leak.guard == name for leak in LEAKS)} |")
    lines += ["", f"## {len(LEAKS)} planted leaks", "", "| leak | what is done | caught by |", "|---|---|---|"]
    lines += [f"| `{leak.name}` | {leak.doc} | `{leak.guard}` |" for leak in LEAKS]
    lines += ["", "## What no guard sees", "", *(f"- {text}" for text in NOT_SEEN), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
