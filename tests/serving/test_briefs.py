"""What a request says is understood, doubted or refused: every field that the snapshot knows, all problems at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import from_json

from marketplace.errors import BriefError
from serving.briefs import also_wrong, creators_of, understand
from serving.problems import in_plain_words
from serving.rank import explain_creators, rank_creators
from serving.schema import BriefBody, ExplainRequest, RankRequest
from serving.store import Served, load_served


@pytest.fixture(scope="module")
def served(prepared: Path) -> Served:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(prepared))
        return load_served(prepared / "var" / "bundle", prepared / "var" / "snapshot")


@pytest.fixture(scope="module")
def fair(served: Served) -> dict[str, Any]:
    """A brief of the fewest words that raises no doubt."""
    return {
        "market": served.snapshot.markets[0],
        "category_id": served.snapshot.category_ids[0],
        "commission_rate": 0.1,
    }


def told(served: Served, body: dict[str, Any]) -> list[tuple[str, list[str]]]:
    answer, _ = rank_creators(served, RankRequest.model_validate({"top": 1, "explain": False, **body}), request_id="r")
    return [(one.field, one.closest) for one in answer.warnings]


def test_a_usual_brief_has_no_warnings(served: Served, fair: dict[str, Any]) -> None:
    assert told(served, {"brief": fair}) == []
    assert told(served, {"campaign_id": next(iter(served.snapshot.campaigns))}) == []


def test_names_that_nobody_knows_are_told_with_the_closest(served: Served, fair: dict[str, Any]) -> None:
    part = served.snapshot.of_market(fair["market"])
    category, brand = fair["category_id"], part.brand_ids[0]
    product = next(name for name, one in part.catalogue.products.items() if one.category_id == category)
    language = sorted(part.known.languages)[0]
    assert told(served, {"brief": {**fair, "category_id": category.title(), "price": 10.0}}) == [
        ("brief.category_id", [category])
    ]
    [(field, closest)] = told(served, {"brief": {**fair, "brand_id": brand.upper()}})
    assert (field, closest[0]) == ("brief.brand_id", brand)
    [(field, closest)] = told(served, {"brief": {**fair, "product_ids": [product.replace("_", "-")]}})
    assert (field, closest[0]) == ("brief.product_ids", product)
    [(field, closest)] = told(served, {"brief": fair, "filters": {"languages": [language, language.upper()]}})
    assert (field, closest[0]) == ("filters.languages", language)
    assert told(served, {"brief": fair, "filters": {"exclude_creator_ids": ["nobody"]}}) == [
        ("filters.exclude_creator_ids", [])
    ]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"brief": {"market": "ZZ", "currency": "XXX"}}, ["brief.market", "brief.currency"]),
        ({"brief": {"category_id": None}}, ["brief.category_id"]),
        ({"weights": {"luck": 1.0}}, ["weights"]),
        ({"weights": {"model": 0.0}}, ["weights"]),
        ({"filters": {"min_followers": 5, "max_followers": 4}}, ["filters.min_followers"]),
        (
            {
                "brief": {"market": "ZZ", "price": 0.0},
                "weights": {},
                "filters": {"min_followers": 5, "max_followers": 4},
            },
            ["brief.market", "brief.price", "weights", "filters.min_followers"],
        ),
    ],
)
def test_all_that_is_wrong_is_told_at_once(
    served: Served, fair: dict[str, Any], body: dict[str, Any], fields: list[str]
) -> None:
    request = RankRequest.model_validate({**body, "brief": {**fair, **body.get("brief", {})}})
    with pytest.raises(BriefError) as refused:
        understand(served, request)
    assert [one.field for one in refused.value.problems] == fields
    assert refused.value.status == 400


def test_an_unknown_campaign_is_a_404_with_all_else_that_is_wrong(served: Served) -> None:
    with pytest.raises(BriefError) as refused:
        understand(served, RankRequest.model_validate({"campaign_id": "ca_none", "weights": {}}))
    assert refused.value.status == 404
    assert [one.field for one in refused.value.problems] == ["campaign_id", "weights"]


def test_creators_are_known_by_username_too(served: Served, fair: dict[str, Any]) -> None:
    part = served.snapshot.of_market(fair["market"])
    ids, handles = part.creator_ids[:4].tolist(), part.usernames[:4].tolist()
    asked = [handles[2], ids[0], f"@{handles[1]}", handles[3].upper(), "nobody", ids[0], handles[0]]
    assert creators_of(part, asked) == ([ids[2], ids[0], ids[1], ids[3]], ["nobody"])

    def ranked(**words: Any) -> list[str]:
        request = RankRequest.model_validate({"brief": fair, "top": 1000, "explain": False, **words})
        return [one.creator_id for one in rank_creators(served, request, request_id="r")[0].creators]

    assert set(ranked(filters={"include_only_creator_ids": handles[:2]})) == set(ids[:2])
    assert set(ranked()) - set(ranked(filters={"exclude_creator_ids": [handles[3]]})) == {ids[3]}
    assert set(ranked(candidates="applicants", applicants=[handles[1], "nobody", ids[2]])) == {ids[1], ids[2]}
    explained, _ = explain_creators(
        served, ExplainRequest.model_validate({"brief": fair, "creator_ids": [handles[1], "nobody"]}), request_id="r"
    )
    assert [one.creator_id for one in explained.creators] == [ids[1]]
    assert explained.not_eligible == ["nobody"]


def test_an_instant_out_of_all_bounds_is_refused_in_words() -> None:
    for text in ("0284-07-18T01:39:44.007-16:51", "9999-12-31T23:59:59Z"):
        body = {"brief": {"market": "US", "commission_rate": 0.1, "ends_at": text}}
        with pytest.raises(ValidationError) as found:
            RankRequest.model_validate_json(json.dumps(body))
        [problem] = in_plain_words(found.value, RankRequest).problems
        assert problem.field == "brief.ends_at"
        assert "2" in problem.expected


def test_a_body_of_a_wrong_form_is_still_held_against_the_snapshot(process: Any, fair: dict[str, Any]) -> None:
    """What a misspelt category, an unknown brand and a missing price say is told with what is no number at all."""
    category, market = fair["category_id"], fair["market"]
    sent = [
        (
            {"market": market, "category_id": category.title() + "x", "commission_rate": 12, "flat_fee": -1.0},
            ["brief.commission_rate", "brief.flat_fee", "brief.category_id", "brief.price"],
        ),
        (
            {"market": market.lower(), "category_id": category.upper(), "brand_id": "nobody", "currency": "usd"},
            ["brief.market", "brief.currency", "brief.commission_rate", "brief.brand_id", "brief.category_id"],
        ),
    ]
    for brief, fields in sent:
        answer = httpx.post(f"{process.url}/rank", json={"brief": brief}, headers={"X-API-Key": process.key})
        assert answer.status_code == 400
        problems = {one["field"]: one for one in answer.json()["problems"]}
        assert sorted(set(fields) - set(problems)) == []
        assert problems["brief.category_id"]["closest"][:1] == [category]
        assert f"(and {len(problems) - 1} more to put right)" in answer.json()["received"]
    assert problems["brief.market"]["closest"][:1] == [market]
    assert problems["brief.currency"]["closest"][:1] == ["USD"]
    nonsense = b'{"brief": {"market": {"a": []}, "product_ids": 7, "price": "x"}}'
    half = b'{"brief": {"market": "US", "brand_id": "\\ud800", "product_ids": 7}}'
    many = json.dumps({"brief": {**{f"a{one}": 1 for one in range(60)}, "product_ids": 7, "price": "x"}}).encode()
    for body in (b"{", b'{"brief": 3}', nonsense, half, many, b"[" * 9_000):
        answer = httpx.post(
            f"{process.url}/rank",
            content=body,
            headers={"X-API-Key": process.key, "Content-Type": "application/json"},
        )
        assert (answer.status_code, bool(answer.json()["problems"])) == (400, True)


_ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=True)
    | st.integers(-(10**20), 10**20)
    | st.sampled_from(["", "x", "US", "ID", "usd", "USD", "beauty", "2025-13-01", "2025-01-01T00:00:00Z", "\x00", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "market"]), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(brief=st.dictionaries(st.sampled_from([*BriefBody.model_fields, "colour"]), _ODD, max_size=12), top=_ODD)
def test_whatever_is_wrong_with_a_brief_is_told_and_nothing_breaks(
    served: Served, brief: dict[str, Any], top: Any
) -> None:
    body = json.dumps({"brief": brief, "top": top})
    try:
        RankRequest.model_validate_json(body)
    except ValidationError as error:
        form = in_plain_words(error, RankRequest)
    else:
        assume(False)
    found = also_wrong(served, from_json(body), form).problems
    # All that is wrong with the form, in its order, and no field twice for what it says.
    assert [one.field for one in found][: len(form.problems)] == [one.field for one in form.problems]
    more = {one.field for one in found[len(form.problems) :]}
    assert not more & {one.field for one in form.problems}


def test_over_http_problems_stand_beside_the_first_ones_words(process: Any) -> None:
    body = {"brief": {"market": "us", "commission_rate": 12, "price": "x", "colour": 1}, "top": 0}
    answer = httpx.post(f"{process.url}/rank", json=body, headers={"X-API-Key": process.key})
    assert answer.status_code == 400
    reply = answer.json()
    assert {one["field"] for one in reply["problems"]} == {
        "brief.market", "brief.commission_rate", "brief.price", "brief.colour", "brief.category_id", "top",
    }  # fmt: skip
    first = reply["problems"][0]
    assert reply["expected"] == first["expected"]
    assert reply["received"] == f"{first['received']} (and 5 more to put right)"
    said = " ".join(one["expected"] for one in reply["problems"])
    assert "two capital letters" in said
    assert "at most 1" in said
    assert "String should" not in said
