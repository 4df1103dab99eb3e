"""A score card's headline, and its indices one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplace.text import printable

__all__ = ["card_headline", "card_rows"]


def card_headline(card: Mapping[str, Any]) -> str:
    """Whose card, and as of when."""
    followers = "unknown" if card["follower_count"] is None else f"{card['follower_count']:,}"
    return (
        f"{printable(card['username'] or card['creator_id'])} ({printable(card['creator_id'])}), {card['market']}, "
        f"{followers} followers, as of {card['as_of'][:10]}"
    )


def card_rows(card: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Index, category (empty for those without one) and what the card says, best category first."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for name, index in card["indices"].items():
        if "components" in index:
            found.append((name, "", index))
        else:
            ordered = sorted(index.items(), key=lambda item: -item[1]["value"])
            found += [(name, category, of_category) for category, of_category in ordered]
    return found
