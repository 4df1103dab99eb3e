"""Lifts are brought to what was sold beyond the imputed path, by one factor."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, t

from features.lift import AFTER_SHIFTS, Imputation, anchored, attributed_days, estimate_lift, gather_evidence, impute
from features.lift.anchor import FREEDOM, IMPUTED_WIDENING, SCALE, Anchor
from features.lift.delay import DELAYS
from features.lift.evidence import within_window
from features.time import days_of
from marketplace.tables import Marketplace
from tests.training.lift.test_report import END, TREATED, shop

LIFT = np.array([100.0, 300.0, -50.0, 40.0])
READ = np.array([1.0, 0.5, 1.0, 1.0])
ROWS = np.array([0, 1, 2])
TOLD = 100.0 + 150.0 - 50.0


def imputation(window: tuple[float, float], after: tuple[float, float] = (0.0, 10.0)) -> Imputation:
    return Imputation(ROWS, window, after, (window[0] + after[0], 1.0), 1_000.0)


def test_the_factor_is_the_posterior_mean_of_the_imputed_sum_over_the_told_one() -> None:
    found = anchored(imputation((100.0, 10.0)), LIFT, READ)
    error = IMPUTED_WIDENING * 10.0 / TOLD
    prior = t(FREEDOM, loc=1.0, scale=SCALE)

    def weighed(power: int) -> float:
        return quad(lambda x: x**power * prior.pdf(x) * norm.pdf(x, 100.0 / TOLD, error), 0.0, 3.0, points=[0.5, 1.0])[
            0
        ]

    mean = weighed(1) / weighed(0)
    assert found.factor == pytest.approx(mean, abs=1e-4)
    assert found.se == pytest.approx(np.sqrt(weighed(2) / weighed(0) - mean**2), abs=1e-4)
    # Half of what was told: hardly drawn to 1. A third more, with an error as large: luck.
    assert 0.5 < found.factor < 0.55
    assert anchored(imputation((4.0 / 3.0 * TOLD, TOLD / 3.0 / IMPUTED_WIDENING)), LIFT, READ).factor == 1.0
    exact = anchored(imputation((100.0, 1e-9)), LIFT, READ)
    assert exact.factor == pytest.approx(100.0 / TOLD, abs=1e-3)
    vague = anchored(imputation((100.0, 1e6)), LIFT, READ)
    assert vague.factor == pytest.approx(1.0, abs=0.01)


def test_sales_missing_afterwards_are_taken_off_once_they_are_told_from_none() -> None:
    def factor(after: float) -> float:
        return anchored(imputation((200.0, 1e-9), (after, 10.0 / IMPUTED_WIDENING)), LIFT, READ).factor

    assert factor(0.0) == factor(-19.9) == factor(40.0) == pytest.approx(1.0, abs=2e-3)
    # 80 USD are missing, 8 standard errors.
    assert factor(-80.0) == pytest.approx((200.0 - 80.0 * (1.0 - 4.0 / 64.0)) / TOLD, abs=0.05)
    assert factor(-40.0) > factor(-60.0) > factor(-80.0)


def test_without_an_imputed_sum_or_a_positive_one_told_lifts_stay_as_they_are() -> None:
    assert anchored(None, LIFT, READ) == Anchor(1.0, 0.0)
    assert anchored(imputation((100.0, 0.0)), LIFT, READ) == Anchor()
    assert anchored(imputation((100.0, 1.0)), -LIFT, READ) == Anchor()
    nobody = Imputation(np.zeros(0, dtype=np.int64), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0), 0.0)
    assert anchored(nobody, LIFT, READ) == Anchor()
    assert 0.0 <= anchored(imputation((-500.0, 1.0)), LIFT, READ).factor < 0.01
    assert 0.99 < anchored(imputation((5_000.0, 1.0)), LIFT, READ).factor <= 1.0


def estimates(market: Marketplace) -> tuple[float, float, Anchor, float]:
    """Summed lift, what is imputed, the anchor, and the share of what is captured that is missing at once."""
    deliveries = market.frame("deliveries")
    rows = deliveries[["invitation_id", "campaign_id", "creator_id", "content_id", "posted_at"]]
    attributed = attributed_days(market, END)
    found = estimate_lift(market, rows, END, attributed=attributed)
    posted = rows.assign(posted_day=days_of(rows["posted_at"]))
    after = gather_evidence(
        market, posted, within_window(posted, attributed), day=END, attributed=attributed, shifts=AFTER_SHIFTS
    )
    assert after is not None
    net = impute(after, np.ones(len(rows), dtype=bool)).net
    return float(found["lift_usd"].sum()), net[0], found.attrs["anchor"], float(after.delay[0])


@pytest.mark.parametrize("delay", [True, False])
def test_sales_that_were_only_brought_forward_are_hardly_lift(delay: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not delay:  # where nothing is taken to be missing late, the anchor alone has to tell
        monkeypatch.setattr("features.lift.evidence.fit_delay", lambda *_: np.eye(len(DELAYS))[0])
    kept, _, as_told, _ = estimates(shop(back=0.0))
    moved, net, anchor, at_once = estimates(shop(back=1.0))
    assert kept == pytest.approx(1_500.0 * TREATED, rel=0.15)
    assert 0.9 < as_told.factor <= 1.0
    assert at_once < 0.1 if delay else anchor.factor < 0.4
    assert moved < 0.4 * kept
    assert abs(moved - net) < 0.25 * kept
