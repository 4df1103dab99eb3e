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
    rows = market.frame("campaigns", ["campaign_id", "currency"]).drop_duplicates("campaign_id")
    money = sorted(set(rows["currency"][rows["campaign_id"].isin(untold)]) - {REPORTING_CURRENCY})
    lacking = "fx_rates" if "fx_rates" not in market.present else "rates in fx_rates" if money else "prices in products"
    why = f"no {lacking} for money in {', '.join(money or [REPORTING_CURRENCY])}"
    if not told:
        raise BriefError(
            f"campaigns whose fee and sample can be told in {REPORTING_CURRENCY}",
            received=f"{len(untold)} campaigns, none of which can: {why}",
            look="fx_rates in docs/contract.md; `collabrank check DIR` says which days lack a rate",
        )
    say(f"{len(untold)} of {len(campaign_ids)} campaigns are left out, such as {untold[0]}: {why}")
    return told
