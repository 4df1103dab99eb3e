"""What the words of decisions, samples and owed content say about an invitation: whose turn it is, or whose fault.

One table a column. Everything that judges an invitation (labels, facts,
signals, indices, money) reads these tables through `features.outcomes`; nobody
keeps a list of words of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = [
    "CONTENT_STATES",
    "DECISIONS",
    "NOT_THE_CREATORS_FAULT",
    "SAMPLE_STATES",
    "SAMPLE_STATUSES",
    "Standing",
    "State",
]

Standing = Literal[
    "accepted",
    "declined",
    "expired",
    "open",
    "void",
    "unsent",
    "sent",
    "owed",
    "made",
    "failed",
    "excused",
]
"""What a word comes to.

Of a decision: ``accepted``, ``declined``, ``expired``, ``open``, or ``void`` (it says nothing about the creator).
Of a sample and the content owed for it: ``unsent`` (the seller's turn), ``sent`` (the carrier's), ``owed`` (the
creator's), ``made``, ``failed`` (the creator's doing), ``excused`` (counts neither for nor against the creator).
"""


@dataclass(frozen=True)
class State:
    """One word: what it comes to, and why."""

    standing: Standing
    doc: str


DECISIONS: Mapping[str, State] = MappingProxyType(
    {
        "PENDING": State("open", "no answer yet; expired once its time is over and nobody has said so"),
        "ACCEPT": State("accepted", "a partnership"),
        "DECLINE": State("declined", "an answer all the same"),
        "EXPIRED": State("expired", "never answered"),
        "WITHDRAWN_BY_SELLER": State("void", "the seller took it back"),
    }
)
"""``invitations.decision``."""

SAMPLE_STATES: Mapping[str, State] = MappingProxyType(
    {
        "PENDING": State("unsent", "asked for, not approved yet"),
        "AWAITING_SHIPMENT": State("unsent", "approved, not sent yet"),
        "SHIPPED": State("sent", "on its way"),
        "CONTENT_PENDING": State("owed", "arrived; the content is owed"),
        "COMPLETED": State("made", "the content was made"),
        "REJECT_CANCELLED": State("excused", "the seller refused the sample"),
        "OVERDUE_CANCELLED": State("excused", "a deadline passed; whether the seller's or the creator's is not told"),
        "UNFULFILL_CANCELLED": State("failed", "the creator had the sample and made nothing"),
        "DEL_OPEN_COLLAB": State("excused", "the collaboration was deleted"),
        "SELLER_NOT_SHIP_CANCELLED": State("excused", "the seller never sent it"),
        "WITHDRAW_CANCELLED": State("failed", "the creator gave up what had been accepted"),
        "UNFULFILLABLE_CANCELLED": State("excused", "the content could not be made"),
        "OPS_CANCELLED": State("excused", "ended by the platform"),
        "OPS_FAILED": State("excused", "ended by the platform"),
        "OPS_COMPLETED": State("excused", "ended by the platform"),
    }
)
"""``samples.status``, TikTok Shop's sample application statuses."""

CONTENT_STATES: Mapping[str, State] = MappingProxyType(
    {
        "PENDING": State("owed", "not begun"),
        "ONGOING": State("owed", "being made"),
        "SUCCEED": State("made", "made"),
        "FAILED": State("failed", "not made, and no longer expected"),
        "OVERDUE": State("owed", "late; it may still come within the days of grace"),
        "SUSPEND": State("excused", "not asked for as long as it is suspended"),
        "CANCELLED": State("excused", "no longer asked for"),
        "EXEMPTED": State("excused", "let off"),
    }
)
"""``samples.fulfillment_status``, the content owed for the sample. Where the two columns disagree, see
`features.outcomes`."""

SAMPLE_STATUSES: tuple[str, ...] = tuple(SAMPLE_STATES)

NOT_THE_CREATORS_FAULT: tuple[str, ...] = tuple(
    name for name, state in SAMPLE_STATES.items() if state.standing == "excused"
)
"""Sample statuses that never count for or against the creator: the seller's or the platform's doing, or ambiguous."""
