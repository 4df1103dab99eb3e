"""Briefs: terms in USD as known when they were written, and the arithmetic against the creator's own."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from features.briefs.brief import TERMS, brief_columns, read_briefs
from features.conversion.model import CONVERSION_SIGNALS
from features.signals.brief import PRODUCT_SUMS, brief_signals
from features.signals.registry import SIGNALS, names_of
from marketplace.errors import BriefError
from marketplace.tables import Marketplace

T = lambda *texts: pd.to_datetime(list(texts), utc=True, format="ISO8601")  # noqa: E731


def read(frames):
    return read_briefs(Marketplace.from_frames(frames))["k1"]


def test_a_brief_is_read_in_usd(hand):
    hand["campaigns"] = hand["campaigns"].assign(currency="GBP", flat_fee=40.0)
    hand["fx_rates"] = pd.DataFrame(
        {
            "currency": ["GBP"] * 3,
            "day": [pd.Timestamp(d).date() for d in ("2024-01-30", "2024-01-31", "2024-02-01")],
            "usd_rate": [1.2, 1.3, 9.0],
            "known_at": T("2024-01-30", "2024-02-05", "2024-02-01"),
        }
    )
    brief = read(hand)
    assert brief.budget_usd == pytest.approx(1000 * 1.2)  # the rate of the 31st was not known, that of the day neither
    assert brief.flat_fee_usd == pytest.approx(40 * 1.2)
    assert brief.price_usd == 10.0
    assert brief.margin_rate == 0.5
    assert brief.sample_cost_usd == pytest.approx(10.0 * (1 - 0.5) + 0.0)
    assert read(hand | {"campaigns": hand["campaigns"].assign(has_free_sample=False)}).sample_cost_usd == 0.0


def test_a_missing_margin_is_the_categorys_median_then_point_four(hand):
    hand["products"]["gross_margin_rate"] = [None, 0.6]
    assert read(hand).margin_rate == 0.4
    hand["products"]["category_id"] = "beauty"
    assert read(hand).margin_rate == 0.6
    hand["products"].loc[1, "known_at"] = pd.Timestamp("2024-02-02", tz="UTC")
    assert read(hand).margin_rate == 0.4


def test_shipping_is_the_markets_median_known_before(hand):
    hand["costs"] = pd.DataFrame(
        {
            "campaign_id": ["k1"] * 4,
            "creator_id": list("abcd"),
            "flat_fee": [0.0] * 4,
            "sample_cost": [1.0] * 4,
            "shipping_cost": [2.0, 4.0, 0.0, 100.0],
            "currency": ["USD"] * 4,
            "paid_at": T("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"),
            "known_at": T("2024-01-01", "2024-01-02", "2024-01-03", "2024-02-01 01:00"),
        }
    )
    assert read(hand).shipping_usd == 3.0


def test_no_budget_is_unknown_and_no_fee_is_none(hand):
    hand["campaigns"]["budget"] = None
    brief = read(hand)
    assert math.isnan(brief.budget_usd)
    assert brief.flat_fee_usd == 0.0


def test_an_unknown_campaign_is_refused(hand):
    with pytest.raises(BriefError, match="k9"):
        read_briefs(Marketplace.from_frames(hand), ["k1", "k9"])


def columns(n, rng):
    names = [signal.name for signal in SIGNALS.values() if signal.entity != "brief_creator"]
    out = {name: rng.gamma(1.0, 20.0, n) for name in (*names, *PRODUCT_SUMS, *CONVERSION_SIGNALS)}
    for values in out.values():
        values[rng.random(n) < 0.2] = np.nan
        values[rng.random(n) < 0.2] = 0.0
    return out


def test_one_brief_and_a_vector_of_it_give_the_same_bits(hand):
    rng = np.random.default_rng(2)
    terms = brief_columns([read(hand)])
    assert tuple(terms) == tuple(TERMS)
    given = columns(257, rng)
    one = brief_signals(given, {name: values[0] for name, values in terms.items()})
    many = brief_signals(given, {name: np.repeat(values, 257) for name, values in terms.items()})
    table = np.column_stack(list(given.values()))
    strided = brief_signals({name: table[:, i] for i, name in enumerate(given)}, {n: v[0] for n, v in terms.items()})
    assert tuple(one) == names_of("brief_creator")
    for name, values in one.items():
        assert values.shape == (257,)
        np.testing.assert_array_equal(values, many[name], err_msg=name)
        np.testing.assert_array_equal(values, strided[name], err_msg=name)
        assert not np.isinf(values).any(), name


def test_brief_signals_are_what_they_say(hand):
    given = {name: np.array([value]) for name, value in {
        **dict.fromkeys((name for name in SIGNALS if SIGNALS[name].entity != "brief_creator"), np.nan),
        **dict.fromkeys(PRODUCT_SUMS, 3.0),
        **dict.fromkeys(CONVERSION_SIGNALS, np.nan),
        "brief_conversion_mean_365d": 2.0, "brief_views_expected_365d": 500.0,
        "category_price_mean_180d": 5.0, "commission_offered_mean_365d": 0.07, "net_gmv_sum_90d": 400.0,
        "category_net_gmv_sum_90d": 100.0, "campaign_gmv_per_partnership_365d": 50.0, "organic_views_sum_28d": 2000.0,
        "category_organic_gmv_per_1000_views_90d": 4.0, "sample_fulfil_rate_365d": 0.8,
    }.items()}  # fmt: skip
    before = {name: values.copy() for name, values in given.items()}
    found = {
        name: values[0]
        for name, values in brief_signals(given, {n: v[0] for n, v in brief_columns([read(hand)]).items()}).items()
    }
    assert found["brief_price_log_ratio_180d"] == pytest.approx(math.log(10 / 5))
    assert found["brief_commission_over_offered_365d"] == pytest.approx(0.1 - 0.07)
    assert found["brief_category_gmv_share_90d"] == 100 / 400
    assert found["brief_expected_commission_365d"] == pytest.approx(0.1 * 50)
    assert found["brief_expected_margin_365d"] == pytest.approx((0.5 - 0.1) * 50 - 0 - 5)
    assert found["brief_expected_organic_gmv_28d"] == pytest.approx(2000 / 1000 * 4)
    assert found["brief_sample_fit_365d"] == 0.8
    assert found["brief_budget_over_gmv_90d"] == 1000 / 400
    assert found["brief_days_brief"] == 10.0
    assert found["brief_products_orders_sum_28d"] == 3.0
    assert found["brief_sales_expected_365d"] == pytest.approx(500 / 1000 * 2.0 * 10.0)
    assert np.isnan(found["brief_conversion_taste_365d"])
    assert np.isnan(found["brief_commission_over_accepted_365d"])
    for name, values in given.items():
        np.testing.assert_array_equal(values, before[name])


def test_a_brief_as_plain_data_is_every_field_and_reads_back(hand):
    import dataclasses

    brief = read(hand)
    whole = dataclasses.asdict(brief)
    other = whole.pop("other_terms")
    told = brief.as_dict()
    assert str(told) == str(whole | other)
    assert str(type(brief).of_dict(told)) == str(brief)
    told["nonsense"] = 1
    assert "nonsense" not in brief.as_dict()
