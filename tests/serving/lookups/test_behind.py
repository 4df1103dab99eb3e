"""What lies behind a card, as each key may see it: no brand's outcomes but its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from features.snapshot import Behind
from marketplace.errors import SnapshotError
from serving.keys import ApiKey
from serving.lookups import BehindAnswer, behind
from serving.pair import Served

MONEY = {"brand_stars", "profit_per_partnership", "profit_per_cost", "lift_per_partnership"}


def key(**of: object) -> ApiKey:
    return replace(ApiKey("k", "a key", "", "", "2026-01-01T00:00:00+00:00"), **of)  # type: ignore[arg-type]


def kept(pair: Served, creator: str) -> dict[str, list[dict[str, object]]]:
    """What the snapshot holds of a creator, all brands'."""
    part = pair.snapshot.of_market(str(pair.snapshot.market_of(creator)))
    assert isinstance(part.behind, Behind)
    row = part.rows_of[creator]
    return {kind: getattr(part.behind, kind).of(row) for kind in ("events", "left_out", "partnerships")}


@pytest.fixture(scope="module")
def busy(pair: Served) -> list[str]:
    """Creators who worked with several brands, the busiest first."""
    brands = {one: {line["brand_id"] for line in kept(pair, one)["partnerships"]} for one in pair.snapshot.creator_ids}
    found = sorted((one for one in brands if len(brands[one]) > 1), key=lambda one: (-len(brands[one]), one))
    assert len(found) >= 3
    return found


def test_whoever_sees_all_brands_sees_all_of_it(pair: Served, busy: list[str]) -> None:
    for creator in busy[:5]:
        told, all_of_it = behind(pair, key(), creator), kept(pair, creator)
        assert [(one.component, one.day, one.value, one.weight) for one in told.events] == [
            (one["component"], one["day"], one["value"], one["weight"]) for one in all_of_it["events"]
        ]
        assert [one.id for one in told.left_out] == [one["id"] for one in all_of_it["left_out"]]
        assert [one.invitation_id for one in told.partnerships] == [
            one["invitation_id"] for one in all_of_it["partnerships"]
        ]
        assert told.others == {}
        assert told.note is None


def test_a_brands_key_is_told_of_no_other_brand(pair: Served, busy: list[str]) -> None:
    compared = 0
    for creator in pair.snapshot.creator_ids:
        all_of_it = kept(pair, creator)
        everything = [line for lines in all_of_it.values() for line in lines]
        for brand in {str(line["brand_id"]) for line in everything}:
            told = behind(pair, key(brands=(brand,)), creator)
            lines = [*told.events, *told.left_out, *told.partnerships]
            assert {one.brand_id for one in lines} <= {brand}
            assert len(lines) == sum(line["brand_id"] == brand for line in everything)
            mine = {str(line.get("campaign_id") or line.get("id")) for line in everything if line["brand_id"] == brand}
            text = told.model_dump_json()
            for line in everything:
                secret = str(line.get("campaign_id") or line.get("id") or "")
                if line["brand_id"] != brand and secret and secret not in mine:
                    assert f'"{secret}"' not in text
                    compared += 1
            counted = Counter(str(line["component"]) for line in all_of_it["events"] if line["brand_id"] != brand)
            assert told.others == dict(counted)
    assert compared > 100


def test_a_brand_that_is_not_known_is_not_everybodys(
    pair: Served, busy: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = pair.snapshot.of_market(str(pair.snapshot.market_of(busy[0])))
    lines = part.behind.partnerships  # type: ignore[union-attr]
    nobody = replace(
        lines, columns={**lines.columns, "brand_id": type(lines.columns["brand_id"]).of([""] * int(lines.starts[-1]))}
    )
    changed = replace(part, behind=replace(part.behind, partnerships=nobody))  # type: ignore[type-var]
    home, opened = pair.snapshot.market_of(busy[0]), pair.snapshot.of_market
    monkeypatch.setattr(pair.snapshot, "of_market", lambda one: changed if one == home else opened(one))
    assert behind(pair, key(brands=("",)), busy[0]).partnerships == []
    assert behind(pair, key(brands=("br_000",)), busy[0]).partnerships == []
    all_of_them = behind(pair, key(), busy[0]).partnerships
    assert all_of_them
    assert {one.brand_id for one in all_of_them} == {None}


def test_a_creator_sees_what_was_done_and_not_what_brands_alone_know(pair: Served, busy: list[str]) -> None:
    hidden = 0
    for creator in busy[:10]:
        own = behind(pair, key(scope="creator", creator_id=creator), creator)
        everything = kept(pair, creator)["events"]
        assert {one.component for one in own.events} & MONEY == set()
        counted = Counter(str(line["component"]) for line in everything if line["component"] in MONEY)
        assert own.others == dict(counted)
        hidden += counted.total()
        assert len(own.partnerships) == len(kept(pair, creator)["partnerships"])
    assert hidden > 0


def test_a_snapshot_that_keeps_none_says_so(pair: Served, busy: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = pair.snapshot.of_market
    monkeypatch.setattr(pair.snapshot, "of_market", lambda one: replace(opened(one), behind=None))
    told = behind(pair, key(), busy[0])
    assert isinstance(told, BehindAnswer)
    assert (told.events, told.left_out, told.partnerships, told.others) == ([], [], [], {})
    assert "--behind" in str(told.note)


def test_nobody_has_nothing_behind(pair: Served) -> None:
    with pytest.raises(SnapshotError) as missing:
        behind(pair, key(), "cr_nobody")
    assert missing.value.status == 404
