"""The two clients: one that waits for its answers, one whose answers are awaited. Both have the same methods."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from marketplace.errors import CollabrankError
from serving.client import calls
from serving.client.calls import Call, Reply
from serving.client.sending import Connection, outcome_of, reason_of, wait_before

__all__ = ["AsyncClient", "Client"]

P = ParamSpec("P")
T = TypeVar("T")

URL = "http://127.0.0.1:3000"


def _named(method: Any, make: Callable[..., Any]) -> Any:
    """``method`` with the name, the words and the signature of ``make``; what comes back is what its call reads as."""
    signature = inspect.signature(make)
    functools.update_wrapper(method, make)
    given = str(signature.return_annotation).removeprefix("Call[").removesuffix("]")
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = signature.replace(
        parameters=[itself, *signature.parameters.values()], return_annotation=given
    )
    return method


def _now(make: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    def method(client: Client, *args: P.args, **kwargs: P.kwargs) -> T:
        return client.ask(make(*args, **kwargs))

    found: Callable[Concatenate[Client, P], T] = _named(method, make)
    return found


def _later(make: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    async def method(client: AsyncClient, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client.ask(make(*args, **kwargs))

    found: Callable[Concatenate[AsyncClient, P], Awaitable[T]] = _named(method, make)
    return found


def _read(call: Call[T], reply: Reply, turn: Callable[[str], Any]) -> T:
    answer = call.read(call.kind, reply)
    turned_by = getattr(answer, "turned_by", None)
    if turned_by is not None:
        turned_by(turn)
    return answer


class Client:
    """A ranking service, asked from Python.

    Parameters
    ----------
    url : str
        Where it answers.
    key : str, optional
        As `collabrank keys create` showed it; by default what ``COLLABRANK_API_KEY`` says. It is shown nowhere.
    timeout : float
        Seconds that an answer may take.
    retries : int
        How often a question is asked again after 429, 503 or a broken connection.

    Raises
    ------
    HomeError
        ``url`` is no address.
    AccessError
        There is no key.

    Examples
    --------
    >>> with cr.Client("http://127.0.0.1:1", key="crk_0_not_a_key") as client:
    ...     client.ready()
    False
    """

    def __init__(self, url: str = URL, key: str | None = None, *, timeout: float = 30.0, retries: int = 4) -> None:
        self._to = Connection.to(url, key, timeout=timeout, retries=retries)
        self._http = httpx.Client(**self._to.settings())

    rank = _now(calls.rank)
    rank_all = _now(calls.rank_all)
    explain = _now(calls.explain)
    feedback = _now(calls.feedback)
    creators = _now(calls.creators)
    card = _now(calls.card)
    history = _now(calls.history)
    behind = _now(calls.behind)
    catalogue = _now(calls.catalogue)
    products = _now(calls.products)
    campaigns = _now(calls.campaigns)
    leaders = _now(calls.leaders)
    indices = _now(calls.indices)
    similar = _now(calls.similar)
    plan = _now(calls.plan)
    models = _now(calls.models)
    outcomes = _now(calls.outcomes)
    reports = _now(calls.reports)
    report = _now(calls.report)
    report_page = _now(calls.report_page)
    me = _now(calls.me)

    def ready(self) -> bool:
        """Whether the service has something to rank with; asked once, and False where nobody answers."""
        try:
            return self._http.get(f"{self._to.url}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def ask(self, call: Call[T]) -> T:
        """The answer to one question of `serving.client.calls`.

        Raises
        ------
        CollabrankError
            What the service refused it with, or ServiceError where it did not answer.
        """
        attempt = 0
        while True:
            response, outcome, again = None, None, True
            try:
                response = self._http.request(**self._to.request(call))
            except httpx.HTTPError as error:
                reason, again = reason_of(error)
                outcome = self._to.gave_up(reason)
            found = outcome_of(response) if response is not None else outcome
            if isinstance(found, Reply):
                return _read(call, found, lambda cursor: self.ask(call.after(cursor)))
            wait = wait_before(attempt, response) if again and attempt < self._to.retries else None
            if wait is None:
                assert isinstance(found, CollabrankError)
                raise found
            time.sleep(wait)
            attempt += 1

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._to.url!r})"


class AsyncClient:
    """As `Client`, with every answer awaited, and ``async with``.

    Examples
    --------
    >>> cr.AsyncClient("http://127.0.0.1:3000", key="crk_0_not_a_key")
    AsyncClient('http://127.0.0.1:3000')
    """

    def __init__(self, url: str = URL, key: str | None = None, *, timeout: float = 30.0, retries: int = 4) -> None:
        self._to = Connection.to(url, key, timeout=timeout, retries=retries)
        self._http = httpx.AsyncClient(**self._to.settings())

    rank = _later(calls.ranking_later(calls.rank))
    rank_all = _later(calls.rank_all)
    explain = _later(calls.explain)
    feedback = _later(calls.feedback)
    creators = _later(calls.page_later(calls.creators))
    card = _later(calls.card)
    history = _later(calls.history)
    behind = _later(calls.behind)
    catalogue = _later(calls.catalogue)
    products = _later(calls.page_later(calls.products))
    campaigns = _later(calls.page_later(calls.campaigns))
    leaders = _later(calls.page_later(calls.leaders))
    indices = _later(calls.indices)
    similar = _later(calls.similar)
    plan = _later(calls.plan)
    models = _later(calls.models)
    outcomes = _later(calls.outcomes)
    reports = _later(calls.page_later(calls.reports))
    report = _later(calls.report)
    report_page = _later(calls.report_page)
    me = _later(calls.me)

    async def ready(self) -> bool:
        """Whether the service has something to rank with; asked once, and False where nobody answers."""
        try:
            return (await self._http.get(f"{self._to.url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def ask(self, call: Call[T]) -> T:
        """The answer to one question of `serving.client.calls`.

        Raises
        ------
        CollabrankError
            What the service refused it with, or ServiceError where it did not answer.
        """
        attempt = 0
        while True:
            response, outcome, again = None, None, True
            try:
                response = await self._http.request(**self._to.request(call))
            except httpx.HTTPError as error:
                reason, again = reason_of(error)
                outcome = self._to.gave_up(reason)
            found = outcome_of(response) if response is not None else outcome
            if isinstance(found, Reply):
                return _read(call, found, lambda cursor: self.ask(call.after(cursor)))
            wait = wait_before(attempt, response) if again and attempt < self._to.retries else None
            if wait is None:
                assert isinstance(found, CollabrankError)
                raise found
            await asyncio.sleep(wait)
            attempt += 1

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self._to.url!r})"
