"""The pages to read: what the service describes itself with.

``/docs`` is Swagger UI on ``/docs.json``, from the files that come with BentoML: nothing is fetched from elsewhere, and
the page's policy lets nothing else run.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from serving.app.answers import error_answer
from serving.app.openapi import openapi_page
from serving.problems import refusal

__all__ = ["LOCKED", "pages", "read_asset"]

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

LOCKED = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""For a page that is read and printed: it runs nothing, fetches nothing, and sends nothing."""

_POLICY = {
    # Swagger UI sets styles on its elements, and draws its signs from data: addresses.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


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


def pages() -> Starlette:
    """An ASGI application with ``/docs``, its files, ``/docs.json`` and ``/``."""

    @functools.cache
    def page() -> bytes:
        return bytes(JSONResponse(openapi_page()).body)

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
            Route("/docs.json", document, methods=["GET"]),
            Route("/docs", docs, methods=["GET"]),
            Route("/docs/{file:path}", asset, methods=["GET"]),
            Route("/", index, methods=["GET"]),
        ]
    )
