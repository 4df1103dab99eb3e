"""The table of routes: what there is to ask for, who may ask, what a body must be, what it costs.

Everything that has to know a route reads it here: the door (`serving.app.access`),
the limits of bodies, the budgets of work, the metrics and the OpenAPI page. What is
not in the table is not there, whatever the application behind it would answer.

Which route a request means is decided once, by `Table.find`, from the path as it
was sent: it is cut at its slashes, then each part is decoded, once. A part that is
empty, ``.`` or ``..`` is never resolved, a control character or a wrong escape is
nowhere, letters count as they are, and a slash that was sent as ``%2F`` belongs to
the id that it stands in. Whoever comes after the decision reads its result, never
the path again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel
from starlette.types import Scope

from serving.batch import BatchAnswer, BatchRequest
from serving.creators import CreatorsAnswer, CreatorsQuery
from serving.keys import SCOPES
from serving.lookups import (
    BehindAnswer,
    CampaignsAnswer,
    CampaignsQuery,
    CardAnswer,
    CatalogueAnswer,
    HistoryAnswer,
    LeadersAnswer,
    LeadersQuery,
    MeAnswer,
    ModelsAnswer,
    OutcomesAnswer,
    OutcomesQuery,
    ProductsAnswer,
    ProductsQuery,
    ReportsAnswer,
    ScatterAnswer,
    ScatterQuery,
    SimilarAnswer,
    SimilarQuery,
    campaigns,
    card,
    catalogue,
    history,
    leaders,
    products,
    scatter,
    similar,
)
from serving.plan import PlanAnswer
from serving.queries import Nothing, Query
from serving.schema import (
    ExplainAnswer,
    ExplainRequest,
    FeedbackAnswer,
    FeedbackRequest,
    PlanRequest,
    RankAnswer,
    RankRequest,
)
from serving.settings import metrics_need_key

__all__ = ["EVERYONE", "LARGEST", "OPEN", "ROUTES", "Found", "Route", "Table", "routes_now"]

OPEN: frozenset[str] = frozenset()
"""The scopes of a route that opens without a key."""

EVERYONE = frozenset(SCOPES)
"""The scopes of a route that any key opens."""

_LOOKERS = frozenset({"brand", "reviewer"})

LARGEST = 256 * 1024
"""Bytes that a body may have, where its route says nothing else."""

_LONGEST_PATH = 2048
_LONGEST_ID = 128
_WRONG_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Route:
    """One thing that can be asked for.

    Parameters
    ----------
    method : str
        ``GET`` (``HEAD`` comes with it) or ``POST``.
    pattern : str
        The path; a part in braces, ``{creator_id}``, is an id of up to 128 characters.
    name : str
        The operation's name on the OpenAPI page.
    does : str
        One sentence.
    scopes : frozenset of str
        Scopes of the keys that open it, besides ``admin``; `OPEN` needs no key.
    takes, gives : pydantic model, optional
        What the body must be, and what the answer is. Without ``takes`` there is no body.
    asks : Query, optional
        What the query may say.
    finds : callable, optional
        What answers it from the snapshot alone: (what is served as the key sees it, query, ids by name) -> ``gives``.
        Such an answer is kept until a newer pair is served.
    also : tuple of int
        Refusals of its own, besides those that every route has.
    largest : int
        Bytes that the body may have.
    weight : float
        What one creator scored, or looked at, counts in the budget of work; 0 for a route that scores none.
    logs : bool
        Whether its answers are kept in the decision log, and say so.
    probe : bool
        Whether it is answered in front of everything else, and asked too often to be logged.
    """

    method: Literal["GET", "POST"]
    pattern: str
    name: str
    does: str
    scopes: frozenset[str]
    takes: type[BaseModel] | None = None
    gives: type[BaseModel] | None = None
    asks: type[Query] | None = None
    finds: Callable[..., BaseModel | dict[str, Any]] | None = None
    also: tuple[int, ...] = ()
    largest: int = LARGEST
    weight: float = 0.0
    logs: bool = False
    probe: bool = False

    def opens_to(self, scope: str) -> bool:
        """Whether a key of this scope may ask."""
        return scope == "admin" or scope in self.scopes


@dataclass(frozen=True)
class Found:
    """What a path means: a pattern of the table, the path as it is handed on, and its ids."""

    pattern: str
    path: str
    parameters: Mapping[str, str]
    methods: Mapping[str, Route]

    def route(self, method: str) -> Route | None:
        """The route for ``method``; ``HEAD`` asks as ``GET`` does."""
        return self.methods.get("GET" if method == "HEAD" else method)

    @property
    def open(self) -> bool:
        """Whether nothing here needs a key."""
        return all(route.scopes == OPEN for route in self.methods.values())

    @property
    def allowed(self) -> str:
        """The methods that there are, for ``Allow``."""
        return ", ".join(sorted(self.methods))

    @property
    def probe(self) -> bool:
        """Whether it is one of the probes."""
        return any(route.probe for route in self.methods.values())


class Table:
    """Routes by what they are asked with.

    Parameters
    ----------
    routes : iterable of Route
        Each pair of method and pattern once.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)
        by_pattern: dict[str, dict[str, Route]] = {}
        for route in self._routes:
            by_pattern.setdefault(route.pattern, {})[route.method] = route
        self._plain = {pattern: found for pattern, found in by_pattern.items() if "{" not in pattern}
        self._with_ids = [
            (pattern.split("/")[1:], pattern, found) for pattern, found in by_pattern.items() if "{" in pattern
        ]

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def opened(self, pattern: str) -> Table:
        """The same table with ``pattern`` open to whoever asks, key or not."""
        return Table(replace(route, scopes=OPEN) if route.pattern == pattern else route for route in self._routes)

    def bodies(self) -> dict[str, type[BaseModel]]:
        """Pattern to what its body must be."""
        return {route.pattern: route.takes for route in self._routes if route.takes is not None}

    def find(self, scope: Scope) -> Found | None:
        """What an HTTP request's path means, or None where it means nothing."""
        raw = scope.get("raw_path")
        parts = _parts(scope["path"].encode("utf-8", "surrogatepass") if raw is None else raw.partition(b"?")[0], raw)
        if parts is None:
            return None
        path = "/" + "/".join(parts)
        methods = self._plain.get(path)
        if methods is not None and path.count("/") == len(parts):
            return Found(path, path, {}, methods)
        for pattern_parts, pattern, found in self._with_ids:
            ids = _ids(pattern_parts, parts)
            if ids is not None:
                return Found(pattern, path, ids, found)
        return None


def _parts(path: bytes, raw: bytes | None) -> list[str] | None:
    """The path's decoded parts, or None where it is no path that anything could have."""
    if not path.startswith(b"/") or len(path) > _LONGEST_PATH or (raw is not None and _WRONG_ESCAPE.search(path)):
        return None
    if path == b"/":
        return [""]
    parts = []
    for sent in path[1:].split(b"/"):
        try:
            part = (sent if raw is None else unquote_to_bytes(sent)).decode()
        except UnicodeDecodeError:
            return None
        if part in ("", ".", "..") or _UNSAFE.search(part):
            return None
        parts.append(part)
    return parts


def _ids(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    ids = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            if len(part) > _LONGEST_ID or {".", ".."} & set(part.split("/")):
                return None
            ids[wanted.strip("{}")] = part
        elif wanted != part:
            return None
    return ids


ROUTES = Table(
    (
        Route(
            "POST", "/rank", "rank", "Rank the eligible creators for a brief.", frozenset({"brand"}),
            takes=RankRequest, gives=RankAnswer, also=(404, 410, 503, 507), weight=1.0, logs=True,
        ),
        Route(
            "POST", "/rank/batch", "rank_batch", "Rank for up to 100 briefs, each answered or refused by itself.",
            frozenset({"brand"}), takes=BatchRequest, gives=BatchAnswer, also=(503,), largest=1024 * 1024, weight=1.0,
            logs=True,
        ),
        Route(
            "POST", "/explain", "explain", "Say why creators stand where they stand.", frozenset({"brand", "reviewer"}),
            takes=ExplainRequest, gives=ExplainAnswer, also=(404, 503, 507), weight=1.0, logs=True,
        ),
        Route(
            "POST", "/feedback", "feedback", "Report what came of a creator in an answer.", frozenset({"brand"}),
            takes=FeedbackRequest, gives=FeedbackAnswer, also=(404, 503, 507), logs=True,
        ),
        Route(
            "POST", "/plan", "plan", "Whom to invite with so much money, so many samples and invitations.",
            frozenset({"brand"}), takes=PlanRequest, gives=PlanAnswer, also=(404, 503), weight=1.0,
        ),
        Route(
            "GET", "/creators", "find_creators", "Creators by username, or by how it begins.",
            _LOOKERS, asks=CreatorsQuery, gives=CreatorsAnswer, also=(400, 410, 503),
        ),
        Route(
            "GET", "/creators/{creator_id}/card", "card", "A creator's score card: the same that the creator sees.",
            _LOOKERS | {"creator"}, asks=Nothing, gives=CardAnswer, finds=card, also=(400, 404, 409, 503),
        ),
        Route(
            "GET", "/creators/{creator_id}/similar", "similar", "Creators who are like one.", _LOOKERS,
            asks=SimilarQuery, gives=SimilarAnswer, finds=similar, also=(400, 404, 409, 503), weight=0.2,
        ),
        Route(
            "GET", "/creators/{creator_id}/history", "history", "How a creator's indices went, week by week.",
            _LOOKERS | {"creator"}, asks=Nothing, gives=HistoryAnswer, finds=history, also=(400, 404, 409, 503),
        ),
        Route(
            "GET", "/creators/{creator_id}/behind", "behind",
            "What lies behind a creator's card: events that count, what was left out and why, past partnerships.",
            _LOOKERS | {"creator"}, asks=Nothing, gives=BehindAnswer, also=(400, 404, 409, 503),
        ),
        Route(
            "GET", "/leaders", "leaders", "Creators by one index, the highest first.", _LOOKERS,
            asks=LeadersQuery, gives=LeadersAnswer, finds=leaders, also=(400, 503), weight=0.1,
        ),
        Route(
            "GET", "/indices", "indices", "Two numbers of every creator, to be drawn against each other.", _LOOKERS,
            asks=ScatterQuery, gives=ScatterAnswer, finds=scatter, also=(400, 503), weight=0.2,
        ),
        Route(
            "GET", "/me", "me", "Whose key it is that asks, and what answers.", EVERYONE, asks=Nothing, gives=MeAnswer,
            also=(400, 503),
        ),
        Route(
            "GET", "/catalogue", "catalogue", "What a brief can name, and what an answer's numbers mean.", _LOOKERS,
            asks=Nothing, gives=CatalogueAnswer, finds=catalogue, also=(400, 503),
        ),
        Route(
            "GET", "/products", "products", "Products by their ids.", _LOOKERS,
            asks=ProductsQuery, gives=ProductsAnswer, finds=products, also=(400, 503), weight=0.5,
        ),
        Route(
            "GET", "/campaigns", "campaigns", "Campaigns as briefs to begin from, the newest first.", _LOOKERS,
            asks=CampaignsQuery, gives=CampaignsAnswer, finds=campaigns, also=(400, 410, 503), weight=1.0,
        ),
        Route(
            "GET", "/models", "models", "The models that are served, and how far data moved since training.", _LOOKERS,
            asks=Nothing, gives=ModelsAnswer, also=(400, 503),
        ),
        Route(
            "GET", "/outcomes", "outcomes", "What came of the creators whom rankings for a campaign showed.", _LOOKERS,
            asks=OutcomesQuery, gives=OutcomesAnswer, also=(400, 404, 503, 507), weight=1.5,
        ),
        Route(
            "GET", "/reports", "reports", "The reports on past campaigns that there are.", _LOOKERS,
            asks=Nothing, gives=ReportsAnswer, also=(400, 503),
        ),
        Route(
            "GET", "/reports/{campaign_id}", "report", "One campaign's report as data.", _LOOKERS,
            asks=Nothing, also=(400, 404, 503),
        ),
        Route(
            "GET", "/reports/{campaign_id}/page", "report_page", "One campaign's report as a page to print.", _LOOKERS,
            asks=Nothing, also=(400, 404, 503),
        ),
        Route("GET", "/docs.json", "docs", "This page as OpenAPI.", OPEN),
        Route("GET", "/docs", "page", "This page, to be read and tried.", OPEN),
        Route("GET", "/docs/{file}", "asset", "A file of the page.", OPEN, also=(404,)),
        Route("GET", "/", "index", "The routes that there are.", EVERYONE),
        Route("GET", "/healthz", "healthz", "Whether the process is alive.", OPEN, probe=True),
        Route("GET", "/readyz", "readyz", "Whether there is something to rank with.", OPEN, probe=True),
        Route("GET", "/metrics", "metrics", "Figures in Prometheus text format.", frozenset({"metrics"}), probe=True),
    )
)  # fmt: skip
"""Every route of the service. A new one is a row here, and the code that answers it."""


def routes_now() -> Table:
    """The table, with ``/metrics`` open unless the environment says that it needs a key."""
    return ROUTES if metrics_need_key() else ROUTES.opened("/metrics")
