"""A score card's headline, and its indices one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplace.text import printable

__all__ = ["CAME", "card_headline", "card_rows", "outcome_words"]

CAME: Mapping[str, str] = {
    "on_time": "posted on time",
    "late": "posted late",
    "delivered": "posted, nobody told when",
    "failed": "accepted, posted nothing",
    "open": "not over yet",
    "excused": "called off, not by the creator",
    "declined": "declined",
    "expired": "did not answer",
    "void": "taken back by the brand",
}
"""What an invitation came to (`features.outcomes.with_verdict`), for people; best known first."""

_PLAIN = {"on_time", "delivered_late", "delivery_open", "delivery_not_told", "not_delivered", "withdrawn_by_seller"}
"""Rules that say no more than the outcome does."""


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


def outcome_words(outcome: str, reason: str) -> str:
    """What a partnership came to, and why where that says more (`features.outcomes.with_verdict`)."""
    told = CAME.get(outcome, outcome)
    return told if reason in _PLAIN else f"{told} ({reason.replace('_', ' ')})"
