"""The client against a real server that answers as it is told: what it tries again, how it waits, what it hides."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from marketplace.errors import SourceError
from marketplace.sources.tiktok_shop import Client, Credentials, Patience, sign
from marketplace.sources.tiktok_shop.client import ATTEMPTS, Unfinished
from tests.marketplace.sources.tiktok_shop.scripted import Answer, Scripted

SECRETS = ("the-key", "the-secret", "token-one", "refresh-one", "cipher-one", "token-two", "refresh-two")


def said(data: object, code: int = 0, status: int = 200, **headers: str) -> Answer:
    body = {"code": code, "message": f"about {' '.join(SECRETS)}", "request_id": "r1", "data": data}
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()


@pytest.fixture
def server() -> Iterator[Scripted]:
    running = Scripted()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def client(server: Scripted) -> Iterator[Callable[..., Client]]:
    """A client of ``server`` that notes in ``waits`` how long it would have slept."""
    clients = []

    def make(chance: float = 0.0, longest: float = 60.0, now: float = 1_700_000_000.0) -> Client:
        own = Credentials("the-key", "the-secret", "token-one", "refresh-one", "cipher-one")
        waits: list[float] = []
        made = Client(
            own,
            host=server.host,
            auth_host=server.host,
            patience=Patience(first=0.5, longest=longest, per_second=10_000),
            sleep=waits.append,
            clock=lambda: now,
            chance=lambda: chance,
        )
        made.waits = waits  # type: ignore[attr-defined]
        clients.append(made)
        return made

    yield make
    for one in clients:
        one.__exit__(None, None, None)


def test_a_request_is_signed_over_what_is_sent(server: Scripted, client: Callable[..., Client]) -> None:
    server.answers = [said({"a": 1})]
    assert client().call("POST", "/x/search", {"page_size": "20", "note": "a b&c=ü"}, {"k": ["ü", 1]}) == {"a": 1}
    ((path, headers, body),) = server.asked
    query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    assert query["sign"] == sign("the-secret", "/x/search", query, body.encode())
    assert (query["app_key"], query["timestamp"], query["shop_cipher"]) == ("the-key", "1700000000", "cipher-one")
    assert query["note"] == "a b&c=ü"
    assert {name.lower(): value for name, value in headers.items()}["x-tts-access-token"] == "token-one"


@pytest.mark.parametrize(
    "trouble",
    [
        said({}, status=429),
        said({}, status=500),
        said({}, status=503),
        (200, {}, b'{"code": 0, "data": {"a": 1'),
        (200, {}, b""),
        (200, {"Content-Length": "500"}, b'{"code": 0'),
        said(None),
    ],
    ids=["429", "500", "503", "cut", "empty", "short", "no data"],
)
def test_what_may_go_right_the_next_time_is_tried_again(
    server: Scripted, client: Callable[..., Client], trouble: Answer
) -> None:
    server.answers = [trouble, trouble, said({"a": 1})]
    own = client()
    assert own.call("GET", "/x") == {"a": 1}
    assert own.waits == [0.5, 1.0]
    assert (own.requests, own.repeated) == (3, 2)


def test_pauses_double_up_to_the_longest_and_vary_by_half(server: Scripted, client: Callable[..., Client]) -> None:
    server.answers = [said({}, status=500)]
    for chance, expected in ((0.0, [0.5, 1, 2, 4, 5, 5, 5]), (1.0, [0.25, 0.5, 1, 2, 2.5, 2.5, 2.5])):
        own = client(chance=chance, longest=5.0)
        with pytest.raises(SourceError, match=f"within {ATTEMPTS} attempts"):
            own.call("GET", "/x")
        assert own.waits == expected
        assert own.requests == ATTEMPTS


def test_retry_after_goes_before_in_seconds_or_as_a_date_and_is_bounded(
    server: Scripted, client: Callable[..., Client]
) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC)
    later = format_datetime(datetime(2025, 1, 1, 0, 0, 12, tzinfo=UTC), usegmt=True)
    told = ["7", later, "86400", format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True), "soon"]
    server.answers = [*(said({}, status=429, Retry_After=one) for one in told), said({"a": 1})]
    own = client(now=now.timestamp())
    own.call("GET", "/x")
    assert own.waits == [7.0, 12.0, 60.0, 0.0, 0.5 * 2**4]


def test_an_expired_token_is_renewed_once(server: Scripted, client: Callable[..., Client]) -> None:
    fresh = {"access_token": "token-two", "refresh_token": "refresh-two"}
    server.answers = [said({}, code=105002, status=401), said(fresh), said({"a": 1})]
    own = client()
    assert own.call("GET", "/x") == {"a": 1}
    assert own.renewed == 1
    renewing = parse_qs(urlsplit(server.asked[1][0]).query)
    assert renewing["refresh_token"] == ["refresh-one"]
    assert renewing["grant_type"] == ["refresh_token"]
    assert {name.lower(): value for name, value in server.asked[2][1].items()}["x-tts-access-token"] == "token-two"
    server.answers = [said({}, code=105002, status=401), said(fresh), said({}, code=105002, status=401)]
    with pytest.raises(SourceError, match="code 105002"):
        own.call("GET", "/x")


def test_many_threads_renew_a_token_once(server: Scripted, client: Callable[..., Client]) -> None:
    own = client()
    own.credentials.replace_tokens("token-two", "refresh-two")
    own._renew("token-one")
    assert own.renewed == 0
    assert not server.asked


@pytest.mark.parametrize("code", [105005, 106001, 36009004])
def test_a_refusal_is_told_at_once_and_without_secrets(
    server: Scripted, client: Callable[..., Client], code: int
) -> None:
    server.answers = [said({}, code=code, status=403)]
    own = client()
    with pytest.raises(SourceError, match=f"code {code}") as caught:
        own.call("GET", "/x")
    assert own.requests == 1
    assert not [one for one in SECRETS[:5] if one in str(caught.value)]


def test_a_refusal_of_a_subject_alone_gives_nothing_where_that_will_do(
    server: Scripted, client: Callable[..., Client]
) -> None:
    server.answers = [said({}, code=16005001, status=400)]
    assert client().call("GET", "/creator", lenient=True) == {}
    server.answers = [said({}, code=105005, status=400)]
    with pytest.raises(SourceError):
        client().call("GET", "/creator", lenient=True)


def test_an_answer_that_lacks_something_is_asked_for_again(server: Scripted, client: Callable[..., Client]) -> None:
    def look(data: dict) -> None:
        if "b" not in data:
            raise Unfinished("no b", wait=0.0)

    server.answers = [said({"a": 1}), said({"a": 1, "b": 2})]
    assert client().call("GET", "/x", whole=look) == {"a": 1, "b": 2}


def test_no_log_line_holds_a_secret_or_a_signature(
    server: Scripted, client: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fresh = {"access_token": "token-two", "refresh_token": "refresh-two"}
    server.answers = [said({}, code=105002, status=401), said(fresh), said({}, status=500), said({"a": 1})]
    client().call("POST", "/x", {"page_size": "1"}, {})
    assert "HTTP Request" in caplog.text
    assert not [one for one in (*SECRETS, "sign=", "refresh_token") if one in caplog.text]


@pytest.mark.parametrize(
    "address",
    [
        "http://example.invalid",
        "ftp://127.0.0.1",
        "https://",
        "https://me:pass-word@host",
        "https://h?a=pass-word",
        "x",
        "http://[",
    ],
)
def test_secrets_go_to_no_address_in_the_clear(address: str) -> None:
    own = Credentials("the-key", "the-secret", "token-one", "refresh-one")
    with pytest.raises(SourceError) as caught:
        Client(own, host=address)
    assert "pass-word" not in str(caught.value)


def test_a_redirect_is_not_followed(server: Scripted, client: Callable[..., Client]) -> None:
    server.answers = [(302, {"Location": f"{server.host}/elsewhere"}, b"{}")]
    with pytest.raises(SourceError, match="HTTP 302"):
        client().call("GET", "/x")
    assert len(server.asked) == 1


def test_the_apis_own_clock_dates_what_was_read(server: Scripted, client: Callable[..., Client]) -> None:
    own = client(now=1_000.0)
    assert own.now() == 1_000
    server.answers = [said({}, Date=format_datetime(datetime.fromtimestamp(5_000, UTC), usegmt=True))]
    own.call("GET", "/x")
    assert own.now() == 5_000
