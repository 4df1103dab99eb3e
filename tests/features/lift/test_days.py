"""Working over days of posting gives what working over partnerships gives; and the figures of the benchmark of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks.holdback import _of
from benchmarks.lift_scale import main
from features.lift.empirical_bayes import Block, Hyperprior, fit_prior, posterior, unshrunk
from features.lift.evidence import days_of_posting
from features.lift.threads import one_thread
from features.time.entities import known_until
from marketplace.tables import open_marketplace
from training.data.labels import build_labels
from training.lift.report import lift_report

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


def numbers(part: Mapping[str, Any]) -> dict[str, float]:
    """What of one part of a report is a number."""
    return {name: value for name, value in part.items() if isinstance(value, int | float)}


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


def test_taking_others_out_is_the_same_over_days() -> None:
    blocks, _ = crowded(2)
    block = max(blocks, key=lambda one: len(one.row))
    drawn = np.zeros(int(block.row.max()) + 1, dtype=bool)
    drawn[block.row[::3]] = True
    reduced, wide = _of(block, drawn), _of(apart(block), drawn)
    assert reduced is not None
    assert wide is not None
    np.testing.assert_allclose(apart(reduced).information, wide.information, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(apart(reduced).pull, wide.pull, rtol=1e-4, atol=1e-9)


@pytest.mark.slow
def test_labels_and_report_are_those_of_all_partnerships_at_once(
    small_market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = open_marketplace(small_market)
    day = known_until(market)
    labels, report = build_labels(market, day), lift_report(market, day, sample=20)
    for module in ("lift_evidence", "lift_siblings", "lift_sums"):
        monkeypatch.setattr(f"training.{module}.days_of_posting", lambda start: (np.arange(len(start)), start))
    all_labels, all_report = build_labels(market, day), lift_report(market, day, sample=20)
    pd.testing.assert_frame_equal(labels, all_labels, rtol=1e-7, atol=0.011)
    found, expected = report.as_dict(), all_report.as_dict()
    for part in ("overall", "learned", "imputed", "siblings", "synthetic", "sensitivity"):
        assert numbers(found[part]) == pytest.approx(numbers(expected[part]), rel=1e-7), part
    for one, two in zip(found["campaigns"], expected["campaigns"], strict=True):
        assert numbers(one) == pytest.approx(numbers(two), rel=1e-6)
    assert found["flags"] == expected["flags"]


def test_blas_is_held_to_one_thread_and_let_go() -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(limits=2, user_api="blas"):
        before = threads()
        with one_thread():
            assert threads() == {1}
        assert threads() == before


@pytest.mark.slow
def test_labels_do_not_hang_on_how_many_threads_blas_has(small_market: Path) -> None:
    market = open_marketplace(small_market)
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            found.append(build_labels(market, known_until(market)))
    pd.testing.assert_frame_equal(*found, check_exact=True)


@pytest.mark.slow
def test_the_benchmark_measures_a_marketplace(small_market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--market", str(small_market), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["labelled"] <= found["ripe"] <= found["partnerships"] <= found["accepted"] < found["invitations"]
    for part in ("build_labels", "estimate_lift", "lift_report"):
        assert found[part]["seconds"] > 0


def test_the_benchmark_refuses_what_is_no_marketplace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--market", str(tmp_path / "nowhere")]) == 2
    assert "Traceback" not in capsys.readouterr().err
