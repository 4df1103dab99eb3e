from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from marketplace.errors import BundleError, TrainingError
from models.calibration.intervals import (
    MoneySpread,
    ProbabilitySpread,
    fit_money_spread,
    fit_probability_spread,
    fit_shared,
    spread_from_dict,
)


@pytest.mark.parametrize("noise", ["none", "even", "uneven"])
@pytest.mark.parametrize("tails", ["normal", "heavy", "skewed"])
def test_eight_in_ten_true_lifts_lie_in_the_interval_although_labels_are_noisy(noise, tails):
    rng = np.random.default_rng(3)
    n = 6000
    predicted = rng.gamma(2, 50, n)
    shape = {"normal": rng.normal(size=n), "heavy": rng.standard_t(3, n), "skewed": rng.gamma(1, 1, n) - 1}[tails]
    truth = predicted + (10 + 0.5 * predicted) * shape
    se = {"none": np.zeros(n), "even": np.full(n, 40.0), "uneven": rng.gamma(1, 50, n)}[noise]
    label = truth + se * rng.normal(size=n)
    fit, fresh = slice(0, n // 2), slice(n // 2, n)
    spread = fit_money_spread(predicted[fit], label[fit], label_se=se[fit])
    low, high = spread.interval(predicted[fresh])
    covered = (low <= truth[fresh]) & (truth[fresh] <= high)
    assert 0.74 < covered.mean() < 0.87
    wide_low, wide_high = spread.interval(predicted[fresh], 0.9)
    assert 0.86 < ((wide_low <= truth[fresh]) & (truth[fresh] <= wide_high)).mean() < 0.97
    assert ((wide_low <= low) & (high <= wide_high)).all()
    small = predicted[fresh] < np.median(predicted)
    # Not only on the whole: small and large predictions alike.
    assert 0.70 < covered[small].mean() < 0.90
    assert 0.70 < covered[~small].mean() < 0.90


def test_one_runaway_success_does_not_widen_every_interval():
    rng = np.random.default_rng(8)
    predicted = rng.gamma(2, 50, 600)
    label = predicted + 0.5 * predicted * rng.normal(size=600)
    before = fit_money_spread(predicted, label).interval(predicted)
    label[np.argmax(predicted)] = 90_000.0
    after = fit_money_spread(predicted, label).interval(predicted)
    assert (after[1] - after[0]).mean() < 1.2 * (before[1] - before[0]).mean()


def test_the_mean_of_a_campaigns_rows_lies_in_its_interval_although_they_err_together():
    """200 fits of 40 campaigns: the calibration's own error and the campaign's are both in the interval."""
    rng = np.random.default_rng(9)
    campaign = np.repeat(np.arange(40), 15)
    held, alone = 0, 0
    for _ in range(200):
        predicted = rng.gamma(4, 25, 600)
        off = np.repeat(rng.normal(0, 0.4, 40), 15) + rng.normal(0, 0.5, 600)
        label = predicted * (1 + off) + rng.normal(0, 30, 600)
        # A calibration that keeps its labels' mean, as all do.
        fitted = predicted * label.mean() / predicted.mean()
        spread = fit_money_spread(fitted, label, label_se=30.0, campaign=campaign)
        shared = fit_shared(fitted, label, label_se=np.full(600, 30.0), campaign=campaign)
        new = rng.gamma(4, 25, 20) + 50
        truth = (new * (1 + rng.normal(0, 0.4) + rng.normal(0, 0.5, 20))).mean()
        value = new * label.mean() / predicted.mean()
        low, mean, high = replace(spread, shared=shared).mean_interval(value)
        assert low < mean < high
        held += low <= truth <= high
        half = 1.645 * np.sqrt(spread.variance_at(value).mean() / 20)
        alone += mean - half <= truth <= mean + half
    assert 0.85 < held / 200 < 0.95
    assert alone / 200 < 0.6


def test_doubt_shared_by_all_rows_is_that_of_a_clustered_line():
    rng = np.random.default_rng(10)
    levels = []
    for _ in range(300):
        f = rng.uniform(50, 150, 300)
        y = f + np.repeat(rng.normal(0, 40, 30), 10) + rng.normal(0, 20, 300)
        w = 1 / (f**2 + 20.0**2)
        design = np.column_stack([np.ones(300), f]) * np.sqrt(w)[:, None]
        levels.append(np.linalg.lstsq(design, y * np.sqrt(w), rcond=None)[0] @ [1.0, 100.0])
    level, cross, slope = fit_shared(f, y, label_se=np.full(300, 20.0), campaign=np.repeat(np.arange(30), 10))
    assert np.sqrt(level + 200 * cross + 1e4 * slope) == pytest.approx(np.std(levels), rel=0.35)


def test_label_noise_is_taken_out():
    rng = np.random.default_rng(4)
    predicted = np.zeros(5000)
    label = rng.normal(0, 30, 5000) + rng.normal(0, 40, 5000)
    spread = fit_money_spread(predicted, label, label_se=40.0)
    assert np.sqrt(spread.variance_at(np.zeros(1)))[0] == pytest.approx(30, rel=0.1)


def test_variance_never_falls_and_stays_above_zero():
    rng = np.random.default_rng(5)
    predicted = rng.normal(size=500)
    spread = fit_money_spread(predicted, predicted + rng.normal(0, 0.01, 500), label_se=1.0)
    assert min(spread.variance) > 0
    assert (np.diff(spread.variance) >= 0).all()
    assert fit_money_spread([1.0], [1.0]).variance[0] > 0


def test_a_beta_interval_is_scipys():
    spread = ProbabilitySpread((0.2, 0.6), (10.0, 30.0))
    low, high = spread.interval(np.array([0.4]))
    np.testing.assert_allclose([low[0], high[0]], stats.beta(0.4 * 20, 0.6 * 20).ppf([0.1, 0.9]))
    assert spread.variance_at(np.array([0.4]))[0] == pytest.approx(stats.beta(8, 12).var())


def test_eight_in_ten_campaign_rates_lie_in_the_interval():
    rng = np.random.default_rng(6)
    campaigns, each, strength = 400, 40, 15
    p = np.repeat(rng.choice([0.2, 0.5, 0.8], campaigns), each)
    rate = rng.beta(p[::each] * strength, (1 - p[::each]) * strength)
    label = (rng.random(campaigns * each) < np.repeat(rate, each)).astype(float)
    spread = fit_probability_spread(p, label, campaign=np.repeat(np.arange(campaigns), each))
    low, high = spread.interval(p[::each])
    assert 0.74 < ((low <= rate) & (rate <= high)).mean() < 0.86
    alike = fit_probability_spread(p, (rng.random(p.size) < p).astype(float), campaign=np.repeat(np.arange(400), 40))
    assert min(alike.concentration) > 5 * max(spread.concentration)


def test_fewer_rows_are_less_sure():
    few, many = (fit_probability_spread(np.full(n, 0.5), np.arange(n) % 2) for n in (10, 1000))
    assert few.variance_at(np.array([0.5]))[0] > 50 * many.variance_at(np.array([0.5]))[0]


def test_nothing_to_fit_on_is_an_error():
    for fit in (fit_money_spread, fit_probability_spread):
        with pytest.raises(TrainingError):
            fit([], [])
        with pytest.raises(TrainingError):
            fit([0.1, 0.2], [0.0])


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "money", "at": [1], "variance": [-1], "z_low": -1, "z_high": 1},
        {"kind": "money", "at": [1], "variance": [1], "z_low": 1, "z_high": 2},
        {"kind": "money", "at": [1], "variance": [1], "z_low": -1, "z_high": float("inf")},
        {"kind": "money", "at": [1], "variance": [1], "z_low": -1, "z_high": 2, "z_high_90": 1.9},
        {"kind": "money", "at": [1], "variance": [1], "shared": [1, 0]},
        {"kind": "money", "at": [1], "variance": [1], "shared": [1, 0, -1]},
        {"kind": "money", "at": [1], "variance": [1], "together": 1.5},
        {"kind": "money", "at": [1], "variance": [1], "nothing": [1.5]},
        {"kind": "money", "at": [1], "variance": [1], "nothing": [0.5, 0.5]},
        {"kind": "money", "at": [1, 2], "variance": [1, 1], "nothing": [0.1, 0.2]},
        {"kind": "money", "at": [1], "variance": [1], "ends": [0.1, 2.0]},
        {"kind": "money", "at": [1], "variance": [1], "ends": [0.1, 2.0, 0.2, 3.0]},
        {"kind": "money", "at": [1], "variance": [1], "ends": [0.1, 0.9, 0.0, 3.0]},
        {"kind": "money", "at": [1], "variance": [1], "ends": [0.1, 2.0, 0.0, float("inf")]},
        {"kind": "money", "at": [1], "variance": [1], "ends": "0123"},
        {"kind": "money", "at": [1], "variance": [1], "ends": 4},
        {"kind": "money", "at": [2, 1], "variance": [1, 1]},
        {"kind": "money", "at": [1, 1], "variance": [1, 1]},
        {"kind": "money", "at": [1, 2], "variance": [1, 0.5]},
        {"kind": "money", "at": [1, 2], "variance": [1]},
        {"kind": "money", "at": [], "variance": []},
        {"kind": "money", "at": ["a"], "variance": [1]},
        {"kind": "money", "at": 3, "variance": [1]},
        {"kind": "probability", "at": [0.5, 0.5], "concentration": [1, 2]},
        {"kind": "probability", "at": [0.5], "concentration": [0]},
        {"kind": "probability", "at": [0.5], "concentration": [1, 2]},
        {"kind": "probability", "at": [0.5], "width": [1]},
        {"kind": "other"},
        None,
    ],
)
def test_impossible_spreads_are_refused(content):
    with pytest.raises(BundleError):
        spread_from_dict(content)


def test_spreads_survive_json():
    for spread in (
        MoneySpread((1.0, 2.0), (0.1, 0.3), -1.1, 1.4, -1.2, 3.0, (1.0, 0.1, 0.2), 0.3, (0.4, 0.1), (0.2, 3, 0, 4)),
        ProbabilitySpread((0.5,), (3.0,)),
    ):
        assert spread_from_dict(spread.as_dict()) == spread


def test_an_interval_that_ends_at_zero_has_one_tail() -> None:
    spread = MoneySpread((100.0, 200.0), (100.0, 100.0), -1.0, 2.0, -2.0, 5.0, nothing=(0.08, 0.0))
    value = np.array([15.0, 100.0, 200.0])
    # 10 USD a standard deviation; 8, 8 and 0 % brought nothing, against tails of 5 %: the last has two.
    low, high = spread.interval(value, 0.9)
    assert low.tolist() == [15.0 - 20.0, 0.0, 200.0 - 20.0]
    assert high.tolist() == [15.0 + 20.0, 100.0 + 20.0, 200.0 + 50.0]
    # And against tails of 10 %: all have.
    low, high = spread.interval(value)
    assert low.tolist() == [5.0, 90.0, 190.0]
    assert high.tolist() == [35.0, 120.0, 220.0]


def test_where_nothing_is_likelier_than_the_tail_no_interval_leaves_it_out() -> None:
    spread = MoneySpread((50.0, 100.0), (1.0, 1.0), nothing=(0.2, 0.0))
    value = np.array([50.0, 60.0, 80.0, 100.0])
    # Shares .2, .16, .08 and 0, against tails of .1 and .05.
    assert (spread.interval(value)[0] > 0).tolist() == [False, False, True, True]
    assert (spread.interval(value, 0.9)[0] > 0).tolist() == [False, False, False, True]


def test_half_of_all_bring_nothing_and_the_interval_holds_as_many_as_it_says() -> None:
    rng = np.random.default_rng(5)
    predicted = rng.lognormal(4.0, 0.8, size=20_000)
    came = predicted * np.where(rng.random(20_000) < 0.5, 0.0, 2.0 * rng.gamma(1.0, 1.0, 20_000))
    learn = np.arange(20_000) < 4_000
    spread = fit_money_spread(predicted[learn], came[learn])
    assert spread.nothing == pytest.approx([0.5] * len(spread.at), abs=0.08)
    low, high = spread.interval(predicted[~learn], 0.9)
    inside = (low <= came[~learn]) & (came[~learn] <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.02)


def test_ends_are_multiples_of_what_is_foretold() -> None:
    spread = MoneySpread((10.0, 20.0), (4.0, 4.0), ends=(0.5, 2.0, 0.0, 3.0))
    value = np.array([-5.0, 10.0, 40.0])
    low, high = spread.interval(value)
    assert (low[1:].tolist(), high[1:].tolist()) == ([5.0, 20.0], [20.0, 80.0])
    low, high = spread.interval(value, 0.9)
    assert (low[1:].tolist(), high[1:].tolist()) == ([0.0, 0.0], [30.0, 120.0])
    # There is no multiple of what is not above 0: 2 USD a standard deviation there.
    assert low[0] == pytest.approx(-5.0 - 1.645 * 2.0, abs=1e-3)


def test_a_level_that_is_unsure_moves_the_ends_out_and_leaves_nothing_where_it_is() -> None:
    spread = MoneySpread((10.0,), (4.0,), ends=(0.5, 2.0, 0.0, 3.0))
    assert spread.doubted(0.0).ends == pytest.approx(spread.ends)
    low, high, low_90, high_90 = spread.doubted(0.3).ends
    assert low == pytest.approx(np.exp(-np.hypot(np.log(2.0), 1.2816 * 0.3)), rel=1e-4)
    assert high == pytest.approx(np.exp(np.hypot(np.log(2.0), 1.2816 * 0.3)), rel=1e-4)
    # The one that begins at nothing has one tail, of 10 %.
    assert (low_90, high_90) == (0.0, pytest.approx(np.exp(np.hypot(np.log(3.0), 1.2816 * 0.3)), rel=1e-4))
    assert MoneySpread((10.0,), (4.0,)).doubted(0.3).ends == ()
    assert spread.moved(2.0, 0.3).ends == spread.doubted(0.3).ends


def test_the_doubt_about_a_level_is_told_as_a_share_of_it() -> None:
    spread = MoneySpread((10.0,), (4.0,), shared=(9.0, 0.5, 0.04))
    assert spread.relative_doubt(10.0) == pytest.approx(np.sqrt(9.0 + 2 * 0.5 * 10.0 + 0.04 * 100.0) / 10.0)
    assert spread.relative_doubt(0.0) == 0.0
