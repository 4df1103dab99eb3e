"""Pushing a shortlist to an address that the operator has named: nowhere else, and wherever that leads, no further."""

from __future__ import annotations

import httpx

from marketplace.errors import ServiceError
from marketplace.jsonable import json_text
from serving.console.settings import ConsoleSettings

__all__ = ["push"]

_SECONDS = 15.0


async def push(settings: ConsoleSettings, name: str, body: dict[str, object]) -> None:
    """POST ``body`` as JSON to the webhook that the operator calls ``name``; no redirect is followed.

    Raises
    ------
    ServiceError
        There is no webhook of that name, it cannot be reached, or it answers anything but 2xx.
    """
    target = dict(settings.webhooks).get(name)
    if target is None:
        raise ServiceError("a webhook that the operator has set up", received=repr(name[:60]), look="docs/console.md")
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client:
            answer = await client.post(
                target,
                content=json_text(body),
                headers={"Content-Type": "application/json", "User-Agent": "collabrank"},
            )
    except httpx.HTTPError as reason:
        # The address may hold a secret: it is not said.
        raise ServiceError(f"an answer of {name}", received=type(reason).__name__, look="docs/console.md") from None
    if not answer.is_success:
        raise ServiceError(f"2xx of {name}", received=str(answer.status_code), look="docs/console.md")
