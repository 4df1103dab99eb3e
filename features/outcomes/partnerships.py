"""Invitations, partnerships and samples judged: as of given days, or as intervals of knowledge.

A verdict changes when something becomes known (a reply, a state of a sample, a
delivery) and when a deadline passes. Those days are its *moments*; judged at
each, an invitation has intervals of knowledge like any other state
(`features.time.clocks`), and ``intervals as of t`` is ``outcomes_as_of(t)``.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.outcomes.states import built, invitation_states, sample_states
from features.outcomes.verdict import with_verdict
from features.time import FOREVER, day_of, known_once, meet, seconds_between
from marketplace.contract import GRACE_DAYS
from marketplace.tables import Marketplace

__all__ = ["arrival_to_post", "first_deliveries", "outcomes_as_of", "partnership_outcomes", "sample_outcomes"]


def first_deliveries(market: Marketplace) -> Any:
    """The first delivery of each invitation that became known: the partnership's delivery.

    By invitation and not by campaign and creator: a partnership is an accepted invitation, and its sample, delivery
    and review all name it. The first *known*, of those known on one day the first posted: what becomes known later
    never displaces it, so that money once read off is not read twice and a label that was given stays.

    Returns
    -------
    ibis table
        The columns of ``deliveries`` with ``event_day`` (of posting), ``since_day`` and ``until_day``.
    """
    return built(market, _first_deliveries)


def _first_deliveries(market: Marketplace) -> Any:
    rows = known_once(market.table("deliveries"), "posted_at")
    order = ibis.row_number().over(
        ibis.window(group_by=rows.invitation_id, order_by=[rows.since_day, rows.posted_at, rows.delivery_id])
    )
    rows = rows.mutate(order_=order)
    return rows.filter(rows.order_ == 0).drop("order_")


def outcomes_as_of(market: Marketplace, asked: Any) -> Any:
    """What invitations had come to at the midnights of days.

    Parameters
    ----------
    asked : ibis table
        ``invitation_id`` (string) and ``day`` (int64), each pair once.

    Returns
    -------
    ibis table
        ``asked`` with, for every pair whose invitation and brief were known by then: ``campaign_id``, ``creator_id``,
        ``brand_id``, ``category_id``, ``decision``, ``answer``, ``applied``, ``sent_at``, ``briefed_at``, ``ends_at``,
        ``sent_day``, ``requested_at``, ``shipped_at`` and ``arrived_at`` of the sample that speaks, ``content_id``,
        ``posted_at`` and ``brief_compliance`` of the delivery, and what `features.outcomes.with_verdict` adds.

    Notes
    -----
    Of several samples the one that puts the most on the creator speaks: one that is not excused, then the latest due.
    """
    invited = invitation_states(market)
    rows = _known(asked, invited, "invitation_id")
    rows = rows.select(
        "invitation_id", "day", "campaign_id", "creator_id", "brand_id", "category_id", "decision", "answer", "sent_at",
        "briefed_at", "ends_at", "applied", sent_day="event_day",
    )  # fmt: skip
    rows = _with_sample(market, rows, asked)
    return with_verdict(_with_delivery(market, rows), told="deliveries" in market.present)


def _known(asked: Any, states: Any, key: str) -> Any:
    """``asked`` (``key``, ``day``) with the state of the same ``key`` that was known by ``day``."""
    states = states.rename(of_key_=key)
    joined = asked.inner_join(
        states, [asked[key] == states.of_key_, states.since_day < asked.day, states.until_day >= asked.day]
    )
    return joined.drop("of_key_", "since_day", "until_day")


def _with_sample(market: Marketplace, rows: Any, asked: Any) -> Any:
    samples = sample_states(market)
    samples = samples.select(
        "sample_id", "status", "fulfillment_status", "standing", "requested_at", "shipped_at", "content_due_at",
        "since_day", "until_day", of_invitation_="invitation_id", arrived_at="delivered_at",
    )  # fmt: skip
    known = asked.inner_join(
        samples,
        [
            asked.invitation_id == samples.of_invitation_,
            samples.since_day < asked.day,
            samples.until_day >= asked.day,
        ],
    )
    order = ibis.row_number().over(
        ibis.window(
            group_by=[known.invitation_id, known.day],
            order_by=[
                known.standing == "excused",
                ibis.desc(known.content_due_at, nulls_first=False),
                known.sample_id,
            ],
        )
    )
    known = known.mutate(order_=order)
    speaks = known.filter(known.order_ == 0).select(
        "status", "fulfillment_status", "standing", "requested_at", "shipped_at", "arrived_at", "content_due_at",
        spoken_for_="invitation_id", spoken_day_="day",
    )  # fmt: skip
    joined = rows.left_join(speaks, [rows.invitation_id == speaks.spoken_for_, rows.day == speaks.spoken_day_])
    return joined.drop("spoken_for_", "spoken_day_")


def _with_delivery(market: Marketplace, rows: Any) -> Any:
    """``rows`` (``invitation_id``, ``day``) with the first delivery where it was known by then."""
    first = first_deliveries(market).select(
        "content_id", "posted_at", "brief_compliance",
        delivery_due_at="due_at", delivered_for_="invitation_id", delivered_since_="since_day",
    )  # fmt: skip
    joined = rows.left_join(first, [rows.invitation_id == first.delivered_for_, first.delivered_since_ < rows.day])
    return joined.drop("delivered_for_", "delivered_since_")


def _moments(*tables: Any, key: str) -> Any:
    """The union of ``key`` and the day after each ``since_day`` of ``tables``, each once."""
    parts = [table.select(key, day=table.since_day + 1) for table in tables]
    together = parts[0]
    for part in parts[1:]:
        together = together.union(part)
    together = together.filter(together[key].notnull(), together.day.notnull())
    return together.distinct()


def _over(table: Any, due: str) -> Any:
    """``table`` with ``since_day`` the day on which the grace after ``due`` ends."""
    return table.mutate(since_day=day_of(table[due]) + GRACE_DAYS)


def _intervals(judged: Any, key: str) -> Any:
    following = judged.day.lead().over(ibis.window(group_by=judged[key], order_by=judged.day))
    return judged.mutate(
        since_day=judged.day - 1, until_day=ibis.coalesce(following - 1, ibis.literal(FOREVER, "int64"))
    ).drop("day")


def partnership_outcomes(market: Marketplace) -> Any:
    """Every accepted invitation's outcome as intervals of knowledge: the columns of `outcomes_as_of` and the interval.

    Invitations that were never accepted are not in it: `invitation_states` tells their answers. One that was, and was
    withdrawn by the seller later, is ``void`` from then on. Built once a marketplace and kept by its engine.
    """
    return built(market, _partnerships)


def _partnerships(market: Marketplace) -> Any:
    invited, samples, first = invitation_states(market), sample_states(market), first_deliveries(market)
    moments = _moments(
        invited, _over(invited, "ends_at"), samples, _over(samples, "content_due_at"), first, _over(first, "due_at"),
        key="invitation_id",
    )  # fmt: skip
    accepted = invited.filter(invited.answer == "accepted").select(taken_="invitation_id").distinct()
    moments = moments.semi_join(accepted, moments.invitation_id == accepted.taken_)
    judged = _intervals(outcomes_as_of(market, moments), "invitation_id")
    return judged.filter(judged.answer.isin(["accepted", "void"]))


def sample_outcomes(market: Marketplace) -> Any:
    """Every sample's outcome as intervals of knowledge, by the rules of partnerships.

    Each sample speaks for itself here; what was delivered for its invitation was made for it.

    Returns
    -------
    ibis table
        The columns of ``samples``, what `features.outcomes.with_verdict` adds, ``event_day`` (of asking) and the
        interval. Built once a marketplace and kept by its engine.
    """
    return built(market, _samples)


def _samples(market: Marketplace) -> Any:
    samples, first = sample_states(market), first_deliveries(market)
    owners = samples.select("sample_id", of_invitation_="invitation_id").distinct()
    briefs = _brief_ends(market)
    news = first.inner_join(owners, first.invitation_id == owners.of_invitation_)
    ends = briefs.inner_join(owners, briefs.invited_ == owners.of_invitation_)
    moments = _moments(
        samples, _over(samples, "content_due_at"), news, _over(news, "due_at"), ends, _over(ends, "ends_at"),
        key="sample_id",
    )  # fmt: skip
    rows = _with_delivery(market, _known(moments, samples, "sample_id"))
    rows = rows.left_join(briefs, [rows.invitation_id == briefs.invited_, briefs.since_day < rows.day])
    rows = rows.mutate(answer=ibis.literal("accepted"), decision=ibis.literal("ACCEPT"), applied=ibis.literal(False))
    return _intervals(with_verdict(rows.drop("invited_", "since_day")), "sample_id")


def _brief_ends(market: Marketplace) -> Any:
    """``invited_`` (each invitation once), ``ends_at`` of its brief, and ``since_day`` from which both are known."""
    invited = invitation_states(market)
    return invited.group_by(invited_="invitation_id").aggregate(
        ends_at=invited.ends_at.max(), since_day=invited.since_day.min()
    )


def arrival_to_post(market: Marketplace) -> Any:
    """Partnerships' deliveries met with the arrival of their sample: ``seconds`` that the creator took.

    Of samples that are not excused; the columns of `first_deliveries` and ``seconds`` (int64, at least 0).
    """
    first, samples = first_deliveries(market), sample_states(market)
    samples = samples.filter(samples.delivered_at.notnull(), samples.standing != "excused").select(
        "delivered_at", "since_day", "until_day", of_invitation_="invitation_id"
    )
    rows = meet(first, samples, [first.invitation_id == samples.of_invitation_])
    return rows.mutate(seconds=seconds_between(rows.delivered_at, rows.posted_at))
