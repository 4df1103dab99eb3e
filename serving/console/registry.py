"""What a page of the console is, and what it gets when it is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serving.client import AsyncClient, Catalogue, Me
from serving.console.kept import Kept
from serving.console.sessions import Session
from serving.console.settings import ConsoleSettings

__all__ = ["LOOKERS", "Page", "Visit"]

LOOKERS = ("brand", "reviewer", "admin")
"""Scopes of keys that look things up."""


@dataclass(frozen=True)
class Visit:
    """One opening of one page by a signed-in user.

    ``path`` holds the parameters in the page's path, ``query`` those after the question mark.
    """

    session: Session
    settings: ConsoleSettings
    path: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def client(self) -> AsyncClient:
        """The service, asked with the user's key."""
        return self.session.client

    @property
    def me(self) -> Me:
        """The user's key and the service behind it, as they were at sign-in."""
        return self.session.me

    @property
    def memory(self) -> dict[str, Any]:
        """What pages remember between one another until the session ends."""
        return self.session.memory

    @property
    def kept(self) -> Kept:
        """What is kept for the user's key: briefs and shortlists."""
        return Kept(self.session.owner)

    async def catalogue(self) -> Catalogue:
        """Markets, categories, brands and indices that the snapshot knows; asked for once a session and snapshot."""
        held = self.memory.get("catalogue")
        if not isinstance(held, Catalogue):
            held = self.memory["catalogue"] = await self.client.catalogue()
        return held


@dataclass(frozen=True)
class Page:
    """One page.

    Parameters
    ----------
    path : str
        Where it lies, such as ``/budget`` or ``/creators/{creator_id}``.
    title : str
        Its heading, its name in the menu and in the browser's tab.
    draw : callable
        Draws what is under the heading, where NiceGUI's slot now is. What the service refuses may be raised: the frame
        says it in words, with a button to try again.
    icon : str
        The name of a sign in `serving.console.pieces.signs`; a page without one is not in the menu.
    about : str
        One line under the heading.
    scopes : tuple of str
        The scopes of keys that it is for; others neither see nor open it.
    heading : bool
        Whether the frame draws title and line; a page that draws its own says False.
    raw : mapping
        Further paths, answered with what the function makes of the session and the request (a file, a page to print).
    """

    path: str
    title: str
    draw: Callable[[Visit], Awaitable[None]]
    icon: str = ""
    about: str = ""
    scopes: tuple[str, ...] = ("brand", "admin")
    heading: bool = True
    raw: Mapping[str, Callable[[Session, Request], Awaitable[Response]]] = field(default_factory=dict)
