"""Off-policy estimators: worked by hand, unbiased over repeated draws, and refusing where the log says too little."""

from __future__ import annotations

import numpy as np
import pytest

from marketplace.errors import TrainingError
from marketplace.simulator.mechanisms.lists import show
from marketplace.simulator.worlds.parameters import BASELINE
from training.off_policy.estimators import (
    LEAST_MATURED,
    Log,
    estimate,
    invitation_weights,
    mixture,
    soft_policy,
    top_policy,
)

A, B, C, D = range(4)
H = 0.25  # one of four is held back


def repeated(times: int = 40, **changed: list[float]) -> Log:
    """``times`` campaigns alike: a held back, b invited by the list at .5, c shown at .2, d not shown."""
    columns = {
        "held_chance": [H] * 4,
        "listed_chance": [np.nan, 0.5, 0.2, np.nan],
        "modelled_chance": [0.4, 0.5, 0.2, 0.1],
        "profit": [10.0, 4.0, np.nan, np.nan],
    } | changed
    return Log(
        campaign_ids=tuple(f"ca_{i:03d}" for i in range(times)),
        campaign=np.repeat(np.arange(times), 4),
        creator_ids=np.array(["a", "b", "c", "d"] * times, dtype=object),
        held=np.tile([True, False, False, False], times),
        listed=np.tile([False, True, False, False], times),
        **{name: np.tile(np.array(values, dtype=np.float64), times) for name, values in columns.items()},
    )


POLICY = np.tile([1.0, 0.5, 1.0, 0.0], 40)
# Total chances: a .25 + .75 * .4 (modelled) = .55, b .25 + .75 * .5 = .625.
WEIGHT_A, WEIGHT_B = 1 / 0.55, 1 / 0.625


def test_weights_are_one_over_the_total_chance_where_the_model_knows_the_list():
    weights = invitation_weights(repeated())
    assert weights[:4] == pytest.approx([WEIGHT_A, WEIGHT_B, 0.0, 0.0])


def test_the_logged_chance_divides_and_the_model_only_shares():
    weights = invitation_weights(repeated(modelled_chance=[0.2, 0.2, 0.2, 0.2]))
    share = 0.25 / (0.25 + 0.75 * 0.2)
    assert weights[A] == pytest.approx(share / 0.25)
    assert weights[B] == pytest.approx((1 - share) / (0.75 * 0.5))


def test_without_a_holdback_the_weight_is_one_over_the_logged_chance():
    log = repeated(held_chance=[0.0] * 4, listed_chance=[0.8, 0.5, 0.2, 0.1])
    log = Log(**{**vars(log), "held": np.zeros(160, dtype=bool), "listed": log.invited})
    assert invitation_weights(log)[:4] == pytest.approx([1 / 0.8, 1 / 0.5, 0.0, 0.0])


def test_ips_snips_and_dr_by_hand():
    model = np.tile([8.0, 6.0, 2.0, 1.0], 40)
    found = estimate(repeated(), POLICY, model=model)
    ips = 1.0 * WEIGHT_A * 10 + 0.5 * WEIGHT_B * 4
    weight = 1.0 * WEIGHT_A + 0.5 * WEIGHT_B
    direct = 1.0 * 8 + 0.5 * 6 + 1.0 * 2 + 0.0 * 1
    dr = direct + 1.0 * WEIGHT_A * (10 - 8) + 0.5 * WEIGHT_B * (4 - 6)
    for name, value in {"ips": ips, "snips": ips / weight * 2.5, "dr": dr}.items():
        one = found.estimates[name]
        assert (one.estimate, one.low, one.high) == pytest.approx((value, value, value)), name
    assert found.effective == pytest.approx(40 * weight**2 / (WEIGHT_A**2 + (0.5 * WEIGHT_B) ** 2))
    assert found.largest_share == pytest.approx(WEIGHT_A / (40 * weight))
    assert (found.matched, found.logged_invitations, found.invited) == (80, 80, 2.5)
    assert found.logged.estimate == pytest.approx(14.0)


def test_without_a_model_there_is_no_dr():
    assert set(estimate(repeated(), POLICY).estimates) == {"ips", "snips"}


def test_intervals_resample_campaigns():
    log = repeated(times=200)
    values = log.profit.copy()
    values[A::4] = np.where(np.arange(200) % 2 == 0, 20.0, 0.0)
    log = Log(**{**vars(log), "profit": values})
    policy = np.tile([1.0, 0.0, 0.0, 0.0], 200)
    one = estimate(log, policy).estimates["ips"]
    # Campaigns of 0 and 20 / .55 in halves: standard error of the mean = 10 / .55 / sqrt(200).
    half = 1.645 * 10 * WEIGHT_A / np.sqrt(200)
    assert one.estimate == pytest.approx(10 * WEIGHT_A)
    assert (one.high - one.low) / 2 == pytest.approx(half, rel=0.08)


def bandit(rounds: int, seed: int) -> tuple[Log, np.ndarray]:
    """A known bandit drawn ``rounds`` times: 2 of 8 held back without replacement, the rest each at their chance."""
    rng = np.random.default_rng(seed)
    mean = np.array([5.0, -3.0, 8.0, 0.0, 1.0, 12.0, -6.0, 2.0])
    chance = np.array([0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.6])
    held = np.argsort(np.argsort(rng.random((rounds, 8)), axis=1), axis=1) < 2
    listed = ~held & (rng.random((rounds, 8)) < chance)
    profit = np.where(held | listed, mean + rng.normal(0.0, 4.0, size=(rounds, 8)), np.nan)
    log = Log(
        campaign_ids=tuple(f"ca_{i:05d}" for i in range(rounds)),
        campaign=np.repeat(np.arange(rounds), 8),
        creator_ids=np.array(list("abcdefgh") * rounds, dtype=object),
        held=held.ravel(),
        listed=listed.ravel(),
        held_chance=np.full(8 * rounds, 0.25),
        listed_chance=np.where(held, np.nan, chance).ravel(),
        modelled_chance=np.tile([0.5, 0.9, 0.2, 0.3, 0.1, 0.3, 0.05, 0.2], rounds),  # wrong on purpose
        profit=profit.ravel(),
    )
    return log, mean


@pytest.mark.parametrize("best", ["those seldom invited", "those often invited"])
def test_unbiased_on_a_known_bandit_whatever_the_models_say(best):
    log, mean = bandit(4_000, seed=1)
    chance = np.array([0.0, 0.1, 0.9, 0.2, 0.5, 1.0, 0.3, 0.0])
    if best == "those often invited":
        chance = 1.0 - chance
    truth = float(chance @ mean)
    found = estimate(log, np.tile(chance, 4_000), model=np.tile(mean[::-1], 4_000), draws=400)
    for name in ("ips", "snips", "dr"):
        one = found.estimates[name]
        error = (one.high - one.low) / 2 / 1.645
        assert abs(one.estimate - truth) < 3.5 * error, name
        assert error < 0.06 * abs(mean).sum()
    naive = float(np.nansum(np.tile(chance, 4_000) * log.profit)) / 4_000
    assert abs(naive - truth) > 0.3 * abs(truth)


def test_intervals_hold_the_truth_nine_times_in_ten():
    chance = np.array([0.0, 0.1, 0.9, 0.2, 0.5, 1.0, 0.3, 0.0])
    held = {"ips": 0, "snips": 0, "dr": 0}
    for seed in range(200):
        log, mean = bandit(60, seed)
        found = estimate(log, np.tile(chance, 60), model=np.tile(mean, 60), draws=300, seed=seed)
        for name in held:
            one = found.estimates[name]
            held[name] += one.low <= float(chance @ mean) <= one.high
    # 200 trials at .9: two standard deviations are .042; a percentile bootstrap is a little narrow.
    assert all(0.84 <= count / 200 <= 0.96 for count in held.values()), held


def test_unbiased_over_the_older_rankers_own_lists():
    rng = np.random.default_rng(5)
    gmv, again = rng.lognormal(5.0, 1.5, size=40), (rng.random(40) < 0.1).astype(np.float64)
    profit, rounds = rng.normal(3.0, 10.0, size=40), 1_200
    held, listed = np.zeros((2, rounds, 40), dtype=bool)
    logged, held_chance = np.full((rounds, 40), np.nan), np.zeros((rounds, 40))
    for one in range(rounds):
        shown = show(rng, BASELINE, gmv_usd=gmv, again=again, target=12)
        held[one, shown.held], listed[one, shown.invited] = True, True
        logged[one, shown.listed] = shown.listed_propensity
        held_chance[one] = shown.held_propensity
    log = Log(
        campaign_ids=tuple(f"ca_{i:05d}" for i in range(rounds)),
        campaign=np.repeat(np.arange(rounds), 40),
        creator_ids=np.array([f"cr_{i:03d}" for i in range(40)] * rounds, dtype=object),
        held=held.ravel(),
        listed=listed.ravel(),
        held_chance=held_chance.ravel(),
        listed_chance=logged.ravel(),
        modelled_chance=np.tile(np.nanmean(logged, axis=0), rounds),
        profit=np.where(held | listed, profit, np.nan).ravel(),
    )
    total = held_chance + (1 - held_chance) * np.nanmean(logged, axis=0)
    seen = (held | listed).mean(axis=0)
    assert np.abs(seen - total[0]).max() < 4.5 * np.sqrt(0.25 / rounds)
    for name, score in (("best of the least", -gmv), ("best of the most", gmv), ("best", profit)):
        policy = top_policy(log, np.tile(score, rounds), top=5)
        truth = float((policy[:40] * profit).sum())
        one = estimate(log, policy, draws=300).estimates["ips"]
        assert abs(one.estimate - truth) < 3.5 * (one.high - one.low) / 2 / 1.645, name


def test_top_breaks_ties_by_creator_and_ranks_the_unknown_last():
    log = repeated(times=2)
    assert top_policy(log, [1, 2, 2, 2, np.nan, 0, -5, np.nan], top=2).tolist() == [0, 1, 1, 0, 0, 1, 1, 0]
    assert top_policy(log, np.zeros(8), top=9).tolist() == [1.0] * 8


def test_soft_policy_sums_to_top_follows_the_order_and_goes_from_best_to_even():
    log, score = repeated(times=2), np.array([4.0, 3.0, 2.0, 1.0, 1.0, 2.0, 3.0, 4.0])
    soft = soft_policy(log, score, top=2, spread=0.5)
    assert log.per_campaign(soft) == pytest.approx([2.0, 2.0])
    assert (np.diff(soft[:4]) < 0).all()
    assert (np.diff(soft[4:]) > 0).all()
    for spread in (0.01, 1e-4):
        assert soft_policy(log, score, top=2, spread=spread)[:4] == pytest.approx([1, 1, 0, 0], abs=1e-6)
    assert soft_policy(log, score, top=2, spread=1e4) == pytest.approx([0.5] * 8, abs=1e-3)


def test_mixture_weighs_its_parts_and_wants_whole_shares():
    both = mixture({"x": (0.25, np.array([1.0, 0.0])), "y": (0.75, np.array([0.0, 1.0]))})
    assert both.tolist() == [0.25, 0.75]
    with pytest.raises(TrainingError, match="sum to 1"):
        mixture({"x": (0.5, np.array([1.0]))})


def test_refuses_below_the_effective_sample_size_and_says_how_much_there_was():
    # One matched invitation in each of 40 campaigns, all alike: an effective sample of 40.
    with pytest.raises(TrainingError, match=r"effective sample of 50 .* received 40\.0, from 40 of 80"):
        estimate(repeated(), np.tile([1.0, 0.0, 0.0, 0.0], 40))
    with pytest.raises(TrainingError, match=r"received 0\.0, from 0 of 80"):
        estimate(repeated(), np.tile([0.0, 0.0, 1.0, 1.0], 40))


def test_refuses_few_campaigns():
    few = LEAST_MATURED - 1
    with pytest.raises(TrainingError, match="10 campaigns or more"):
        estimate(repeated(times=few), np.ones(4 * few))


@pytest.mark.parametrize("chance", [np.nan, 0.0, 1.5])
def test_refuses_an_invitation_without_a_usable_chance(chance):
    with pytest.raises(TrainingError, match="propensity"):
        invitation_weights(repeated(listed_chance=[np.nan, chance, 0.2, np.nan]))


def test_refuses_policies_and_models_that_do_not_fit():
    for wrong in (np.ones(3), np.full(160, 1.2), np.full(160, np.nan)):
        with pytest.raises(TrainingError, match="160 chances between 0 and 1"):
            estimate(repeated(), wrong)
    with pytest.raises(TrainingError, match="160 modelled profits"):
        estimate(repeated(), POLICY, model=np.full(160, np.nan))


def test_take_keeps_whole_campaigns():
    log = repeated(times=3).take(np.array([True, False, True]))
    assert log.campaign_ids == ("ca_000", "ca_002")
    assert log.campaign.tolist() == [0] * 4 + [1] * 4
    assert len(log) == 8
