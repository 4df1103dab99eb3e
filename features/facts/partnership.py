"""Facts of working together: invitations, samples, deliveries, reviews."""

from __future__ import annotations

from typing import Any

import ibis

from features.facts.base import MICRO, Fact, Measure, fixed, flag, measures
from features.facts.sales import campaign_identity, product_identity
from features.outcomes import (
    DELIVERED,
    REPLY_SOON_HOURS,
    arrival_to_post,
    invitation_states,
    partnership_outcomes,
    sample_outcomes,
)
from features.time import FOREVER, day_of, known_once, meet, seconds_between, to_usd
from marketplace.tables import Marketplace

__all__ = ["PARTNERSHIP_FACTS"]

_SECONDS_PER_HOUR = 3_600
_SECONDS_PER_DAY = 86_400


def _invitations(market: Marketplace) -> Any:
    states = invitation_states(market).rename(offered_rate="commission_rate")
    states = states.filter(~states.applied)  # the answer to a request is the brand's
    accepted, declined, expired = (states.answer == answer for answer in ("accepted", "declined", "expired"))
    pending = states.answer == "open"
    resolved = accepted | declined | expired
    replied = resolved & (accepted | declined | states.reply_seconds.notnull())
    timed = replied & states.reply_seconds.notnull()
    rate_known = resolved & states.offered_rate.notnull()
    return states.mutate(
        sent=flag(resolved | pending),
        open=flag(pending),
        resolved=flag(resolved),
        accepted=flag(accepted),
        declined=flag(declined),
        expired=flag(expired),
        replied=flag(replied),
        replied_soon=flag(timed & (states.reply_seconds <= REPLY_SOON_HOURS * _SECONDS_PER_HOUR)),
        reply_timed=flag(timed),
        reply_hours=ibis.ifelse(timed, states.reply_seconds, ibis.literal(0, "int64")),
        withdrawn=flag(states.answer == "void"),
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
    states = invitation_states(market)
    states = states.filter(~states.applied)
    states = meet(states, campaigns, [states.campaign_id == campaigns.of_campaign_])
    fee = fixed(states.fee_ * states.usd_rate)
    accepted, resolved = states.answer == "accepted", states.answer.isin(["accepted", "declined", "expired"])
    return states.mutate(
        fee_resolved=flag(resolved),
        fee_offered=ibis.ifelse(resolved, fee, ibis.literal(0, "int64")),
        fee_accepted=ibis.ifelse(accepted, fee, ibis.literal(0, "int64")),
        paid_fee_accepted=flag(accepted & (fee > 0)),
    )


def _partnerships(market: Marketplace) -> Any:
    rows = partnership_outcomes(market)
    delivered, failed = rows.outcome.isin(DELIVERED), rows.outcome == "failed"
    return rows.mutate(
        event_day=rows.sent_day,
        partnerships=flag(~rows.outcome.isin(["excused", "void"])),
        open=flag(rows.outcome == "open"),
        delivered=flag(delivered & rows.settled),
        failed=flag(failed & rows.settled),
        excused=flag(rows.outcome == "excused"),
        settled=flag((delivered | failed) & rows.settled),
    )


def _samples(market: Marketplace) -> Any:
    states = sample_outcomes(market)
    products = product_identity(market)
    states = meet(states, products, [states.product_id == products.product_id])
    counts = states.outcome != "excused"
    arrived = counts & states.delivered_at.notnull()
    fulfilled, failed = states.outcome.isin(DELIVERED), states.outcome == "failed"
    return states.mutate(
        sampled=flag(counts),
        arrived=flag(arrived),
        resolved=flag(fulfilled | failed),
        fulfilled=flag(fulfilled),
        failed=flag(failed),
        owed=flag(arrived & (states.outcome == "open")),
    )


_OF_A_PIECE = (
    "deliveries",
    "compliance",
    "compliance_squared",
    "compliance_known",
    "revisions",
    "revisions_known",
    "first_pass",
)


def _deliveries(market: Marketplace) -> Any:
    rows = known_once(market.table("deliveries"), "posted_at")
    campaigns = campaign_identity(market)
    rows = meet(rows, campaigns, [rows.campaign_id == campaigns.campaign_id])
    zero = ibis.literal(0, "int64")
    timing = dict.fromkeys(("timed", "on_time", "late_days"), zero)
    pieces = rows.mutate(
        deliveries=ibis.literal(1, "int64"),
        compliance=fixed(rows.brief_compliance),
        compliance_squared=fixed(rows.brief_compliance * rows.brief_compliance),
        compliance_known=flag(rows.brief_compliance.notnull()),
        revisions=rows.revision_count,
        revisions_known=flag(rows.revision_count.notnull()),
        first_pass=flag(rows.revision_count == 0),
        **timing,
    )
    came = partnership_outcomes(market)
    came = came.filter(came.outcome.isin(["on_time", "late"]))
    nothing = dict.fromkeys(_OF_A_PIECE, zero)
    told = came.mutate(
        event_day=day_of(came.posted_at),
        timed=ibis.literal(1, "int64"),
        on_time=flag(came.outcome == "on_time"),
        late_days=seconds_between(came.due_at, came.posted_at),
        **nothing,
    )
    columns = [*_PARTIES, "invitation_id", "event_day", "since_day", "until_day", *nothing, *timing]
    return pieces.select(columns).union(told.select(columns))


def _responses(market: Marketplace) -> Any:
    """Partnerships' deliveries met with the arrival of their sample: the days the creator took."""
    rows = arrival_to_post(market)
    campaigns = campaign_identity(market)
    rows = meet(rows, campaigns, [rows.campaign_id == campaigns.campaign_id])
    log = (rows.seconds.cast("float64") / float(_SECONDS_PER_DAY) + 1.0).ln()
    return rows.mutate(
        responses=ibis.literal(1, "int64"),
        response_days=rows.seconds,
        log_response_days=fixed(log),
        log_response_days_squared=fixed(log * log),
    )


def _reviews(market: Marketplace) -> Any:
    reviews = known_once(market.table("reviews"), "reviewed_at")
    reviews = reviews.filter(reviews.direction == "BRAND_OF_CREATOR")
    states = invitation_states(market)
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
             Measure("resolved", "invitations", "accepted, declined or expired (whether or not the source says so)"),
             Measure("accepted", "invitations", "accepted: a partnership"),
             Measure("declined", "invitations", "declined"),
             Measure("expired", "invitations", "expired without a reply"),
             Measure("replied", "invitations", "replied to, whatever the answer"),
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
    Fact("partnerships", "Accepted invitations by what they came to; those withdrawn by the seller count nowhere.",
         _PARTIES,
         measures(
             Measure("partnerships", "partnerships", "accepted, and neither excused nor withdrawn"),
             Measure("open", "partnerships", "content may still come in time"),
             Measure("settled", "partnerships", "delivered or failed, and the days of grace are over"),
             Measure("delivered", "partnerships", "settled, with content that came, if late"),
             Measure("failed", "partnerships", "settled, and nothing came by the creator's doing"),
             Measure("excused", "partnerships", "the seller's or the platform's doing, or not to be told"),
         ),
         ("invitations", "campaigns", "deliveries"), _partnerships),
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
    Fact("deliveries", "Pieces of content delivered for invitations, and how timely the first of each was.",
         (*_PARTIES, "invitation_id"),
         measures(
             Measure("deliveries", "deliveries", "pieces delivered"),
             Measure("timed", "partnerships", "delivered within the grace days, told by the first piece"),
             Measure("on_time", "partnerships", "delivered by the due date"),
             Measure("late_days", "days", "days late, summed", _SECONDS_PER_DAY),
             Measure("compliance", "fraction", "brief compliance at first pass, summed", MICRO),
             Measure("compliance_squared", "fraction squared", "its square, summed", MICRO),
             Measure("compliance_known", "deliveries", "pieces whose compliance is known"),
             Measure("revisions", "revisions", "revisions asked for"),
             Measure("revisions_known", "deliveries", "pieces whose revisions are known"),
             Measure("first_pass", "deliveries", "pieces that needed no revision"),
         ),
         ("deliveries", "campaigns", "invitations"), _deliveries),
    Fact("responses", "Partnerships' deliveries with the time since their sample arrived.",
         _PARTIES,
         measures(
             Measure("responses", "deliveries", "made for a sample that arrived"),
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
