"""What the client asks: each function says how a question is put to the service, and how its answer reads.

Nothing is sent here; `serving.client.Client` and `serving.client.AsyncClient` ask, each in its own way, so that
both have the same methods.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import quote

from marketplace.errors import BriefError, CollabrankError
from serving.client.answers import AsyncPage, AsyncRanking, Explanation, Feedback, Page, Ranking
from serving.client.cards import (
    Behind,
    Card,
    History,
    IndexCard,
)
from serving.client.looked_up import (
    Campaign,
    Catalogue,
    FoundCreator,
    Leader,
    Me,
    Product,
    Scatter,
    Similar,
)
from serving.client.plans import Plan
from serving.client.reading import of_json
from serving.client.refusals import error_of
from serving.client.results import Models, Outcomes, Report, ReportEntry

__all__ = [
    "Call",
    "Reply",
    "behind",
    "campaigns",
    "card",
    "catalogue",
    "creators",
    "explain",
    "feedback",
    "history",
    "indices",
    "leaders",
    "me",
    "models",
    "outcomes",
    "page_later",
    "plan",
    "products",
    "rank",
    "rank_all",
    "ranking_later",
    "report",
    "report_page",
    "reports",
    "similar",
]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """An answer: its JSON, and whether the decision log has it (None where it is not told)."""

    data: Any
    logged: bool | None = None


@dataclass(frozen=True)
class Call(Generic[T]):
    """One question.

    Attributes
    ----------
    method, path : str
    kind : type
        What the answer is read as.
    read : callable
        (kind, reply) -> the answer.
    query : mapping
        What is None is left out.
    body : object or None
        JSON.
    """

    method: str
    path: str
    kind: Any
    read: Callable[[Any, Reply], T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    @property
    def asked(self) -> dict[str, str]:
        """The query as text."""
        return {name: _text(value) for name, value in self.query.items() if value is not None}

    @property
    def content(self) -> bytes | None:
        """The body as JSON.

        Raises
        ------
        BriefError
            Something in it has no place in JSON.
        """
        if self.body is None:
            return None
        try:
            return json.dumps(self.body, allow_nan=False, default=_plain).encode()
        except (TypeError, ValueError) as reason:
            raise BriefError(
                "a request that JSON can hold: text, finite numbers, true and false, lists, instants",
                received=str(reason)[:200],
                look="docs/endpoint.md",
            ) from None

    def after(self, cursor: str) -> Call[T]:
        """The question for the page that begins at ``cursor``."""
        if self.body is not None:
            return replace(self, body={**self.body, "cursor": cursor})
        return replace(self, query={**self.query, "cursor": cursor})


def ranking_later(make: Callable[P, Call[Ranking]]) -> Callable[P, Call[AsyncRanking]]:
    """The same question, whose answer's pages are awaited."""
    return _read_as(make, AsyncRanking)


def page_later(make: Callable[P, Call[Page[T]]]) -> Callable[P, Call[AsyncPage[T]]]:
    """The same question, whose answer's pages are awaited."""
    return _read_as(make, AsyncPage)


def _read_as(make: Callable[P, Any], kind: Any) -> Callable[P, Any]:
    def asked(*args: P.args, **kwargs: P.kwargs) -> Any:
        return replace(make(*args, **kwargs), kind=kind)

    signature = inspect.signature(make)
    given = str(signature.return_annotation).replace(kind.__name__.removeprefix("Async"), kind.__name__)
    functools.update_wrapper(asked, make)
    asked.__signature__ = signature.replace(return_annotation=given)  # type: ignore[attr-defined]
    return asked


def rank(
    *,
    brief: Mapping[str, Any] | None = None,
    campaign_id: str | None = None,
    top: int = 20,
    weights: Mapping[str, float] | None = None,
    filters: Mapping[str, Any] | None = None,
    applicants: Sequence[str] | None = None,
    candidates: str | None = None,
    explain: bool = True,
    exploration: bool = True,
    preview: bool = False,
    cursor: str | None = None,
) -> Call[Ranking]:
    """Rank the eligible creators for a brief.

    Parameters
    ----------
    brief : mapping, optional
        Written out, as ``BriefBody`` on the service's page has it; instants may be ``datetime``. Or ``campaign_id``.
    campaign_id : str, optional
        A campaign that the snapshot knows.
    top : int
        Creators to return, at most 1,000; the ranking's ``next()`` gives those after them.
    weights : mapping of str to float, optional
        How much the model (``model``) and each index count; what is not named counts 0.
    filters : mapping, optional
        Who may be ranked at all, as ``Filters`` on the service's page.
    applicants : sequence of str, optional
        Who asked for a sample, by id or username: they alone are ranked.
    candidates : str, optional
        ``everyone`` or ``applicants``; by default what ``applicants`` says.
    explain : bool
        Whether to give reasons.
    exploration : bool
        Whether places may be drawn for.
    preview : bool
        Whether the answer is to be looked at alone: it is logged nowhere, and takes no feedback.
    cursor : str, optional
        ``next_cursor`` of the page before.

    Raises
    ------
    BriefError
        The request cannot be ranked as asked; ``problems`` has all that is wrong with it.
    AccessError
        No valid key (401), or one of another scope or brand (403).
    ServiceError
        The service cannot be reached, or does not answer as it should.
    """
    body = _asks(brief, campaign_id) | {
        "top": top,
        "weights": None if weights is None else dict(weights),
        "filters": dict(filters or {}),
        "explain": explain,
        "exploration": exploration,
        "preview": preview,
        "cursor": cursor,
    }
    if applicants is not None or candidates is not None:
        body["candidates"] = candidates or "applicants"
        body["applicants"] = None if applicants is None else list(applicants)
    return Call("POST", "/rank", Ranking, _ranking, body=_told(body))


def rank_all(requests: Iterable[Mapping[str, Any]]) -> Call[list[Ranking | CollabrankError]]:
    """Rank for many briefs in one request: up to 100, of 10,000 creators in all.

    Parameters
    ----------
    requests : iterable of mapping
        Each as ``RankRequest`` on the service's page: ``brief`` or ``campaign_id``, ``top``, ``weights``, …

    Returns
    -------
    list of Ranking or CollabrankError
        As many as there were requests, in their order; one that was refused is its error, not raised.
    """
    return Call("POST", "/rank/batch", Ranking, _each, body={"requests": [dict(one) for one in requests]})


def explain(
    creator_ids: Sequence[str],
    *,
    brief: Mapping[str, Any] | None = None,
    campaign_id: str | None = None,
    weights: Mapping[str, float] | None = None,
) -> Call[Explanation]:
    """Say why creators (ids or usernames, up to 100) stand where they stand among all who are eligible."""
    asked = [creator_ids] if isinstance(creator_ids, str) else list(creator_ids)
    body = _asks(brief, campaign_id) | {"creator_ids": asked, "weights": None if weights is None else dict(weights)}
    return Call("POST", "/explain", Explanation, _ranking, body=_told(body))


def feedback(
    request_id: str | Ranking | AsyncRanking, creator_id: str, event: str, *, at: datetime | str | None = None
) -> Call[Feedback]:
    """Report what came of a creator in an answer; asked again, it changes nothing, so that it is safe to repeat.

    Parameters
    ----------
    request_id : str or Ranking
        The answer.
    creator_id : str
    event : str
        ``SHOWN``, ``OPENED``, ``SHORTLISTED``, ``INVITED``, ``ACCEPTED``, ``DECLINED``, ``DELIVERED`` or ``DISMISSED``.
    at : datetime or str, optional
        When it happened, with its offset from UTC; by default now.
    """
    name = request_id if isinstance(request_id, str) else request_id.request_id
    body = {"request_id": name, "creator_id": creator_id, "event": event, "at": at}
    return Call("POST", "/feedback", Feedback, _whole, body=_told(body))


def creators(
    *,
    username: str | None = None,
    prefix: str | None = None,
    market: str | None = None,
    top: int = 20,
    cursor: str | None = None,
) -> Call[Page[FoundCreator]]:
    """Creators by username, or by how it begins (``prefix``)."""
    query = {"username": username, "prefix": prefix, "market": market, "top": top, "cursor": cursor}
    return Call("GET", "/creators", Page, _items(FoundCreator, "creators"), query)


def card(creator: str) -> Call[Card]:
    """A creator's score card, by id or username: the same that the creator sees."""
    return Call("GET", f"/creators/{_part(creator)}/card", Card, _card)


def history(creator: str) -> Call[History]:
    """How a creator's indices went, week by week, by id or username."""
    return Call("GET", f"/creators/{_part(creator)}/history", History, _whole)


def behind(creator: str) -> Call[Behind]:
    """What lies behind a creator's card: events that count, what was left out, partnerships; by id or username."""
    return Call("GET", f"/creators/{_part(creator)}/behind", Behind, _whole)


def catalogue() -> Call[Catalogue]:
    """What a brief can name, and what an answer's numbers mean."""
    return Call("GET", "/catalogue", Catalogue, _whole)


def products(
    *, brand_id: str | None = None, category_id: str | None = None, q: str | None = None, top: int = 50
) -> Call[Page[Product]]:
    """Products by their ids; ``q`` is what the id contains."""
    query = {"brand_id": brand_id, "category_id": category_id, "q": q, "top": top}
    return Call("GET", "/products", Page, _items(Product, "products"), query)


def campaigns(*, brand_id: str | None = None, top: int = 50, cursor: str | None = None) -> Call[Page[Campaign]]:
    """Campaigns that the snapshot knows, the newest first."""
    query = {"brand_id": brand_id, "top": top, "cursor": cursor}
    return Call("GET", "/campaigns", Page, _items(Campaign, "campaigns"), query)


def leaders(
    *, index: str = "category_influence", category_id: str | None = None, market: str | None = None, top: int = 50
) -> Call[Page[Leader]]:
    """Creators by one index, the highest first; ``category_influence`` is of a category."""
    query = {"index": index, "category_id": category_id, "market": market, "top": top}
    return Call("GET", "/leaders", Page, _items(Leader, "leaders"), query)


def indices(
    *,
    x: str,
    y: str,
    market: str | None = None,
    category_id: str | None = None,
    highlight: Sequence[str] | str | None = None,
) -> Call[Scatter]:
    """Two numbers of every creator, to be drawn against each other.

    Parameters
    ----------
    x, y : str
        Indices, or ``followers``, ``posts``, ``views``, ``engagement``.
    highlight : sequence of str, optional
        Ids or usernames that must be in the answer.
    """
    lit = [highlight] if isinstance(highlight, str) else highlight
    query = {"x": x, "y": y, "market": market, "category_id": category_id, "highlight": list(lit) if lit else None}
    return Call("GET", "/indices", Scatter, _whole, query)


def similar(creator: str, *, by: str = "category", market: str | None = None, top: int = 12) -> Call[Similar]:
    """Creators who are like one (an id or a username), by ``category``, ``audience`` or ``taste``."""
    query = {"by": by, "market": market, "top": top}
    return Call("GET", f"/creators/{_part(creator)}/similar", Similar, _whole, query)


def plan(
    *,
    brief: Mapping[str, Any] | None = None,
    campaign_id: str | None = None,
    budget: float | None = None,
    samples: int | None = None,
    invitations: int | None = None,
    per_creator: int | None = None,
    per_brand: int | None = None,
    goal: str = "profit",
    spend: str = "expected",
    terms: Sequence[tuple[float, float]] | None = None,
    lift: float | None = None,
    filters: Mapping[str, Any] | None = None,
) -> Call[Plan]:
    """Whom to invite with so much money, so many samples and invitations; money in USD.

    Parameters
    ----------
    brief, campaign_id
        As `rank` takes them.
    budget, samples, invitations : optional
        What there is; ``budget`` is the brief's own where it is left out.
    per_creator, per_brand : int, optional
        Invitations that one creator may get, and the brand may send, in 30 days; those already sent count.
    goal : str
        ``profit``, ``sales`` or ``content``.
    spend : str
        ``expected``, or ``worst``: as if everybody delivered.
    terms : sequence of (flat fee, commission rate), optional
        Other terms to try.
    lift : float, optional
        The lift a partnership that is to be told from noise.
    filters : mapping, optional
        As `rank` takes them.
    """
    body = _asks(brief, campaign_id) | {
        "budget": budget,
        "samples": samples,
        "invitations": invitations,
        "per_creator": per_creator,
        "per_brand": per_brand,
        "goal": goal,
        "spend": spend,
        "terms": None if terms is None else [list(one) for one in terms],
        "lift": lift,
        "filters": dict(filters or {}),
    }
    return Call("POST", "/plan", Plan, _whole, body=_told(body))


def models() -> Call[Models]:
    """The models that are served, and how far data moved since they were trained."""
    return Call("GET", "/models", Models, _whole)


def outcomes(campaign_id: str) -> Call[Outcomes]:
    """What came of the creators whom rankings for a campaign showed, against what was foretold."""
    return Call("GET", "/outcomes", Outcomes, _whole, {"campaign_id": campaign_id})


def reports() -> Call[Page[ReportEntry]]:
    """The reports on past campaigns that there are, the newest first."""
    return Call("GET", "/reports", Page, _items(ReportEntry, "reports"))


def report(campaign_id: str) -> Call[Report]:
    """One campaign's report as data."""
    path = f"/reports/{_part(campaign_id)}"
    return Call("GET", path, Report, lambda kind, reply: kind(campaign_id=campaign_id, data=reply.data))


def report_page(campaign_id: str) -> Call[str]:
    """One campaign's report as a page of HTML, to be shown locked in or printed."""
    return Call("GET", f"/reports/{_part(campaign_id)}/page", str, lambda kind, reply: kind(reply.data))


def me() -> Call[Me]:
    """Whose key it is that asks, and what answers."""
    return Call("GET", "/me", Me, _whole)


def _asks(brief: Mapping[str, Any] | None, campaign_id: str | None) -> dict[str, Any]:
    return {"brief": None if brief is None else dict(brief), "campaign_id": campaign_id}


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _part(name: str) -> str:
    """An id as one part of a path."""
    if not name or name in (".", ".."):
        raise BriefError("a creator's id or username", received=repr(name), look="docs/endpoint.md")
    return quote(name, safe="")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(str(one) for one in value)
    return str(value)


def _plain(value: Any) -> Any:
    """What JSON takes in the stead of an instant, a day, or a number of NumPy's."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if hasattr(value, "item"):
        plain = value.item()
        if not (isinstance(plain, float) and not math.isfinite(plain)):
            return plain
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__}")


def _whole(kind: type[T], reply: Reply) -> T:
    return of_json(kind, reply.data)


def _ranking(kind: type[T], reply: Reply) -> T:
    return of_json(kind, {**reply.data, "logged": reply.logged})


def _each(kind: Any, reply: Reply) -> list[Any]:
    return [
        of_json(kind, one["answer"]) if one["status"] == 200 else error_of(one["status"], one["error"])
        for one in reply.data["items"]
    ]


def _items(item: type[T], name: str) -> Callable[[Any, Reply], Page[T]]:
    def read(kind: Any, reply: Reply) -> Page[T]:
        cursor = reply.data.get("next_cursor")
        page: Page[T] = kind(
            items=tuple(of_json(item, one) for one in reply.data[name]),
            more=bool(reply.data.get("more", cursor is not None)),
            next_cursor=cursor,
        )
        return page

    return read


def _card(kind: Any, reply: Reply) -> Card:
    told = dict(reply.data)
    indices = dict(told["indices"])
    influence = indices.pop("category_influence", {})
    read = {name: of_json(IndexCard, one) for name, one in indices.items()}
    of_category = {name: of_json(IndexCard, one) for name, one in influence.items()}
    public = {name: value for name, value in told.items() if name != "indices"}
    found: Card = kind(
        indices=read,
        category_influence=of_category,
        data=reply.data,
        **{name: public.get(name) for name in _PUBLIC},
    )
    return found


_PUBLIC = (
    "creator_id", "username", "market", "language", "agency_status", "joined_on", "follower_count", "as_of", "basis",
)  # fmt: skip
