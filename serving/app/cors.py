"""Which pages of other origins a browser lets ask: none, unless configured.

``COLLABRANK_CORS_ORIGINS`` names them, with commas between: ``https://tool.example,https://b.example:8443``.
A preflight is answered without a key, the same whatever path it asks about, so that it says nothing of what there is.
"""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.settings import origins_now

__all__ = ["Cors"]


class Cors:
    """ASGI middleware: lets pages of the configured origins ask; stands aside where there are none."""

    def __init__(self, app: ASGIApp) -> None:
        origins = origins_now()
        self._app: ASGIApp = app
        if origins:
            self._app = CORSMiddleware(
                app,
                allow_origins=origins,
                allow_methods=("GET", "POST"),
                allow_headers=("Authorization", "Content-Type", "X-API-Key"),
                expose_headers=("X-Request-ID", "Retry-After"),
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on."""
        await self._app(scope, receive, send)
