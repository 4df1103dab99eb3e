"""What an invitation came to: accepted or not, delivered on time or late, failed, excused, still open. One definition.

Labels (training.outcomes), facts and signals (features.facts) and index events
(features.indices) all ask here, so a creator is blamed for the same things
everywhere.

- `states`: what the words of one table say as they became known.
- `verdict`: the rules, the first that holds decides.
- `partnerships`: who is judged when; as of any days, or as intervals of knowledge.
"""

from __future__ import annotations

from features.outcomes.partnerships import (
    arrival_to_post,
    first_deliveries,
    outcomes_as_of,
    partnership_outcomes,
    sample_outcomes,
)
from features.outcomes.states import REPLY_SOON_HOURS, invitation_states, sample_states
from features.outcomes.verdict import DELIVERED, with_verdict

__all__ = [
    "DELIVERED",
    "REPLY_SOON_HOURS",
    "arrival_to_post",
    "first_deliveries",
    "invitation_states",
    "outcomes_as_of",
    "partnership_outcomes",
    "sample_outcomes",
    "sample_states",
    "with_verdict",
]
