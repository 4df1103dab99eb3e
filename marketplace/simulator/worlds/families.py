"""The families of worlds: what each departs from the baseline in, and which stylised facts it breaks on purpose.

Each is one short declaration over the same mechanisms, and all there is to a new world: `collabrank simulate`,
the list it prints and the stylised facts read it from here. The fields' units, sources and ranges stand in
`marketplace.simulator.worlds.parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from marketplace.simulator.worlds.parameters import BASELINE, World

__all__ = ["FAMILIES", "WORLDS", "Family"]


@dataclass(frozen=True)
class Family:
    """One world by its name.

    Parameters
    ----------
    name : str
    about : str
        The world in a line.
    world : World
        Its parameters: ``replace(BASELINE, ...)``.
    breaks : tuple of str
        Keys of the facts (`marketplace.stylised.measure`) that it breaks on purpose.
    drawn : bool
        Whether each seed draws a world of its own (`marketplace.simulator.worlds.wild`); ``world`` is then what they
        depart from.
    """

    name: str
    about: str
    world: World
    breaks: tuple[str, ...] = ()
    drawn: bool = False


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family("baseline", "every stylised fact as published", BASELINE),
            Family(
                "confounded",
                "brands invite on a hunch that also drives sales and is never logged",
                replace(BASELINE, hunch_invite=1.5, hunch_sales=0.6, hunch_demand=0.2, hunch_wanted=0.3),
            ),
            Family(
                "interference",
                "partnerships take and give sales to sibling products, and to creators who share their audience",
                replace(
                    BASELINE, sibling_loss=0.2, sibling_gain=0.1, audiences=4, audience_loss=0.15, audience_spill=0.2
                ),
            ),
            Family(
                "drift",
                "tastes, fees and the platform's algorithm shift where the last third of the briefs begins",
                replace(
                    BASELINE,
                    drift=(
                        ("views_followers", 0.35),  # the algorithm shows the large more; elasticity
                        ("views_appeal", 0.30),  # and the appealing less; log views per sd
                        ("live_conversion", 4.5),  # lives sell more; multiple of a video's
                        ("sell_price", -0.75),  # buyers mind the price more; elasticity
                        ("fee_usd", 100.0),  # fees double; USD
                        ("accept_level", -2.6),  # creators are choosier; logit
                    ),
                    drift_tastes=0.5,
                ),
                breaks=("views_elasticity",),
            ),
            Family(
                "null",
                "no partnership adds a sale: all that is attributed would have been sold anyway",
                replace(BASELINE, partnership_boost=0.0, capture=0.05, capture_cap=0.35),
                # What is captured is all that is left: it grows with followers, and has no tail of rare successes.
                breaks=("small_return", "sales_noise", "top_share"),
            ),
            Family(
                "gaming",
                "a share of creators buys followers and engagement, stuffs the feed and replies at once",
                replace(
                    BASELINE,
                    gaming_share=0.3,
                    gaming_followers=3.0,
                    gaming_engagement=3.0,
                    gaming_views=1.5,
                    gaming_stuffing=0.5,
                    gaming_reply=0.1,
                ),
                # Followers shown no longer say who is small, and interaction no longer who is warm.
                breaks=(
                    "follower_tail",
                    "views_elasticity",
                    "engagement_peak",
                    "small_return",
                    "live_sales",
                    "live_refunds",
                    "fake_engagement",
                ),
            ),
            Family(
                "cold_start",
                "40 % of the creators join in the last 60 days",
                replace(BASELINE, newcomers=0.4),
                # Profiles of the new have been read too seldom to show followers that came at once.
                breaks=("fake_engagement",),
            ),
            Family(
                "sparse",
                "one twentieth of the data: pairs, invitations, contents and orders",
                # Fewer of each by the root of 20: pairs, invitations, contents and orders are one twentieth.
                replace(BASELINE, size=20**-0.5, posts_per_30d=4.4 * 20**-0.5, invites=(7, 18)),
                # Too few creators for a clear curve, too few sales for the rare large ones, programmes of one brand
                # that are too small.
                breaks=("engagement_peak", "sales_noise", "top_share"),
            ),
            Family(
                "small_seller",
                "one brand's own data: no impressions, no other seller's orders, ranges instead of exact GMV",
                replace(BASELINE, seller_share=0.2, consent_rate=0.0),
                breaks=("follower_tail", "earnings_tail", "views_elasticity", "sales_noise", "gmv_gini", "top_share"),
            ),
            Family(
                "wild",
                "several laws at once, drawn by the seed: of views, lives, audiences, agencies, credit, sales days",
                BASELINE,
                breaks=(
                    "follower_tail",
                    "earnings_tail",
                    "views_elasticity",
                    "engagement_peak",
                    "small_return",
                    "sales_noise",
                    "gmv_gini",
                    "top_share",
                    "sample_posting",
                    "live_sales",
                    "live_refunds",
                    "fake_engagement",
                    "refund_delay",
                    "acceptance",
                    "on_time",
                ),
                drawn=True,
            ),
        )
    }
)
"""Every family by name."""

WORLDS: Mapping[str, World] = MappingProxyType(
    {name: family.world for name, family in FAMILIES.items() if not family.drawn}
)
"""Every named world's parameters by its name; those that a seed draws are not among them."""
