"""Working over days of posting gives what working over partnerships gives, on one thread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from features.lift.empirical_bayes import Block, Hyperprior, fit_prior, posterior, unshrunk
from features.lift.evidence import days_of_posting
from features.lift.threads import one_thread

HYPERPRIOR = Hyperprior(np.array([0.5, 0.1]), np.array([0.3, 0.2]), np.array([100.0, 0.1]))


def crowded(seed: int) -> tuple[list[Block], int]:
    """40 products with up to 30 partnerships each on up to 6 days."""
    rng = np.random.default_rng(seed)
    blocks, first = [], 0
    for _ in range(40):
        count = int(rng.integers(1, 31))
        place, days = days_of_posting(rng.integers(0, 6, count))
        design = rng.normal(size=(50, len(days)))
        z = rng.gamma(1.0, 100.0, (count, 2))
        seen = design @ np.bincount(place, weights=0.6 * z[:, 0]) + rng.normal(0.0, 30.0, 50)
        spread = np.column_stack([rng.gamma(1.0, 2.0, count), z[:, 0] ** 2])
        row = np.arange(first, first + count)
        blocks.append(Block(design.T @ design / 900.0, design.T @ seen / 900.0, z, spread, row, place))
        first += count
    return blocks, first


def apart(block: Block) -> Block:
    """The same, every partnership on a day of its own: J x J matrices."""
    place = block.place
    return replace(
        block, information=block.information[np.ix_(place, place)], pull=block.pull[place], place=np.arange(len(place))
    )


def test_days_are_numbered_as_they_first_occur() -> None:
    place, days = days_of_posting(np.array([7, 3, 7, 9, 3]))
    assert place.tolist() == [0, 1, 0, 2, 1]
    assert days.tolist() == [7, 3, 9]
    assert days_of_posting(np.zeros(0, dtype=np.int64))[1].shape == (0,)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_posterior_is_that_of_all_partnerships_at_once(seed: int) -> None:
    blocks, size = crowded(seed)
    wide = [apart(block) for block in blocks]
    prior, other = fit_prior(blocks, HYPERPRIOR), fit_prior(wide, HYPERPRIOR)
    for name in ("rho", "covariance", "variance"):
        np.testing.assert_allclose(getattr(prior, name), getattr(other, name), rtol=1e-7)
    for one, two in zip(posterior(blocks, prior, size), posterior(wide, prior, size), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-8)
    for one, two in zip(unshrunk(blocks, size), unshrunk(wide, size), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def test_the_posterior_of_one_day_is_the_textbooks() -> None:
    # Two lifts of one day: the day says 90 with variance 4; priors N(10, 16) and N(20, 80).
    block = Block(
        np.array([[0.25]]), np.array([90 * 0.25]), np.array([[10.0], [20.0]]), np.array([[16.0], [80.0]]),
        np.arange(2), np.zeros(2, dtype=np.int64),
    )  # fmt: skip
    prior = fit_prior([block], Hyperprior(np.array([1.0]), np.array([1e-9]), np.array([1.0])))
    prior = replace(prior, rho=np.array([1.0]), covariance=np.zeros((1, 1)), variance=np.array([1.0]))
    mean, variance = posterior([block], prior, 2)
    assert mean == pytest.approx([10 + 16 / 100 * (90 - 30), 20 + 80 / 100 * (90 - 30)])
    assert variance == pytest.approx([16 - 16**2 / 100, 80 - 80**2 / 100])


def test_blas_is_held_to_one_thread_and_let_go() -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(limits=2, user_api="blas"):
        before = threads()
        with one_thread():
            assert threads() == {1}
        assert threads() == before
