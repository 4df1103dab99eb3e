"""What is odd about a brief is told, field by field, and what is usual is not; what cannot be is refused at once."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from features.briefs import Catalogue, Known, Product, completed, doubts_of
from features.briefs.brief import OTHER_TERMS
from features.briefs.doubts import unknown_names
from features.briefs.names import Names
from marketplace.errors import BriefError

AS_OF = pd.Timestamp("2025-03-01", tz="UTC")
CATALOGUE = Catalogue(
    as_of=AS_OF,
    products={
        "pr_1": Product("br_1", "beauty", 10.0, 0.5),
        "pr_2": Product("br_1", "beauty", 40.0, 0.7),
        "pr_3": Product("br_2", "home", 100.0, 0.4),
    },
    usd_rates={"USD": 1.0, "IDR": 1 / 16_000},
    margins={"beauty": 0.6, "home": 0.4},
    prices={"beauty": 25.0, "home": 100.0},
    shipping={"ID": 2.0, "US": 5.0},
)
FAIR = {"market": "US", "category_id": "beauty", "commission_rate": 0.1, "price": 20.0, "budget": 1_000.0}


def known(catalogue: Catalogue = CATALOGUE) -> Known:
    fees = catalogue.complete({**FAIR, "flat_fee": 50.0, "commission_rate": 0.2})
    return Known(catalogue, ["beauty", "home"], ["br_1", "br_2"], ["en", "id"], {"ca_1": fees})


def told(**changes):
    said = {**FAIR, **changes}
    return [(one.field, one.closest) for one in doubts_of(said, CATALOGUE.complete(said), known())]


def test_a_usual_brief_raises_no_doubt():
    assert told() == []
    assert told(brand_id="br_1", product_ids=["pr_1"], price=None, flat_fee=100.0, has_free_sample=True) == []
    assert told(starts_at="2025-03-03T00:00Z", ends_at="2025-03-20T00:00Z") == []


@pytest.mark.parametrize(
    ("changes", "field", "closest"),
    [
        ({"category_id": "Beauty"}, "category_id", ("beauty",)),
        ({"category_id": "beautty"}, "category_id", ("beauty",)),
        ({"category_id": "zoo"}, "category_id", ()),
        ({"brand_id": "BR-1"}, "brand_id", ("br_1",)),
        ({"brand_id": "nobody"}, "brand_id", ()),
        ({"product_ids": ["Pr_3"], "category_id": "home", "price": None}, "product_ids", ("pr_3",)),
        ({"category_id": "home", "product_ids": ["pr_1"], "price": None}, "category_id", ()),
        ({"brand_id": "br_2", "product_ids": ["pr_1"]}, "brand_id", ()),
        ({"price": 2_000.0}, "price", ()),  # cents
        ({"price": 120.01}, "price", ()),  # 3 x 40
        ({"price": 3.33}, "price", ()),  # 10 / 3
        ({"price": 20.0, "currency": "IDR", "budget": None}, "price", ()),  # a rupiah price in dollars' digits
        ({"flat_fee": 150.01}, "flat_fee", ()),  # 3 x 50
        ({"budget": 49.0, "flat_fee": 50.0}, "budget", ()),
        ({"budget": 12.0, "has_free_sample": True}, "budget", ()),  # 20 x (1 - .6) + 5 = 13
        ({"commission_rate": 0.61}, "commission_rate", ()),  # above 3 x .2
        ({"commission_rate": 0.45, "margin_rate": 0.4}, "commission_rate", ()),
        ({"margin_rate": 0.99}, "margin_rate", ()),
        ({"margin_rate": 0.0, "commission_rate": 0.0}, "margin_rate", ()),
        ({"briefed_at": "2025-05-02T00:00Z"}, "briefed_at", ()),
        ({"briefed_at": "2025-01-29T00:00Z"}, "briefed_at", ()),
        ({"starts_at": "2025-02-27T00:00Z"}, "starts_at", ()),
        ({"starts_at": "2025-09-01T00:00Z"}, "starts_at", ()),
        ({"ends_at": "2025-03-01T12:00Z"}, "ends_at", ()),
        ({"ends_at": "2025-09-01T00:00Z"}, "ends_at", ()),
    ],
)
def test_what_is_odd_is_told(changes, field, closest):
    assert told(**changes) == [(field, closest)]


@pytest.mark.parametrize("changes", [{"price": 120.0}, {"price": 3.34}, {"flat_fee": 150.0}, {"budget": 50.0,
                         "flat_fee": 50.0}, {"commission_rate": 0.6}, {"briefed_at": "2025-04-30T00:00Z"}])  # fmt: skip
def test_what_is_just_usual_is_not(changes):
    assert told(**changes) == []


def test_of_many_unknown_names_five_are_told_and_how_many_more():
    found = unknown_names("x", [*(f"n{i}" for i in range(12)), "n0", "there"], Names(["there"]), "nobody called")
    assert [one.message for one in found] == [
        *(f"nobody called 'n{i}'" for i in range(5)),
        "7 more that the snapshot does not know",
    ]


def test_an_unknown_product_completes_nothing_and_refuses_nothing():
    brief = CATALOGUE.complete({**FAIR, "product_ids": ["new", "pr_2"], "price": None})
    assert (brief.product_ids, brief.price_usd, brief.brand_id) == (("new", "pr_2"), 40.0, "br_1")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"price": 0.0}, ["price"]),
        ({"price": 1_000_001.0}, ["price"]),
        ({"flat_fee": 1.1e7}, ["flat_fee"]),
        ({"budget": 1.1e10}, ["budget"]),
        ({"budget": 1.1e10, "currency": "IDR", "price": 300_000.0}, []),
        ({"ends_at": "2025-02-01T00:00Z"}, ["ends_at"]),
        ({"ends_at": "2035-03-05T00:00Z"}, ["ends_at"]),
        ({"briefed_at": "2036-01-01T00:00Z"}, ["briefed_at"]),
        ({"category_id": None}, ["category_id"]),
        ({"category_id": "Beauty", "price": None}, ["price"]),
        ({"market": "ZZ", "currency": "XXX", "category_id": None, "price": 0.0, "commission_rate": 2.0,
          "margin_rate": -1.0, "ends_at": "2025-02-01T00:00Z", "briefed_at": "2025-03-01T00:00Z"},
         ["market", "currency", "category_id", "ends_at", "commission_rate", "margin_rate"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_all_at_once(changes, fields):
    if not fields:
        CATALOGUE.complete({**FAIR, **changes})
        return
    with pytest.raises(BriefError) as refused:
        CATALOGUE.complete({**FAIR, **changes})
    assert [one.field for one in refused.value.problems] == fields
    assert refused.value.expected == refused.value.problems[0].expected
    assert (f"(and {len(fields) - 1} more to put right)" in refused.value.received) == (len(fields) > 1)


@pytest.mark.parametrize(("changes", "meant"), [({"market": "UD"}, None), ({"category_id": "Beauty", "price": None},
                         "did you mean beauty?"), ({"category_id": None, "product_ids": ["PR1"]},
                         "did you mean pr_1?")])  # fmt: skip
def test_a_refusal_says_what_may_have_been_meant(changes, meant):
    with pytest.raises(BriefError) as refused:
        CATALOGUE.complete({**FAIR, **changes})
    assert ("did you mean" in refused.value.received) == (meant is not None)
    assert meant is None or meant in refused.value.received


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        # A misspelt category is why there is no price: it is told first, at its own field.
        ({"category_id": "Beautty", "price": None}, [("category_id", ("beauty",)), ("price", ())]),
        ({"brand_id": "BR-1", "category_id": "home", "product_ids": ["Pr_3", "pr_1"], "commission_rate": 2.0},
         [("brand_id", ("br_1",)), ("product_ids", ("pr_3",)), ("commission_rate", ())]),
        ({"market": "USA", "category_id": "zoo"}, [("category_id", ()), ("market", ("US",))]),
        ({"category_id": None, "product_ids": ["PR1"]}, [("product_ids", ("pr_1",)), ("category_id", ())]),
    ],
)  # fmt: skip
def test_a_brief_that_is_refused_has_its_names_looked_at_too(changes, problems):
    with pytest.raises(BriefError) as refused:
        completed({**FAIR, **changes}, known())
    assert [(one.field, one.closest[:1]) for one in refused.value.problems] == problems


def test_names_alone_refuse_no_brief():
    assert completed({**FAIR, "category_id": "beautty"}, known()) == CATALOGUE.complete(
        {**FAIR, "category_id": "beautty"}
    )


def test_numbers_of_the_contract_keep_their_bounds():
    for name, column in OTHER_TERMS.items():
        assert math.isnan(CATALOGUE.complete(FAIR).other_terms[name]), column
