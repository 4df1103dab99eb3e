"""The service beside a notebook: a real process with a key of its own, which ends with its block."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from marketplace.errors import HomeError
from serving.beside import serve_beside
from serving.commands import CONSOLE_PORT
from serving.keys import read_keys


def test_it_ranks_beside_a_console_and_ends_with_its_block(served_home: Path, campaign: dict[str, Any]) -> None:
    with ExitStack() as held:
        # Somebody serves already, console and all; where the port is taken anyway, so much the better.
        with suppress(OSError):
            held.enter_context(socket.create_server(("127.0.0.1", CONSOLE_PORT)))
        with serve_beside() as service:
            found = service.client.rank(campaign_id=campaign["campaign_id"], top=3)
            assert len(found) == 3
            (key,) = [one for one in read_keys() if one.name == "a notebook"]
            assert key.revoked_at is None
            assert key.id not in repr(service)
            port = int(service.url.rpartition(":")[2])
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
    (key,) = [one for one in read_keys() if one.name == "a notebook"]
    assert key.revoked_at is not None


def test_what_cannot_serve_says_why_and_leaves_no_key(home: Path) -> None:
    with pytest.raises(HomeError, match="ended with 2"):
        serve_beside()
    assert all(one.revoked_at is not None for one in read_keys())
