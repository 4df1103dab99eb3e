"""Unchanged code raises no alarm: all guards on one world, and hardly ever one over a hundred seeds."""

from __future__ import annotations

import pytest

from tests.leaks import guards
from tests.leaks.run import OF_THE_CODE, run_guard
from tests.leaks.worlds import FUTURES, make_world

DEAR = ("alone", "order", "renaming", "truth", "snapshot", "indices")
"""Guards that take seconds: they need a marketplace of their own, or everything about everybody."""

EVERY_SEED = ("briefs", "eligible", "labels", "maturity", "split", "too_good", *OF_THE_CODE)
EVERY_TENTH_SEED = tuple(name for name in guards.GUARDS if name not in (*EVERY_SEED, "source"))
SEEDS = range(1000, 1100)


@pytest.mark.parametrize(
    "guard", [pytest.param(name, marks=[pytest.mark.slow] if name in DEAR else []) for name in guards.GUARDS]
)
def test_unchanged_code_raises_no_alarm(guard, world):
    run_guard(guard, world, futures=FUTURES if guard in DEAR else ("dropped",))


@pytest.mark.slow
@pytest.mark.parametrize("guard", ["facts", "signals", "briefs", "eligible", "labels", "held_out"])
def test_no_other_future_raises_an_alarm(guard, world):
    run_guard(guard, world, futures=("added", "scrambled"))


@pytest.mark.parametrize("guard", OF_THE_CODE)
def test_chance_raises_no_alarm(guard, world):
    """The statistical bounds leave room: twenty draws of pure chance."""
    for seed in range(20):
        run_guard(guard, world, seed=seed)


@pytest.mark.slow
def test_a_hundred_clean_seeds_raise_no_more_than_one_alarm(tmp_path):
    alarms: list[str] = []
    for seed in SEEDS:
        world = make_world(tmp_path / str(seed), seed=seed, creators=60, campaigns=24, days=100)
        for guard in (*EVERY_SEED, *(EVERY_TENTH_SEED if seed % 10 == 0 else ())):
            try:
                run_guard(guard, world, seed=seed)
            except guards.Leak as leak:
                alarms.append(f"seed {seed}, {guard}: {leak}")
    assert len({alarm.split(",")[0] for alarm in alarms}) <= 1, alarms
