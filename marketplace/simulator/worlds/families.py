"""The families of worlds: what each departs from the baseline in, and which stylised facts it breaks on purpose.

Each is one short declaration over the same mechanisms; the fields' units, sources and ranges stand in `world`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from marketplace.errors import ContractError
from marketplace.simulator.worlds.parameters import BASELINE, World

__all__ = ["NOTES", "WORLDS", "Note", "find_world"]


@dataclass(frozen=True)
class Note:
    """One world in a line, and the keys of the facts (`marketplace.stylised.measure`) that it breaks on purpose."""

    about: str
    breaks: tuple[str, ...] = ()


WORLDS: dict[str, World] = {
    "baseline": BASELINE,
    "confounded": replace(BASELINE, hunch_invite=1.5, hunch_sales=0.6, hunch_demand=0.2, hunch_wanted=0.3),
    "interference": replace(
        BASELINE, sibling_loss=0.2, sibling_gain=0.1, audiences=4, audience_loss=0.15, audience_spill=0.2
    ),
    "drift": replace(
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
    "null": replace(BASELINE, partnership_boost=0.0, capture=0.05, capture_cap=0.35),
    "gaming": replace(
        BASELINE,
        gaming_share=0.3,
        gaming_followers=3.0,
        gaming_engagement=3.0,
        gaming_views=1.5,
        gaming_stuffing=0.5,
        gaming_reply=0.1,
    ),
    "cold_start": replace(BASELINE, newcomers=0.4),
    # Fewer of each by the root of 20: pairs, invitations, contents and orders are one twentieth.
    "sparse": replace(BASELINE, size=20**-0.5, posts_per_30d=4.4 * 20**-0.5, invites=(7, 18)),
    "small_seller": replace(BASELINE, seller_share=0.2, consent_rate=0.0),
}
"""Every world by name."""

NOTES: dict[str, Note] = {
    "baseline": Note("every stylised fact as published"),
    "confounded": Note("brands invite on a hunch that also drives sales and is never logged"),
    "interference": Note(
        "partnerships take and give sales to sibling products, and to creators who share their audience"
    ),
    "drift": Note(
        "tastes, fees and the platform's algorithm shift where the last third of the briefs begins",
        ("views_elasticity",),
    ),
    # What is captured is all that is left: it grows with followers, and has no tail of rare successes.
    "null": Note(
        "no partnership adds a sale: all that is attributed would have been sold anyway",
        ("small_return", "sales_noise", "top_share"),
    ),
    "gaming": Note(
        "a share of creators buys followers and engagement, stuffs the feed and replies at once",
        # Followers shown no longer say who is small, and interaction no longer who is warm.
        (
            "follower_tail",
            "views_elasticity",
            "engagement_peak",
            "small_return",
            "live_sales",
            "live_refunds",
            "fake_engagement",
        ),
    ),
    # Profiles of the new have been read too seldom to show followers that came at once.
    "cold_start": Note("40 % of the creators join in the last 60 days", ("fake_engagement",)),
    # Too few creators for a clear curve, too few sales for the rare large ones, programmes of one brand too small.
    "sparse": Note(
        "one twentieth of the data: pairs, invitations, contents and orders",
        ("engagement_peak", "sales_noise", "top_share"),
    ),
    "small_seller": Note(
        "one brand's own data: no impressions, no other seller's orders, ranges instead of exact GMV",
        ("follower_tail", "earnings_tail", "views_elasticity", "sales_noise", "gmv_gini", "top_share"),
    ),
}


def find_world(name: str) -> World:
    """The world called ``name``.

    Raises
    ------
    ContractError
        There is no such world.
    """
    if name not in WORLDS:
        raise ContractError(f"a world: {', '.join(WORLDS)}", received=name, look="`collabrank simulate --help`")
    return WORLDS[name]
