"""What is served of the small marketplace, without a service around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.pair import Served, load_served


@pytest.fixture(scope="session")
def pair(prepared: Path) -> Iterator[Served]:
    """The prepared bundle and snapshot."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLABRANK_HOME", str(prepared))
        yield load_served(prepared / "var" / "bundle", prepared / "var" / "snapshot")
