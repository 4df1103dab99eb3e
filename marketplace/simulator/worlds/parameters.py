"""The world's parameters, and the streams of random numbers it is drawn from.

Every number that shapes a simulated marketplace is a field of `World`, with its
unit and its source; ``assumed`` means that no public figure was found and the
value was chosen so that the stylised facts (acceptance, delivery, heavy tails)
come out in a plausible range. Another world is ``dataclasses.replace(BASELINE, ...)``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["BASELINE", "CATEGORIES", "STAGES", "TRAITS", "World", "stream"]

TRAITS = ("cooperation", "diligence", "consistency", "persuasion", "audience_quality", "appeal")
"""Latent traits, each standard normal over creators. ``appeal`` is how many people watch."""

CATEGORIES = (
    "beauty",
    "fashion",
    "home",
    "food",
    "electronics",
    "health",
    "mother_baby",
    "sports",
)
"""Level-1 categories."""


@dataclass(frozen=True)
class World:
    """All parameters of the structural causal model. Effects are on the standardised trait."""

    # Calendar
    start: str = "2025-01-01"  # UTC date of the first simulated day; assumed
    first_brief: float = 0.26  # fraction of the days before the first brief; assumed
    last_brief: float = 0.96  # fraction of the days before the last brief; assumed
    brief_days: tuple[int, int] = (17, 23)  # days from brief to due date; assumed
    horizon_days: int = 90  # days simulated past the end for the realised truth alone

    # Markets, in the order of marketplace.simulator.worlds.MARKETS: ID MY PH SG TH VN GB US
    creator_shares: tuple[float, ...] = (0.24, 0.08, 0.10, 0.04, 0.14, 0.14, 0.08, 0.18)  # fraction; assumed
    price_levels: tuple[float, ...] = (0.9, 1.0, 0.95, 1.3, 1.0, 0.9, 1.6, 1.6)  # multiple of category price; assumed
    usd_rates: tuple[float, ...] = (6.1e-5, 0.225, 0.0172, 0.745, 0.029, 3.9e-5, 1.26, 1.0, 1.06)  # USD; early 2025
    fx_volatility: float = 0.004  # daily sd of log rate; assumed (EUR/USD has about .005)
    market_floor: int = 40  # creators a market needs before brands brief in it; assumed

    # Brands and products
    brands_per_campaign: float = 0.25  # brands; assumed
    brands_per_market: int = 2  # brands at least in every market; assumed
    products_per_brand: tuple[int, int] = (6, 10)  # products; assumed
    category_prices: tuple[float, ...] = (14.0, 17.0, 20.0, 10.0, 34.0, 18.0, 16.0, 24.0)  # USD, median; assumed
    price_spread: float = 0.45  # sd of log price within a category; assumed
    margin_range: tuple[float, float] = (0.38, 0.68)  # fraction of net sales before commission; assumed
    margin_missing: float = 0.05  # fraction of products whose margin the brand does not tell; assumed
    launched_late: float = 0.12  # fraction of products launched within the simulated days; assumed
    refund_rates: tuple[float, ...] = (0.05, 0.13, 0.07, 0.03, 0.09, 0.05, 0.06, 0.08)  # fraction of lines; assumed
    cancel_rate: float = 0.03  # fraction of lines cancelled before shipping; assumed
    refund_quality: float = -0.15  # log refund rate per sd of audience quality, of videos and showcases; assumed
    # Lives: returns rise with interaction, by up to 30 % of the mean rate per sd; Feng, Rong, Tian, Wang and Yao,
    # When Persuasion Is Too Persuasive, Production and Operations Management, doi 10.1177/10591478231224949 (abstract)
    refund_live: float = 1.2  # multiple of the refund rate; above one in the same source, how far is assumed
    refund_warmth: float = 0.26  # log refund rate of lives per sd of audience quality, which warms interaction
    quantities: tuple[float, ...] = (0.85, 0.11, 0.04)  # chance of 1, 2, 3 units a line; assumed
    shipping_usd: tuple[float, float] = (3.0, 8.0)  # USD to ship one sample; assumed

    # Shop demand without creators
    demand_level: float = 8.0  # units a day, median product; assumed
    demand_spread: float = 0.7  # sd of log level; assumed
    week: tuple[float, ...] = (0.94, 0.93, 0.95, 0.98, 1.06, 1.10, 1.04)  # Monday..Sunday multiples; assumed
    category_shock: float = 0.035  # daily sd of the category x market AR(1); assumed
    product_shock: float = 0.035  # daily sd of the product's AR(1); assumed
    shock_memory: float = 0.85  # AR(1) coefficient a day; assumed
    sale_lift: float = 1.6  # multiple of demand on double-date sales (2.2, 3.3, ...); assumed
    sale_discount: float = 0.2  # fraction off on double dates; assumed

    # Creators
    correlation: tuple[tuple[float, ...], ...] = (  # of TRAITS; assumed, signs after the marketplaces' own scores
        (1.00, 0.40, 0.25, -0.05, 0.10, -0.10),
        (0.40, 1.00, 0.35, 0.05, 0.05, 0.05),
        (0.25, 0.35, 1.00, 0.05, 0.15, 0.00),
        (-0.05, 0.05, 0.05, 1.00, 0.30, 0.30),
        (0.10, 0.05, 0.15, 0.30, 1.00, 0.05),
        (-0.10, 0.05, 0.00, 0.30, 0.05, 1.00),
    )
    joined_late: float = 0.12  # fraction who join within the simulated days; assumed
    follower_floor: float = 1_000.0  # followers; TikTok Shop affiliates need 1,000 in most markets
    follower_tail: float = 1.0  # Pareto exponent; assumed (heavy-tailed audiences); swept from .85 to 1.3
    follower_cap: float = 8_000_000.0  # followers; assumed
    follower_appeal: float = 0.2  # copula loading of followers on appeal; assumed; swept from .1 to .35
    follower_persuasion: float = 0.0  # copula loading of followers on persuasion; assumed; swept from 0 to .15
    category_focus: float = 1.5  # sharpness of the choice of category; assumed; swept from 1.5 to 4
    consent_rate: float = 0.65  # fraction who let their exact GMV be seen; assumed

    # Posting
    posts_per_30d: float = 4.4  # contents, median creator; assumed
    posts_diligence: float = 0.45  # log posts per sd; assumed
    posts_spread: float = 0.40  # sd of log posts that no trait explains; assumed
    posts_dispersion: float = 1.6  # negative-binomial size of a week at mean consistency; assumed
    posts_consistency: float = 0.7  # log size per sd; assumed
    shoppable_level: float = 0.1  # logit of the shoppable share; assumed
    shoppable_diligence: float = 0.5  # logit per sd; assumed
    shoppable_spread: float = 0.6  # sd of the logit that no trait explains; assumed
    live_creators: float = 0.4  # fraction who go live at all; assumed
    live_share: float = 0.18  # mean share of lives in their contents; assumed
    deleted_rate: float = 0.025  # fraction of contents deleted later; assumed
    duplicated_rate: float = 0.02  # fraction of videos uploaded twice; assumed

    # Views
    views_level: float = 1_100.0  # expected views of a video, 10,000 followers, mean appeal; assumed
    views_followers: float = 0.10  # elasticity; weak: the feed shows contents, not accounts
    views_appeal: float = 0.55  # log views per sd; assumed; swept from .5 to .9
    views_noise: float = 1.35  # sd of log views between one creator's contents; assumed; swept from 1 to 1.5
    views_consistency: float = -0.25  # log of that sd per sd of consistency; assumed
    views_decay: float = 0.62  # daily decay of views; assumed
    live_views: float = 0.5  # multiple of a video's views; assumed
    live_conversion: float = 3.0  # multiple of a video's conversion; assumed

    # Sales: order lines per organic view that would not have been sold otherwise
    conversion: float = 0.00080  # lines per view at the mean of all drivers; assumed; swept from .00055 to .0013
    sell_persuasion: float = 0.70  # log lines per sd; assumed; swept from .5 to .75
    sell_affinity: float = 0.50  # log lines per sd of affinity for the category; assumed
    sell_quality: float = 0.25  # log lines per sd of audience quality; assumed
    sell_followers: float = -0.50  # log lines per sd of log followers; sign after Beichert et al. 2024, size assumed
    sell_fit: float = 0.60  # log lines per sd of brand x creator fit; assumed; swept from .35 to .7
    sell_price: float = -0.45  # elasticity of lines to price; assumed
    sell_price_gap: float = -0.22  # log lines per squared gap to the creator's price point; assumed
    price_gap_cap: float = 6.0  # largest squared gap that counts; assumed
    price_wander: float = 0.8  # sd of the price level chosen for one content around the price point; assumed
    sales_decay: float = 0.78  # daily decay of sales after posting; assumed
    # Captured demand: attributed orders that the shop would have had anyway
    capture: float = 0.022  # share of the product's level taken in the window, mean creator; assumed
    capture_followers: float = 0.35  # log share per sd of log followers; assumed
    capture_posts: float = 0.60  # log share per sd of log posting rate; assumed
    capture_affinity: float = 0.60  # log share per sd of affinity: big category sellers capture more; assumed
    capture_cap: float = 0.2  # largest share; assumed
    capture_organic: float = 0.30  # share of that for a content outside a partnership; assumed; swept from .03 to .3
    showcase_rate: float = 0.06  # fraction of organic lines bought from the showcase; assumed
    # Paid traffic: orders through a creator's content that the ad budget would have bought elsewhere
    paid_reliance: tuple[float, float] = (0.6, 6.0)  # beta parameters of the share of boosted contents; assumed
    paid_views: float = 1.5  # bought views per organic view of a boosted content; assumed
    paid_conversion: float = 0.0005  # lines per bought view; assumed
    paid_partnership: float = 0.15  # extra chance that a partnership's content is boosted; assumed
    cpm_usd: float = 4.0  # USD for 1,000 bought views; assumed

    # Partnerships
    partnership_boost: float = 11.0  # multiple of an organic content's incremental lines; assumed; swept from 4 to 11
    partnership_views: float = 2.5  # multiple of an organic content's views; assumed
    sell_load: float = -0.15  # log lines per recent partnership (tired audience); assumed
    load_half_life: float = 21.0  # days; assumed
    invites: tuple[int, int] = (30, 80)  # invitations a campaign; assumed
    invite_share: float = 0.42  # largest share of the eligible that one campaign invites; assumed
    holdback: float = 0.15  # fraction of invitations drawn uniformly; assumed
    ranker_power: float = 0.9  # exponent of 30-day GMV in the older ranker; assumed
    ranker_floor_usd: float = 60.0  # USD added to GMV, so that nobody has weight zero; assumed
    ranker_again: float = 1.3  # log weight of having delivered for the brand before; assumed
    pick_first: float = 0.85  # chance that the first in the list is invited; assumed
    # Briefs
    commission_range: tuple[float, float] = (0.06, 0.22)  # fraction; TikTok Shop affiliate offers, usual range
    sample_rate: float = 0.75  # fraction of campaigns with a free sample; assumed
    fee_rate: float = 0.35  # fraction of campaigns with a flat fee, at the middle audience sought; assumed
    fee_usd: float = 50.0  # USD, median flat fee at the middle audience sought; assumed; swept from 30 to 120
    fee_spread: float = 0.5  # sd of log fee that the audience sought does not explain; assumed
    # Each brief seeks an audience of some size, standard normal on the scale of creators' log followers
    fee_followers: float = 1.0  # log fee per sd of the audience sought; assumed; swept from .6 to 1.3
    fee_offered: float = 2.5  # logit of offering a fee at all per sd of the audience sought; assumed; swept 1 to 3
    ranker_size: float = 2.0  # log weight lost per squared gap to the audience sought; assumed; swept from .5 to 2
    open_rate: float = 0.25  # fraction of open collaborations; assumed
    # Acceptance, logit
    accept_level: float = -2.2  # logit; assumed
    accept_cooperation: float = 1.15  # per sd; assumed
    accept_commission: float = 0.5  # per 5 percentage points above .12; assumed
    accept_sample: float = 0.45  # with a sample; assumed
    accept_fee: float = 0.45  # per log(1 + fee / 20 USD); assumed
    accept_affinity: float = 0.50  # per sd of affinity for the category; assumed
    accept_fit: float = 0.30  # per sd of brand fit; assumed
    accept_followers: float = -0.2  # per sd of log followers; assumed; swept from -.4 to -.15
    accept_load: float = -0.45  # per recent partnership; assumed
    accept_asked: float = -0.12  # per recent invitation; assumed
    accept_again: float = 0.9  # having delivered for the brand before; assumed
    accept_open: float = 0.3  # open collaboration; assumed
    withdrawn_rate: float = 0.03  # fraction of invitations the seller withdraws; assumed
    reply_level: float = 0.6  # logit of replying at all when not accepting; assumed
    reply_cooperation: float = 1.0  # per sd; assumed
    reply_hours: float = 30.0  # hours, median reply; Xiaohongshu counts replies within 48 h
    # Samples
    never_shipped: tuple[float, float] = (1.2, 20.0)  # beta parameters of a brand's rate; assumed
    platform_cancelled: float = 0.005  # fraction of samples; assumed
    # Delivery given acceptance (and given the sample arrived), logit
    deliver_level: float = 0.2  # logit; assumed
    deliver_diligence: float = 1.0  # per sd; assumed
    deliver_cooperation: float = 0.55  # per sd; assumed
    deliver_affinity: float = 0.25  # per sd of affinity; assumed
    deliver_fee: float = 0.3  # per log(1 + fee / 20 USD); assumed
    deliver_load: float = -0.35  # per recent partnership; assumed
    late_level: float = -1.1  # logit of being late given delivery; assumed
    late_consistency: float = -1.0  # per sd; assumed
    late_diligence: float = -0.3  # per sd; assumed
    compliance_level: float = 1.2  # logit of mean brief compliance; assumed
    compliance_diligence: float = 0.4  # per sd; assumed
    compliance_cooperation: float = 0.5  # per sd; assumed
    compliance_size: float = 7.0  # beta size: how closely compliance holds to its mean; assumed
    compliance_offset: float = 0.5  # sales multiple = (offset + compliance) / (offset + .75); assumed

    # Off in the baseline: what the other worlds add. `worlds` declares them.
    # A hunch of the brand, on each creator and on each brief, standard normal and never logged
    hunch_invite: float = 0.0  # log-odds of the brand's pick per sd of the hunch; assumed; swept from 0 to 2
    hunch_sales: float = 0.0  # log lines of the partnership per sd of the hunch; assumed; swept from 0 to 1
    hunch_demand: float = 0.0  # log shop demand while the brief runs, per sd; assumed; swept from 0 to .3
    hunch_wanted: float = 0.0  # log invitations wanted, per sd of the brief's hunch; assumed; swept from 0 to .5
    # Interference: between products of one brand and category, and creators who share an audience
    sibling_loss: float = 0.0  # units of a sibling not sold per line of a partnership; assumed; swept from 0 to .5
    sibling_gain: float = 0.0  # units of a sibling sold besides per line of a partnership; assumed; swept from 0 to .3
    audiences: int = 1  # audiences in each market, of equal chance, each creator's one; assumed; swept from 1 to 20
    audience_loss: float = 0.0  # lines lost to each other post of the audience; assumed; swept from 0 to .5
    audience_spill: float = 0.0  # share of lines attributed to another such post; assumed; swept from 0 to .4
    # Drift: parameters that take another value from the last third of the briefs on
    drift: tuple[tuple[str, float], ...] = ()  # (parameter, its later value), units as above; assumed; on or off
    drift_tastes: float = 1.0  # correlation of affinities before and after; assumed; swept from 1 to 0
    # Engagement over followers
    engagement_curve: float = -0.06  # log engagement a view per squared gap to the peak; assumed; swept 0 to -.3
    engagement_peak: float = 0.0  # sd of log followers at which engagement peaks; assumed; swept from -1 to 1
    # Gaming: a share of creators inflates what indices count, and changes no sale
    gaming_share: float = 0.0  # fraction of creators; HypeAuditor: 34 to 55 % touched by fraud; swept from 0 to .55
    gaming_followers: float = 1.0  # multiple of the followers shown; assumed; swept from 1 to 10
    gaming_engagement: float = 1.0  # multiple of the likes, comments and shares shown; assumed; swept from 1 to 5
    gaming_views: float = 1.0  # multiple of the views shown; assumed; swept from 1 to 3
    gaming_stuffing: float = 0.0  # fraction of their videos uploaded twice; assumed; swept from 0 to .8
    gaming_reply: float = 1.0  # multiple of their reply time; assumed; swept from 1 to .05
    # Bought followers: a package that comes at once, in every world; nobody watches or buys more for it
    bought_share: float = 0.5  # fraction of creators who buy within the days; HypeAuditor: .34 to .61 touched
    bought_followers: float = 1.25  # multiple of the followers shown from then on; assumed; swept from 1.1 to 2
    # Newcomers
    newcomers: float = 0.0  # fraction of creators who join in the last days; assumed; swept from 0 to .6
    newcomer_days: int = 60  # days in which they join; assumed; swept from 30 to 90
    # Sales grow with a power of the views; hits carry many times the views of other contents
    views_power: float = 1.0  # elasticity of lines to the views of one content; assumed
    views_reference: float = 2_750.0  # views at which every power sells the same; the median partnership's
    hit_chance: float = 0.0  # chance that a content is a hit; assumed
    hit_views: float = 10.0  # multiple of the views of a hit, at least; assumed
    hit_tail: float = 1.5  # Pareto exponent of that multiple; assumed
    hit_cap: float = 30.0  # largest multiple over the least; assumed
    # Lives: creators whose lives sell many times what their videos do, or less, and who go live for brands or do not
    live_talent: float = 0.0  # sd of the log of a creator's own multiple of `live_conversion`; assumed
    live_partnership: float = 0.0  # logit of a partnership's content being live above the creator's own; assumed
    live_partnership_spread: float = 0.0  # sd of that logit between creators; assumed
    # Audiences: tired by many posts, of an age that does not buy the category, or of another market
    tired_posting: float = 0.0  # log lines lost per log of posts above `tired_from`; assumed
    tired_from: float = 6.0  # contents in 30 days from which an audience tires; assumed
    age_mismatch: float = 0.0  # log lines lost per age band between the audience and the category's buyers; assumed
    category_ages: tuple[float, ...] = (0.6, 0.7, 2.2, 1.6, 1.2, 2.4, 1.5, 1.0)  # age band, 18-24 is 0; assumed
    age_spread: float = 0.9  # sd of an audience's band around 1.2; assumed
    abroad_share: float = 0.0  # fraction of creators whose audience lives in another market; assumed
    abroad_sales: float = 1.0  # multiple of their lines; assumed
    # Agencies that accept for the creators they manage
    managed_level: float = -1.2  # logit of being managed at the middle audience; assumed
    agencies: int = 0  # agencies that decide for the managed; none: these decide themselves; assumed
    agency_accept: float = -1.0  # logit; assumed
    agency_spread: float = 0.6  # sd of that logit between agencies; assumed
    agency_commission: float = 0.8  # logit per 5 percentage points above .12; assumed
    agency_fee: float = 0.8  # logit per log(1 + fee / 20 USD); assumed
    agency_deliver: float = 0.0  # logit added to delivering once the agency accepted; assumed
    agency_effort: float = 1.0  # multiple of what diligence and cooperation then do for delivery; assumed
    # Outside options: creators decline what pays less than they earn elsewhere
    reserve_commission: float = 0.0  # commission below which the median creator declines, fraction; assumed
    reserve_spread: float = 0.3  # sd of its log between creators; assumed
    reserve_followers: float = 0.15  # log of it per sd of log followers; assumed
    # What a creator adds, beside what they are credited with: log lines per sd, seen and unseen
    adds_followers: float = 0.0  # log lines per sd of log followers; assumed
    adds_posts: float = 0.0  # log lines per sd of log posts; assumed
    adds_live: float = 0.0  # log lines per sd of the live share; assumed
    adds_focus: float = 0.0  # log lines per sd of the largest category's share; assumed
    adds_tenure: float = 0.0  # log lines per sd of time since joining; assumed
    adds_unseen: float = 0.0  # sd of log lines that nothing recorded explains; assumed
    adds_instead: float = 0.0  # log captured share lost per log line added: more added, less credited; assumed
    boost_spread: float = 0.0  # sd of the log of a creator's own multiple of `partnership_boost`; assumed
    # Reports and refunds that come late
    report_days: float = 0.0  # days by which orders, contents' and products' days are known later, mean; assumed
    refund_days: float = 0.0  # days by which refunds come later, mean; assumed
    # Sales days: double dates and paydays, when the shop sells several times as much anyway
    great_sale: float = 1.0  # multiple of demand on 9.9, 11.11 and 12.12 above other double dates; assumed
    payday_lift: float = 1.0  # multiple of demand from the 25th to the 28th; assumed
    payday_discount: float = 0.02  # fraction off on those days; assumed
    sale_spread: float = 0.0  # sd of the log of a product's share in the surge; assumed
    sale_ads: float = 1.0  # multiple of the ad spend on sales days beyond what grows with demand; assumed
    sale_briefs: float = 0.0  # fraction of briefs written so that contents can be out by a sales day; assumed
    sale_posts: float = 0.0  # chance that a punctual content of such a brief comes out on the day; assumed
    sale_organic: float = 0.0  # chance that another content of the fortnight before waits for a sales day; assumed
    sale_capture: float = 0.0  # share of the surge taken by such contents over the share of the level; assumed
    sale_conversion: float = 1.0  # multiple of the lines such contents add; assumed
    # Buyers with desires, budgets and habits, in the place of views (the truth is not exact beside `audience_loss`)
    buyers_days: float = 0.0  # buyers who desire a product, in days of its demand; none: sales go by views; assumed
    buyers_focus: float = 0.7  # share of them who care most for the product's category; assumed
    buyers_budget: float = 40.0  # USD that the median buyer can spend on it; assumed
    buyers_budget_spread: float = 0.8  # sd of its log; assumed
    buyers_habit: float = 0.2  # fraction of the persuaded who would have bought anyway; assumed
    buyers_reach: float = 0.05  # hazard of persuading a buyer, median creator, partnership's video; assumed
    buyers_persuasion: float = 0.5  # log hazard per sd of persuasion; assumed
    buyers_fit: float = 0.4  # log hazard per sd of brand x creator fit; assumed
    buyers_followers: float = 0.3  # log hazard per sd of log followers; assumed
    buyers_organic: float = 0.08  # multiple of the hazard outside partnerships; assumed
    # Which laws were drawn, where a world is drawn
    laws: tuple[str, ...] = ()  # names, in the order of `wild`; none in the worlds that are named
    # How much of a marketplace one sees
    size: float = 1.0  # multiple of the creators and of the campaigns asked for; assumed; swept from 1 to 1/10
    seller_share: float = 0.0  # fraction of campaigns of the brand whose data are shown; assumed; swept from .05 to 1

    @property
    def later(self) -> World:
        """This world from the last third of the briefs on."""
        changes: dict[str, Any] = {**dict(self.drift), "drift": ()}
        return replace(self, **changes)


BASELINE = World()

STAGES = (
    "fx",
    "brands",
    "products",
    "creators",
    "posts",
    "views",
    "organic_sales",
    "organic_lines",
    "briefs",
    "lists",
    "funnel",
    "partnerships",
    "partnership_lines",
    "order_states",
    "content_states",
    "content_days",
    "demand",
    "snapshots",
    "reviews",
    "samples",
    "hunches",
    "brief_hunches",
    "audiences",
    "siblings",
    "spills",
    "tastes",
    "gaming",
    "newcomers",
    "sought",
    "packages",
    "differences",
    "hits",
    "partnership_hits",
    "sale_shares",
    "sale_briefs",
    "sale_dates",
    "reports",
    "law",
    "offered",
)


def stream(seed: int, stage: str, part: int = 0) -> np.random.Generator:
    """The generator of one stage and part: independent of every other stage's and part's, whatever they draw.

    Parts number the shards of creators; a stage that is drawn for all at once has part 0 alone.
    """
    key = (STAGES.index(stage), part) if part else (STAGES.index(stage),)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
