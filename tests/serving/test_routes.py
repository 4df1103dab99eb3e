"""The table of routes: one reading of a path, and nothing that looks like a route but is none."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.app.routes import ROUTES, Table
from serving.keys import SCOPES


def found(raw: str) -> tuple[str, dict[str, str]] | None:
    """What uvicorn would ask with ``raw`` as the request's target."""
    scope = {"type": "http", "method": "GET", "path": unquote(raw), "raw_path": raw.encode("latin-1")}
    result = ROUTES.find(scope)
    return None if result is None else (result.pattern, dict(result.parameters))


@pytest.mark.parametrize("pattern", [route.pattern for route in ROUTES if "{" not in route.pattern])
def test_every_plain_route_is_found_as_it_is_written(pattern: str) -> None:
    assert found(pattern) == (pattern, {})


@pytest.mark.parametrize(
    "raw",
    [
        "/rank%0A", "/rank%0a", "/rank%00", "/rank%0D%0A", "/rank%20", "/rank/", "//rank", "/rank//", "/./rank",
        "/../rank", "/x/../rank", "/%2e%2e/rank", "/%2E/rank", "/%2Frank", "/%2frank", "/rank%2F", "/RANK", "/Rank",
        "/rank;x=1", "/rank#x", "/rank\\", "rank", "", "*", "http://localhost/rank", "/rank%", "/rank%g1", "/rank%1",
        "/r\xe4nk", "/%ff", "/rank%C2%85", "/rank%E2%80%A8", "/" + "r" * 3000, "/rank%252f", "/schema.json", "/livez",
        "/creators//card", "/creators/./card", "/creators/../card", "/creators/%2e%2e/card", "/creators/x/y/card",
        "/creators/..%2F..%2Fetc%2Fpasswd/card", "/creators/x%00/card", "/creators/x%0A/card", "/creators/x/card/",
        "/creators/x/Card", "/creators/" + "x" * 129 + "/card", "/creators%2Fx%2Fcard", "/static_content/index.css",
    ],
)  # fmt: skip
def test_nothing_else_is_a_route(raw: str) -> None:
    assert found(raw) is None


def test_an_escape_is_decoded_once_and_belongs_to_its_part() -> None:
    assert found("/r%61nk") == ("/rank", {})
    assert found("/creators/a%2Fb/card") == ("/creators/{creator_id}/card", {"creator_id": "a/b"})
    assert found("/creators/a%252Fb/card") == ("/creators/{creator_id}/card", {"creator_id": "a%2Fb"})


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=128))
def test_every_id_comes_through_whole_or_not_at_all(creator: str) -> None:
    result = found(f"/creators/{quote(creator, safe='')}/card")
    if {".", ".."} & set(creator.split("/")) or len(quote(creator, safe="")) > 2000:
        assert result is None
    else:
        assert result == ("/creators/{creator_id}/card", {"creator_id": creator})


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_find_a_row_or_nothing(raw: bytes) -> None:
    result = ROUTES.find({"type": "http", "method": "GET", "path": raw.decode("latin-1"), "raw_path": b"/" + raw})
    assert result is None or result.pattern in {route.pattern for route in ROUTES}


def test_each_row_is_complete() -> None:
    assert len({(route.method, route.pattern) for route in ROUTES}) == len(ROUTES)
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    for route in ROUTES:
        assert route.does.endswith(".")
        assert route.scopes <= set(SCOPES)
        assert (route.takes is not None) == (route.method == "POST")
        assert route.opens_to("admin")


def test_one_route_may_be_opened_and_no_other() -> None:
    opened = Table(ROUTES).opened("/metrics")
    assert [a.pattern for a, b in zip(ROUTES, opened, strict=True) if a != b] == ["/metrics"]
