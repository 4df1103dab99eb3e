"""Plan one brief with the champion on a marketplace's own tables: whom to invite within a budget, what it brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from marketplace.errors import BriefError, TrainingError
from marketplace.progress import say
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import load_champion
from models.planning import Limits, Noise, Plan, plan_part
from training.data import build_labels
from training.scoring import briefed, require_one

__all__ = ["lift_noise", "plan_brief", "read_terms"]


def plan_brief(
    market: str | Path | Marketplace,
    *,
    campaign: str | None = None,
    brief: str | Path | Mapping[str, Any] | None = None,
    budget: float | None = None,
    samples: int | None = None,
    invitations: int | None = None,
    per_creator: int | None = None,
    per_brand: int | None = None,
    goal: str = "profit",
    spend: str = "expected",
    terms: Sequence[tuple[float, float]] | None = None,
    lift: float | None = None,
) -> Plan:
    """Choose among the eligible creators of a campaign (as of its brief) or of an inline brief (as of the newest day).

    Parameters
    ----------
    market : path or Marketplace
    campaign, brief
        As `training.scoring.rank_brief` takes them.
    budget, samples, invitations, per_creator, per_brand, spend
        As `models.planning.Limits` takes them. ``budget`` is the brief's own by default; contacts are those of
        `features.contacts.Contacts.before` the brief.
    goal : str
        One of `models.planning.GOALS`.
    terms : sequence of (flat fee in USD, commission rate), optional
        Other terms to try: acceptance, delivery and sales are foretold anew for each. By default a few about the
        brief's own; none where empty.
    lift : float, optional
        The mean lift a partnership that is to be told from noise, USD.

    Raises
    ------
    BriefError
        Neither or both of campaign and brief, an unknown campaign, a brief that cannot be completed, a limit below 0.
    BundleError
        There is no champion that reads today's signals.
    """
    require_one(campaign, brief)
    bundle = load_champion()
    market = open_marketplace(market)
    asked, snapshot = briefed(market, campaign=campaign, brief=brief)
    rows, _ = snapshot.candidates(asked)
    as_of = pd.Timestamp(snapshot.as_of)
    assert snapshot.contacts is not None  # a snapshot that was built just now has them
    by_creator, by_brand = snapshot.contacts.before(asked.briefed_at, snapshot.creator_ids)
    limits = Limits(
        budget=budget,
        samples=samples,
        invitations=invitations,
        per_creator=per_creator,
        per_brand=per_brand,
        creator_contacts=by_creator,
        brand_contacts=by_brand,
        spend=spend,
    )
    return plan_part(
        bundle, snapshot, asked, rows, limits, goal=goal, terms=terms, noise=lift_noise(market, as_of), lift=lift
    )


def read_terms(text: str) -> tuple[float, float]:
    """A flat fee in USD and a commission rate from ``FEE:RATE``.

    Raises
    ------
    BriefError
        Something else, a negative fee, or a rate outside 0..1.
    """
    try:
        fee, rate = (float(one) for one in text.split(":"))
    except ValueError:
        fee, rate = np.nan, np.nan
    if not (0 <= fee < np.inf and 0 <= rate <= 1):
        raise BriefError("FEE:RATE, such as 50:0.15", received=repr(text), look="`collabrank plan --help`")
    return fee, rate


def lift_noise(market: Marketplace, as_of: pd.Timestamp) -> Noise | None:
    """The noise of one partnership's lift, from those that were ripe by then; None where too few were."""
    try:
        labels = build_labels(market, as_of)
        known = labels[labels["lift_raw_usd"].notna()]
        return Noise.of(*(known[name].to_numpy() for name in ("lift_raw_usd", "lift_raw_se_usd", "campaign_id")))
    except TrainingError as reason:
        say(f"how many partnerships tell a lift from noise is not known: {reason.expected}, not {reason.received}")
        return None
