"""The routes that are no BentoML endpoints: creators and their cards, which are got, and the pages to read.

``/docs`` is Swagger UI on ``/docs.json``, from the files that come with BentoML: nothing is fetched from elsewhere, and
the page's policy lets nothing else run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from marketplace.errors import BriefError, Problem
from marketplace.jsonable import jsonable
from serving.app.answers import answered, error_answer
from serving.app.openapi import openapi_page
from serving.creators import CreatorsAnswer, CreatorsQuery
from serving.problems import LOOK, in_plain_words, refusal

__all__ = ["Carded", "pages", "read_asset"]

_KINDS = {"start.js": "text/javascript", "swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>collabrank</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript; <a href="/docs.json">/docs.json</a> says the same.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

_START = b"""SwaggerUIBundle({
  url: "/docs.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
});
"""

_POLICY = {
    # Swagger UI sets styles on its elements, and draws its signs from data: addresses.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Carded(Protocol):
    """The part of the service that the pages ask."""

    def card(self, creator_id: str) -> dict[str, Any]:
        """One creator's score card."""
        ...

    def find_creators(self, query: CreatorsQuery) -> CreatorsAnswer:
        """Creators by username."""
        ...


@functools.cache
def read_asset(name: str) -> bytes | None:
    """A file of the page; None where there is none of this name."""
    if name == "start.js":
        return _START
    found = find_spec("bentoml._internal.server") if name in _KINDS else None
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        file = Path(folder) / "static_content" / name
        if file.is_file():
            return file.read_bytes()
    return None


def _query(request: Request) -> CreatorsQuery:
    """What the query asks for.

    Raises
    ------
    BriefError
        A field that is not known, that is told twice, or that cannot be taken; all of them at once.
    """
    said = request.query_params.multi_items()
    names = [name for name, _ in said]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BriefError.of((Problem(name[:80], f"one '{name[:80]}'", "several") for name in twice), look=LOOK)
    try:
        return CreatorsQuery.model_validate(dict(said))
    except ValidationError as error:
        raise in_plain_words(error, CreatorsQuery) from None


def pages(service: Callable[[], Carded]) -> Starlette:
    """An ASGI application with ``/creators/{creator_id}/card``, ``/docs``, its files, ``/docs.json`` and ``/``."""

    @functools.cache
    def page() -> bytes:
        return bytes(JSONResponse(openapi_page()).body)

    async def card(request: Request) -> Response:
        @answered
        def work() -> Response:
            return JSONResponse(jsonable(service().card(request.path_params["creator_id"])))

        return await run_in_threadpool(work)

    async def creators(request: Request) -> Response:
        @answered
        def work() -> Response:
            answer = service().find_creators(_query(request))
            return Response(answer.model_dump_json(), media_type="application/json")

        return await run_in_threadpool(work)

    async def document(_: Request) -> Response:
        return Response(page(), media_type="application/json")

    async def docs(_: Request) -> Response:
        return HTMLResponse(_PAGE, headers=_POLICY)

    async def asset(request: Request) -> Response:
        name = request.path_params["file"]
        content = await run_in_threadpool(read_asset, name)
        if content is None:
            return error_answer(refusal(404, f"one of {', '.join(_KINDS)}", received=name[:80]))
        return Response(content, media_type=_KINDS[name], headers=_POLICY)

    async def index(_: Request) -> Response:
        routes = sorted(openapi_page()["paths"])
        return JSONResponse({"service": "collabrank", "routes": routes, "look": "/docs"})

    return Starlette(
        routes=[
            Route("/creators", creators, methods=["GET"]),
            Route("/creators/{creator_id:path}/card", card, methods=["GET"]),
            Route("/docs.json", document, methods=["GET"]),
            Route("/docs", docs, methods=["GET"]),
            Route("/docs/{file:path}", asset, methods=["GET"]),
            Route("/", index, methods=["GET"]),
        ]
    )
