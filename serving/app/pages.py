"""The routes that are no BentoML endpoints: a creator's card (its path has a parameter) and the OpenAPI page."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from marketplace.jsonable import jsonable
from serving.app.answers import answered
from serving.app.openapi import openapi_page

__all__ = ["Carded", "pages"]


class Carded(Protocol):
    """The part of the service that the pages ask."""

    def card(self, creator_id: str) -> dict[str, Any]:
        """One creator's score card."""
        ...


def pages(service: Callable[[], Carded]) -> Starlette:
    """An ASGI application with ``/creators/{creator_id}/card``, ``/docs.json`` and ``/``."""

    @functools.cache
    def page() -> dict[str, Any]:
        return openapi_page()

    async def card(request: Request) -> Response:
        @answered
        def work() -> Response:
            return JSONResponse(jsonable(service().card(request.path_params["creator_id"])))

        return await run_in_threadpool(work)

    async def docs(_: Request) -> Response:
        return JSONResponse(page())

    async def index(_: Request) -> Response:
        return JSONResponse({"service": "collabrank", "routes": sorted(page()["paths"]), "look": "/docs.json"})

    return Starlette(
        routes=[
            Route("/creators/{creator_id:path}/card", card, methods=["GET"]),
            Route("/docs.json", docs, methods=["GET"]),
            Route("/", index, methods=["GET"]),
        ]
    )
