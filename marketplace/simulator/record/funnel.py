"""Tables of collaborations: campaigns, impressions, invitations, samples, deliveries, reviews and costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from marketplace.arrays import Ints
from marketplace.contract import GRACE_DAYS
from marketplace.simulator.mechanisms import DAY, HOUR, MINUTE, NONE, OFFERED, Briefs, Collaborations, Population
from marketplace.simulator.record.write import TableWriter, coded, numbered
from marketplace.simulator.worlds import CATEGORIES, MARKETS, stream

__all__ = ["record_campaigns", "record_invitations", "record_outcomes", "record_samples"]

_DECISIONS = ("PENDING", "ACCEPT", "DECLINE", "EXPIRED", "WITHDRAWN_BY_SELLER")
_OLD_RANKER = ("gmv_sort", "random_holdback")


def record_campaigns(
    briefs: Briefs,
    collaborations: Collaborations,
    *,
    brand_ids: pa.Array,
    creator_ids: pa.Array,
    product_ids: pa.Array,
    campaign_ids: pa.Array,
    out: TableWriter,
) -> None:
    """Write campaigns and impressions."""
    chosen = briefs.products >= 0
    lists = pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], np.cumsum(chosen.sum(axis=1))]).astype(np.int32)),
        product_ids.take(pa.array(briefs.products[chosen])),
    )
    out.write(
        "campaigns",
        {
            "campaign_id": campaign_ids,
            "brand_id": coded(briefs.brand, brand_ids),
            "market": coded(briefs.market, list(MARKETS)),
            "category_id": coded(briefs.category, CATEGORIES),
            "product_ids": lists,
            "objective": coded(briefs.objective, ("SALES", "LAUNCH", "AWARENESS")),
            "collaboration": coded(briefs.is_open.astype(np.int64), ("TARGET", "OPEN")),
            "budget": briefs.budget,
            "currency": coded(briefs.market, list(MARKETS.values())),
            "commission_rate": briefs.commission,
            "flat_fee": briefs.fee,
            "has_free_sample": briefs.sample,
            "briefed_at": briefs.briefed,
            "starts_at": briefs.starts,
            "ends_at": briefs.ends,
            "known_at": briefs.briefed + MINUTE,
        },
    )
    requests: dict[str, list[Any]] = {name: [] for name in ("request", "creator", "campaign", "place", "chance")}
    for i, shown in enumerate(collaborations.shown):
        for policy, rows in enumerate((shown.listed, shown.held)):
            chance = shown.listed_propensity if policy == 0 else np.full(len(rows), shown.held_propensity)
            requests["request"].append(np.full(len(rows), 2 * i + policy))
            requests["creator"].append(rows)
            requests["campaign"].append(np.full(len(rows), i))
            requests["place"].append(np.arange(1, len(rows) + 1))
            requests["chance"].append(chance)
    flat = {name: np.concatenate(parts) for name, parts in requests.items()}
    # Policies and rankers are named only where there is one such list: an unused name would change the bytes.
    foreign = np.array([shown.policy == OFFERED for shown in collaborations.shown], dtype=bool)
    policies: tuple[str, ...] = _OLD_RANKER
    rankers: tuple[str, ...] = ("older-1",)
    by, ranker = flat["request"] % 2, np.zeros(len(flat["request"]), dtype=np.int64)
    if foreign.any():
        policies, rankers = (*_OLD_RANKER, OFFERED), ("older-1", OFFERED)
        ranker = foreign[flat["campaign"]].astype(np.int64)
        by = np.where(ranker == 1, 2, by)
    shown_at = briefs.briefed[flat["campaign"]] + 10 * MINUTE + (flat["request"] % 2) * MINUTE
    out.write(
        "impressions",
        {
            "request_id": coded(flat["request"], numbered("rq", 2 * len(briefs), 5)),
            "creator_id": coded(flat["creator"], creator_ids),
            "campaign_id": coded(flat["campaign"], campaign_ids),
            "shown_at": shown_at,
            "position": flat["place"],
            "policy": coded(by, policies),
            "propensity": flat["chance"],
            "model_version": coded(ranker, rankers),
            "known_at": shown_at + MINUTE,
        },
    )


def record_invitations(
    briefs: Briefs,
    collaborations: Collaborations,
    *,
    invitation_ids: pa.Array,
    creator_ids: pa.Array,
    campaign_ids: pa.Array,
    out: TableWriter,
) -> None:
    """Write invitations: a PENDING state when sent, the decision when it is made."""
    funnel = collaborations.funnel
    m = len(funnel.creator)
    row = np.repeat(np.arange(m), 2)
    final = np.tile([False, True], m)
    out.write(
        "invitations",
        {
            "invitation_id": coded(row, invitation_ids),
            "campaign_id": coded(collaborations.campaign[row], campaign_ids),
            "creator_id": coded(funnel.creator[row], creator_ids),
            "sent_at": funnel.sent[row],
            "replied_at": np.where(final, funnel.replied[row], NONE),
            "decision": coded(np.where(final, funnel.decision[row], 0), _DECISIONS),
            "decided_at": np.where(final, funnel.decided[row], NONE),
            "commission_rate": briefs.commission[collaborations.campaign[row]],
            "known_at": np.where(final, funnel.decided[row] + 3 * MINUTE, funnel.sent[row] + MINUTE),
        },
    )


def record_samples(
    seed: int,
    briefs: Briefs,
    collaborations: Collaborations,
    *,
    invitation_ids: pa.Array,
    creator_ids: pa.Array,
    product_ids: pa.Array,
    out: TableWriter,
) -> None:
    """Write the states of samples: asked for, approved, shipped, arrived, and how it ended."""
    rng = stream(seed, "samples")
    funnel, campaign = collaborations.funnel, collaborations.campaign
    rows = np.flatnonzero(funnel.accepted & briefs.sample[campaign])
    m = len(rows)
    due = briefs.ends[campaign[rows]]
    asked = funnel.decided[rows] + 5 * MINUTE
    sent, arrived, posted = funnel.shipped[rows], funnel.arrived[rows], funnel.posted[rows]
    delivered = funnel.delivered[rows]
    late = delivered & (posted > due)
    fault = funnel.shipping_fault[rows]
    failed = (fault == 0) & ~delivered
    draw = rng.random(m)
    fail_status = np.where(draw < 0.08, 2, np.where(draw < 0.16, 1, 0))
    states: list[dict[str, np.ndarray]] = []

    def add(keep: np.ndarray, known: Any, status: Any, owed: Any, *, shipped: bool, came: bool) -> None:
        which = np.flatnonzero(keep)
        states.append(
            {
                "row": which,
                "known": np.broadcast_to(known, m)[which],
                "status": np.broadcast_to(status, m)[which],
                "owed": np.broadcast_to(owed, m)[which],
                "shipped": np.where(shipped, sent[which], NONE),
                "arrived": np.where(came, arrived[which], NONE),
            }
        )

    everyone, ok = np.ones(m, dtype=bool), fault == 0
    statuses = (
        "PENDING",
        "AWAITING_SHIPMENT",
        "SHIPPED",
        "CONTENT_PENDING",
        "COMPLETED",
        "UNFULFILL_CANCELLED",
        "WITHDRAW_CANCELLED",
        "OVERDUE_CANCELLED",
        "SELLER_NOT_SHIP_CANCELLED",
        "OPS_CANCELLED",
    )
    owed = ("PENDING", "ONGOING", "SUCCEED", "FAILED", "OVERDUE", "CANCELLED")
    add(everyone, asked + MINUTE, 0, 0, shipped=False, came=False)
    add(everyone, asked + 8 * HOUR, 1, 0, shipped=False, came=False)
    add(ok, sent + 2 * HOUR, 2, 0, shipped=True, came=False)
    add(ok, arrived + 3 * HOUR, 3, 1, shipped=True, came=True)
    add((late | failed) & ~(failed & (fail_status == 1)), due + HOUR, 3, 4, shipped=True, came=True)
    add(delivered, posted + DAY, 4, 2, shipped=True, came=True)
    over = due + np.where(fail_status == 1, -DAY, (GRACE_DAYS * DAY + 2 * HOUR))
    over = np.maximum(over, arrived + DAY)
    add(failed, over, 5 + fail_status, np.where(fail_status == 1, 5, 3), shipped=True, came=True)
    add(fault > 0, asked + 9 * DAY, 7 + fault, 5, shipped=False, came=False)
    flat = {name: np.concatenate([s[name] for s in states]) for name in states[0]}
    order = np.lexsort((flat["known"], flat["row"]))
    flat = {name: values[order] for name, values in flat.items()}
    row = flat["row"]
    out.write(
        "samples",
        {
            "sample_id": coded(row, numbered("sa", m, 6)),
            "invitation_id": coded(rows[row], invitation_ids),
            "creator_id": coded(funnel.creator[rows][row], creator_ids),
            "product_id": coded(funnel.product[rows][row], product_ids),
            "status": coded(flat["status"], statuses),
            "fulfillment_status": coded(flat["owed"], owed),
            "requested_at": asked[row],
            "shipped_at": flat["shipped"],
            "delivered_at": flat["arrived"],
            "content_due_at": due[row],
            "known_at": flat["known"],
        },
    )


def record_outcomes(
    seed: int,
    population: Population,
    briefs: Briefs,
    collaborations: Collaborations,
    *,
    content_of: Ints,
    invitation_ids: pa.Array,
    creator_ids: pa.Array,
    campaign_ids: pa.Array,
    content_ids: pa.Array,
    out: TableWriter,
) -> None:
    """Write deliveries, reviews and costs. ``content_of`` (m,) is each invitation's content, -1 where none."""
    rng = stream(seed, "reviews")
    funnel, campaign = collaborations.funnel, collaborations.campaign
    rows = np.flatnonzero(funnel.delivered & (content_of >= 0))
    due = briefs.ends[campaign]
    compliance = funnel.compliance
    out.write(
        "deliveries",
        {
            "delivery_id": numbered("de", len(rows), 6),
            "invitation_id": coded(rows, invitation_ids),
            "creator_id": coded(funnel.creator[rows], creator_ids),
            "campaign_id": coded(campaign[rows], campaign_ids),
            "content_id": coded(content_of[rows], content_ids),
            "posted_at": funnel.posted[rows],
            "due_at": due[rows],
            "revision_count": rng.poisson(2.0 * (1.0 - compliance[rows])),
            "brief_compliance": np.round(compliance[rows], 4),
            "known_at": funnel.posted[rows] + rng.integers(10, 600, size=len(rows)) * MINUTE,
        },
    )

    m = len(funnel.creator)
    late = funnel.delivered & (funnel.posted > due)
    cooperation = population.traits["cooperation"][funnel.creator]
    mood = 1.4 + 3.2 * compliance - 1.1 * late + 0.25 * cooperation + rng.normal(0.0, 0.6, size=m)
    stars = np.where(funnel.delivered, np.clip(np.round(mood), 1, 5), rng.integers(1, 3, size=m))
    failed = funnel.accepted & ~funnel.delivered & (funnel.shipping_fault == 0)
    ends = due + GRACE_DAYS * DAY
    by_brand = (funnel.delivered & (rng.random(m) < 0.75)) | (failed & (rng.random(m) < 0.3))
    delay = (rng.uniform(0.5, 9.0, size=m) * DAY).astype(np.int64)
    at = np.where(funnel.delivered, funnel.posted, ends) + delay
    by_creator = funnel.accepted & (rng.random(m) < 0.4)
    fault = funnel.shipping_fault > 0
    back_stars = np.where(fault, 1, np.clip(np.round(4.1 + rng.normal(0.0, 0.8, size=m)), 1, 5))
    back_at = np.where(funnel.delivered, funnel.posted, due) + (rng.uniform(0.5, 9.0, size=m) * DAY).astype(np.int64)
    first, second = np.flatnonzero(by_brand), np.flatnonzero(by_creator)
    invitation = np.concatenate([first, second])
    direction = np.repeat([0, 1], [len(first), len(second)])
    reviewed = np.concatenate([at[first], back_at[second]])
    given = np.concatenate([stars[first], back_stars[second]])
    out.write(
        "reviews",
        {
            "review_id": numbered("rv", len(invitation), 6),
            "invitation_id": coded(invitation, invitation_ids),
            "direction": coded(direction, ("BRAND_OF_CREATOR", "CREATOR_OF_BRAND")),
            "stars": given.astype(np.int64),
            "reviewed_at": reviewed,
            "known_at": reviewed + 10 * MINUTE,
        },
    )

    sends = funnel.shipped != NONE
    paid = np.flatnonzero(funnel.accepted & (sends | (funnel.delivered & (briefs.fee[campaign] > 0))))
    goods = population.product_price[funnel.product[paid]] * (1.0 - population.product_margin[funnel.product[paid]])
    done = funnel.delivered[paid]
    paid_at = np.where(done, funnel.posted[paid] + DAY, ends[paid] + DAY)
    out.write(
        "costs",
        {
            "campaign_id": coded(campaign[paid], campaign_ids),
            "creator_id": coded(funnel.creator[paid], creator_ids),
            "flat_fee": np.where(done, briefs.fee[campaign[paid]], 0.0),
            "sample_cost": np.round(np.where(sends[paid], goods, 0.0), 2),
            "shipping_cost": np.where(sends[paid], briefs.shipping[campaign[paid]], 0.0),
            "currency": coded(briefs.market[campaign[paid]], list(MARKETS.values())),
            "paid_at": paid_at,
            "known_at": paid_at + 30 * MINUTE,
        },
    )
