"""What the heads learn from, on a simulated marketplace."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.signals.build import build_matrix
from features.signals.registry import SIGNALS
from marketplace.errors import TrainingError
from marketplace.tables import open_marketplace
from training.data.dataset import build_training_data
from training.data.splits import split_by_time
from training.heads.feature_sets import FEW, FREE, MONOTONE, SALES_FEW, SALES_SIGNS


def test_rows_are_in_order_of_brief_and_arrays_fit(training_data):
    data = training_data
    n = len(data)
    assert data.X.shape == (n, len(SIGNALS))
    assert data.X.dtype == np.float64
    assert data.signals == tuple(SIGNALS)
    assert (np.diff(data.campaign) >= 0).all()
    assert data.rows["briefed_at"].is_monotonic_increasing
    assert not data.rows.duplicated(["campaign_id", "creator_id"]).any()
    assert data.economics.margin_rate.shape == (n,)


def test_nothing_of_the_held_out_campaigns_is_in_it(training_data, small_split):
    assert set(training_data.rows["campaign_id"]) <= set(small_split.train)
    assert (training_data.rows["sent_at"] < small_split.cutoff).all()


def test_the_matrix_is_the_one_that_scoring_builds(training_data, small_market):
    some = training_data.rows.iloc[::97][["campaign_id", "creator_id"]]
    again = build_matrix(open_marketplace(small_market), some)[list(SIGNALS)].to_numpy(np.float64)
    np.testing.assert_array_equal(again, training_data.X[::97])


def test_masks_say_what_is_known(training_data):
    data = training_data
    delivered = data.column("delivered") == 1.0
    assert delivered[data.lift_known].all()
    assert delivered[data.attributed_known].all()
    assert np.isfinite(data.column("grade")[data.outcome_known]).all()
    assert np.isin(data.column("accepted")[data.reply_known], [0.0, 1.0]).all()


def test_realised_profit_by_hand(training_data):
    data, terms = training_data, training_data.economics
    profit = data.realised_profit()
    ripe = np.flatnonzero(data.outcome_known & data.lift_known)[:5]
    for row in ripe:
        lift, attributed = data.column("lift_usd")[row], data.column("attributed_usd")[row]
        expected = (
            terms.margin_rate[row] * lift - terms.flat_fee_usd[row] - terms.commission_rate[row] * attributed
        ) - terms.sample_cost_usd[row]
        assert profit[row] == pytest.approx(expected)
    refused = np.flatnonzero(data.outcome_known & (data.column("accepted") == 0.0))
    assert (profit[refused] == 0.0).all()
    kept = np.flatnonzero(data.outcome_known & (data.column("grade") == 1.0))
    np.testing.assert_allclose(profit[kept], -terms.sample_cost_usd[kept])
    assert np.isnan(profit[~data.outcome_known]).all()


def test_too_little_is_refused_in_plain_words(small_market):
    market = open_marketplace(small_market)
    split = split_by_time(market.frame("campaigns", ["campaign_id", "briefed_at"]))
    with pytest.raises(TrainingError, match="labelled invitations"):
        build_training_data(market, split.train[:1], as_of=split.cutoff)
    with pytest.raises(TrainingError, match="received 0 labelled"):
        build_training_data(market, split.train, as_of=pd.Timestamp("2001-01-01", tz="UTC"))


def test_sales_signals_are_signals():
    assert set(SALES_SIGNS) <= set(SIGNALS)
    assert set(SALES_SIGNS.values()) <= {-1, 0, 1}


def test_recipes_hide_and_direct():
    signals, own = ("click_rate_90d", "posts_sum_28d", "accept_rate_ever"), (0, 0, 1)
    assert FREE.directions(signals, own) is None
    assert MONOTONE.directions(signals, own) == [0, 0, 1]
    assert SALES_FEW.directions(signals, own) == [1, 0, 1]
    assert SALES_FEW.hidden(signals, own).tolist() == [False, True, True]
    assert FEW.hidden(signals, own).tolist() == [True, True, False]
    assert not MONOTONE.hidden(signals, own).any()
