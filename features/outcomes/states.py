"""The states of invitations and samples as they became known, each with what its words come to.

The words' meanings are the contract's (`marketplace.contract.DECISIONS`,
`SAMPLE_STATES`, `CONTENT_STATES`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import ibis

from features.time import day_of, known_once, known_states, meet, seconds_between
from marketplace.contract import CONTENT_STATES, DECISIONS, REPLY_DAYS, SAMPLE_STATES, State
from marketplace.tables import Marketplace

__all__ = ["REPLY_SOON_HOURS", "built", "invitation_states", "sample_states", "standing"]

REPLY_SOON_HOURS = 48
"""A reply within as many hours is a quick one (Xiaohongshu's invite reply rate)."""


_BUILT: WeakKeyDictionary[Marketplace, dict[str, Any]] = WeakKeyDictionary()


def built(market: Marketplace, make: Callable[[Marketplace], Any]) -> Any:
    """``make(market)`` as a table of the marketplace's engine, made once: many facts and events read it."""
    tables = _BUILT.setdefault(market, {})
    name = "outcomes_" + make.__module__.rsplit(".", 1)[1] + make.__name__
    if name not in tables:
        tables[name] = market.engine.keep(name, make(market))
    return tables[name]


def _words(states: Mapping[str, State], *standings: str) -> list[str]:
    return [word for word, state in states.items() if state.standing in standings]


def _answer(decision: Any) -> Any:
    return ibis.cases(*((decision == word, state.standing) for word, state in DECISIONS.items()), else_="void")


def standing(status: Any, content: Any) -> Any:
    """What a sample's ``status`` and its ``fulfillment_status`` come to together (Ibis strings); null without a sample.

    Where they disagree: an excusing status goes first, for the platform's own record of whose doing it was is the
    best there is. Content that SUCCEED says was made was made. A status that ends by the creator's doing goes before
    content that is cancelled with it (WITHDRAW_CANCELLED, CANCELLED). Content that is suspended, cancelled or
    exempted is not owed, whatever else the sample does. A sample that has not arrived owes nothing yet, so that
    FAILED content does not count against the creator until it has.
    """
    return ibis.cases(
        (status.isnull(), ibis.null("string")),
        (status.isin(_words(SAMPLE_STATES, "excused")), "excused"),
        (content.isin(_words(CONTENT_STATES, "made")), "made"),
        (status.isin(_words(SAMPLE_STATES, "failed")), "failed"),
        (content.isin(_words(CONTENT_STATES, "excused")), "excused"),
        (status.isin(_words(SAMPLE_STATES, "made")), "made"),
        (status.isin(_words(SAMPLE_STATES, "unsent")), "unsent"),
        (status.isin(_words(SAMPLE_STATES, "sent")), "sent"),
        (content.isin(_words(CONTENT_STATES, "failed")), "failed"),
        else_="owed",
    )


def invitation_states(market: Marketplace) -> Any:
    """Intervals of knowledge of every invitation, with its brief's terms and its ``answer``.

    Returns
    -------
    ibis table
        The columns of ``invitations`` and ``event_day`` (of sending), ``since_day``, ``until_day``; of the brief
        ``brand_id``, ``category_id``, ``has_free_sample``, ``brief_rate``, ``briefed_at``, ``ends_at``;

        - ``answer`` in {accepted, declined, expired, open, void}. An invitation that is still PENDING when
          REPLY_DAYS have passed *and* the campaign has ended is expired from then on, whether or not the source says
          so; until both are over a source may still take an answer, however late.
        - ``applied`` bool: the creator asked for the sample and nobody invited. Then the answer is the brand's: a
          request that was approved is ``accepted``; declined, or never answered, it is ``void`` and says nothing of
          the creator. ``reply_seconds`` is null.
        - ``reply_seconds`` int64 from sending to the reply, null without one. The reply is ``replied_at``; a source
          that leaves it out tells by ``decided_at`` when an ACCEPT or DECLINE came.
    """
    return built(market, _invitations)


def _invitations(market: Marketplace) -> Any:
    states = known_states(market.table("invitations"), ("invitation_id",), "sent_at")
    decided = states.decision.isin(_words(DECISIONS, "accepted", "declined"))
    replied_at = ibis.coalesce(
        states.replied_at, ibis.ifelse(decided, states.decided_at, ibis.null(states.decided_at.type()))
    )
    applied = (states.origin == "REQUESTED").fill_null(False)
    answer = _answer(states.decision)
    states = states.mutate(
        applied=applied,
        answer=ibis.ifelse(applied & answer.isin(["declined", "expired"]), "void", answer),
        reply_seconds=ibis.ifelse(applied, ibis.null("int64"), seconds_between(states.sent_at, replied_at)),
    )
    states = states.filter(states.since_day < states.until_day)
    briefs = known_once(market.table("campaigns"), "briefed_at").select(
        "brand_id", "category_id", "has_free_sample", "briefed_at", "ends_at", "since_day", "until_day",
        of_campaign_="campaign_id", brief_rate="commission_rate",
    )  # fmt: skip
    states = meet(states, briefs, [states.campaign_id == briefs.of_campaign_]).drop("of_campaign_")
    closes = ibis.greatest(states.event_day + REPLY_DAYS, day_of(states.ends_at))
    waits = states.answer == "open"
    spoken = states.mutate(until_day=ibis.ifelse(waits, ibis.least(states.until_day, closes), states.until_day))
    silent = states.filter(waits).mutate(
        since_day=ibis.greatest(states.since_day, closes), answer=ibis.ifelse(states.applied, "void", "expired")
    )
    both = spoken.union(silent.select(spoken.columns))
    return both.filter(both.since_day < both.until_day)


def sample_states(market: Marketplace) -> Any:
    """The columns of ``samples`` as intervals of knowledge, with their ``standing`` (see `standing`)."""
    return built(market, _samples)


def _samples(market: Marketplace) -> Any:
    states = known_states(market.table("samples"), ("sample_id",), "requested_at")
    states = states.filter(states.since_day < states.until_day)
    return states.mutate(standing=standing(states.status, states.fulfillment_status))
