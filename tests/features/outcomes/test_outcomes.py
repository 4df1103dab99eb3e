"""What an invitation came to, rule by rule and by hand; labels, facts and indices read the same."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from features.facts import Windows, fact_table
from features.outcomes import (
    first_deliveries,
    invitation_states,
    outcomes_as_of,
    partnership_outcomes,
    sample_outcomes,
)
from features.outcomes.states import standing
from features.time import FOREVER, day_number
from marketplace.contract import (
    CONTENT_STATES,
    DECISIONS,
    GRACE_DAYS,
    NOT_THE_CREATORS_FAULT,
    REPLY_DAYS,
    SAMPLE_STATES,
)
from marketplace.tables import Marketplace
from training.data.labels import build_labels

START = pd.Timestamp("2025-03-01", tz="UTC")
DUE = 20
LONG_AFTER = 300


def at(day: float) -> pd.Timestamp:
    return START + pd.Timedelta(days=day)


def invited(decision: str = "ACCEPT", *, known: float = 1.0, name: str = "i1", **more: Any) -> dict[str, Any]:
    row = {"invitation_id": name, "campaign_id": "c1", "creator_id": "k1", "sent_at": at(0), "known_at": at(known)}
    return row | {"decision": decision, "decided_at": at(known)} | more


def sample(status: str = "CONTENT_PENDING", content: str = "ONGOING", *, known: float = 5.0, **more: Any) -> dict:
    row = {"sample_id": "s1", "invitation_id": "i1", "creator_id": "k1", "product_id": "p1", "requested_at": at(2)}
    row |= {"status": status, "fulfillment_status": content, "shipped_at": at(3), "delivered_at": at(4)}
    return row | {"known_at": at(known)} | more


def delivery(posted: float, *, known: float | None = None, name: str = "d1", **more: Any) -> dict[str, Any]:
    row = {"delivery_id": name, "invitation_id": "i1", "creator_id": "k1", "campaign_id": "c1", "posted_at": at(posted)}
    return row | {"known_at": at(posted if known is None else known)} | more


def market(*invitations: dict, samples: Any = (), deliveries: Any = ()) -> Marketplace:
    brief = {
        "campaign_id": "c1", "brand_id": "b1", "market": "US", "category_id": "beauty", "product_ids": ["p1"],
        "objective": "SALES", "collaboration": "TARGET", "currency": "USD", "commission_rate": 0.1,
        "has_free_sample": True, "briefed_at": at(-1), "starts_at": at(0), "ends_at": at(DUE), "known_at": at(-1),
    }  # fmt: skip
    product = {"product_id": "p1", "brand_id": "b1", "category_id": "beauty", "price": 10.0, "currency": "USD"}
    frames = {
        "campaigns": [brief], "products": [product | {"known_at": at(-9)}], "invitations": invitations or [invited()],
        "samples": samples, "deliveries": deliveries, "orders": [], "creators": [],
    }  # fmt: skip
    return Marketplace.from_frames({name: pd.DataFrame(list(rows)) for name, rows in frames.items()})


def judged(source: Marketplace, day: float = LONG_AFTER) -> pd.Series:
    ids = source.table("invitations").select("invitation_id").distinct()
    rows = source.query(outcomes_as_of(source, ids.mutate(day=ibis.literal(day_number(at(day)), "int64"))))
    assert len(rows) == 1
    return rows.iloc[0]


def total(source: Marketplace, fact: str, measure: str, day: float = LONG_AFTER) -> float:
    windows = Windows(("creator_id",))
    rows = pd.DataFrame({"creator_id": ["k1"], "day": [day_number(at(day))]})
    return float(windows.compute(source, rows, {"x": windows.sum(fact, measure)})["x"][0])


def test_every_word_has_one_meaning() -> None:
    own = {"open", "accepted", "declined", "expired", "void"}
    assert {state.standing for state in DECISIONS.values()} == own
    for states in (SAMPLE_STATES, CONTENT_STATES):
        assert {state.standing for state in states.values()} <= {"unsent", "sent", "owed", "made", "failed", "excused"}


@pytest.mark.parametrize(
    ("status", "content", "comes_to"),
    [
        ("CONTENT_PENDING", "ONGOING", "owed"),
        ("CONTENT_PENDING", "OVERDUE", "owed"),
        ("CONTENT_PENDING", "FAILED", "failed"),
        ("CONTENT_PENDING", "SUSPEND", "excused"),
        ("CONTENT_PENDING", "CANCELLED", "excused"),
        ("CONTENT_PENDING", "EXEMPTED", "excused"),
        ("CONTENT_PENDING", "SUCCEED", "made"),
        ("COMPLETED", "ONGOING", "made"),
        ("COMPLETED", "EXEMPTED", "excused"),
        ("WITHDRAW_CANCELLED", "CANCELLED", "failed"),
        ("UNFULFILL_CANCELLED", "FAILED", "failed"),
        ("UNFULFILL_CANCELLED", "SUCCEED", "made"),
        ("OVERDUE_CANCELLED", "FAILED", "excused"),
        ("OPS_COMPLETED", "SUCCEED", "excused"),
        ("SHIPPED", "FAILED", "sent"),
        ("AWAITING_SHIPMENT", "OVERDUE", "unsent"),
    ],
)
def test_of_two_words_that_disagree_one_goes_first(status: str, content: str, comes_to: str) -> None:
    words = ibis.memtable({"status": [status], "content": [content]})
    told = ibis.duckdb.connect().to_pyarrow(words.select(x=standing(words.status, words.content)))
    assert told["x"].to_pylist() == [comes_to]


ON_TIME, LATE, TOO_LATE = DUE - 5, DUE + 1, DUE + GRACE_DAYS + 1


CASES: list[tuple[list, list, str, str, int | None]] = [
    ([], [delivery(ON_TIME)], "on_time", "on_time", None),
    ([], [delivery(LATE)], "late", "delivered_late", None),
    ([], [delivery(TOO_LATE)], "failed", "not_delivered", None),
    ([], [], "failed", "not_delivered", None),
    ([sample()], [], "failed", "not_delivered", 0),
    ([sample()], [delivery(ON_TIME)], "on_time", "on_time", 1),
    ([sample("COMPLETED", "SUCCEED")], [delivery(TOO_LATE)], "failed", "not_delivered", 0),
    ([sample("COMPLETED", "SUCCEED")], [], "delivered", "delivery_not_told", 1),
    ([sample("CONTENT_PENDING", "FAILED")], [], "failed", "content_failed", 0),
    ([sample("CONTENT_PENDING", "FAILED")], [delivery(LATE)], "late", "delivered_late", 1),
    ([sample("WITHDRAW_CANCELLED", "CANCELLED")], [], "failed", "creator_gave_up", 0),
    ([sample("UNFULFILL_CANCELLED", "FAILED")], [], "failed", "creator_gave_up", 0),
    ([sample("AWAITING_SHIPMENT", "OVERDUE")], [], "excused", "sample_never_shipped", None),
    ([sample("SHIPPED", "FAILED")], [], "excused", "sample_never_arrived", None),
    ([sample(content="SUSPEND")], [], "excused", "content_suspend", None),
    ([sample(content="CANCELLED")], [], "excused", "content_cancelled", None),
    ([sample(content="EXEMPTED")], [delivery(ON_TIME)], "excused", "content_exempted", None),
    ([sample("OPS_CANCELLED", "CANCELLED")], [delivery(ON_TIME)], "excused", "sample_ops_cancelled", None),
    ([sample("OVERDUE_CANCELLED", "FAILED")], [], "excused", "sample_overdue_cancelled", None),
    *(
        ([sample(status)], deliveries, "excused", f"sample_{status.lower()}", None)
        for status in NOT_THE_CREATORS_FAULT
        for deliveries in ([], [delivery(ON_TIME)])  # an excuse holds whatever came of it
    ),
]
"""Samples, deliveries; the outcome and its reason; whether the sample was fulfilled (None: it says neither)."""


@pytest.fixture(scope="module")
def told() -> pd.DataFrame:
    """Every case as an invitation of its own creator in one marketplace: what each reader makes of it, a row a case."""
    invitations, samples, deliveries = [], [], []
    for n, (own_samples, own_deliveries, *_) in enumerate(CASES):
        own = {"invitation_id": f"i{n}", "creator_id": f"k{n}"}
        invitations.append(invited() | own)
        samples += [row | own | {"sample_id": f"s{n}"} for row in own_samples]
        deliveries += [row | own | {"delivery_id": f"d{n}"} for row in own_deliveries]
    source = market(*invitations, samples=samples, deliveries=deliveries)
    creators = [f"k{n}" for n in range(len(CASES))]
    day = day_number(at(LONG_AFTER))
    ids = source.table("invitations").select("invitation_id").distinct()
    rows = source.query(outcomes_as_of(source, ids.mutate(day=ibis.literal(day, "int64"))))
    rows = rows.set_index("creator_id")[["outcome", "reason"]].loc[creators]
    windows = Windows(("creator_id",))
    asked = {
        f"{fact}.{measure}": windows.sum(fact, measure)
        for fact, measures in {
            "partnerships": ("delivered", "failed", "excused", "open"),
            "deliveries": ("timed", "on_time"),
            "samples": ("resolved", "fulfilled"),
        }.items()
        for measure in measures
    }
    sums = windows.compute(source, pd.DataFrame({"creator_id": creators, "day": day}), asked)
    labels = build_labels(source, at(LONG_AFTER)).set_index("creator_id").loc[creators]
    return rows.assign(**sums, status=labels["status"], label=labels["delivered"]).reset_index(drop=True)


@pytest.mark.parametrize("n", range(len(CASES)), ids=lambda n: f"{CASES[n][3]}-{n}")
def test_labels_facts_and_samples_tell_the_same(told: pd.DataFrame, n: int) -> None:
    *_, outcome, reason, fulfilled = CASES[n]
    row = told.iloc[n]
    assert (row["outcome"], row["reason"]) == (outcome, reason)
    came, timed = outcome in ("on_time", "late", "delivered"), outcome in ("on_time", "late")
    failed, excused = outcome == "failed", outcome == "excused"
    for name, expected in {"delivered": came, "failed": failed, "excused": excused, "open": False}.items():
        assert row[f"partnerships.{name}"] == float(expected), name
    assert row["deliveries.timed"] == float(timed)
    assert row["deliveries.on_time"] == float(outcome == "on_time")
    assert row["samples.resolved"] == float(fulfilled is not None)
    assert row["samples.fulfilled"] == float(fulfilled or 0)
    assert row["status"] == ("labelled" if timed or failed else "excluded")
    assert row["label"] == float(timed) if timed or failed else np.isnan(row["label"])


def test_an_outcome_is_told_at_once_and_settled_after_the_grace() -> None:
    for samples, deliveries, outcome in (
        ([], [delivery(ON_TIME)], "on_time"),
        ([sample("UNFULFILL_CANCELLED", "FAILED", known=ON_TIME)], [], "failed"),
    ):
        source = market(samples=samples, deliveries=deliveries)
        assert judged(source, ON_TIME)["outcome"] == "open"
        assert (judged(source, ON_TIME + 1)["outcome"], judged(source, ON_TIME + 1)["settled"]) == (outcome, False)
        assert not judged(source, DUE + GRACE_DAYS)["settled"]
        assert judged(source, DUE + GRACE_DAYS + 1)["settled"]
        assert total(source, "partnerships", "settled", DUE + GRACE_DAYS) == 0.0
        assert total(source, "partnerships", "settled", DUE + GRACE_DAYS + 1) == 1.0


def test_silence_is_expired_once_the_week_and_the_campaign_are_over() -> None:
    source = market(invited("PENDING", known=0.0))
    day = max(REPLY_DAYS, DUE)
    assert (judged(source, day)["answer"], judged(source, day + 1)["answer"]) == ("open", "expired")
    assert judged(source, day + 1)["reason"] == "no_reply"
    for measure, before, after in (("open", 1.0, 0.0), ("expired", 0.0, 1.0), ("resolved", 0.0, 1.0)):
        assert total(source, "invitations", measure, day) == before
        assert total(source, "invitations", measure, day + 1) == after
    # An answer that comes all the same counts.
    late = market(invited("PENDING", known=0.0), invited("ACCEPT", known=DUE + 2.0))
    assert total(late, "invitations", "expired", DUE + 2) == 1.0
    assert (total(late, "invitations", "expired"), total(late, "invitations", "accepted")) == (0.0, 1.0)


def test_a_reply_without_a_time_is_timed_by_its_decision() -> None:
    source = market(invited("DECLINE", known=1.5))
    assert source.query(invitation_states(source))["reply_seconds"].tolist() == [1.5 * 86_400]
    assert total(source, "invitations", "reply_hours") == 36.0
    silent = market(invited("EXPIRED", known=7.0))
    assert source.query(invitation_states(source).filter(ibis._.reply_seconds.isnull())).empty
    assert total(silent, "invitations", "replied") == 0.0


def test_the_first_delivery_known_speaks_for_its_invitation() -> None:
    two = [delivery(LATE, known=LATE, name="d1"), delivery(ON_TIME, known=LATE + 5, name="d2")]
    source = market(deliveries=two)
    assert source.query(first_deliveries(source))["delivery_id"].tolist() == ["d1"]
    assert judged(source)["outcome"] == "late"
    together = market(deliveries=[row | {"known_at": at(LATE)} for row in two])
    assert judged(together)["outcome"] == "on_time"
    other = market(
        invited(), invited(name="i2"), deliveries=[delivery(LATE), delivery(ON_TIME, name="d2", invitation_id="i2")]
    )
    rows = other.query(partnership_outcomes(other))
    assert dict(zip(*rows[rows["until_day"] == FOREVER][["invitation_id", "outcome"]].to_numpy().T, strict=True)) == {
        "i1": "late", "i2": "on_time"
    }  # fmt: skip


def test_the_due_date_is_the_deliverys_then_the_samples_then_the_briefs() -> None:
    posted = [delivery(DUE + 2)]
    assert judged(market(deliveries=posted))["outcome"] == "late"
    assert judged(market(samples=[sample(content_due_at=at(DUE + 3))], deliveries=posted))["outcome"] == "on_time"
    by_delivery = [posted[0] | {"due_at": at(DUE + 1)}]
    assert judged(market(samples=[sample(content_due_at=at(DUE + 3))], deliveries=by_delivery))["outcome"] == "late"


def test_the_sample_that_puts_the_most_on_the_creator_speaks() -> None:
    both = [sample("OPS_CANCELLED", sample_id="s1"), sample(sample_id="s2")]
    assert judged(market(samples=both))["reason"] == "not_delivered"


def test_a_partnership_withdrawn_later_counts_nowhere_from_then_on() -> None:
    source = market(invited(), invited("WITHDRAWN_BY_SELLER", known=10.0))
    assert total(source, "partnerships", "open", 10) == 1.0
    for measure in ("partnerships", "open", "failed", "settled"):
        assert total(source, "partnerships", measure) == 0.0


def test_intervals_of_knowledge_are_the_answers_of_every_day(wee: Marketplace) -> None:
    """The differential test: `partnership_outcomes` read as of any day is `outcomes_as_of` that day."""
    rows = wee.query(partnership_outcomes(wee))
    samples = wee.query(sample_outcomes(wee))
    assert not samples.duplicated(["sample_id", "since_day"]).any()
    ids = wee.table("invitations").select("invitation_id").distinct()
    first, last = int(rows["since_day"].min()), int(rows["since_day"].max())
    for day in range(first + 1, last + 3, 24):
        known = rows[(rows["since_day"] < day) & (rows["until_day"] >= day)].set_index("invitation_id")
        told = wee.query(outcomes_as_of(wee, ids.mutate(day=ibis.literal(day, "int64")))).set_index("invitation_id")
        told = told[told["answer"] == "accepted"]
        known = known[known["answer"] == "accepted"]
        pd.testing.assert_frame_equal(
            known[["outcome", "reason", "settled"]].sort_index(), told[["outcome", "reason", "settled"]].sort_index()
        )


def test_every_invitation_has_one_answer_a_day(wee: Marketplace) -> None:
    states = wee.query(invitation_states(wee)).sort_values(["invitation_id", "since_day"])
    following = states.groupby("invitation_id")["since_day"].shift(-1)
    assert (states["until_day"] <= following.fillna(FOREVER)).all()
    assert (states.groupby("invitation_id")["until_day"].max() == FOREVER).all()
    assert fact_table(wee, "invitations", ("creator_id",)).count().execute() > 0


def without(source: Marketplace, *tables: str) -> Marketplace:
    return Marketplace.from_frames({name: source.frame(name) for name in source.present if name not in tables})


def test_without_deliveries_nobody_says_that_nothing_came() -> None:
    bare = without(market(), "deliveries", "samples")
    assert tuple(judged(bare)[["outcome", "reason"]]) == ("open", "delivery_not_known")
    assert tuple(judged(market())[["outcome", "reason"]]) == ("failed", "not_delivered")
    # A refusal needs no deliveries, and a sample's own states say what came of it.
    refused = without(market(invited("DECLINE")), "deliveries", "samples")
    assert judged(refused)["outcome"] == "declined"
    for status, content, outcome in (("COMPLETED", "SUCCEED", "delivered"), ("CONTENT_PENDING", "FAILED", "failed")):
        told = without(market(samples=[sample(status, content)]), "deliveries")
        assert judged(told)["outcome"] == outcome
