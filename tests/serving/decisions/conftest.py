"""A store of each kind, and lines to put into it."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.decisions.store import DecisionStore, open_store
from tests.postgres import database

BEGAN = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """The kernel refuses (EFBIG) to let any file of this process grow beyond ``size`` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def ranked(number: int, *, creators: int = 3, **more: Any) -> dict[str, Any]:
    """The line of the ``number``-th answer: one a minute from 2026-03-01T12:30:15.123456 on."""
    rng = np.random.default_rng(number)
    return {
        "kind": "rank",
        "request_id": f"{number:032x}",
        "logged_at": (BEGAN + timedelta(minutes=number)).isoformat(),
        "model_version": "3",
        "bundle_sha256": "b" * 64,
        "snapshot_sha256": "5" * 64,
        "key_id": "k1",
        "arm": "champion",
        "brief": {"brand_id": "br_1", "campaign_id": None, "market": "US"},
        "weights": {"model": 0.1 + 0.2},
        "creators": [
            {
                "creator_id": f"cr_{place}",
                "position": place,
                "slot": "ranked",
                "policy": "champion",
                "propensity": 1.0,
                "score": float(rng.normal()),
                "standing": float(rng.normal()),
                "indices": [50.0, None],
                "vector": rng.normal(size=5) * 10.0 ** rng.integers(-300, 300, 5),
            }
            for place in range(1, creators + 1)
        ],
    } | more


def told(number: int, creator: str, event: str, *, minutes: float = 0) -> dict[str, Any]:
    """The line of an event of the ``number``-th answer."""
    at = BEGAN + timedelta(minutes=number + 1 + minutes)
    return {
        "kind": "feedback",
        "request_id": f"{number:032x}",
        "creator_id": creator,
        "event": event,
        "at": at.isoformat(),
        "logged_at": at.isoformat(),
        "key_id": "k1",
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store' / 'decisions.db'}"
    return database(request.getfixturevalue("postgres"), "decisions")


@pytest.fixture
def store(address: str) -> Iterator[DecisionStore]:
    opened = open_store(address)
    yield opened
    opened.close()


@pytest.fixture
def line() -> Callable[..., dict[str, Any]]:
    return ranked


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    return told
