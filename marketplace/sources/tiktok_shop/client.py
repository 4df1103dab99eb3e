"""A client of the Open API: signs, paces, tries again with growing pauses, and renews an expired token.

Whatever goes wrong that may go right the next time (too many requests, a server's error, a broken connection, an
answer that ends early) is tried again, `ATTEMPTS` times at most; the rest is told at once. No secret is in a message,
and httpx's own log lines, which tell every address, lose what follows the question mark.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from marketplace.errors import SourceError
from marketplace.sources.tiktok_shop.credentials import Credentials
from marketplace.sources.tiktok_shop.signature import sign

__all__ = ["ATTEMPTS", "AUTH_HOST", "HOST", "Client", "Patience", "Unfinished"]

HOST = "https://open-api.tiktokglobalshop.com"
AUTH_HOST = "https://auth.tiktok-shops.com"
REFRESH_PATH = "/api/v2/token/refresh"

ATTEMPTS = 8
"""How often one request is made at most."""

TOKEN_EXPIRED = 105002
"""The API's code for an access token that is over; any other 401 is tried once with a renewed token as well."""

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class Unfinished(Exception):  # noqa: N818 - not an error yet: the request is made again
    """An answer that may be better the next time; ``wait`` is what the server asked for, in seconds, or None."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


@dataclass(frozen=True)
class Patience:
    """How requests are spaced.

    Parameters
    ----------
    first, longest : float
        Seconds. Before the *n*-th repetition it waits ``min(longest, first * 2 ** (n - 1))``, less up to half of it by
        chance; a ``Retry-After`` of the server goes before, up to ``longest``.
    per_second : float
        Requests a second, repetitions included.
    """

    first: float = 0.5
    longest: float = 60.0
    per_second: float = 20.0


class _WithoutQuery(logging.Filter):
    """Cuts the query off the addresses that httpx logs: it has the signature and, when renewing, the secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                str(one).partition("?")[0] if isinstance(one, httpx.URL) else one for one in record.args
            )
        return True


class Client:
    """Requests to one shop's Open API; to be used in a ``with`` block, by several threads if need be.

    Parameters
    ----------
    credentials : Credentials
        Renewed in place when the access token has expired.
    host, auth_host : str
        ``https://`` addresses; ``http://`` only on this machine, for secrets travel there.
    patience : Patience
        How requests are spaced.
    sleep, clock, chance : callable
        Stand-ins for tests: seconds -> None, () -> seconds since 1970, () -> a number from 0 to 1.

    Attributes
    ----------
    requests, repeated, renewed : int
        How many requests were made, how many of them again, and how often the token was renewed.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        host: str = HOST,
        auth_host: str = AUTH_HOST,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        for address in (host, auth_host):
            _require_safe(address)
        self.credentials = credentials
        self.host, self.auth_host = host.rstrip("/"), auth_host.rstrip("/")
        self.patience = patience or Patience()
        self.requests = self.repeated = self.renewed = 0
        self._sleep, self._clock, self._chance = sleep, clock, chance
        self._pace = threading.Lock()
        self._renewing = threading.Lock()
        self._next = self._ahead = 0.0
        log = logging.getLogger("httpx")
        if not any(isinstance(one, _WithoutQuery) for one in log.filters):
            log.addFilter(_WithoutQuery())
        # The environment's proxies are the user's; redirects would carry a token elsewhere.
        self._http = httpx.Client(timeout=httpx.Timeout(60.0, connect=15.0), follow_redirects=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        whole: Callable[[dict[str, Any]], None] | None = None,
        lenient: bool = False,
    ) -> dict[str, Any]:
        """The ``data`` of an answer.

        Parameters
        ----------
        whole : callable, optional
            Looks at ``data`` and raises `Unfinished` where it lacks something; the request is then made again.
        lenient : bool
            A refusal that is about the subject alone (not about the app or its rights) gives an empty answer.

        Raises
        ------
        SourceError
            The API refuses, or no attempt gave a whole answer.
        """
        renewed = False
        trouble = Unfinished("nothing yet")
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(self._pause(attempt, trouble.wait))
                with self._pace:
                    self.repeated += 1
            token = self.credentials.access_token
            try:
                answer = self._once(method, path, query or {}, body, token)
                if answer.status_code == 401 or _code(answer) == TOKEN_EXPIRED:
                    if renewed:
                        raise self._refusal(method, path, answer)
                    self._renew(token)
                    renewed = True
                    trouble = Unfinished("an expired token", wait=0.0)
                    continue
                if lenient and answer.status_code in (200, 400, 404) and _is_subjects(_code(answer)):
                    return {}
                data = self._data(method, path, answer)
                if whole is not None:
                    whole(data)
            except Unfinished as reason:
                trouble = reason
                continue
            except httpx.TransportError as reason:
                trouble = Unfinished(f"no answer ({type(reason).__name__})")
                continue
            return data
        raise SourceError(
            f"a whole answer from {method} {path} within {ATTEMPTS} attempts",
            received=self.credentials.hide(str(trouble)),
            look="the same command again later: it goes on where it stopped",
        )

    def _once(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None, token: str
    ) -> httpx.Response:
        self._wait_turn()
        own = self.credentials
        signed = {**query, "app_key": own.app_key, "timestamp": str(int(self._clock()))}
        if own.shop_cipher:
            signed["shop_cipher"] = own.shop_cipher
        content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        signed["sign"] = sign(own.app_secret, path, signed, content)
        headers = {"x-tts-access-token": token, "Content-Type": "application/json"}
        answer = self._http.request(method, self.host + path, params=signed, content=content, headers=headers)
        served = _instant(answer.headers.get("Date"))
        if served is not None:
            self._ahead = served - self._clock()
        return answer

    def now(self) -> int:
        """Seconds since 1970 on the API's own clock, as its last answer told it; what was read was true then."""
        return int(self._clock() + self._ahead)

    def _data(self, method: str, path: str, answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unfinished(f"HTTP {answer.status_code}", wait=_retry_after(answer, self._clock()))
        content = _json(answer)
        if not isinstance(content, dict):
            raise Unfinished("an answer that is no whole JSON object")
        if answer.status_code != 200 or content.get("code") != 0:
            raise self._refusal(method, path, answer)
        data = content.get("data")
        if not isinstance(data, dict):
            raise Unfinished("an answer without data")
        return data

    def _renew(self, used: str) -> None:
        """A new access token, unless another thread has fetched one since ``used`` was sent."""
        with self._renewing:
            own = self.credentials
            if own.access_token != used:
                return
            query = {
                "app_key": own.app_key,
                "app_secret": own.app_secret,
                "refresh_token": own.refresh_token,
                "grant_type": "refresh_token",
            }
            trouble = Unfinished("nothing yet")
            for attempt in range(ATTEMPTS):
                if attempt:
                    self._sleep(self._pause(attempt, trouble.wait))
                try:
                    self._wait_turn()
                    answer = self._http.get(self.auth_host + REFRESH_PATH, params=query)
                    data = self._data("GET", REFRESH_PATH, answer)
                    access, refresh = data.get("access_token"), data.get("refresh_token") or own.refresh_token
                    if not isinstance(access, str) or not access or not isinstance(refresh, str):
                        raise Unfinished("an answer without a token")
                except Unfinished as reason:
                    trouble = reason
                    continue
                except httpx.TransportError as reason:
                    trouble = Unfinished(f"no answer ({type(reason).__name__})")
                    continue
                own.replace_tokens(access, refresh)
                self.renewed += 1
                return
            raise SourceError(
                "a renewed access token",
                received=own.hide(str(trouble)),
                look="docs/tiktok_shop.md, Credentials",
            )

    def _refusal(self, method: str, path: str, answer: httpx.Response) -> SourceError:
        content = _json(answer)
        told = content if isinstance(content, dict) else {}
        words = f"HTTP {answer.status_code}, code {told.get('code')}: {told.get('message', '')}"
        return SourceError(
            f"an answer from {method} {path}",
            received=self.credentials.hide(words)[:500],
            look=f"the Partner Center, request {self.credentials.hide(str(told.get('request_id', 'unknown')))[:80]}; "
            "docs/tiktok_shop.md, Credentials",
        )

    def _pause(self, attempt: int, wait: float | None) -> float:
        if wait is not None:
            return min(wait, self.patience.longest)
        most = min(self.patience.longest, self.patience.first * 2.0 ** (attempt - 1))
        return most * (1.0 - 0.5 * self._chance())

    def _wait_turn(self) -> None:
        with self._pace:
            self.requests += 1
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1.0 / self.patience.per_second
        if turn > now:
            time.sleep(turn - now)


def _require_safe(address: str) -> None:
    try:
        parts = urlsplit(address)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    except ValueError:
        safe = False
    if not safe or not parts.hostname or parts.query or parts.username:
        raise SourceError(
            "an https:// address (http:// only on this machine)",
            received=address.partition("?")[0].rpartition("@")[2],
            look="--host and --auth-host",
        )


def _json(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError:
        return None


def _code(answer: httpx.Response) -> Any:
    # Refusals are short; a page of orders is not parsed twice.
    content = _json(answer) if len(answer.content) < 2_000 else None
    return content.get("code") if isinstance(content, dict) else None


def _is_subjects(code: Any) -> bool:
    """Whether a refusal with this code is about what was asked for; 105... and 106... are about who asks."""
    return isinstance(code, int) and code != 0 and code // 1000 not in (105, 106)


def _retry_after(answer: httpx.Response, now: float) -> float | None:
    """Seconds that the server asks to wait for: a number, or a date; None where it does not say."""
    told = answer.headers.get("Retry-After")
    if told is None:
        return None
    if told.strip().isdigit():
        return float(told)
    at = _instant(told)
    return None if at is None else max(at - now, 0.0)


def _instant(told: str | None) -> float | None:
    """Seconds since 1970 of an HTTP date; None where it is none."""
    try:
        at = parsedate_to_datetime(told or "")
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
