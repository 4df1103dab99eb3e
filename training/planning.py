"""Plan one brief with the champion on a marketplace's own tables: whom to invite within a budget, what it brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.briefs import Brief
from marketplace.errors import BriefError, TrainingError
from marketplace.progress import say
from marketplace.tables import Marketplace, open_marketplace
from models.bundle import load_champion
from models.economics import Economics
from models.planning import Dependence, Limits, Noise, Offers, Plan, make_plan
from models.predict import predict
from training.data import build_labels
from training.scoring import briefed, require_one

__all__ = ["CONTACT_DAYS", "lift_noise", "plan_brief", "read_terms"]

CONTACT_DAYS = 30
"""Days before the brief whose invitations count against the caps of contacts."""

_STEP = 0.05  # of the commission rate, either way, in the terms that are tried unasked
_FEES = (25.0, 100.0)  # USD, tried unasked where the brief has none


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
        As `models.planning.Limits` takes them. ``budget`` is the brief's own by default; contacts are the invitations
        of the `CONTACT_DAYS` before the brief that were known then.
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
    ids = snapshot.creator_ids[rows]
    own = float(asked.budget_usd)
    if budget is None and np.isfinite(own) and own > 0:
        budget = own

    def offers(fee: float, rate: float) -> Offers:
        under = replace(asked, flat_fee_usd=fee, commission_rate=rate)
        economics = Economics.of(under)
        told = predict(bundle, snapshot.matrix(under, rows), economics)
        return Offers.of(told, economics, ids, brand_id=asked.brand_id, has_sample=asked.has_free_sample)

    as_of = pd.Timestamp(snapshot.as_of)
    by_creator, by_brand = _contacts(market, as_of) if (per_creator, per_brand) != (None, None) else ({}, {})
    limits = Limits(
        budget=budget,
        samples=samples if asked.has_free_sample else None,
        invitations=invitations,
        per_creator=per_creator,
        per_brand=per_brand,
        creator_contacts=by_creator,
        brand_contacts=by_brand,
        spend=spend,
    )
    stands = offers(asked.flat_fee_usd, asked.commission_rate)
    return make_plan(
        stands,
        limits,
        goal=goal,
        dependence=Dependence.of(bundle.calibration, stands),
        terms=_usual_terms(asked) if terms is None else terms,
        repriced=offers,
        noise=lift_noise(market, as_of),
        effect=lift,
        usernames=dict(zip(ids.tolist(), snapshot.usernames[rows].tolist(), strict=True)),
        about={
            "campaign_id": asked.campaign_id,
            "model_version": bundle.model_version,
            "as_of": f"{as_of:%Y-%m-%d}",
            "basis": None if bundle.basis is None else bundle.basis.text,
        },
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


def _usual_terms(brief: Brief) -> list[tuple[float, float]]:
    """The brief's own terms, a little less and more commission, and another fee."""
    fee, rate = brief.flat_fee_usd, brief.commission_rate
    rates = sorted({max(0.0, round(rate - _STEP, 6)), rate, min(1.0, round(rate + _STEP, 6))})
    fees = [0.0, 2.0 * fee] if fee > 0 else list(_FEES)
    return [(fee, one) for one in rates] + [(one, rate) for one in fees]


def _contacts(market: Marketplace, as_of: pd.Timestamp) -> tuple[dict[str, int], dict[str, int]]:
    """Invitations of the last `CONTACT_DAYS` that were known at ``as_of``, by creator and by brand."""
    sent = market.table("invitations")
    since = as_of - pd.Timedelta(days=CONTACT_DAYS)
    invited = (sent.origin != "REQUESTED").fill_null(True)
    sent = sent.filter(sent.known_at < as_of, sent.sent_at < as_of, sent.sent_at >= since, invited)
    frame = market.query(sent.select("invitation_id", "creator_id", "campaign_id").distinct())
    brands = market.frame("campaigns", ["campaign_id", "brand_id"]).drop_duplicates("campaign_id")
    frame = frame.drop_duplicates("invitation_id").merge(brands, on="campaign_id", how="left")
    return (
        {str(name): int(count) for name, count in frame["creator_id"].value_counts().items()},
        {str(name): int(count) for name, count in frame["brand_id"].value_counts().items()},
    )


def lift_noise(market: Marketplace, as_of: pd.Timestamp) -> Noise | None:
    """The noise of one partnership's lift, from those that were ripe by then; None where too few were."""
    try:
        labels = build_labels(market, as_of)
        known = labels[labels["lift_raw_usd"].notna()]
        return Noise.of(*(known[name].to_numpy() for name in ("lift_raw_usd", "lift_raw_se_usd", "campaign_id")))
    except TrainingError as reason:
        say(f"how many partnerships tell a lift from noise is not known: {reason.expected}, not {reason.received}")
        return None
