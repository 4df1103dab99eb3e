"""The rules of what an invitation came to, the first that holds decides."""

from __future__ import annotations

from typing import Any

import ibis

from features.time import day_of
from marketplace.contract import CONTENT_STATES, GRACE_DAYS, SAMPLE_STATES

__all__ = ["DELIVERED", "with_verdict"]

DELIVERED = ("on_time", "late", "delivered")
"""Outcomes of a partnership whose content came; the last where nothing tells when."""


def with_verdict(rows: Any, *, told: bool = True) -> Any:
    """``rows`` with ``outcome``, ``reason``, ``settled`` and ``due_at``, as they stand at the midnight of ``day``.

    Parameters
    ----------
    rows : ibis table
        ``day`` int64; ``answer``, ``applied``; ``status``, ``fulfillment_status``, ``standing`` of the sample that
        speaks, null without one; ``posted_at`` of the first delivery, null without one; ``delivery_due_at``,
        ``content_due_at``, ``ends_at``: when the content is due, by the delivery, by the sample, by the brief (the
        first that tells).
    told : bool
        Whether the source has deliveries at all. Without them a partnership without a sample is open for good:
        nobody can say whether its content came.

    Returns
    -------
    ibis table
        - ``outcome``: ``void`` (withdrawn: nothing to judge), ``declined``, ``expired``, ``open`` (may still become
          anything), ``on_time``, ``late``, ``delivered`` (the sample says so, no delivery tells when), ``failed``
          (accepted, and nothing came by the creator's doing), ``excused`` (counts neither for nor against).
        - ``reason``: the rule that decided.
        - ``settled`` bool: every partnership of that due date has come to something. What was delivered, or given up,
          is told at once but settled only when the days of grace are over: whoever compares deliveries with failures
          must wait for all of them, or those who are quick stand for everybody.
        - ``due_at``.

    Notes
    -----
    An excuse holds whatever came of it: to count excused partnerships only where they went well would flatter.
    Content posted after the grace days is no delivery: what a partnership came to must not depend on how long one
    waits for it.
    """
    due = ibis.coalesce(rows.delivery_due_at, rows.content_due_at, rows.ends_at)
    grace = due + ibis.interval(days=GRACE_DAYS)
    # Null (no due date known at all) is not over.
    over = (day_of(due) + GRACE_DAYS < rows.day).fill_null(False)
    came = (rows.posted_at <= grace).fill_null(rows.posted_at.notnull())
    timely = came & (rows.posted_at <= due).fill_null(True)
    sample, content, stands = rows.status, rows.fulfillment_status, rows.standing
    by_status = sample.isin([word for word, state in SAMPLE_STATES.items() if state.standing == "excused"])
    given_up = sample.isin([word for word, state in SAMPLE_STATES.items() if state.standing == "failed"])
    let_off = content.isin([word for word, state in CONTENT_STATES.items() if state.standing == "excused"])
    accepted = rows.answer == "accepted"
    excused, failed = stands == "excused", stands == "failed"
    never = rows.posted_at.isnull()
    rules = (
        ((rows.answer == "void") & rows.applied, "void", "request_not_approved"),
        (rows.answer == "void", "void", "withdrawn_by_seller"),
        (rows.answer == "declined", "declined", "declined"),
        ((rows.answer == "expired") & (rows.decision == "EXPIRED"), "expired", "expired"),
        (rows.answer == "expired", "expired", "no_reply"),
        (~accepted, "open", "reply_open"),
        (excused & by_status, "excused", ibis.literal("sample_") + sample.lower()),
        (excused & let_off, "excused", ibis.literal("content_") + content.lower()),
        (timely, "on_time", "on_time"),
        (came, "late", "delivered_late"),
        (failed & given_up, "failed", "creator_gave_up"),
        (failed, "failed", "content_failed"),
        ((stands == "made") & never, "delivered", "delivery_not_told"),
        (ibis.literal(not told) & stands.isnull(), "open", "delivery_not_known"),
        (~over, "open", "delivery_open"),
        (stands == "unsent", "excused", "sample_never_shipped"),
        (stands == "sent", "excused", "sample_never_arrived"),
    )
    holds = [(condition.fill_null(False), outcome, reason) for condition, outcome, reason in rules]
    outcome = ibis.cases(*((condition, outcome) for condition, outcome, _ in holds), else_="failed")
    reason = ibis.cases(*((condition, reason) for condition, _, reason in holds), else_="not_delivered")
    rows = rows.mutate(outcome=outcome, reason=reason, due_at=due)
    return rows.mutate(settled=(rows.outcome != "open") & (~rows.outcome.isin([*DELIVERED, "failed"]) | over))
