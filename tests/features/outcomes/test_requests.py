"""Requests for samples: what became of them counts as delivery, and never as an answer to an invitation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from features.signals import build_matrix
from marketplace.tables import Marketplace, open_marketplace


def with_origin(market: Marketplace, requested: pd.Series) -> Marketplace:
    frames = {name: market.frame(name) for name in market.present}
    frames["invitations"]["origin"] = np.where(requested, "REQUESTED", "INVITED")
    return Marketplace.from_frames(frames)


def test_signals_of_answers_forget_requests_and_those_of_delivery_keep_them(small_market: Path) -> None:
    market = open_marketplace(small_market)
    sent = market.frame("invitations")
    last = market.frame("campaigns").sort_values("briefed_at")["campaign_id"].iloc[-1]
    pairs = pd.DataFrame({"campaign_id": last, "creator_id": sorted(set(sent["creator_id"]))[:40]})
    before = build_matrix(market, pairs)
    same = build_matrix(with_origin(market, pd.Series(False, index=sent.index)), pairs)
    pd.testing.assert_frame_equal(before, same)
    after = build_matrix(with_origin(market, pd.Series(True, index=sent.index)), pairs)
    answers = ["invitations_closed_sum_365d", "accepts_sum_365d", "brand_invitations_sum_365d"]
    assert (before["accepts_sum_365d"] > 0).any()
    assert not after[answers].to_numpy(dtype=float).any()
    delivery = ["deliveries_sum_180d", "deliver_rate_365d", "category_deliveries_sum_365d"]
    assert (before["deliveries_sum_180d"] > 0).any()
    pd.testing.assert_frame_equal(before[delivery], after[delivery])
