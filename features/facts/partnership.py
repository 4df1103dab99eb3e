"""Facts of working together: invitations, samples, deliveries, reviews."""

from __future__ import annotations

from typing import Any

import ibis

from features.facts.base import MICRO, Fact, Measure, fixed, flag, measures
from features.facts.sales import campaign_identity, product_identity
from features.time import FOREVER, known_once, known_states, meet, to_usd
from marketplace.contract import NOT_THE_CREATORS_FAULT
from marketplace.tables import Marketplace

__all__ = ["PARTNERSHIP_FACTS", "REPLY_SOON_HOURS"]

REPLY_SOON_HOURS = 48
"""A reply within as many hours is a quick one (Xiaohongshu's invite reply rate)."""

_SECONDS_PER_HOUR = 3_600
_SECONDS_PER_DAY = 86_400


def _invitation_states(market: Marketplace) -> Any:
    states = known_states(market.table("invitations"), ("invitation_id",), "sent_at")
    states = states.filter(states.since_day < states.until_day).rename(offered_rate="commission_rate")
    campaigns = campaign_identity(market)
    return meet(states, campaigns, [states.campaign_id == campaigns.campaign_id])


def _invitations(market: Marketplace) -> Any:
    states = _invitation_states(market)
    accepted, declined = states.decision == "ACCEPT", states.decision == "DECLINE"
    expired, pending = states.decision == "EXPIRED", states.decision == "PENDING"
    replied = (accepted | declined) & states.replied_at.notnull()
    seconds = states.replied_at.epoch_seconds() - states.sent_at.epoch_seconds()
    resolved = accepted | declined | expired
    rate_known = resolved & states.offered_rate.notnull()
    return states.mutate(
        sent=flag(resolved | pending),
        open=flag(pending),
        resolved=flag(resolved),
        accepted=flag(accepted),
        declined=flag(declined),
        expired=flag(expired),
        replied=flag(accepted | declined),
        replied_soon=flag(replied & (seconds <= REPLY_SOON_HOURS * _SECONDS_PER_HOUR)),
        reply_timed=flag(replied),
        reply_hours=ibis.ifelse(replied, ibis.greatest(seconds, ibis.literal(0, "int64")), ibis.literal(0, "int64")),
        withdrawn=flag(states.decision == "WITHDRAWN_BY_SELLER"),
        rate_known=flag(rate_known),
        offered_rate=ibis.ifelse(rate_known, fixed(states.offered_rate), ibis.literal(0, "int64")),
        accepted_rate_known=flag(rate_known & accepted),
        accepted_rate=ibis.ifelse(rate_known & accepted, fixed(states.offered_rate), ibis.literal(0, "int64")),
        with_sample=flag(resolved & states.has_free_sample),
        accepted_with_sample=flag(accepted & states.has_free_sample),
    )


def _fees(market: Marketplace) -> Any:
    """Resolved invitations with the flat fee that was offered, in USD of the brief's day."""
    campaigns = known_once(market.table("campaigns"), "briefed_at")
    campaigns = campaigns.select(
        "currency", "event_day", "since_day", "until_day", of_campaign_="campaign_id",
        fee_=ibis.coalesce(campaigns.flat_fee, ibis.literal(0.0, "float64")),
    )  # fmt: skip
    campaigns = to_usd(campaigns, market)
    states = _invitation_states(market)
    states = meet(states, campaigns, [states.campaign_id == campaigns.of_campaign_])
    fee = fixed(states.fee_ * states.usd_rate)
    accepted = states.decision == "ACCEPT"
    return states.mutate(
        fee_resolved=flag(states.decision.isin(["ACCEPT", "DECLINE", "EXPIRED"])),
        fee_offered=ibis.ifelse(states.decision.isin(["ACCEPT", "DECLINE", "EXPIRED"]), fee, ibis.literal(0, "int64")),
        fee_accepted=ibis.ifelse(accepted, fee, ibis.literal(0, "int64")),
        paid_fee_accepted=flag(accepted & (fee > 0)),
    )


def _sample_states(market: Marketplace) -> Any:
    states = known_states(market.table("samples"), ("sample_id",), "requested_at")
    return states.filter(states.since_day < states.until_day)


def _samples(market: Marketplace) -> Any:
    states = _sample_states(market)
    products = product_identity(market)
    states = meet(states, products, [states.product_id == products.product_id])
    counts = ~states.status.isin(list(NOT_THE_CREATORS_FAULT)) & ~states.fulfillment_status.isin(
        ["CANCELLED", "EXEMPTED"]
    ).fill_null(False)
    delivered = counts & states.delivered_at.notnull()
    failed_status = states.status == "UNFULFILL_CANCELLED"
    succeeded = counts & ((states.fulfillment_status == "SUCCEED") | (states.status == "COMPLETED"))
    failed = ((counts & (states.fulfillment_status == "FAILED")) | failed_status) & ~succeeded
    return states.mutate(
        sampled=flag(counts | failed_status),
        arrived=flag(delivered | (failed_status & states.delivered_at.notnull())),
        resolved=flag(succeeded | failed),
        fulfilled=flag(succeeded),
        failed=flag(failed),
        owed=flag(delivered & ~succeeded & ~failed),
    )


def _deliveries(market: Marketplace) -> Any:
    rows = known_once(market.table("deliveries"), "posted_at")
    campaigns = campaign_identity(market)
    rows = meet(rows, campaigns, [rows.campaign_id == campaigns.campaign_id])
    due = rows.due_at.notnull()
    late_seconds = ibis.greatest(rows.posted_at.epoch_seconds() - rows.due_at.epoch_seconds(), ibis.literal(0, "int64"))
    return rows.mutate(
        deliveries=ibis.literal(1, "int64"),
        due_known=flag(due),
        on_time=flag(due & (rows.posted_at <= rows.due_at)),
        late_days=ibis.ifelse(due, late_seconds, ibis.literal(0, "int64")),
        compliance=fixed(rows.brief_compliance),
        compliance_squared=fixed(rows.brief_compliance * rows.brief_compliance),
        compliance_known=flag(rows.brief_compliance.notnull()),
        revisions=rows.revision_count,
        revisions_known=flag(rows.revision_count.notnull()),
        first_pass=flag(rows.revision_count == 0),
    )


def _responses(market: Marketplace) -> Any:
    """Deliveries met with the arrival of their sample: the days the creator took."""
    rows = known_once(market.table("deliveries"), "posted_at")
    samples = _sample_states(market)
    samples = samples.filter(samples.delivered_at.notnull()).select(
        "delivered_at", "since_day", "until_day", of_invitation_="invitation_id"
    )
    rows = meet(rows, samples, [rows.invitation_id == samples.of_invitation_])
    campaigns = campaign_identity(market)
    rows = meet(rows, campaigns, [rows.campaign_id == campaigns.campaign_id])
    seconds = rows.posted_at.epoch_seconds() - rows.delivered_at.epoch_seconds()
    days = ibis.greatest(seconds, ibis.literal(0, "int64"))
    log = (days.cast("float64") / float(_SECONDS_PER_DAY) + 1.0).ln()
    return rows.mutate(
        responses=ibis.literal(1, "int64"),
        response_days=days,
        log_response_days=fixed(log),
        log_response_days_squared=fixed(log * log),
    )


def _reviews(market: Marketplace) -> Any:
    reviews = known_once(market.table("reviews"), "reviewed_at")
    reviews = reviews.filter(reviews.direction == "BRAND_OF_CREATOR")
    states = _invitation_states(market)
    who = states.group_by(["invitation_id", "creator_id", "campaign_id", "category_id", "brand_id"]).aggregate(
        since_day=states.since_day.min()
    )
    who = who.mutate(until_day=ibis.literal(FOREVER, "int64"))
    reviews = meet(reviews, who, [reviews.invitation_id == who.invitation_id])
    return reviews.mutate(
        reviews=ibis.literal(1, "int64"),
        stars=reviews.stars,
        stars_squared=reviews.stars * reviews.stars,
        good_reviews=flag(reviews.stars >= 4),
    )


_PARTIES = ("creator_id", "category_id", "brand_id", "campaign_id")

PARTNERSHIP_FACTS = (
    Fact("invitations", "Invitations as their states became known; those withdrawn by the seller count nowhere else.",
         _PARTIES,
         measures(
             Measure("sent", "invitations", "invitations, less those withdrawn by the seller"),
             Measure("open", "invitations", "still unanswered"),
             Measure("resolved", "invitations", "accepted, declined or expired"),
             Measure("accepted", "invitations", "accepted: a partnership"),
             Measure("declined", "invitations", "declined"),
             Measure("expired", "invitations", "expired without a reply"),
             Measure("replied", "invitations", "accepted or declined"),
             Measure("replied_soon", "invitations", "replied to within 48 hours"),
             Measure("reply_timed", "invitations", "replied to at a known time"),
             Measure("reply_hours", "hours", "time to the reply, summed", _SECONDS_PER_HOUR),
             Measure("withdrawn", "invitations", "withdrawn by the seller"),
             Measure("rate_known", "invitations", "resolved, with a known commission rate"),
             Measure("offered_rate", "fraction", "commission rates offered (resolved invitations), summed", MICRO),
             Measure("accepted_rate_known", "invitations", "accepted, with a known commission rate"),
             Measure("accepted_rate", "fraction", "commission rates accepted, summed", MICRO),
             Measure("with_sample", "invitations", "resolved, with a free sample offered"),
             Measure("accepted_with_sample", "invitations", "accepted, with a free sample offered"),
         ),
         ("invitations", "campaigns"), _invitations),
    Fact("fees", "Resolved invitations with the flat fee that their brief offered.",
         _PARTIES,
         measures(
             Measure("fee_resolved", "invitations", "resolved invitations with a readable fee"),
             Measure("fee_offered", "USD", "fees offered (a brief without one offers 0), summed", MICRO),
             Measure("fee_accepted", "USD", "fees of accepted invitations, summed", MICRO),
             Measure("paid_fee_accepted", "invitations", "accepted invitations with a fee above 0"),
         ),
         ("invitations", "campaigns"), _fees),
    Fact("samples", "Free samples as their states became known; what was not the creator's fault is left out.",
         ("creator_id", "category_id", "brand_id"),
         measures(
             Measure("sampled", "samples", "samples that count"),
             Measure("arrived", "samples", "samples that reached the creator"),
             Measure("resolved", "samples", "fulfilled or failed"),
             Measure("fulfilled", "samples", "content was made for it"),
             Measure("failed", "samples", "no content was made for it, by the creator's doing"),
             Measure("owed", "samples", "arrived, and content still owed"),
         ),
         ("samples", "products"), _samples),
    Fact("deliveries", "Pieces of content delivered for invitations.",
         (*_PARTIES, "invitation_id"),
         measures(
             Measure("deliveries", "deliveries", "pieces delivered"),
             Measure("due_known", "deliveries", "pieces with a due date"),
             Measure("on_time", "deliveries", "pieces posted by their due date"),
             Measure("late_days", "days", "days late, summed", _SECONDS_PER_DAY),
             Measure("compliance", "fraction", "brief compliance at first pass, summed", MICRO),
             Measure("compliance_squared", "fraction squared", "its square, summed", MICRO),
             Measure("compliance_known", "deliveries", "pieces whose compliance is known"),
             Measure("revisions", "revisions", "revisions asked for"),
             Measure("revisions_known", "deliveries", "pieces whose revisions are known"),
             Measure("first_pass", "deliveries", "pieces that needed no revision"),
         ),
         ("deliveries", "campaigns"), _deliveries),
    Fact("responses", "Deliveries with the time since their sample arrived.",
         _PARTIES,
         measures(
             Measure("responses", "deliveries", "pieces made for a sample that arrived"),
             Measure("response_days", "days", "days from the sample's arrival to the post, summed", _SECONDS_PER_DAY),
             Measure("log_response_days", "log days", "ln(1 + days), summed", MICRO),
             Measure("log_response_days_squared", "log days squared", "its square, summed", MICRO),
         ),
         ("deliveries", "samples", "campaigns"), _responses),
    Fact("reviews", "Brands' reviews of the creator.",
         _PARTIES,
         measures(
             Measure("reviews", "reviews", "reviews"),
             Measure("stars", "stars", "stars, summed"),
             Measure("stars_squared", "stars squared", "their squares, summed"),
             Measure("good_reviews", "reviews", "reviews of 4 or 5 stars"),
         ),
         ("reviews", "invitations", "campaigns"), _reviews),
)  # fmt: skip
"""Facts made of ``invitations``, ``samples``, ``deliveries`` and ``reviews``."""
