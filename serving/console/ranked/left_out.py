"""What was filtered out, in words."""

from __future__ import annotations

from collections.abc import Mapping

from serving.console.pieces import count_text

__all__ = ["left_out_words"]

_WORDS = {
    "market": "sell in another market",
    "min_followers": "have fewer followers than asked for, or an unknown number",
    "max_followers": "have more followers than asked for, or an unknown number",
    "languages": "speak another language",
    "agency_status": "stand otherwise with an agency",
    "min_confidence": "are too little known",
    "exclude_creator_ids": "were excluded by name",
    "include_only_creator_ids": "are not among those named",
    "applicants": "did not ask for a sample",
}


def left_out_words(left_out: Mapping[str, int]) -> list[str]:
    """One line a reason, the most first: ``2,880 sell in another market``."""
    ordered = sorted(left_out.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"{count_text(count)} {_WORDS.get(name, name.replace('_', ' '))}" for name, count in ordered if count]
