"""Every planted leak is caught by the guard that should catch it, and docs/leaks.md says so."""

from __future__ import annotations

import pytest

from tests.leaks import guards
from tests.leaks.page import PAGE, page
from tests.leaks.planted import LEAKS, Planted
from tests.leaks.run import run_guard


def test_there_are_enough_of_them():
    assert len(LEAKS) >= 25
    assert len({leak.name for leak in LEAKS}) == len(LEAKS)
    assert {leak.guard for leak in LEAKS} == set(guards.GUARDS), "every guard has a leak that it must catch"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.leaks.page"


@pytest.mark.parametrize(
    "leak",
    [pytest.param(one, marks=[pytest.mark.slow] if one.slow else [], id=one.name) for one in LEAKS],
)
def test_its_guard_catches_the_leak(leak: Planted, world, monkeypatch):
    changed = leak.plant(monkeypatch, world) or world
    changed = changed.fresh()
    with pytest.raises(guards.Leak):
        run_guard(leak.guard, changed, facts=leak.facts, source=leak.source)
