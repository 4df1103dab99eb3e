"""What a brief can name is what the marketplace's tables have; campaigns come whole, page by page, newest first."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.contract import MARKETS
from marketplace.errors import BriefError
from marketplace.tables import open_marketplace
from serving.lookups import CampaignsQuery, CardAnswer, ProductsQuery, campaigns, card, catalogue, products
from serving.pair import Served
from serving.queries import Nothing, read_query


def test_the_catalogue_is_that_of_the_tables(pair: Served, small_market: Path) -> None:
    market = open_marketplace(small_market)
    creators = market.frame("creators").drop_duplicates("creator_id", keep="last")
    told = catalogue(pair, Nothing())
    assert {one.market: one.creators for one in told.markets} == creators["market"].value_counts().to_dict()
    assert all(one.currency == MARKETS[one.market].currency for one in told.markets)
    assert {one.category_id for one in told.categories} == set(market.frame("products")["category_id"])
    brands = market.frame("brands").dropna(subset=["name"])
    assert {one.brand_id: one.name for one in told.brands if one.name} == dict(
        zip(brands["brand_id"], brands["name"], strict=True)
    )
    assert set(told.languages) == set(creators["language"].dropna())
    assert [one.name for one in told.indices][:2] == ["cooperation", "diligence"]
    assert told.currencies["USD"] == 1.0
    assert set(told.currencies) >= {one.currency for one in told.markets if one.currency}


def test_products_are_found_by_brand_category_and_a_part_of_their_ids(pair: Served) -> None:
    known = pair.snapshot.catalogue.products
    everything = products(pair, ProductsQuery(top=1000))
    assert [one.product_id for one in everything.products] == sorted(known)[:1000]
    assert everything.more == (len(known) > 1000)
    some = everything.products[3]
    mine = products(pair, ProductsQuery(brand_id=some.brand_id, category_id=some.category_id, top=1000)).products
    assert {one.product_id for one in mine} == {
        name for name, one in known.items() if (one.brand_id, one.category_id) == (some.brand_id, some.category_id)
    }
    assert some.product_id in {
        one.product_id for one in products(pair, ProductsQuery(q=some.product_id.upper())).products
    }
    few = products(pair, ProductsQuery(top=1))
    assert (len(few.products), few.more) == (1, True)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_campaigns_come_newest_first_and_pages_neither_overlap_nor_skip(pair: Served, size: int) -> None:
    found, cursor = [], None
    for _ in range(200):
        page = campaigns(pair, CampaignsQuery(top=size, cursor=cursor))
        found += page.campaigns
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len({one.campaign_id for one in found}) == len(found) == len(pair.snapshot.campaigns)
    assert [one.briefed_at for one in found] == sorted((one.briefed_at for one in found), reverse=True)
    told = found[0]
    brief = pair.snapshot.campaigns[told.campaign_id]
    assert (told.commission_rate, told.price, told.flat_fee) == (
        brief.commission_rate, brief.price_usd, brief.flat_fee_usd
    )  # fmt: skip


def test_a_cursor_is_good_for_its_own_question_alone(pair: Served) -> None:
    cursor = campaigns(pair, CampaignsQuery(top=1)).next_cursor
    brand = next(iter(pair.snapshot.campaigns.values())).brand_id
    with pytest.raises(BriefError):
        campaigns(pair, CampaignsQuery(brand_id=brand, cursor=cursor))
    with pytest.raises(BriefError):
        campaigns(pair, CampaignsQuery(cursor="nonsense"))


def test_every_card_is_of_the_form_that_the_page_describes(pair: Served) -> None:
    for market in pair.snapshot.markets:
        part = pair.snapshot.of_market(market)
        for row in range(0, len(part), 11):
            told = card(pair, Nothing(), str(part.creator_ids[row]))
            read = CardAnswer.model_validate(told)
            assert read.model_dump(exclude_unset=True) == dict(told)
            if part.usernames[row]:
                assert card(pair, Nothing(), f"@{part.usernames[row]}") == told


def test_a_query_is_checked_as_a_body_is() -> None:
    assert read_query(b"top=3&brand_id=a%26b", CampaignsQuery) == CampaignsQuery(top=3, brand_id="a&b")
    for text, field in ((b"top=0", "top"), (b"top=3&top=4", "top"), (b"charm=1", "charm"), (b"brand_id=", "brand_id")):
        with pytest.raises(BriefError) as refused:
            read_query(text, CampaignsQuery)
        assert [one.field for one in refused.value.problems] == [field]
