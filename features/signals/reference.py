"""The reference page of the signals, ``docs/signals.md``, made from the declarations.

``python -m features.signals.reference`` writes it; a test holds it current.
"""

from __future__ import annotations

from pathlib import Path

from features.facts import FACTS
from features.signals.registry import ENTITIES, SIGNALS, Entity, names_of
from marketplace.state import write_whole

__all__ = ["PAGE", "main", "render"]

PAGE = Path("docs/signals.md")
"""Where the page lives, from the repository's root."""

OPENING = f"""\
# The signals

<!-- Written by `python -m features.signals.reference` from the declarations. Change those, not this page. -->

The {len(SIGNALS)} numbers that the models see, each declared once in `features/signals/`. `collabrank signals`
lists them on the command line.

- **As of a time.** A signal as of *t* reads only rows whose event and `known_at` both lie before *t*'s midnight (UTC).
  Refunds, late orders and status changes count from the day they became known.
- **Windows** are whole days before that midnight: `28d` is the last 28.
- **Null is not zero.** A count or sum is 0 where nothing happened, and NaN where the marketplace lacks the table it
  comes from. A mean or share of nothing is NaN. Rates marked *towards .1* begin there and move as evidence comes in.
- **Money** is in USD at the rate of the event's day.
- **Conversion** (`brief_conversion_…`, `brief_views_expected_365d`, `brief_sales_expected_365d`) is read from a model
  that is fitted every 28 days to the posts of the year before: [conversion.md](conversion.md).
- **Way** says which way the expected value of inviting a creator must move with the signal: up, down, or either.
"""

_TITLES: dict[Entity, str] = {
    "creator": "Creator",
    "creator_category": "Creator x category",
    "creator_brand": "Creator x brand",
    "brief_creator": "Brief x creator",
}
_WAYS = {-1: "down", 0: "", 1: "up"}


def render() -> str:
    """The page's text."""
    parts = [OPENING]
    for entity in ENTITIES:
        names = names_of(entity)
        parts.append(
            f"\n## {_TITLES[entity]}: {len(names)} signals\n\n| signal | unit | way | says |\n|---|---|---|---|\n"
        )
        parts.extend(
            f"| `{name}` | {SIGNALS[name].unit} | {_WAYS[SIGNALS[name].monotone]} | {SIGNALS[name].doc} |\n"
            for name in names
        )
    parts.append(
        "\n## What signals are made of\n\n"
        "Facts are day-grained integer sums made from the tables (`features/facts/`); a signal is arithmetic over "
        "windows of them.\n"
    )
    for fact in FACTS.values():
        keys = ", ".join(f"`{key}`" for key in fact.keys)
        parts.append(f"\n### `{fact.name}`\n\n{fact.doc} Needs: {', '.join(fact.needs)}. Keys: {keys}.\n\n")
        parts.append("| measure | unit | says |\n|---|---|---|\n")
        parts.extend(f"| `{m.name}` | {m.unit} | {m.doc} |\n" for m in fact.measures.values())
    return "".join(parts)


def main() -> None:
    """Write the page."""
    write_whole(PAGE, render().encode())


if __name__ == "__main__":
    main()
