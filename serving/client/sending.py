"""How a question is sent: the key, patience with a busy service, and what a broken connection becomes.

A question is asked again after 429, 503 and a connection that could not be made or broke off: after what
``Retry-After`` says, else after a time that doubles, drawn at random below it, so that many clients do not come back at
once. An answer that is too late is not asked for again, for the service may still be at work on it. All that can be
asked changes nothing when it is asked twice: feedback is one event a request, creator and kind, however often it is
told.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from marketplace.errors import AccessError, CollabrankError, HomeError, ServiceError
from serving.client.calls import Call, Reply
from serving.client.refusals import error_of

__all__ = ["KEY", "LONGEST_WAIT", "Bearer", "Connection", "outcome_of", "reason_of", "wait_before"]

KEY = "COLLABRANK_API_KEY"
"""Environment variable with the key, where none is given."""

LONGEST_WAIT = 60.0
"""Seconds that are waited at most; a service that says later is not waited for."""

_FIRST_WAIT, _SLOWEST = 0.25, 8.0
_LATER = (429, 503)
_IDLE_SECONDS = 4.0  # the service lets go of an idle connection after 5

_random = random.Random()


class Bearer(httpx.Auth):
    """The key, put on each request and shown nowhere.

    Raises
    ------
    AccessError
        It is no key.
    """

    def __init__(self, key: str) -> None:
        if not key or not key.isascii() or not key.isprintable() or " " in key or len(key) > 1_000:
            raise AccessError(
                "a key as `collabrank keys create` shows it", received="something else", look=f"`key`, or {KEY}"
            )
        self.__key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put it on."""
        request.headers["Authorization"] = f"Bearer {self.__key}"
        yield request

    def __repr__(self) -> str:
        return "Bearer(…)"


@dataclass(frozen=True)
class Connection:
    """Where the service is, and how it is asked.

    Raises
    ------
    HomeError
        ``url`` is no address of a service.
    AccessError
        There is no key.
    """

    url: str
    auth: Bearer
    timeout: float
    retries: int

    @classmethod
    def to(cls, url: str, key: str | None, *, timeout: float, retries: int) -> Connection:
        """As `serving.client.Client` is given it; without ``key`` that of the environment."""
        try:
            there = httpx.URL(url)
        except (httpx.InvalidURL, TypeError):
            there = httpx.URL("")
        if there.scheme not in ("http", "https") or not there.host or there.userinfo or there.query or there.fragment:
            raise HomeError(
                "the address of a service, such as http://127.0.0.1:3000", received="something else", look="`url`"
            )
        sent = os.environ.get(KEY) if key is None else key
        if not sent:
            raise AccessError("a key", received="none", look=f"`key`, or the environment variable {KEY}")
        return cls(str(there).rstrip("/"), Bearer(sent), float(timeout), max(0, int(retries)))

    def settings(self) -> dict[str, Any]:
        """What both of httpx's clients take. Another host is asked through whatever proxy the environment names."""
        return {
            "base_url": self.url,
            "auth": self.auth,
            "timeout": self.timeout,
            "trust_env": not _here(httpx.URL(self.url).host),
            "headers": {"Accept": "application/json", "User-Agent": "collabrank"},
            "limits": httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
        }

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """What httpx's clients take of one question."""
        content = call.content
        return {
            "method": call.method,
            "url": self.url + call.path,
            "params": call.asked or None,
            "content": content,
            "headers": {} if content is None else {"Content-Type": "application/json"},
        }

    def gave_up(self, reason: str) -> ServiceError:
        """The error of a service that did not answer."""
        return ServiceError("a service that answers", received=f"{self.url}: {reason}", look="`collabrank serve`")


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reason_of(error: httpx.HTTPError) -> tuple[str, bool]:
    """What went wrong, in words without the request, and whether to ask again."""
    if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
        return "no answer in time", False
    if isinstance(error, httpx.TimeoutException):
        return "no connection in time", True
    if isinstance(error, httpx.ConnectError):
        return "no connection", True
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return "the connection broke off", True
    return type(error).__name__, False


def outcome_of(response: httpx.Response) -> Reply | CollabrankError:
    """The answer, or the error that it is."""
    if response.status_code == 200 and response.headers.get("content-type", "").startswith("text/html"):
        return Reply(response.text)
    try:
        data = json.loads(response.content)
    except ValueError:
        data = None
    if response.status_code == 200 and isinstance(data, dict):
        logged = response.headers.get("x-decision-logged")
        return Reply(data, None if logged is None else logged == "yes")
    told = data if isinstance(data, dict) else {}
    return error_of(response.status_code, told)


def wait_before(attempt: int, response: httpx.Response | None) -> float | None:
    """Seconds until the question may be asked again after ``attempt`` (0, 1, …); None where it should not be."""
    if response is not None and response.status_code not in _LATER:
        return None
    told = None if response is None else _retry_after(response.headers.get("retry-after", ""))
    if told is not None:
        # A little more than was asked for, so that those who were told the same do not all come back at once.
        return None if told > LONGEST_WAIT else told + _random.uniform(0.0, 0.1 * max(told, 1.0))
    return _random.uniform(0.0, min(_SLOWEST, _FIRST_WAIT * 2.0**attempt))


def _retry_after(text: str) -> float | None:
    """Seconds that a ``Retry-After`` header tells, as a number or as a date."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
