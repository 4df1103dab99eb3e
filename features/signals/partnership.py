"""Signals of a creator as a partner: invitations, samples, deliveries, reviews, profit."""

from __future__ import annotations

from typing import Any

from features.facts import Windows
from features.signals.base import declare, mean, share, shrunk

__all__ = ["ACCEPT_PRIOR", "PARTNERSHIP_SIGNALS"]

ACCEPT_PRIOR = 0.1
"""Acceptance to start from where nothing is known yet, with the weight of three invitations."""


def _profit(w: Windows) -> Any:
    """Margin less commission and booked costs, per partnership accepted."""
    costs = w.sum("costs", "flat_fee", 365) + w.sum("costs", "sample_cost", 365) + w.sum("costs", "shipping_cost", 365)
    left = w.sum("orders", "campaign_margin", 365) - w.sum("orders", "campaign_commission", 365)
    return mean(left - costs, w.sum("invitations", "accepted", 365))


PARTNERSHIP_SIGNALS = declare(
    "creator",
    ("invitations_sum_28d", "invitations", 0, "Invitations received in the last 28 days (those withdrawn left out).",
     lambda w: w.sum("invitations", "sent", 28)),
    ("invitations_closed_sum_365d", "invitations", 0, "Invitations of the last year that were answered or expired.",
     lambda w: w.sum("invitations", "resolved", 365)),
    ("invitations_open_sum_28d", "invitations", 0, "Invitations of the last 28 days still unanswered.",
     lambda w: w.sum("invitations", "open", 28)),
    ("accepts_sum_90d", "invitations", 0, "Invitations of the last 90 days that the creator accepted.",
     lambda w: w.sum("invitations", "accepted", 90)),
    ("accepts_sum_180d", "invitations", 0, "Invitations of the last 180 days that the creator accepted.",
     lambda w: w.sum("invitations", "accepted", 180)),
    ("accepts_sum_365d", "invitations", 0, "Invitations of the last year that the creator accepted.",
     lambda w: w.sum("invitations", "accepted", 365)),
    ("accept_rate_90d", "fraction", 1,
     "Share of the last 90 days' answered or expired invitations that were accepted (towards .1 while there are few).",
     lambda w: shrunk(w.sum("invitations", "accepted", 90), w.sum("invitations", "resolved", 90),
                      prior=ACCEPT_PRIOR, weight=3.0)),
    ("accept_rate_ever", "fraction", 1,
     "Share of all answered or expired invitations that were accepted (towards .1 while there are few).",
     lambda w: shrunk(w.sum("invitations", "accepted"), w.sum("invitations", "resolved"),
                      prior=ACCEPT_PRIOR, weight=3.0)),
    ("accept_rate_decayed_180d", "fraction", 1,
     "Share of invitations accepted, recent ones weighing more (halved every 45 days; towards .1 while there are few).",
     lambda w: shrunk(w.decayed("invitations", "accepted", 180), w.decayed("invitations", "resolved", 180),
                      prior=ACCEPT_PRIOR, weight=3.0)),
    ("days_since_last_accept_365d", "days", -1, "Days since the last invitation that was accepted (within a year).",
     lambda w: w.since_last("invitations", "accepted", 365)),
    ("days_since_last_invitation_365d", "days", 0, "Days since the creator was last invited (within a year).",
     lambda w: w.since_last("invitations", "sent", 365)),
    ("reply_rate_180d", "fraction", 1,
     "Share of the last 180 days' answered or expired invitations that got a reply (towards .5 while there are few).",
     lambda w: shrunk(w.sum("invitations", "replied", 180), w.sum("invitations", "resolved", 180),
                      prior=0.5, weight=2.0)),
    ("reply_soon_rate_180d", "fraction", 1,
     "Share of the last 180 days' invitations replied to within 48 hours (towards .4 while there are few).",
     lambda w: shrunk(w.sum("invitations", "replied_soon", 180), w.sum("invitations", "resolved", 180),
                      prior=0.4, weight=2.0)),
    ("reply_hours_mean_180d", "hours", -1, "Average time to reply to an invitation, over the last 180 days.",
     lambda w: mean(w.sum("invitations", "reply_hours", 180), w.sum("invitations", "reply_timed", 180))),
    ("commission_offered_mean_365d", "fraction", 0, "Average commission rate that brands offered in the last year.",
     lambda w: mean(w.sum("invitations", "offered_rate", 365), w.sum("invitations", "rate_known", 365))),
    ("commission_accepted_mean_365d", "fraction", 0, "Average commission rate accepted in the last year.",
     lambda w: mean(w.sum("invitations", "accepted_rate", 365), w.sum("invitations", "accepted_rate_known", 365))),
    ("fee_accepted_mean_365d", "USD", 0, "Average flat fee of the partnerships accepted in the last year.",
     lambda w: mean(w.sum("fees", "fee_accepted", 365), w.sum("invitations", "accepted", 365))),
    ("partnerships_open_42d", "partnerships", 0,
     "Accepted invitations of the last 42 days whose content may still come in time.",
     lambda w: w.sum("partnerships", "open", 42)),
    ("brands_worked_with_distinct_180d", "brands", 0, "Different brands accepted in the last 180 days.",
     lambda w: w.distinct("invitations", "brand_id", "accepted", 180)),
    ("repeat_brand_rate_365d", "fraction", 1, "Share of the last year's brands that came back for more.",
     lambda w: share(w.distinct("invitations", "brand_id", "accepted", 365, at_least=2),
                     w.distinct("invitations", "brand_id", "accepted", 365))),
    ("sample_fulfil_rate_365d", "fraction", 1,
     "Share of the last year's samples for which content was made (towards .7 while there are few).",
     lambda w: shrunk(w.sum("samples", "fulfilled", 365), w.sum("samples", "resolved", 365), prior=0.7, weight=3.0)),
    ("samples_owed_sum_90d", "samples", -1, "Samples of the last 90 days that arrived and still owe content.",
     lambda w: w.sum("samples", "owed", 90)),
    ("deliveries_sum_180d", "deliveries", 0, "Pieces of content delivered to brands in the last 180 days.",
     lambda w: w.sum("deliveries", "deliveries", 180)),
    ("deliver_rate_365d", "fraction", 1,
     "Share delivered of the last year's partnerships that have had their time (towards .7 while there are few).",
     lambda w: shrunk(w.sum("partnerships", "delivered", 365), w.sum("partnerships", "settled", 365),
                      prior=0.7, weight=2.0)),
    ("on_time_rate_365d", "fraction", 1,
     "Share of the last year's deliveries posted by their due date (towards .7 while there are few).",
     lambda w: shrunk(w.sum("deliveries", "on_time", 365), w.sum("deliveries", "timed", 365),
                      prior=0.7, weight=2.0)),
    ("late_days_mean_365d", "days", -1, "Average days late of the last year's deliveries.",
     lambda w: mean(w.sum("deliveries", "late_days", 365), w.sum("deliveries", "timed", 365))),
    ("compliance_mean_365d", "fraction", 1, "How far the last year's deliveries followed the brief at first pass.",
     lambda w: mean(w.sum("deliveries", "compliance", 365), w.sum("deliveries", "compliance_known", 365))),
    ("response_days_mean_365d", "days", -1, "Average days from a sample's arrival to the post, over the last year.",
     lambda w: mean(w.sum("responses", "response_days", 365), w.sum("responses", "responses", 365))),
    ("stars_mean_365d", "stars", 1, "Average stars of the last year (towards 4 while there are few).",
     lambda w: shrunk(w.sum("reviews", "stars", 365), w.sum("reviews", "reviews", 365), prior=4.0, weight=2.0)),
    ("campaign_gmv_per_partnership_365d", "USD", 1, "Net sales in campaigns per partnership accepted in the last year.",
     lambda w: mean(w.sum("orders", "campaign_net_gmv", 365), w.sum("invitations", "accepted", 365))),
    ("profit_per_partnership_365d", "USD", 0,
     "Margin less commission and booked costs per partnership accepted in the last year.", _profit),
)  # fmt: skip
"""Signals of a creator as a partner."""
