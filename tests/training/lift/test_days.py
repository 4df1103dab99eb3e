"""Labels and report hang neither on how partnerships of one day are worked on nor on how many threads there are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from features.lift import lines_by_day
from features.time.entities import known_until
from marketplace.arrays import Floats, Ints
from marketplace.tables import open_marketplace
from training.data.labels import build_labels
from training.lift.report import lift_report


def numbers(part: Mapping[str, Any]) -> dict[str, float]:
    """What of one part of a report is a number."""
    return {name: value for name, value in part.items() if isinstance(value, int | float)}


@pytest.mark.slow
def test_labels_and_report_are_those_of_all_partnerships_at_once(
    small_market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = open_marketplace(small_market)
    day = known_until(market)
    labels, report = build_labels(market, day), lift_report(market, day, sample=20)
    posted = np.zeros(0, dtype=np.int64)

    def apart(start: Ints) -> tuple[Ints, Ints]:
        nonlocal posted
        posted = start
        return np.arange(len(start)), start

    def lines_of_its_day(lines: Floats, place: Ints, count: int) -> Floats:
        """A day of each partnership's own, whose shape is that of all which were posted on it."""
        assert (place == np.arange(count)).all()
        day = np.unique(posted, return_inverse=True)[1]
        return lines_by_day(lines, day, count)[day]

    for module in ("features.lift.evidence", "features.lift.sums", "training.lift.checks.siblings"):
        monkeypatch.setattr(f"{module}.days_of_posting", apart)
        monkeypatch.setattr(f"{module}.lines_by_day", lines_of_its_day)
    all_labels, all_report = build_labels(market, day), lift_report(market, day, sample=20)
    pd.testing.assert_frame_equal(labels, all_labels, rtol=1e-7, atol=0.011)
    found, expected = report.as_dict(), all_report.as_dict()
    for part in ("overall", "learned", "imputed", "siblings", "synthetic", "sensitivity"):
        assert numbers(found[part]) == pytest.approx(numbers(expected[part]), rel=1e-7), part
    for one, two in zip(found["campaigns"], expected["campaigns"], strict=True):
        assert numbers(one) == pytest.approx(numbers(two), rel=1e-6)
    assert found["flags"] == expected["flags"]


@pytest.mark.slow
def test_labels_do_not_hang_on_how_many_threads_blas_has(small_market: Path) -> None:
    market = open_marketplace(small_market)
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            found.append(build_labels(market, known_until(market)))
    pd.testing.assert_frame_equal(*found, check_exact=True)
