"""How many partnerships a lift takes, against textbook numbers and against draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from marketplace.errors import TrainingError
from models.planning import Noise, detectable, needed, power


def test_half_a_standard_deviation_takes_34():
    # Cohen (1988), one sample, two-sided 5 %, power 80 %: d = .5 takes 34, d = .8 takes 15, d = .2 takes 199.
    assert needed(50.0, Noise(100.0)).partnerships == 34
    assert needed(80.0, Noise(100.0)).partnerships == 15
    assert needed(-20.0, Noise(100.0)).partnerships == 199


def test_partnerships_that_err_together_take_the_design_effect_more():
    alone, together = needed(10.0, Noise(100.0)), needed(10.0, Noise(100.0, together=0.1), per_campaign=11.0)
    assert together.partnerships / alone.partnerships == pytest.approx(2.0, rel=0.03)
    assert together.campaigns == math.ceil(together.partnerships / 11)


@pytest.mark.parametrize("per_campaign", [1, 8])
def test_the_power_is_what_draws_show(per_campaign):
    rng = np.random.default_rng(3)
    noise = Noise(100.0, together=0.15 if per_campaign > 1 else 0.0)
    found = needed(40.0, noise, per_campaign=per_campaign)
    groups, times = int(found.partnerships) // per_campaign, 20_000
    own = rng.normal(40.0, 100.0 * math.sqrt(1 - noise.together), (times, groups, per_campaign))
    common = rng.normal(0.0, 100.0 * math.sqrt(noise.together), (times, groups, 1))
    means = (own + common).mean(axis=2)
    drawn = float((ttest_1samp(means, 0.0, axis=1).pvalue < 0.05).mean())
    told = power(40.0, found.partnerships, noise, per_campaign=per_campaign)
    assert told >= 0.8
    assert drawn == pytest.approx(told, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(3, 5_000), deviation=st.floats(1, 1e5))
def test_what_is_detectable_is_detected(count, deviation):
    noise = Noise(deviation)
    smallest = detectable(count, noise)
    assert power(smallest, count, noise) == pytest.approx(0.8, abs=1e-3)
    assert needed(smallest * 1.0001, noise).partnerships <= count


def test_no_effect_is_out_of_reach_and_one_partnership_tells_nothing():
    assert math.isinf(needed(0.0, Noise(100.0)).partnerships)
    assert math.isinf(detectable(1.0, Noise(100.0)))
    assert power(1e9, 1.0, Noise(1.0)) == 0.0
    assert power(0.0, 50.0, Noise(1.0)) == pytest.approx(0.05)


def test_the_noise_of_labels_is_found_again():
    rng = np.random.default_rng(8)
    campaign = np.repeat(np.arange(400), 6)
    common = rng.normal(0, 30.0, 400)[campaign]
    lift = 50.0 + common + rng.normal(0, 40.0, campaign.size)
    found = Noise.of(lift, np.full(campaign.size, 25.0), campaign)
    assert found.deviation == pytest.approx(50.0, rel=0.05)
    assert found.together == pytest.approx(900 / 2_500, abs=0.05)
    assert found.measured == 25.0
    assert found.partnerships == campaign.size
    # The interval of the mean that follows covers as it should.
    line = float(student.ppf(0.975, campaign.size - 1))
    assert line * found.deviation / math.sqrt(campaign.size) < 3.0


def test_too_little_to_tell_a_noise_from_is_refused():
    with pytest.raises(TrainingError, match="at least 10"):
        Noise.of(np.ones(5), np.ones(5), np.arange(5))
    with pytest.raises(TrainingError, match="above 0"):
        Noise(0.0)
    with pytest.raises(TrainingError, match="within 0 and 1"):
        needed(1.0, Noise(1.0), power_wanted=1.0)
