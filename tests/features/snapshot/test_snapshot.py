"""The snapshot: bit for bit the matrix, filters, cards, and a folder that is whole or refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.indices.build import INDEX_NAMES, build_card, index_scores
from features.signals.build import build_matrix, eligible_pairs
from features.signals.registry import SIGNALS
from features.snapshot.build import build_snapshot
from features.snapshot.disk import save_snapshot
from features.snapshot.parts import load_snapshot
from features.snapshot.sparse import Sparse
from features.time.entities import default_as_of
from marketplace.errors import BriefError, SnapshotError
from marketplace.signature import Signer

SIGNER = Signer.new()


@pytest.fixture(scope="module")
def campaign(wee_frames):
    """A late campaign."""
    return wee_frames["campaigns"].sort_values("briefed_at").iloc[-3]


@pytest.fixture(scope="module")
def taken(wee, campaign):
    """The snapshot as of that campaign's brief."""
    return build_snapshot(wee, campaign["briefed_at"])


@pytest.fixture(scope="module")
def folder(taken, tmp_path_factory):
    path = tmp_path_factory.mktemp("snapshot") / "snapshot"
    save_snapshot(taken, path, SIGNER)
    return path


@pytest.fixture(scope="module")
def brief(wee, campaign):
    from features.briefs.brief import read_briefs

    return read_briefs(wee, [campaign["campaign_id"]])[campaign["campaign_id"]]


def test_the_matrix_is_build_matrix_bit_for_bit(wee, taken, folder, brief):
    pairs = eligible_pairs(wee, [brief.campaign_id])
    built = build_matrix(wee, pairs)[list(SIGNALS)].to_numpy()
    scores = index_scores(wee, pairs)
    assert np.nansum(built[:, list(SIGNALS).index("brief_products_orders_sum_90d")]) > 0
    for snapshot in (taken, load_snapshot(folder, SIGNER.public_key).of_market(brief.market)):
        rows, left_out = snapshot.candidates(brief)
        assert snapshot.creator_ids[rows].tolist() == pairs["creator_id"].tolist()
        assert left_out == {"market": len(taken) - len(rows)}
        matrix = snapshot.matrix(brief, rows)
        assert matrix.dtype == np.float64
        np.testing.assert_array_equal(matrix, built)
        np.testing.assert_array_equal(snapshot.indices(brief, rows), scores)
        some = rows[::-2]
        np.testing.assert_array_equal(snapshot.matrix(brief, some), built[::-2])


def test_what_is_saved_is_loaded(taken, folder):
    loaded = load_snapshot(folder, SIGNER.public_key)
    assert loaded.as_of == taken.as_of
    assert loaded.signal_names == tuple(SIGNALS)
    assert loaded.campaigns.keys() == taken.campaigns.keys()
    for name, one in taken.campaigns.items():
        other = loaded.campaigns[name]
        if math.isnan(one.budget_usd):
            one, other = replace(one, budget_usd=0.0), replace(other, budget_usd=0.0)  # noqa: PLW2901
        assert one == other
    creator = str(taken.creator_ids[5])
    assert loaded.card(creator) == taken.card(creator)
    assert loaded.creator_ids.tolist() == taken.creator_ids.tolist()
    pd.testing.assert_frame_equal(loaded.to_frame(), taken.to_frame())
    assert {file.suffix for file in folder.iterdir()} == {".bin", ".json", ""}


def test_an_unknown_brand_category_or_product_is_one_without_history(wee, taken, brief):
    rows, _ = taken.candidates(brief)
    stranger = replace(brief, brand_id="nobody", category_id="nothing", product_ids=("none",))
    matrix = pd.DataFrame(taken.matrix(stranger, rows), columns=list(SIGNALS))
    assert (matrix["brand_accepts_sum_365d"] == 0).all()
    assert (matrix["category_net_gmv_sum_90d"] == 0).all()
    assert (matrix["brief_products_orders_sum_90d"] == 0).all()
    assert matrix["category_price_mean_180d"].isna().all()
    influence = taken.indices(stranger, rows)[:, INDEX_NAMES.index("category_influence")]
    assert (influence == 50.0).all()


def test_filters_leave_out_and_count(taken, brief):
    everyone, _ = taken.candidates(brief)
    matrix = pd.DataFrame(taken.matrix(brief, everyone), columns=list(SIGNALS), index=taken.creator_ids[everyone])
    followers = matrix["follower_count_last"]
    middle = followers.median()
    big, out = taken.candidates(brief, {"min_followers": middle})
    assert taken.creator_ids[big].tolist() == followers.index[followers >= middle].tolist()
    assert out["min_followers"] == len(everyone) - len(big)
    small, _ = taken.candidates(brief, {"max_followers": middle})
    assert len(small) + len(big) == len(everyone) + (followers == middle).sum()
    first, second = (str(c) for c in taken.creator_ids[everyone][:2])
    assert taken.candidates(brief, {"exclude_creator_ids": [first, "nobody"]})[0].tolist() == everyone[1:].tolist()
    only, out = taken.candidates(brief, {"include_only_creator_ids": [second, first], "exclude_creator_ids": [first]})
    assert taken.creator_ids[only].tolist() == [second]
    assert out["exclude_creator_ids"] == 1
    assert taken.candidates(brief, {"languages": ["xx"]})[0].size == 0
    status = taken.arrays.agency_status[everyone]
    kept, _ = taken.candidates(brief, {"agency_status": "INDEPENDENT"})
    assert len(kept) == (status == "INDEPENDENT").sum()
    surest, _ = taken.candidates(brief, {"min_confidence": 50})
    assert 0 <= len(surest) < len(everyone)
    assert taken.candidates(replace(brief, market="ZZ"))[0].size == 0
    with pytest.raises(BriefError, match="min_follower"):
        taken.candidates(brief, {"min_follower": 1})


def test_a_card_is_json_and_the_same_from_the_tables(wee, taken, campaign):
    creator = str(taken.creator_ids[7])
    card = taken.card(creator)
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert tuple(card["indices"]) == INDEX_NAMES
    assert set(card["indices"]["category_influence"]) == set(taken.category_ids)
    assert {"value", "low", "high", "confidence", "peer_rank", "components"} <= set(card["indices"]["diligence"])
    assert build_card(wee, creator, campaign["briefed_at"]) == card
    with pytest.raises(SnapshotError, match="nobody") as refused:
        taken.card("nobody")
    assert refused.value.status == 404


def test_a_brief_written_out_is_completed(taken, brief):
    product = brief.product_ids[0]
    known = taken.catalogue.products[product]
    body = {"market": brief.market, "product_ids": [product], "commission_rate": 0.15, "budget": 100, "currency": "USD"}
    made = taken.complete(body)
    assert (made.brand_id, made.category_id, made.price_usd) == (known.brand_id, known.category_id, known.price_usd)
    assert made.budget_usd == 100.0
    assert made.flat_fee_usd == 0.0
    assert made.briefed_at == pd.Timestamp(taken.as_of)
    rows, _ = taken.candidates(made)
    assert taken.matrix(made, rows).shape == (len(rows), len(SIGNALS))
    local = next(c for c in taken.catalogue.usd_rates if c != "USD")
    priced = taken.complete({**body, "price": 10.0, "currency": local})
    assert priced.price_usd == pytest.approx(10.0 * taken.catalogue.usd_rates[local])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"market": "FR"}, "a market"),
        ({"currency": "XXX"}, "a currency"),
        ({"product_ids": ["none"]}, "products"),
        ({"product_ids": [], "category_id": None}, "category_id"),
        ({"commission_rate": 1.5}, "commission_rate"),
        ({"starts_at": "2025-05-02", "ends_at": "2025-05-01"}, "ends_at"),
        ({"briefed_at": "yesterday-ish"}, "briefed_at"),
    ],
)
def test_a_brief_that_cannot_be_completed_is_refused(taken, brief, change, says):
    body = {"market": brief.market, "product_ids": [brief.product_ids[0]], "commission_rate": 0.15}
    with pytest.raises(BriefError, match=says):
        taken.complete(body | change)


def test_by_default_all_that_has_happened_is_read(wee, wee_frames):
    at = default_as_of(wee)
    assert at > wee_frames["orders"]["ordered_at"].max()
    assert at - wee_frames["orders"]["ordered_at"].max() <= pd.Timedelta(days=2)
    with pytest.raises(SnapshotError, match="a creator known"):
        build_snapshot(wee, "1999-01-01")


def test_sparse_values_fill_and_add_up():
    groups, rows = np.array([1, 0, 1, 2]), np.array([3, 0, 1, 3])
    sparse = Sparse.of(groups, rows, np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 40.0]]), count=4)
    asked = np.array([3, 2, 1])
    out = np.zeros((3, 2))
    sparse.fill(out, 1, asked)
    assert out.tolist() == [[1.0, 10.0], [0.0, 0.0], [3.0, 30.0]]
    sparse.fill(out, 3, asked)
    assert out.tolist() == [[1.0, 10.0], [0.0, 0.0], [3.0, 30.0]]
    assert sparse.sum(np.array([1, 2]), asked, 4)[:, 0].tolist() == [1.0 + 4.0, 0.0, 3.0]
    # Of very many creators the few are looked up.
    assert sparse.sum(np.array([1, 2]), asked, 4_000)[:, 0].tolist() == [1.0 + 4.0, 0.0, 3.0]
    assert sparse.sum(np.array([], dtype=np.int64), asked, 4_000).tolist() == [[0.0, 0.0]] * 3
