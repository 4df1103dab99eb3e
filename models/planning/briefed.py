"""A plan for one brief among candidates of a snapshot: the same for the command line and the service."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from features.briefs import Brief
from features.snapshot import Snapshot
from marketplace.arrays import Ints
from models.bundle import Bundle
from models.economics import Economics
from models.planning.limits import Limits
from models.planning.lottery import Dependence
from models.planning.offers import Offers
from models.planning.plan import Plan, make_plan
from models.planning.power import Noise
from models.predict import predict

__all__ = ["plan_part", "usual_terms"]

_STEP = 0.05  # of the commission rate, either way, in the terms that are tried unasked
_FEES = (25.0, 100.0)  # USD, tried unasked where the brief has none


def plan_part(
    bundle: Bundle,
    part: Snapshot,
    brief: Brief,
    rows: Ints,
    limits: Limits,
    *,
    goal: str = "profit",
    terms: Sequence[tuple[float, float]] | None = None,
    noise: Noise | None = None,
    lift: float | None = None,
    about: Mapping[str, Any] | None = None,
    seconds: float = 60.0,
    within: float = math.inf,
) -> Plan:
    """The best invitations for ``brief`` within ``limits`` among the candidates at ``rows`` of ``part``.

    Parameters
    ----------
    limits : Limits
        ``budget`` None is the brief's own, where it tells one; ``samples`` count only where the brief offers any.
    goal : str
        One of `models.planning.GOALS`.
    terms : sequence of (flat fee in USD, commission rate), optional
        Other terms to try: acceptance, delivery and sales are foretold anew for each. By default `usual_terms`.
    noise : Noise, optional
        Of one partnership's lift, for what the plan would tell.
    lift : float, optional
        The mean lift a partnership that is to be told from noise, USD; by default the one that the plan expects.
    about : mapping, optional
        Beside the campaign, the model and the day.
    seconds, within : float
        How long one integer programme may take, and all of them together.

    Raises
    ------
    BriefError
        A limit, a goal or terms that cannot be used.
    """
    ids = np.asarray(part.creator_ids[rows])

    def offers(fee: float, rate: float) -> Offers:
        under = replace(brief, flat_fee_usd=fee, commission_rate=rate)
        told = predict(bundle, part.matrix(under, rows), Economics.of(under))
        return Offers.of(told, Economics.of(under), ids, brand_id=brief.brand_id, has_sample=brief.has_free_sample)

    own = float(brief.budget_usd)
    if limits.budget is None and np.isfinite(own) and own > 0:
        limits = replace(limits, budget=own)
    if not brief.has_free_sample:
        limits = replace(limits, samples=None)
    stands = offers(brief.flat_fee_usd, brief.commission_rate)
    return make_plan(
        stands,
        limits,
        goal=goal,
        dependence=Dependence.of(bundle.calibration, stands),
        terms=usual_terms(brief) if terms is None else terms,
        repriced=offers,
        noise=noise,
        effect=lift,
        usernames=dict(zip(ids.tolist(), np.asarray(part.usernames[rows]).tolist(), strict=True)),
        about={
            "campaign_id": brief.campaign_id,
            "model_version": bundle.model_version,
            "as_of": f"{part.as_of:%Y-%m-%d}",
            "basis": None if bundle.basis is None else bundle.basis.text,
            **(about or {}),
        },
        seconds=seconds,
        within=within,
    )


def usual_terms(brief: Brief) -> list[tuple[float, float]]:
    """The brief's own terms, a little less and more commission, and another fee: (USD, rate) each."""
    fee, rate = brief.flat_fee_usd, brief.commission_rate
    rates = sorted({max(0.0, round(rate - _STEP, 6)), rate, min(1.0, round(rate + _STEP, 6))})
    fees = [0.0, 2.0 * fee] if fee > 0 else list(_FEES)
    return [(fee, one) for one in rates] + [(one, rate) for one in fees]
