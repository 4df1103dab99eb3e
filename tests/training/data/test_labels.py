"""Every rule of the funnel label, each with its own few rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from marketplace.contract import ATTRIBUTION_DAYS, GRACE_DAYS, NOT_THE_CREATORS_FAULT, REFUND_DAYS, REPLY_DAYS
from marketplace.tables import Marketplace, open_marketplace
from training.data.labels import LABEL_COLUMNS, build_labels

START = pd.Timestamp("2025-03-01", tz="UTC")
IDS = ("invitation_id", "campaign_id", "creator_id", "sample_id", "delivery_id", "review_id")
Rows = tuple[list[dict[str, Any]] | None, ...]
"""Invitations, samples, deliveries and reviews; those left out at the end are none."""


def at(days: float) -> pd.Timestamp:
    return START + pd.Timedelta(days=days)


def invitation(decision: str = "ACCEPT", *, sent: float = 0.0, decided: float = 1.0, **more: Any) -> dict[str, Any]:
    row = {"invitation_id": "i1", "campaign_id": "c1", "creator_id": "k1", "sent_at": at(sent), "known_at": at(decided)}
    return {**row, "decision": decision, "decided_at": at(decided), "commission_rate": 0.1, **more}


def sample(status: str = "CONTENT_PENDING", *, known: float = 5.0, **more: Any) -> dict[str, Any]:
    row = {"sample_id": "s1", "invitation_id": "i1", "creator_id": "k1", "product_id": "p1", "status": status}
    return {**row, "fulfillment_status": "ONGOING", "requested_at": at(2), "known_at": at(known), **more}


def delivery(*, posted: float = 15.0, compliance: float | None = 0.9, **more: Any) -> dict[str, Any]:
    row = {"delivery_id": "d1", "invitation_id": "i1", "creator_id": "k1", "campaign_id": "c1", "due_at": at(20)}
    late = {"posted_at": at(posted), "known_at": at(posted + 0.1), "brief_compliance": compliance}
    return {**row, **late, **more}


def review(stars: int, *, known: float = 22.0, direction: str = "BRAND_OF_CREATOR") -> dict[str, Any]:
    row = {"review_id": "r1", "invitation_id": "i1", "direction": direction, "stars": stars}
    return {**row, "reviewed_at": at(known), "known_at": at(known)}


def market(
    invitations: list[dict[str, Any]],
    samples: list[dict[str, Any]] | None = None,
    deliveries: list[dict[str, Any]] | None = None,
    reviews: list[dict[str, Any]] | None = None,
    **tables: pd.DataFrame,
) -> Marketplace:
    campaign = {
        "campaign_id": "c1", "brand_id": "b1", "market": "US", "category_id": "beauty", "product_ids": ["p1"],
        "objective": "SALES", "collaboration": "TARGET", "currency": "USD", "commission_rate": 0.1,
        "has_free_sample": True, "briefed_at": at(-1), "starts_at": at(0), "ends_at": at(20), "known_at": at(-1),
    }  # fmt: skip
    campaigns = [campaign | {"campaign_id": one} for one in {row["campaign_id"]: None for row in invitations}]
    frames = {"campaigns": pd.DataFrame(campaigns), "invitations": pd.DataFrame(invitations), **tables}
    for name, rows in (("samples", samples), ("deliveries", deliveries), ("reviews", reviews)):
        # Without the table nobody could say that nothing came.
        if rows or name == "deliveries":
            frames[name] = pd.DataFrame(rows or [])
    return Marketplace.from_frames(frames)


LONG_AFTER = 300.0


def label(source: Marketplace, *, as_of: float = LONG_AFTER) -> pd.Series:
    rows = build_labels(source, at(as_of))
    assert tuple(rows.columns) == LABEL_COLUMNS
    assert len(rows) == 1
    return rows.iloc[0]


GRADES: list[tuple[Rows, int, str]] = [
    (([invitation("DECLINE")],), 0, "declined"),
    (([invitation("EXPIRED")],), 0, "expired"),
    (([invitation("PENDING")],), 0, "no_reply"),
    (([invitation()],), 1, "not_delivered"),
    (([invitation()], [sample()]), 1, "not_delivered"),
    (([invitation()], [sample("WITHDRAW_CANCELLED")]), 1, "creator_gave_up"),
    (([invitation()], [sample("UNFULFILL_CANCELLED")]), 1, "creator_gave_up"),
    (([invitation()], None, [delivery(posted=21)]), 2, "delivered_late"),
    (([invitation()], None, [delivery(compliance=0.49)]), 2, "low_compliance"),
    (([invitation()], None, [delivery(compliance=0.5)]), 3, "on_time"),
    (([invitation()], None, [delivery(compliance=None)]), 3, "on_time"),
    (([invitation()], None, [delivery()], [review(3)]), 3, "on_time"),
    (([invitation()], None, [delivery()], [review(4)]), 4, "on_time_and_praised"),
    (([invitation()], None, [delivery()], [review(5, direction="CREATOR_OF_BRAND")]), 3, "on_time"),
    (([invitation()], None, [delivery(posted=21)], [review(5)]), 2, "delivered_late"),
    (([invitation()], None, [delivery(posted=20 + GRACE_DAYS + 1)]), 1, "not_delivered"),
]
EXCLUSIONS: list[tuple[Rows, str]] = [
    (([invitation("WITHDRAWN_BY_SELLER")],), "withdrawn_by_seller"),
    (([invitation()], [sample("AWAITING_SHIPMENT")]), "sample_never_shipped"),
    (([invitation()], [sample("SHIPPED")]), "sample_never_arrived"),
    (([invitation()], [sample(fulfillment_status="EXEMPTED")]), "content_exempted"),
    *((([invitation()], [sample(status)]), f"sample_{status.lower()}") for status in NOT_THE_CREATORS_FAULT),
]


@pytest.fixture(scope="module")
def labels() -> pd.DataFrame:
    """The labels of all cases of `GRADES`, then of `EXCLUSIONS`, each in a campaign of its own; long after."""
    tables: tuple[list[dict[str, Any]], ...] = ([], [], [], [])
    cases = [case for case, *_ in (*GRADES, *EXCLUSIONS)]
    for nth, case in enumerate(cases):
        for rows, own in zip(tables, case, strict=False):
            rows += [row | {key: f"{row[key]}_{nth}" for key in IDS if key in row} for row in own or []]
    found = build_labels(market(*tables), at(LONG_AFTER))
    assert tuple(found.columns) == LABEL_COLUMNS
    assert len(found) == len(cases)
    return found.set_index("invitation_id").loc[[f"i1_{nth}" for nth in range(len(cases))]]


@pytest.mark.parametrize("nth", range(len(GRADES)), ids=[reason for _, _, reason in GRADES])
def test_grades(labels: pd.DataFrame, nth: int) -> None:
    row, (_, grade, reason) = labels.iloc[nth], GRADES[nth]
    assert (row["status"], row["grade"], row["reason"]) == ("labelled", grade, reason)
    assert row["accepted"] == float(grade >= 1)
    assert row["delivered"] == float(grade >= 2)
    assert row["campaign_settled"]


@pytest.mark.parametrize("nth", range(len(EXCLUSIONS)), ids=[reason for _, reason in EXCLUSIONS])
def test_exclusions(labels: pd.DataFrame, nth: int) -> None:
    row, (_, reason) = labels.iloc[len(GRADES) + nth], EXCLUSIONS[nth]
    assert (row["status"], row["reason"]) == ("excluded", reason)


def test_what_is_not_the_creators_fault_has_no_grade_and_was_accepted(labels: pd.DataFrame) -> None:
    rows = labels.iloc[-len(NOT_THE_CREATORS_FAULT) :]
    assert rows["grade"].isna().all()
    # Accepting was the creator's own doing all the same.
    assert (rows["accepted"] == 1.0).all()


def test_a_withdrawal_says_nothing_about_acceptance() -> None:
    assert np.isnan(label(market([invitation("WITHDRAWN_BY_SELLER")]))["accepted"])


def test_an_ordinary_sample_speaks_before_a_faulty_one() -> None:
    rows = [sample("OPS_CANCELLED"), sample(sample_id="s2")]
    assert label(market([invitation()], rows))["reason"] == "not_delivered"


def test_an_open_reply_is_censored_until_the_window_and_the_campaign_are_over() -> None:
    source = market([invitation("PENDING", sent=0.5, decided=0.5)])
    for as_of in (REPLY_DAYS, REPLY_DAYS + 1, 20):
        open_row = label(source, as_of=as_of)
        assert (open_row["status"], open_row["reason"]) == ("censored", "reply_open")
        assert not open_row["reply_matured"]
        assert np.isnan(open_row["accepted"])
    assert label(source, as_of=21)["grade"] == 0
    late = market([invitation("PENDING", sent=18, decided=18)])
    assert label(late, as_of=18 + REPLY_DAYS)["reason"] == "reply_open"
    assert label(late, as_of=18 + REPLY_DAYS + 1)["reason"] == "no_reply"


def test_answers_of_a_campaign_that_still_waits_are_not_matured() -> None:
    rows = [
        invitation("ACCEPT", invitation_id="i1", creator_id="k1"),
        invitation("PENDING", invitation_id="i2", creator_id="k2"),
    ]
    assert not build_labels(market(rows), at(15))["reply_matured"].any()
    assert build_labels(market(rows), at(21))["reply_matured"].all()
    closed = [rows[0], invitation("EXPIRED", invitation_id="i2", creator_id="k2", decided=7)]
    assert build_labels(market(closed), at(15))["reply_matured"].all()


def test_a_delivery_is_censored_until_due_date_and_grace_have_passed() -> None:
    for deliveries in (None, [delivery()]):
        # Early deliveries wait as well: to count them at once and failures later would flatter everybody.
        source = market([invitation()], [sample()], deliveries)
        row = label(source, as_of=20 + GRACE_DAYS)
        assert (row["status"], row["reason"], row["accepted"]) == ("censored", "delivery_open", 1.0)
        assert not row["campaign_settled"]
        assert label(source, as_of=20 + GRACE_DAYS + 1)["status"] == "labelled"


def test_due_date_of_the_sample_before_that_of_the_campaign() -> None:
    source = market([invitation()], [sample(content_due_at=at(40))])
    assert label(source, as_of=30 + GRACE_DAYS)["status"] == "censored"
    assert label(source, as_of=41 + GRACE_DAYS)["grade"] == 1


def test_what_is_known_later_is_not_read() -> None:
    states = [invitation("PENDING", decided=0.1), invitation("ACCEPT", decided=9)]
    source = market(states, None, [delivery(known_at=at(60))], [review(5, known=70)])
    assert label(source, as_of=8)["reason"] == "reply_open"
    assert label(source, as_of=10)["reason"] == "delivery_open"
    assert label(source, as_of=50)["reason"] == "not_delivered"
    assert label(source, as_of=60)["reason"] == "not_delivered"
    assert label(source, as_of=61)["reason"] == "on_time"
    assert label(source, as_of=71)["reason"] == "on_time_and_praised"


def test_the_instant_is_floored_to_its_day() -> None:
    source = market([invitation("DECLINE", sent=0.1, decided=0.5)])
    assert build_labels(source, at(0.9)).empty
    assert len(build_labels(source, at(1.0))) == 1
    assert len(build_labels(source, at(1.0).tz_localize(None))) == 1


def test_only_part_of_a_campaign_open_settles_it_when_small_enough() -> None:
    def several(still_open: int) -> Marketplace:
        rows = [invitation("DECLINE", invitation_id=f"i{n}", creator_id=f"k{n}") for n in range(20 - still_open)]
        rows += [invitation("ACCEPT", invitation_id=f"j{n}", creator_id=f"l{n}") for n in range(still_open)]
        return market(rows)

    assert build_labels(several(1), at(10))["campaign_settled"].all()
    assert not build_labels(several(2), at(10))["campaign_settled"].any()


def test_row_order_changes_nothing() -> None:
    rows = [
        invitation(name, invitation_id=f"i{n}", creator_id=f"k{n}", decided=n + 1)
        for n, name in enumerate(("PENDING", "DECLINE", "ACCEPT", "EXPIRED"))
    ]
    pd.testing.assert_frame_equal(
        build_labels(market(rows), at(LONG_AFTER)), build_labels(market(rows[::-1]), at(LONG_AFTER))
    )


def test_attributed_sales_are_net_within_the_window_and_wait_for_refunds() -> None:
    def order(name: str, day: float, known: float, **more: Any) -> dict[str, Any]:
        row = {"order_id": name, "sku_id": "x", "product_id": "p1", "creator_id": "k1", "campaign_id": "c1"}
        row |= {"content_type": "VIDEO", "ordered_at": at(day), "status": "COMPLETED", "quantity": 2}
        row |= {"refunded_quantity": 0, "price": 10.0, "currency": "USD", "known_at": at(known)}
        return {**row, **more}

    orders = pd.DataFrame(
        [
            order("o1", 16, 16.1),
            order("o1", 16, 25, refunded_quantity=1),
            order("o2", 17, 17.1, status="CANCELLED"),
            order("o3", 15 + ATTRIBUTION_DAYS + 1, 31),
            order("o4", 15.5, 15.6),
            order("o5", 16, 16.1, campaign_id=None),
        ]
    )
    source = market([invitation()], None, [delivery(posted=15)], orders=orders)
    matured = 15 + ATTRIBUTION_DAYS + REFUND_DAYS
    assert np.isnan(label(source, as_of=matured)["attributed_usd"])
    assert label(source, as_of=matured + 1)["attributed_usd"] == pytest.approx(1 * 10 + 2 * 10)
    # There are no product days, so nothing can be said of lift.
    assert np.isnan(label(source)["lift_usd"])


def test_labels_of_a_simulated_marketplace(small_market: Any) -> None:
    source = open_marketplace(small_market)
    cutoff = pd.Timestamp("2025-06-01", tz="UTC")
    rows = build_labels(source, cutoff)
    assert set(rows["status"]) == {"labelled", "censored", "excluded"}
    assert set(rows.loc[rows["status"] == "labelled", "grade"]) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert rows.loc[rows["status"] != "labelled", "grade"].isna().all()
    assert rows["invitation_id"].is_unique
    assert (rows["sent_at"] < cutoff).all()
    assert rows.loc[rows["lift_usd"].notna(), "delivered"].eq(1.0).all()
    # A label that was given stays: only open rows may change as time goes on.
    later = build_labels(source, cutoff + pd.Timedelta(days=30)).set_index("invitation_id")["grade"]
    given = rows[rows["status"] == "labelled"].set_index("invitation_id")["grade"]
    same = later.loc[given.index]
    assert ((same == given) | ((given == 3.0) & (same == 4.0)) | (given == 0.0) | same.isna()).all()
    assert (same == given).mean() > 0.98


def requested(decision: str, **more: Any) -> dict[str, Any]:
    return invitation(decision, origin="REQUESTED", replied_at=at(1), **more)


def test_a_request_that_was_approved_is_a_partnership_and_no_answer_of_the_creators() -> None:
    late = START + pd.Timedelta(days=200)
    row = build_labels(market([requested("ACCEPT")], deliveries=[delivery()]), late).iloc[0]
    assert row["applied"]
    assert (row["status"], row["accepted"], row["delivered"], row["grade"]) == ("labelled", 1.0, 1.0, 3.0)
    assert not row["reply_matured"]  # the accept head learns whom an invitation wins over
    failed = build_labels(market([requested("ACCEPT")]), late).iloc[0]
    assert (failed["status"], failed["delivered"]) == ("labelled", 0.0)


@pytest.mark.parametrize("decision", ["DECLINE", "EXPIRED", "PENDING", "WITHDRAWN_BY_SELLER"])
def test_a_request_that_was_not_approved_says_nothing_of_the_creator(decision: str) -> None:
    row = build_labels(market([requested(decision)]), START + pd.Timedelta(days=200)).iloc[0]
    assert (row["status"], row["reason"]) == ("excluded", "request_not_approved")
    assert np.isnan(row["accepted"])
    invited = build_labels(market([invitation(decision)]), START + pd.Timedelta(days=200)).iloc[0]
    assert not invited["applied"]
    assert invited["reason"] != "request_not_approved"
