"""Which campaigns can be told in money, and which cannot, by name: before any work is done on them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from features.briefs.brief import read_briefs
from marketplace.contract import REPORTING_CURRENCY
from marketplace.errors import BriefError
from marketplace.progress import say
from marketplace.tables import Marketplace

__all__ = ["told_campaigns"]


def told_campaigns(market: Marketplace, campaign_ids: Sequence[str]) -> list[str]:
    """Those of ``campaign_ids`` whose fee and sample are known in USD, in their order; what is left out is said.

    Raises
    ------
    BriefError
        There is none: ``fx_rates`` or prices are lacking.
    """
    briefs = read_briefs(market, campaign_ids)
    told: list[str] = []
    untold: list[str] = []
    for name in campaign_ids:
        brief = briefs[name]
        known = math.isfinite(brief.flat_fee_usd) and math.isfinite(brief.sample_cost_usd)
        (told if known else untold).append(name)
    if not untold:
        return told
    why = _lacking(market, untold)
    if not told:
        raise BriefError(
            f"campaigns whose fee and sample can be told in {REPORTING_CURRENCY}",
            received=f"{len(untold)} campaigns, none of which can: {why}",
            look="fx_rates and products in docs/contract.md; `collabrank check DIR` says which days lack a rate",
        )
    say(f"{len(untold)} of {len(campaign_ids)} campaigns are left out, such as {untold[0]}: {why}")
    return told


def _lacking(market: Marketplace, untold: Sequence[str]) -> str:
    """What keeps these campaigns from being told: rates of the currencies they are in, prices of what they send."""
    rows = market.frame("campaigns", ["campaign_id", "currency"]).drop_duplicates("campaign_id")
    money = set(rows["currency"][rows["campaign_id"].isin(untold)])
    foreign = ", ".join(sorted(money - {REPORTING_CURRENCY}))
    rates = "fx_rates" if "fx_rates" not in market.present else "rates in fx_rates"
    found = [f"no {rates} for money in {foreign}"] if foreign else []
    if REPORTING_CURRENCY in money:
        # A dollar needs no rate: what is lacking is what the sample is worth.
        found.append(f"no prices in products for samples in {REPORTING_CURRENCY}")
    return "; ".join(found)
