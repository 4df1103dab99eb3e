"""Look-alikes against sums by hand: one creator at a time, without arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest

from features.conversion import TASTES
from features.signals import names_of
from features.snapshot import Snapshot
from marketplace.errors import SnapshotError
from serving.lookups import SimilarQuery, similar
from serving.lookups.similar import FOREIGN, WORTH
from serving.pair import Served


@pytest.fixture(scope="module")
def part(pair: Served) -> Snapshot:
    return pair.snapshot.of_market(max(pair.snapshot.markets, key=pair.snapshot.size_of))


def by_category(part: Snapshot, row: int, other: int) -> float:
    place, kinds = names_of("creator_category").index("category_orders_sum_90d"), len(part.category_ids)

    def orders(one: int) -> list[float]:
        return [float(np.nan_to_num(part.arrays.category[one, kind, place])) for kind in range(kinds)]

    everybody = [orders(one) for one in range(len(part))]
    total = sum(map(sum, everybody))
    usual = [(sum(one[kind] for one in everybody) + 1) / (total + kinds) for kind in range(kinds)]
    mine, theirs = everybody[row], everybody[other]
    if not sum(mine) or not sum(theirs):
        return math.nan
    a = [(mine[kind] + WORTH * usual[kind]) / (sum(mine) + WORTH) for kind in range(kinds)]
    b = [(theirs[kind] + WORTH * usual[kind]) / (sum(theirs) + WORTH) for kind in range(kinds)]
    return sum(math.sqrt(x * y) for x, y in zip(a, b, strict=True))


def by_taste(part: Snapshot, row: int, other: int) -> float:
    fit = part.conversion
    assert fit is not None
    names = list(fit.creator_ids)
    if any(str(part.creator_ids[one]) not in names for one in (row, other)):
        return math.nan
    a, b = (fit.mean[-TASTES - 1 : -1, names.index(str(part.creator_ids[one]))] for one in (row, other))
    over_brands = [(float(brand @ a), float(brand @ b)) for brand in fit.brands[:-1]]
    length = math.sqrt(sum(x * x for x, _ in over_brands)) * math.sqrt(sum(y * y for _, y in over_brands))
    return math.nan if not length else 0.5 + 0.5 * sum(x * y for x, y in over_brands) / length


def by_audience(part: Snapshot, row: int, other: int) -> float:
    names = ("follower_count_last", "organic_views_per_post_90d", "views_per_follower_28d", "engagement_rate_90d",
             "share_rate_90d", "click_rate_90d", "follower_growth_28d")  # fmt: skip
    apart = []
    for name in names:
        values = [float(one) for one in np.asarray(part.arrays.creator)[:, names_of("creator").index(name)]]
        known = [one for one in values if math.isfinite(one)]
        a, b = values[row], values[other]
        if math.isfinite(a) and math.isfinite(b):
            stand = [(sum(v < x for v in known) + sum(v <= x for v in known)) / (2 * len(known)) for x in (a, b)]
            apart.append(abs(stand[0] - stand[1]))
    if len(apart) < 3:
        return math.nan
    foreign = part.arrays.languages[row] and part.arrays.languages[other] not in ("", part.arrays.languages[row])
    return (1 - sum(apart) / len(apart)) * (FOREIGN if foreign else 1)


@pytest.mark.parametrize("by", ["category", "audience", "taste"])
def test_look_alikes_are_those_of_sums_by_hand(pair: Served, part: Snapshot, by: str) -> None:
    likeness = {"category": by_category, "audience": by_audience, "taste": by_taste}[by]
    compared = 0
    for row in (0, 7, len(part) // 2):
        name = str(part.creator_ids[row])
        found = similar(pair, SimilarQuery(by=by, top=5), name)
        asked = [part.rows_of[one.creator_id] for one in found.similar]
        assert row not in asked
        for one, other in zip(found.similar, asked, strict=True):
            assert one.similarity == pytest.approx(likeness(part, row, other), abs=1e-5)
            assert 0 <= one.similarity <= 1
            compared += 1
        for other in range(0, len(part), max(1, len(part) // 25)):
            if other != row and other not in asked and found.similar:
                value = likeness(part, row, other)
                assert math.isnan(value) or value <= found.similar[-1].similarity + 1e-5
        if not found.similar:
            assert found.note
    assert compared


def test_a_username_opens_it_and_another_market_may_be_asked(pair: Served, part: Snapshot) -> None:
    name, handle = str(part.creator_ids[3]), str(part.usernames[3])
    own = similar(pair, SimilarQuery(by="audience"), name)
    assert similar(pair, SimilarQuery(by="audience"), f"@{handle}") == own
    other = next(one for one in pair.snapshot.markets if pair.snapshot.market_of(name) != one)
    there = similar(pair, SimilarQuery(by="audience", market=other), name)
    assert {one.market for one in there.similar} == {other}
    assert similar(pair, SimilarQuery(market="QQ"), name).note == "QQ has no creators"
    with pytest.raises(SnapshotError) as missing:
        similar(pair, SimilarQuery(), "cr_nobody")
    assert missing.value.status == 404


def test_no_words_name_a_brand_or_a_product(pair: Served, part: Snapshot) -> None:
    secret = {
        *pair.snapshot.brand_ids,
        *pair.snapshot.catalogue.products,
        *pair.snapshot.catalogue.brand_names.values(),
    }
    for by in ("category", "audience", "taste"):
        for row in range(0, len(part), 9):
            found = similar(pair, SimilarQuery(by=by, top=3), str(part.creator_ids[row]))
            said = " ".join(words for one in found.similar for words in one.alike)
            assert not [one for one in secret if one in said]
