"""One list walked through its pages: what a page that is not right does, and where a walk goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from marketplace.errors import SourceError
from marketplace.sources.tiktok_shop import Client, Credentials, Patience
from marketplace.sources.tiktok_shop.endpoints import ENDPOINTS
from marketplace.sources.tiktok_shop.harvest import Harvest, _Walk
from marketplace.sources.tiktok_shop.store import Store
from tests.marketplace.sources.tiktok_shop.scripted import Answer, Scripted

STEP = "creators/x"


def page(following: str, *names: str, **more: Any) -> Answer:
    records = [{"creator_open_id": name, "username": f"user {name}", "nickname": "n"} for name in names]
    data = {"creators": records, "next_page_token": following, "search_key": "key", **more}
    return 200, {}, json.dumps({"code": 0, "data": data}).encode()


REFUSED: Answer = (400, {}, b'{"code": 36009004, "message": "page_token is over"}')


class Walked:
    """A walk through the creators of a server that is told its answers."""

    def __init__(self, server: Scripted, file: Path) -> None:
        self.server = server
        own = Credentials("the-key", "the-secret", "token-one", "refresh-one")
        patience = Patience(per_second=10_000)
        self.client = Client(own, host=server.host, patience=patience, sleep=lambda _: None)
        self.store = Store(file, host=server.host)
        self.run = self.store.open_run(0, 1_000)

    def walk(self, *answers: Answer) -> Harvest:
        self.server.answers = list(answers)
        self.server.asked.clear()
        harvest = Harvest(self.client, self.store, self.run)
        for _ in harvest._pages(ENDPOINTS["creators"], STEP, _Walk("x", {"keyword": "k"})):
            pass
        return harvest

    @property
    def tokens(self) -> list[str]:
        """The page tokens that were asked for."""
        queries = [parse_qs(urlsplit(path).query) for path, _, _ in self.server.asked]
        return [query.get("page_token", [""])[0] for query in queries]


@pytest.fixture
def walked(tmp_path: Path) -> Iterator[Walked]:
    server = Scripted()
    made = Walked(server, tmp_path / "fetched.sqlite")
    yield made
    made.store.__exit__(None, None, None)
    made.client.__exit__(None, None, None)
    server.server.shutdown()
    server.server.server_close()


def test_pages_are_walked_with_the_searchs_key(walked: Walked) -> None:
    walked.walk(page("t2", "a", "b"), page("t3", "c"), page("", "d"))
    assert walked.tokens == ["", "t2", "t3"]
    assert [json.loads(body).get("search_key") for _, _, body in walked.server.asked] == [None, "key", "key"]
    assert set(walked.store.latest("creators")) == set("abcd")
    assert walked.store.steps(walked.run)[STEP][1]
    assert "nickname" not in walked.store.latest("creators")["a"]


def test_a_page_that_repeats_or_leads_to_itself_is_asked_for_again(walked: Walked) -> None:
    walked.walk(
        page("t2", "a", "b"), page("t3", "a", "b"), page("t2", "c"), page("t3", "c"), page("", "c"), page("", "d")
    )
    assert walked.tokens == ["", "t2", "t2", "t2", "t3", "t3"]
    assert set(walked.store.latest("creators")) == set("abcd")


def test_a_walk_goes_on_where_it_stopped(walked: Walked) -> None:
    with pytest.raises(SourceError):
        walked.walk(page("t2", "a"), page("t3", "b"), REFUSED)
    # The page before is remembered, too: it is told apart from one that repeats.
    walked.walk(page("t4", "b"), page("", "c"))
    assert walked.tokens == ["t3", "t3"]
    assert set(walked.store.latest("creators")) == set("abc")


def test_a_token_that_is_over_begins_the_walk_anew_and_doubles_nothing(walked: Walked) -> None:
    with pytest.raises(SourceError):
        walked.walk(page("t2", "a"), page("t3", "b"), REFUSED)
    before = [(one.id, one.seen) for one in walked.store.states("creators")]
    walked.walk(REFUSED, page("u2", "a", "b"), page("", "c"))
    assert walked.tokens == ["t3", "", "u2"]
    found = [(one.id, one.seen) for one in walked.store.states("creators")]
    assert found[:2] == before
    assert [name for name, _ in found] == ["a", "b", "c"]


def test_a_record_that_lacks_is_asked_for_three_times_more_then_left_out_and_counted(walked: Walked) -> None:
    lacking = page("", creators=[{"creator_open_id": "a", "username": "u"}, {"creator_open_id": "b"}])
    harvest = walked.walk(lacking)
    assert len(walked.server.asked) == 4
    assert set(walked.store.latest("creators")) == {"a"}
    assert harvest.incomplete == {"creators": 1}
